"""The two consoles that commands write to, and progress bars."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

output = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120)
errors = Console(stderr=True, highlight=False)


def _bars() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=errors, disable=not errors.is_terminal)


def _plainly(text: str) -> None:
    """Prints a line in place of a bar, if standard error is not a terminal (a file, a pipe)."""
    if not errors.is_terminal:
        errors.print(text, markup=False, soft_wrap=True)


@contextmanager
def stages(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """Shows a progress bar for each stage of some work.

    Args:
        title: The work, in words.

    Yields:
        A function to call with the stage's name, the work done and the whole work.
    """
    with _bars() as bars:
        shown: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in shown:
                _plainly(f"{title}: {stage}")
                shown[stage] = bars.add_task(f"{title}: {stage}", total=total)
            bars.update(shown[stage], completed=done, total=total)

        yield tell


@contextmanager
def counting(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Shows a progress bar; yields a function that advances it by one."""
    _plainly(title)
    with _bars() as bars:
        task = bars.add_task(title, total=total)
        yield lambda: bars.advance(task)
