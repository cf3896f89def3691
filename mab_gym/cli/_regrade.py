"""``mab-gym regrade``: judges the stored episodes of a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mab_gym import __version__
from mab_gym.cli import _options as o
from mab_gym.cli._console import counting
from mab_gym.cli._environment import build_cohort
from mab_gym.cli._output import present
from mab_gym.runs._evaluation import Plan
from mab_gym.runs._records import read_about, read_records
from mab_gym.runs._regrade import regrade as regrade_run

Run = Annotated[Path, typer.Argument(help="The folder of a run, as `mab-gym eval` makes it.")]


def regrade(run: Run, as_json: o.Json = False) -> None:
    """Judge a run's stored episodes again, by playing their actions, and list the verdicts that have changed."""
    about = read_about(run)
    if about is not None and isinstance(name := about.get("file") or about.get("env"), str):
        build_cohort(Plan(env=name))
    results = regrade_run(run)
    total = sum(1 for _ in read_records(run))
    changed: list[dict[str, Any]] = []
    lines: list[str] = []
    regraded = otherwise = 0
    with counting(f"regrading {total} episodes of {run.name}", total) as advance:
        for found in results:
            regraded += 1
            otherwise += not found.replied_alike
            if found.changed:
                record = found.record
                stored = {"case": record.case, "seed": record.seed, "repeat": record.repeat}
                changed.append({**stored, "then": record.verdict, "now": found.verdict})
                lines.append(f"{record.case} (seed {record.seed}, try {record.repeat + 1}): {found.change}")
            advance()
    then = (about or {}).get("mab_gym")
    lines.append(f"{len(changed)} of {regraded} verdicts changed (mab_gym {then} then, {__version__} now)")
    if otherwise:
        lines.append(f"in {otherwise} episodes the record system answered an action with another HTTP status than then")
    if total > regraded:
        lines.append(f"{total - regraded} episodes do not count and have no verdict")
    present(
        as_json=as_json,
        lines=lines,
        changed=changed,
        regraded=regraded,
        answered_otherwise=otherwise,
        not_counted=total - regraded,
        mab_gym={"then": then, "now": __version__},
    )
    if changed:
        raise typer.Exit(1)
