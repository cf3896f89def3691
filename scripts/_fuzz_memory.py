"""The things that a process holds: its memory, and caches that have no bound or do not keep to theirs."""

from __future__ import annotations

import functools
import gc
import resource
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mab_gym.fhir.model._remembered import Remembered

UNBOUNDED = 20_000
"""Entries that a cache without a bound may come to: FHIR's definitions fill such ones, what agents write must not."""
GROWTH = 150e6
"""Bytes by which the last quarter of a run may lie above the one before."""
FEWEST = 16


def memory_now() -> int:
    """Bytes of memory that this process has taken, archives' pages included."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def still_growing(samples: Sequence[int]) -> bool:
    """Tells if memory has not come to a plateau; too few samples say nothing."""
    quarter = len(samples) // 4
    if len(samples) < FEWEST:
        return False
    last, before = samples[-quarter:], samples[-2 * quarter : -quarter]
    return statistics.median(last) - statistics.median(before) > GROWTH


def overgrown() -> list[str]:
    """Caches of mab_gym that hold more than they should, in words."""
    return [f"{name} holds {count:,} entries" for name, count, most in _caches() if count > most]


def _caches() -> Iterator[tuple[str, int, int]]:
    for each in gc.get_objects():
        kind: Any = type(each)
        if kind is functools._lru_cache_wrapper and str(each.__module__).startswith("mab_gym"):
            info = each.cache_info()
            most = UNBOUNDED if info.maxsize is None else info.maxsize
            yield f"{each.__module__}.{each.__qualname__}", info.currsize, most
        elif kind is Remembered:
            yield "Remembered", len(each._found), each._most
