"""The command ``mab-gym`` itself: gathers its commands, and turns this package's errors into one clear line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mab_gym import __version__
from mab_gym.cli import ablate, baselines, data, evaluate, hapi, official, play, report, rollout, serve, stored, tasks
from mab_gym.cli.console import errors
from mab_gym.errors import MabGymError

app = typer.Typer(
    name="mab-gym",
    help="Language-model agents at work in a FHIR R4 health record, as Gymnasium episodes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
app.add_typer(tasks.app, name="tasks")
app.add_typer(official.app, name="official")
app.add_typer(hapi.app, name="hapi")
app.command(name="play")(play.play_in_terminal)
app.command(name="serve")(serve.serve)
app.command(name="eval")(evaluate.evaluate)
app.command(name="rollout", cls=rollout.Command)(rollout.rollout)
app.command(name="report")(report.report)
app.command(name="ablate")(ablate.ablate)
app.command(name="regrade")(stored.regrade)
app.command(name="export")(stored.export)
app.command(name="baselines")(baselines.baselines)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mab-gym {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Language-model agents at work in a FHIR R4 health record, as Gymnasium episodes."""


def main() -> None:
    """Runs the command line; what this package refuses is one line on standard error and exit code 2."""
    try:
        app()
    except MabGymError as error:
        errors.print(f"[red]mab-gym:[/red] {_plain(str(error))}", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        errors.print("stopped; what was finished is kept")
        sys.exit(130)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
