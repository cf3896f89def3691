"""Measures a process's memory, and finds caches that have no bound or exceed it."""

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
"""The greatest size of a cache without a bound: FHIR's definitions may fill it, agents' texts must not."""
GROWTH = 150e6
"""Bytes by which memory in the last quarter of a run may exceed the quarter before."""
FEWEST = 16


def memory_now() -> int:
    """Returns this process's memory in bytes, with the archives' pages."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def still_growing(samples: Sequence[int]) -> bool:
    """Tells if memory is still growing; False if there are too few samples."""
    quarter = len(samples) // 4
    if len(samples) < FEWEST:
        return False
    last, before = samples[-quarter:], samples[-2 * quarter : -quarter]
    return statistics.median(last) - statistics.median(before) > GROWTH


def overgrown() -> list[str]:
    """Describes the caches of mab_gym that hold more than they should."""
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
