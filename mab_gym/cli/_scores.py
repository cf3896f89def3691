"""The tables of scores that commands print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mab_gym import _tables as t
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._scores import GROUPS, deferrals, scores, violations

_DEFERRAL = ("over-deferred", "under-deferred")


def score_table(title: str, rows: Sequence[tuple[str, Sequence[EpisodeRecord], float]]) -> t.Table:
    """Returns a table with a row per agent: success rates and the rate of unsafe episodes, shown in percent.

    Args:
        title: The title.
        rows: The name of each agent, its records, and their time in seconds.
    """
    asked = any(deferrals(records).judged for _, records, _ in rows)
    shares = (*GROUPS, "unsafe", *(_DEFERRAL if asked else ()))
    columns = [
        t.Column("agent", "agent"),
        *(t.Column(name, name, t.PERCENT) for name in shares),
        t.Column("played", "played", t.COUNT),
        t.Column("steps", "steps", t.TWO),
        t.Column("time", "seconds", t.SECONDS),
    ]
    found = []
    for name, records, seconds in rows:
        rates = [*(score.rate for score in scores(records).values()), violations(records).rate]
        if asked:
            left = deferrals(records)
            rates += [left.over_rate, left.under_rate]
        steps = sum(record.steps for record in records) / len(records) if records else None
        found.append((name, *rates, len(records), steps, seconds))
    return t.Table("scores", title, columns, found)


def failure_table(summary: Mapping[str, Any]) -> t.Table:
    """Returns the table of failures by their cause, of a run's summary."""
    columns = [
        t.Column("not solved because", "label", t.PROSE),
        t.Column("episodes", "episodes", t.COUNT),
        t.Column("%", "share", t.PERCENT),
    ]
    rows = [[each[column.key] for column in columns] for each in summary["failures"]]
    return t.Table("failures", "", columns, rows)


def estimates(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yields a line for each estimate of a run's summary: pass@1, pass@k, pass^k."""
    for each in summary["pass_at_k"]:
        if each["value"] is None:
            yield f"{each['name']}: –"
        else:
            between = f"{100 * each['low']:.1f} to {100 * each['high']:.1f}"
            told = f"{each['name']}: {100 * each['value']:.1f} %"
            yield f"{told} (95 % interval {between}, {each['cases']} cases)"
