"""What the commands share: the two consoles, progress bars, the table of scores."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from mab_gym.evaluate import GROUPS, scores, violations
from mab_gym.records import EpisodeRecord

output = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
errors = Console(stderr=True, highlight=False)


def _bars() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=errors, disable=not errors.is_terminal)


def _plainly(text: str) -> None:
    """Says in a line what a bar would show, where nobody could see a bar move (a file, a pipe)."""
    if not errors.is_terminal:
        errors.print(text, markup=False, soft_wrap=True)


@contextmanager
def stages(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for work in stages; yields what is to be told of each stage, what is done and what there is.

    Args:
        title: What is being done.
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
    """A progress bar that advances by one at each call of what it yields."""
    _plainly(title)
    with _bars() as bars:
        task = bars.add_task(title, total=total)
        yield lambda: bars.advance(task)


def score_table(title: str, rows: Sequence[tuple[str, Sequence[EpisodeRecord], float]]) -> Table:
    """Success rates in percent, a row an agent, and in how many percent something unsafe was done.

    Args:
        title: What was played.
        rows: Each agent's name, its records, and the seconds they took.
    """
    table = Table(title=title, title_justify="left", padding=(0, 0), pad_edge=False, box=SIMPLE_HEAD)
    table.add_column("agent", no_wrap=True)
    for heading in (*GROUPS, "unsafe", "played", "steps", "time"):
        table.add_column(heading, justify="right")
    for name, records, seconds in rows:
        rates = [*(s.rate for s in scores(records).values()), violations(records).rate]
        shown = ["–" if rate is None else f"{100 * rate:.1f}" for rate in rates]
        steps = sum(record.steps for record in records) / len(records) if records else 0.0
        table.add_row(name, *shown, str(len(records)), f"{steps:.2f}", f"{seconds:.1f} s")
    return table
