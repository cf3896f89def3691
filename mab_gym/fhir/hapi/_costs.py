"""Which table HAPI's database reads first where a chain leads to a date.

What is asked of the resource itself costs nearly the same, so that H2's estimates decide; they are made here as H2
makes them. A plan's cost is the product of its tables' costs; a table costs what the cheapest of its indexes does,
which follows from how many distinct values each column has. H2 counts these in the first thousand rows of a table; the
figures below are those of charts that were loaded patient by patient, and other figures can turn a close decision.
Source: H2 2.2's ``Index.getCostRangeIndex``, ``TableFilter.getBestPlanItem`` and ``Optimizer``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import permutations

_DATE, _LINK, _TOKEN = "date", "link", "token"
_ROWS = {_DATE: 3500, _LINK: 7000, _TOKEN: 14000}
_DISTINCT = {
    "hash": 1, "low": 98, "high": 98, "low_day": 36, "high_day": 36, "id": 99,
    "source": 49, "target": 1, "path": 1,
    "value": 12, "of": 24,
}  # fmt: skip
"""Of each column the percentage of distinct values."""

_INDEXES = {
    _DATE: (
        ("hash", "low", "high", "id", "-"),
        ("hash", "high", "id", "-"),
        ("hash", "low_day", "high_day", "id", "-"),
        ("hash", "high_day", "id", "-"),
        ("id", "hash", "low", "high", "low_day", "high_day", "-"),
    ),
    _LINK: (("source",), ("target", "path", "source", "-", "-")),
    _TOKEN: (("value", "of", "-"), ("of", "-", "value", "-", "-", "-")),
}
_BOUNDS = {
    "ge": (("high", ">"),),
    "gt": (("high", ">"),),
    "le": (("low", "<"),),
    "lt": (("low", "<"),),
    "sa": (("low", ">"),),
    "eb": (("high", "<"),),
    "ne": (),
}
_EXACT = (("low", ">"), ("high", "<"))

Comparators = tuple[str, ...]


@lru_cache(maxsize=256)
def reading_order(far: str, far_timed: bool, near: Comparators, near_timed: bool, tokens: int) -> str:
    """The order in which H2 reads: ``F`` for the far date, ``D`` for the near one, ``L`` for links, ``T`` for tokens.

    Args:
        far: The comparator at the chain's far end.
        far_timed: Whether it is compared with a time of day.
        near: The comparators that the resource's own date is asked for, if it is.
        near_timed: Whether these are.
        tokens: How many token parameters there are besides.
    """
    conditions = {"L": {"path": "="}, "F": _conditions((far,), far_timed)}
    joins = [("F", "id", "L", "target")]
    root = ("L", "source")
    if near:
        conditions["D"] = _conditions(near, near_timed)
        joins.append(("D", "id", *root))
        root = ("D", "id")
    for number in range(min(tokens, 2)):
        conditions[f"T{number}"] = {"value": "="}
        joins.append((f"T{number}", "of", *root))
    plans = permutations(conditions)
    best = min(plans, key=lambda plan: _cost(plan, conditions, joins))
    return "".join(name[0] for name in best)


def _conditions(comparators: Comparators, timed: bool) -> dict[str, str]:
    """What is asked of each column: ``=``, ``>``, ``<``, or both of these; what no index helps with is empty."""
    found = {"hash": "="}
    for comparator in comparators:
        for end, sign in _BOUNDS.get(comparator, _EXACT):
            column = end if timed else f"{end}_day"
            found[column] = "<>" if found.get(column, sign) != sign else sign
        if comparator == "ne":
            for end in ("low", "high"):
                found.setdefault(end if timed else f"{end}_day", "")
    return found


def _cost(
    plan: Sequence[str], conditions: Mapping[str, Mapping[str, str]], joins: Sequence[tuple[str, str, str, str]]
) -> float:
    total = 1.0
    dates = {"id", *conditions.get("D", ()), *conditions["F"]}
    for place, name in enumerate(plan):
        kind = {"L": _LINK, "T": _TOKEN}.get(name[0], _DATE)
        asked = {column: sign for column, sign in conditions[name].items() if sign}
        usable = len(asked)
        for one, one_column, other, other_column in joins:
            for mine, column, theirs in ((one, one_column, other), (other, other_column, one)):
                if mine == name:
                    usable += 1
                    if theirs in plan[:place]:
                        asked[column] = "="
        used = {_DATE: dates, _LINK: {"source", "target", "path"}, _TOKEN: {"of", "value"}}[kind]
        cost = min(_index_cost(kind, index, asked, used) for index in _INDEXES[kind])
        # The more conditions, the earlier the table.
        total += total * (cost - cost * usable / 100 / (place + 1))
    return total


def _index_cost(kind: str, index: Sequence[str], asked: Mapping[str, str], used: set[str]) -> int:
    all_rows = _ROWS[kind] + 1000
    rows, distinct, place = all_rows, 0, 0
    while place < len(index) and asked.get(index[place]) == "=":
        distinct = 100 - (100 - distinct) * (100 - _DISTINCT[index[place]]) // 100
        rows = 2 + max(all_rows // max(all_rows * distinct // 100, 1), 1)
        place += 1
    if place < len(index) and (sign := asked.get(index[place], "")):
        rows = {"<>": 2 + rows // 4, ">": 2 + rows // 3, "<": rows // 3}[sign]
        place += 1
        while place < len(index) and index[place] in asked:
            rows -= 1
            place += 1
    rows += len(index) - place
    # What the index does not hold has to be read from the table.
    return 10 * (rows + len(index) if used <= set(index) else 2 * rows + 20)
