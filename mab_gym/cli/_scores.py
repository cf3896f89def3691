"""The table of scores that commands print."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._scores import GROUPS, scores, violations


def score_table(title: str, rows: Sequence[tuple[str, Sequence[EpisodeRecord], float]]) -> Table:
    """Returns a table with a row per agent: success rates and the rate of unsafe episodes, in percent.

    Args:
        title: The title.
        rows: The name of each agent, its records, and their time in seconds.
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
