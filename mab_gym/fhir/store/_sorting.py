"""Sorts columns of numbers in little time and memory, and no further than somebody looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mab_gym.fhir.store._table import blocks

Numbers = npt.NDArray[Any]
Keys = npt.NDArray[np.int64]

_WORTH_PACKING = 4096
_GREATEST = 1 << 63
_FEW = 1 << 12
_FIRST_SORTED = 64
"""The least number of rows that are worth a pass over all keys."""


class SortedRows:
    """The places of rows in the stable order of their keys, sorted no further than somebody looks.

    A page needs a few dozen of half a million rows; finding these is several times as fast as sorting all.

    Args:
        keys: The number that each row sorts by, of shape ``(rows,)``.
    """

    __slots__ = ("_keys", "_order")

    def __init__(self, keys: Keys) -> None:
        self._keys = _in_half_the_memory(keys)
        self._order: Numbers = np.empty(0, dtype=np.intp)

    def __len__(self) -> int:
        return len(self._keys)

    def first(self, wanted: int) -> Numbers:
        """Returns the places of the first rows: as many as wanted, or some more."""
        order = self._order
        if len(order) < min(wanted, len(self)):
            count = max(_FIRST_SORTED, 4 * wanted)  # a reader turns pages, so each sort reaches four times as far
            order = _least(self._keys, count) if 2 * count < len(self) else stable_order(self._keys)
            self._order = order  # assigned whole: other threads may read the same search
        return order


def _in_half_the_memory(keys: Keys) -> npt.NDArray[Any]:
    """Returns the keys as 32-bit numbers where they fit, as ranks do."""
    limits = np.iinfo(np.int32)
    fits = len(keys) and int(keys.min()) >= limits.min and int(keys.max()) <= limits.max
    return keys.astype(np.int32, copy=False) if fits else keys


def _least(keys: npt.NDArray[Any], count: int) -> Numbers:
    """Returns the first ``count`` places of the stable order."""
    greatest = np.partition(keys, count - 1)[count - 1]
    less = np.flatnonzero(keys < greatest)
    equal = np.flatnonzero(keys == greatest)[: count - len(less)]
    return np.concatenate((less[np.argsort(keys[less], kind="stable")], equal))


def stable_order(keys: npt.NDArray[Any]) -> Numbers:
    """Returns the same as ``argsort(kind="stable")``; several times as fast for many rows, and in less memory.

    Each row's key and place are packed into one number, so that no two are equal and any sort will do.
    """
    if len(keys) < _WORTH_PACKING:
        return np.argsort(keys, kind="stable")
    least = int(keys.min())
    if (int(keys.max()) - least + 1) * len(keys) < _GREATEST:
        packed = keys.astype(np.int64)
        packed -= least
        packed *= len(keys)
        for block in blocks(packed):
            part = packed[block]
            part += np.arange(block.start, block.start + len(part))
    else:  # the numbers would be too great: use the ranks of the keys, which takes one more sort
        order, packed = _order_and_ranks(keys)
        packed *= len(keys)
        packed += order
        del order
    packed.sort()
    packed %= len(keys)
    return packed


def rank_in_place(keys: Keys) -> None:
    """Replaces keys by small numbers that sort as they do."""
    distinct = np.unique(keys)
    if len(distinct) > _FEW:
        del distinct
        order, ranks = _order_and_ranks(keys)
        keys[order] = ranks
        return
    for block in blocks(keys):
        keys[block] = np.searchsorted(distinct, keys[block])


def _order_and_ranks(keys: npt.NDArray[Any]) -> tuple[Numbers, Keys]:
    """Returns the places of the keys in order, and the number of each one's group of equals."""
    order = np.argsort(keys)
    ordered = keys[order]
    differs = ordered[1:] != ordered[:-1]
    del ordered
    ranks = np.zeros(len(keys), dtype=np.int64)
    np.cumsum(differs, out=ranks[1:])
    return order, ranks
