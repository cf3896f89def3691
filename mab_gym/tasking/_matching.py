"""Matches what was written with what was due, by meaning: the assignment that agrees in most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mab_gym.tasking.meaning._said import Order
from mab_gym.tasking.meaning.due import Check, Due
from mab_gym.tasking.verdict import Code

_WEIGHTS: Final = {Code.WRONG_CODE: 8, Code.WRONG_PATIENT: 4, Code.WRONG_VALUE: 2}
"""That which tells orders apart counts more than how they are carried out."""
_MOST_AT_ONCE: Final = 12
"""So many orders of one type are matched by trying all ways; more are matched as they come."""


def compare(due: Due, order: Order) -> list[Check]:
    """The comparison of an order with what is due."""
    return list(due.checks(order))


def assigned(
    dues: Sequence[Due], orders: Sequence[Order], compare: Callable[[Due, Order], list[Check]] = compare
) -> list[tuple[int | None, list[Check]]]:
    """Assigns to each due the order that was written for it, no order to two.

    Args:
        dues: The orders that were due, all of one resource type.
        orders: The orders that were written, all of that type.
        compare: Compares an order with what is due.

    Returns:
        For each due the place of its order, None where there is none, and how they compare.
    """
    compared = [[compare(due, order) for order in orders] for due in dues]
    if len(dues) == len(orders) == 1:
        return [(0, compared[0][0])]
    worth = [[_worth(checks) for checks in row] for row in compared]
    chosen = _best(worth, len(orders))
    return [(place, [] if place is None else compared[row][place]) for row, place in enumerate(chosen)]


def _worth(checks: Sequence[Check]) -> float:
    total = sum(_WEIGHTS.get(check.code, 1) for check in checks)
    met = sum(_WEIGHTS.get(check.code, 1) for check in checks if check.met)
    return 1.0 + met / total


def _best(worth: Sequence[Sequence[float]], orders: int) -> list[int | None]:
    """The places that together are worth most; as many as possible are assigned, and the earlier first."""
    if len(worth) > _MOST_AT_ONCE:
        return _as_they_come(worth, orders)
    best: dict[int, tuple[float, list[int | None]]] = {0: (0.0, [None] * len(worth))}
    for place in range(orders):
        for taken, (value, places) in list(best.items()):
            for row in range(len(worth)):
                if taken >> row & 1:
                    continue
                reached, new = taken | 1 << row, value + worth[row][place]
                if reached not in best or best[reached][0] < new:
                    best[reached] = (new, [*places[:row], place, *places[row + 1 :]])
    return max(best.values(), key=lambda each: each[0])[1]


def _as_they_come(worth: Sequence[Sequence[float]], orders: int) -> list[int | None]:
    left, places = set(range(orders)), list[int | None]()
    for row in worth:
        place = max(left, key=lambda each: (row[each], -each), default=None)
        left -= {place}
        places.append(place)
    return places
