"""In which order equals come where HAPI's database sorts more rows than it was asked for.

HAPI asks its database for as many rows as a pass needs. H2 then does not sort all rows: it brings the first ones to the
front by an incomplete quicksort, which moves equals about, and sorts these alone. Each pass begins anew. The pivot is
drawn by lot; here it is the row in the middle, which gives one of the orders that HAPI gives, often the likeliest. Rows
that all fit are sorted stably. Source: H2 2.2's ``Utils.sortTopN``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.intp]


def sorted_in_passes(keys: Numbers, limits: Iterable[int]) -> Numbers:
    """The places of rows in the order in which HAPI finds them.

    Args:
        keys: What the rows sort by, in the order in which the database reads them.
        limits: How many rows each pass asks for; when they are used up, all.
    """
    in_order = np.argsort(keys, kind="stable")
    if not (np.diff(keys[in_order]) == 0).any():
        return in_order
    found: list[Numbers] = []
    taken = np.zeros(len(keys), dtype=np.bool_)
    for limit in limits:
        if limit >= len(keys):
            break
        first = first_rows(keys, 0, limit)
        found.append(first[~taken[first]])
        taken[first] = True
    return np.concatenate([*found, in_order[~taken[in_order]]])


def sorted_around(keys: Numbers, start: int, end: int) -> Numbers:
    """The places of sorted rows, of which those from ``start`` to before ``end`` alone were asked for."""
    order = np.argsort(keys, kind="stable")
    end = min(end, len(keys))
    if start >= end:
        return order
    chosen = first_rows(keys, start, end)
    others = order[~np.isin(order, chosen)]
    return np.concatenate((others[:start], chosen, others[start:]))


def first_rows(keys: Numbers, start: int, end: int) -> Numbers:
    """The places of the rows from ``start`` to before ``end`` of the sorted ones."""
    if (start, end) == (0, 1):
        return np.array([int(np.argmin(keys))], dtype=np.intp)
    places = np.arange(len(keys))
    _partition(places, keys, start, end - 1)
    chosen = places[start:end]
    return chosen[np.argsort(keys[chosen], kind="stable")]


def _partition(places: Numbers, keys: Numbers, start: int, last: int) -> None:
    """Hoare's partition, again and again, wherever a part is neither wholly wanted nor wholly unwanted."""
    parts = [(0, len(places) - 1)]
    while parts:
        low, high = parts.pop()
        if low >= start and high <= last:
            continue
        part = places[low : high + 1]
        values = keys[part]
        pivot = values[(high - low) // 2]
        up, down = np.flatnonzero(values >= pivot), np.flatnonzero(values <= pivot)[::-1]
        shorter = min(len(up), len(down))
        swaps = int(np.count_nonzero(up[:shorter] <= down[:shorter]))
        left, right = up[:swaps], down[:swaps]
        part[left], part[right] = part[right], part[left]
        i, j = int(left[-1]) + 1, int(right[-1]) - 1
        if i <= j:
            i = min(int(right[-1]), int(up[swaps]) if swaps < len(up) else high)
            j = max(int(left[-1]), int(down[swaps]) if swaps < len(down) else 0)
        i, j = low + i, low + j
        if low < j and start <= j:
            parts.append((low, j))
        if i < high and i <= last:
            parts.append((i, high))
