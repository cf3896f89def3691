"""In which order equals come where HAPI's database sorts more rows than it was asked for.

HAPI asks its database for as many rows as a pass needs. H2 then does not sort all rows: it brings the first ones to the
front by an incomplete quicksort, which moves equals about, and sorts these alone. Each pass begins anew. The pivot is
drawn by lot; here it is the row in the middle, which gives one of the orders that HAPI gives, often the likeliest. Rows
that all fit are sorted stably. Source: H2 2.2's ``Utils.sortTopN``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from mab_gym.fhir.store._sorting import Keys, Numbers, stable_order


class SortedRows:
    """Rows in the order in which HAPI finds them, sorted no further than somebody looks.

    Args:
        keys: What the rows sort by, in the order in which the database reads them.
        limits: How many rows each pass asks for; when they are used up, all.
    """

    __slots__ = ("_keys", "_limits", "_order")

    def __init__(self, keys: Keys, limits: Iterable[int]) -> None:
        self._keys = _small(keys)
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
        keys = self._keys
        end = min(end, len(keys))
        chosen = first_rows(keys, start, end) if start < end else np.empty(0, dtype=np.intp)
        order = stable_order(keys).astype(np.int32)
        if len(chosen):
            elsewhere = np.ones(len(keys), dtype=np.bool_)
            elsewhere[chosen] = False
            others = order[elsewhere[order]]
            order[:start], order[start:end], order[end:] = others[:start], chosen, others[start:]
        self._order = order


def _small(keys: Keys) -> npt.NDArray[Any]:
    """The keys in half the memory, where they are ranks."""
    limits = np.iinfo(np.int32)
    fits = len(keys) and int(keys.min()) >= limits.min and int(keys.max()) <= limits.max
    return keys.astype(np.int32, copy=False) if fits else keys


_BLOCK = 1 << 15
"""So many rows from each end are looked at together."""


def first_rows(keys: npt.NDArray[Any], start: int, end: int) -> Numbers:
    """The places of the rows from ``start`` to before ``end`` of the sorted ones."""
    if (start, end) == (0, 1):
        return np.array([int(np.argmin(keys))], dtype=np.intp)
    places = np.arange(len(keys), dtype=np.int32)
    _partition(places, keys, start, end - 1)
    chosen = places[start:end].astype(np.intp)
    return chosen[np.argsort(keys[chosen], kind="stable")]


def _partition(places: npt.NDArray[np.int32], keys: npt.NDArray[Any], start: int, last: int) -> None:
    """Hoare's partition, again and again, wherever a part is neither wholly wanted nor wholly unwanted."""
    keys = keys.copy()  # moved about with the places, so that no part has to be looked up
    parts = [(0, len(places) - 1)]
    while parts:
        low, high = parts.pop()
        if low >= start and high <= last:
            continue
        part, values = places[low : high + 1], keys[low : high + 1]
        i, j = _swap_about(part, values, values[(high - low) // 2])
        i, j = low + i, low + j
        if low < j and start <= j:
            parts.append((low, j))
        if i < high and i <= last:
            parts.append((i, high))


def _swap_about(part: npt.NDArray[np.int32], values: npt.NDArray[Any], pivot: Any) -> tuple[int, int]:
    """Swaps what is not less from the left with what is not greater from the right, until the two meet.

    Returns:
        The place at which the right part begins, and the one at which the left part ends.
    """
    ups = downs = np.empty(0, dtype=np.intp)
    up_to, down_to = 0, len(values)
    left, right = -1, len(values)
    while True:
        while not len(ups) and up_to < right:
            ups = np.flatnonzero(values[up_to : up_to + _BLOCK] >= pivot) + up_to
            up_to += _BLOCK
        while not len(downs) and down_to > left + 1:
            after, down_to = down_to, max(0, down_to - _BLOCK)
            downs = np.flatnonzero(values[down_to:after] <= pivot)[::-1] + down_to
        pairs = min(len(ups), len(downs))
        swaps = int(np.count_nonzero(ups[:pairs] <= downs[:pairs]))
        if swaps:
            lefts, rights = ups[:swaps], downs[:swaps]
            part[lefts], part[rights] = part[rights], part[lefts]
            values[lefts], values[rights] = values[rights], values[lefts]
            left, right = int(lefts[-1]), int(rights[-1])
            ups, downs = ups[swaps:], downs[swaps:]
        if swaps < pairs or not pairs:
            break
    if left + 1 > right - 1:
        return left + 1, right - 1
    return min(right, int(ups[0]) if len(ups) else right), max(left, int(downs[0]) if len(downs) else left)
