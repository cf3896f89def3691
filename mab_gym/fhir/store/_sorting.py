"""Sorts columns of numbers in little time and memory."""

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


def stable_order(keys: npt.NDArray[Any]) -> Numbers:
    """Gives what ``argsort(kind="stable")`` does; of many rows several times as fast, and with fewer arrays at once.

    Each row's place is put behind its key, in one number, so that no two are equal and any sort will do.
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
    else:  # too great a number: the ranks of the keys instead, for one more sort
        order, packed = _order_and_ranks(keys)
        packed *= len(keys)
        packed += order
        del order
    packed.sort()
    packed %= len(keys)
    return packed


def rank_in_place(keys: Keys) -> None:
    """Puts small numbers in the place of great ones, which sort as they do."""
    distinct = np.unique(keys)
    if len(distinct) > _FEW:
        del distinct
        order, ranks = _order_and_ranks(keys)
        keys[order] = ranks
        return
    for block in blocks(keys):
        keys[block] = np.searchsorted(distinct, keys[block])


def _order_and_ranks(keys: npt.NDArray[Any]) -> tuple[Numbers, Keys]:
    """Gives the places of the keys in their order, and the number of each one's group of equals."""
    order = np.argsort(keys)
    ordered = keys[order]
    differs = ordered[1:] != ordered[:-1]
    del ordered
    ranks = np.zeros(len(keys), dtype=np.int64)
    np.cumsum(differs, out=ranks[1:])
    return order, ranks
