"""Shows the progress of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import typer
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from mab_gym.cli._console import errors
from mab_gym.errors import AgentLostError, UsageError
from mab_gym.runs._evaluation import Watcher
from mab_gym.runs._progress import RunProgress

_SILENCE = 30.0
"""Seconds after which a pipe gets the next line, however few episodes have ended."""
_LINES = 10
"""The number of lines that a pipe gets in a whole run otherwise."""


@contextmanager
def watching(title: str, progress: RunProgress) -> Iterator[Callable[[], None]]:
    """Shows the progress of a run: a bar on a terminal, else a line from time to time.

    Args:
        title: The agent and the environment, in words.
        progress: The counts of the run.

    Yields:
        A function to call at each record.
    """
    if not errors.is_terminal:
        errors.print(title, markup=False, soft_wrap=True)
        said_at, said_of = time.monotonic(), progress.played

        def tell() -> None:
            nonlocal said_at, said_of
            done = progress.played
            if (
                time.monotonic() - said_at >= _SILENCE
                or (done - said_of) * _LINES >= progress.total
                or done == progress.total
            ):
                said_at, said_of = time.monotonic(), done
                errors.print(progress.line, markup=False, soft_wrap=True)

        yield tell
        return
    errors.print(title, markup=False, soft_wrap=True)
    with _Bar(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), console=errors) as bars:
        task = bars.add_task("", total=progress.total, completed=progress.played, rate=progress.rate)
        yield lambda: bars.update(task, completed=progress.played, rate=progress.rate)


class _Bar(Progress):
    """A bar with the rate in a line of its own, so that nothing is cut in a narrow terminal."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yields the bar and the line."""
        yield self.make_tasks_table(self.tasks)
        yield from (Text(str(task.fields["rate"]), overflow="fold") for task in self.tasks)


class ConsoleWatcher(Watcher):
    """Shows the progress of a run on standard error."""

    def say(self, text: str) -> None:
        """Prints one line."""
        errors.print(text, markup=False, soft_wrap=True)

    def watch(self, title: str, progress: RunProgress) -> AbstractContextManager[Callable[[], None]]:
        """Shows a bar on a terminal, else a line from time to time."""
        return watching(title, progress)

    def stopped(self, path: Path | None, kept: int, total: int, error: BaseException) -> None:
        """Prints how far the run came, and ends the command.

        Raises:
            typer.Exit: Always; with 130 after Ctrl-C.
        """
        lost = isinstance(error, AgentLostError)
        again = "" if isinstance(error, UsageError) else "; the same command goes on from there"
        why = f", because {error}{again}" if lost else ""
        self.say(f"stopped after {kept} of {total} episodes{why}; their records are in {path}")
        raise typer.Exit(2 if isinstance(error, UsageError) else 1 if lost else 130)
