"""Matches written orders with due orders by meaning: the assignment in which most agrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mab_gym.tasking.meaning._said import Order
from mab_gym.tasking.meaning.due import Check, Due
from mab_gym.tasking.verdict import Code

_WEIGHTS: Final = {Code.WRONG_CODE: 8, Code.WRONG_PATIENT: 4, Code.WRONG_VALUE: 2}
"""Facets that tell orders apart count more than the details of carrying them out."""
_MOST_AT_ONCE: Final = 12
"""Up to so many orders of one type, all assignments are tried; more orders are matched in the order they come."""


def compare(due: Due, order: Order) -> list[Check]:
    """Compares an order with what is due."""
    return list(due.checks(order))


def assigned(
    dues: Sequence[Due], orders: Sequence[Order], compare: Callable[[Due, Order], list[Check]] = compare
) -> list[tuple[int | None, list[Check]]]:
    """Assigns to each due order the written order that fits it best; each written order is used once at most.

    Args:
        dues: The orders that were due, all of one resource type.
        orders: The orders that were written, all of that type.
        compare: Compares an order with what is due.

    Returns:
        For each due order the index of its written order (None if there is none) and the checks between the two.
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
    """Returns the indices with the greatest total worth; assigns as many as possible, and earlier ones first."""
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
