"""``mab-gym report``: one HTML file of one or more runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mab_gym.cli._console import counting, errors, output
from mab_gym.errors import MabGymError, UsageError
from mab_gym.report._expected import Expected, expected_of
from mab_gym.report._page import write_report
from mab_gym.report._runs import ReportedRun, labels, read_run


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, as `mab-gym eval` makes them.")],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
    title: Annotated[str | None, typer.Option(help="The page's title.")] = None,
    expected: Annotated[bool, typer.Option(help="Play the gold solutions and show their actions, too.")] = True,
) -> None:
    """Make one self-contained HTML file: figures, comparisons and every trajectory of the runs."""
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name a file, as in --out {out / 'report.html'}")
    read = [read_run(folder, label) for folder, label in zip(runs, labels(runs), strict=True)]
    gold = {run.label: _gold(run) for run in read} if expected else {}
    total = sum(len(run.episodes) for run in read)
    with counting(f"writing {total:,} episodes", total) as advance:
        size = write_report(read, out, gold, title, advance)
    output.print(f"{out}: {total:,} episodes of {len(read)} runs, {size / 1e6:.1f} MB", markup=False, soft_wrap=True)


def _gold(run: ReportedRun) -> Expected:
    """Returns the actions of the gold solutions; none, after a line that says why, if they cannot be played."""
    try:
        return expected_of(run)
    except MabGymError as error:
        errors.print(f"{run.label}: what was expected is not shown: {error}", markup=False, soft_wrap=True)
        return {}
