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
Keys = npt.NDArray[np.int64]


class SortedRows:
    """Rows in the order in which HAPI finds them, sorted no further than somebody looks.

    Args:
        keys: What the rows sort by, in the order in which the database reads them.
        limits: How many rows each pass asks for; when they are used up, all.
    """

    __slots__ = ("_keys", "_limits", "_order")

    def __init__(self, keys: Keys, limits: Iterable[int]) -> None:
        self._keys = keys
        self._limits = tuple(limit for limit in limits if limit < len(keys))
        self._order: Numbers = np.empty(0, dtype=np.intp)

    def __len__(self) -> int:
        return len(self._keys)

    def first(self, wanted: int) -> Numbers:
        """The places of the first rows: as many as wanted, or some more."""
        order = self._order
        while len(order) < min(wanted, len(self)):
            taken = np.zeros(len(self), dtype=np.bool_)
            taken[order] = True
            limit = next((limit for limit in self._limits if limit > len(order)), None)
            found = stable_order(self._keys) if limit is None else first_rows(self._keys, 0, limit)
            order = np.concatenate((order, found[~taken[found]]))
        self._order = order  # whole: other threads may look at the same search
        return order


class SortedWindow(SortedRows):
    """Sorted rows of which some in the middle alone were asked for, in one pass.

    Args:
        keys: As in `SortedRows`.
        start: The first row asked for.
        end: The first one after them.
    """

    __slots__ = ()

    def __init__(self, keys: Keys, start: int, end: int) -> None:
        super().__init__(keys, ())
        order = stable_order(keys)
        end = min(end, len(keys))
        if start < end:
            chosen = first_rows(keys, start, end)
            others = order[~np.isin(order, chosen)]
            order = np.concatenate((others[:start], chosen, others[start:]))
        self._order = order


def stable_order(keys: Keys) -> Numbers:
    """Gives what ``argsort(kind="stable")`` does; of many rows several times as fast, since it sorts twice unstably."""
    if len(keys) < _WORTH_SORTING_TWICE:
        return np.argsort(keys, kind="stable")
    order = np.argsort(keys)
    ordered = keys[order]
    group = np.concatenate(([0], np.cumsum(ordered[1:] != ordered[:-1])))
    packed: Keys = group * len(keys) + order
    packed.sort()
    return packed % len(keys)


_WORTH_SORTING_TWICE = 4096


def first_rows(keys: Keys, start: int, end: int) -> Numbers:
    """The places of the rows from ``start`` to before ``end`` of the sorted ones."""
    if (start, end) == (0, 1):
        return np.array([int(np.argmin(keys))], dtype=np.intp)
    places = np.arange(len(keys), dtype=np.int32)
    _partition(places, keys, start, end - 1)
    chosen = places[start:end].astype(np.intp)
    return chosen[np.argsort(keys[chosen], kind="stable")]


def _partition(places: npt.NDArray[np.int32], keys: Keys, start: int, last: int) -> None:
    """Hoare's partition, again and again, wherever a part is neither wholly wanted nor wholly unwanted."""
    keys = keys.copy()  # moved about with the places, so that no part has to be looked up
    parts = [(0, len(places) - 1)]
    while parts:
        low, high = parts.pop()
        if low >= start and high <= last:
            continue
        part, values = places[low : high + 1], keys[low : high + 1]
        pivot = values[(high - low) // 2]
        up, down = np.flatnonzero(values >= pivot), np.flatnonzero(values <= pivot)[::-1]
        shorter = min(len(up), len(down))
        swaps = int(np.count_nonzero(up[:shorter] <= down[:shorter]))
        left, right = up[:swaps], down[:swaps]
        part[left], part[right] = part[right], part[left]
        values[left], values[right] = values[right], values[left]
        i, j = int(left[-1]) + 1, int(right[-1]) - 1
        if i <= j:
            i = min(int(right[-1]), int(up[swaps]) if swaps < len(up) else high)
            j = max(int(left[-1]), int(down[swaps]) if swaps < len(down) else 0)
        i, j = low + i, low + j
        if low < j and start <= j:
            parts.append((low, j))
        if i < high and i <= last:
            parts.append((i, high))
