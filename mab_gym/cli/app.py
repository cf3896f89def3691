"""The program ``mab-gym``: lists its commands, and turns this package's errors into one clear line.

A command's module is imported when the command or its help is run, so that none waits for the imports of others.
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
    """A command that is imported when it is needed.

    Attributes:
        module: The module, without ``mab_gym.cli._``.
        name: The name of a function in it, or of a group of commands.
        summary: The line in ``mab-gym --help``: the first line of its own help.
        cls: The name of a class in the module that parses the arguments; empty for the default class.
    """

    module: str
    name: str
    summary: str
    cls: str = ""

    def load(self, name: str) -> Any:
        """Imports the command and returns it under a name."""
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
    "mcp": LazyCommand("mcp", "serve", "Serve an environment to MCP clients; a session is an episode."),
    "eval": LazyCommand(
        "evaluate", "evaluate",
        "Play an environment and write one JSON line as each episode ends. The same command goes on after a crash.",
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
        "regrade", "regrade",
        "Judge a run's stored episodes again, by playing their actions, and list the verdicts that have changed.",
    ),
    "submit": LazyCommand("submit", "app", "Prove that a run can be believed, and pack it."),
    "export": LazyCommand(
        "export", "export",
        "Write episodes as chats for fine-tuning or as a Minari dataset, or cases as tasks for Harbor.",
    ),
    "baselines": LazyCommand(
        "baselines", "baselines", "Play an environment with each reference agent and print one table."
    ),
    "data": LazyCommand("data", "app", "Build cohorts and see what is in them."),
    "tasks": LazyCommand("tasks", "app", "See the task families and their cases."),
    "official": LazyCommand("official", "app", "The official MedAgentBench: play it, grade it, see published results."),
    "hapi": LazyCommand("hapi", "app", "A real HAPI FHIR server in Docker behind the same environments."),
}  # fmt: skip
"""The commands by name, in the order of the list."""


class Commands(TyperGroup):
    """The group of all commands; each is imported when it is needed, and a list of them imports none."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns a command by its name; while commands are listed, one with its summary alone."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        return TyperCommand(cmd_name, help=place.summary) if self._listing else place.load(cmd_name)

    @contextmanager
    def _in_short(self) -> Iterator[None]:
        """Lists commands by their summaries inside a ``with`` block."""
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
    """Runs the command line; an error of this package is one line on standard error and exit code 2."""
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
