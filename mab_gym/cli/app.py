"""The command ``mab-gym`` itself: gathers its commands, and turns this package's errors into one clear line.

A command's module is imported when that command is run or asked for its help, so that none waits for what others need.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from mab_gym import __version__
from mab_gym.cli._console import errors
from mab_gym.errors import MabGymError

__all__ = ["main"]


class LazyCommand(NamedTuple):
    """The place of a command.

    Attributes:
        module: The module.
        name: A function in it, or a group of commands.
        summary: What ``mab-gym --help`` says of it: the first line of its own help.
        cls: The name of a class in the module that parses its arguments in a way of its own; empty for the usual one.
    """

    module: str
    name: str
    summary: str
    cls: str = ""

    def load(self, name: str) -> Any:
        """The command itself, under a name."""
        module = import_module(f"mab_gym.cli._{self.module}")
        found = getattr(module, self.name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
            alone.command(name, cls=getattr(module, self.cls) if self.cls else None, help=self.summary)(found)
            found = alone
        command = typer.main.get_command(found)
        command.name = name
        return command


COMMANDS: Final = {
    "play": LazyCommand("play", "play_in_terminal", "Play one episode yourself and see the verdict with its reasons."),
    "serve": LazyCommand("serve", "serve", "Serve FHIR R4 at http://HOST:PORT/fhir until Ctrl-C."),
    "eval": LazyCommand(
        "evaluate", "evaluate",
        "Play an environment and write one JSON line an episode, as it ends. The same command goes on after a crash.",
        cls="Command",
    ),
    "rollout": LazyCommand(
        "evaluate", "evaluate",
        "Play as eval does, in this process or on a Ray cluster: the same options, the same records.", cls="Command",
    ),
    "report": LazyCommand(
        "report", "report", "Make one self-contained HTML file: figures, comparisons and every trajectory of the runs."
    ),
    "ablate": LazyCommand(
        "ablate", "ablate",
        "Play the same cases in several settings; print a table, write figures and a plot. The same command goes on.",
    ),
    "regrade": LazyCommand(
        "stored", "regrade",
        "Judge a run's stored episodes anew, by playing their actions again, and say which verdicts have changed.",
    ),
    "export": LazyCommand(
        "stored", "export",
        'Write episodes as chats for fine-tuning, {"messages": [...], "metadata": {...}}, or as a Minari dataset.',
    ),
    "baselines": LazyCommand(
        "baselines", "baselines", "Play an environment with each reference agent and print one table."
    ),
    "data": LazyCommand("data", "app", "Build cohorts and see what is in them."),
    "tasks": LazyCommand("tasks", "app", "See the task families and their cases."),
    "official": LazyCommand("official", "app", "The official MedAgentBench: play it, grade it, see published results."),
    "hapi": LazyCommand("hapi", "app", "A real HAPI FHIR server in Docker behind the same environments."),
}  # fmt: skip
"""The commands by name, in the order in which they are listed."""


class Commands(TyperGroup):
    """The commands, each loaded when it is needed; a list of them needs none."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by its name; while they are listed, no more of it than its summary."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        return TyperCommand(cmd_name, help=place.summary) if self._listing else place.load(cmd_name)

    @contextmanager
    def _in_short(self) -> Iterator[None]:
        """While this lasts, commands are their summaries."""
        self._listing = True
        try:
            yield
        finally:
            self._listing = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the help."""
        with self._in_short():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Completes a command's name."""
        with self._in_short():
            return super().shell_complete(ctx, incomplete)


app = typer.Typer(
    name="mab-gym",
    cls=Commands,
    help="Language-model agents at work in a FHIR R4 health record, as Gymnasium episodes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
