"""Caches and locks that threads share: for things that a process opens from files, and for reading tables.

One lock, `OPENING`, serves all that is opened (archives, cohorts, task families and what is made of them), since
opening one opens others. A thread that holds it may take `READING`, never the other way round.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

_T = TypeVar("_T")
Stamp = tuple[int, int, int]

NOTHING: Stamp = (0, 0, 0)
READING = threading.RLock()
"""The lock of reading: tables that several sessions read fill their indexes as they are read."""
OPENING = threading.RLock()
"""The lock of opening something that threads share."""
if hasattr(os, "register_at_fork"):  # a child has none of the threads that could release a lock
    for _lock in (READING, OPENING):  # the last one is taken first
        os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def stamp(path: Path) -> Stamp:
    """Returns inode, time and size of a file, which change when the file does; `NOTHING` where there is no file."""
    try:
        return stamp_of(path.stat())
    except (OSError, ValueError):
        return NOTHING


def stamp_of(stat: os.stat_result) -> Stamp:
    """Returns inode, time and size of a file from its ``stat``."""
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


class Opened(Generic[_T]):
    """A cache of opened things by key; the latest for each key is kept."""

    def __init__(self) -> None:
        self._held: dict[Hashable, tuple[Hashable, _T]] = {}

    def get(self, key: Hashable, state: Hashable, make: Callable[[], _T]) -> _T:
        """Returns what was opened under a key, or opens it now.

        Args:
            key: The key, such as a path.
            state: The state, such as the file's `stamp` before it is read; where it has changed, ``make`` is called.
            make: Opens it.
        """
        with OPENING:
            held = self._held.get(key)
            if held is None or held[0] != state:
                held = self._held[key] = (state, make())
            return held[1]
