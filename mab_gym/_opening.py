"""The things that threads share: what a process opens from files, once for all, and whose turn it is to read it.

One lock serves all that is opened, archives, cohorts, task families and what is made of them, since opening one opens
others: two locks could wait for each other. Who holds it may take the other one, never the other way round.
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
"""Held while a request reads tables that other sessions read, too, since they fill indexes as they are read."""
OPENING = threading.RLock()
"""Held while something is opened that threads share; what changes on the disk is opened anew."""
if hasattr(os, "register_at_fork"):  # a child has none of the threads that could let go of a lock
    for _lock in (READING, OPENING):  # the last one is taken first
        os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def stamp(path: Path) -> Stamp:
    """The inode, time and size of a file, which tell whether it is still the same; `NOTHING` where there is none."""
    try:
        return stamp_of(path.stat())
    except (OSError, ValueError):
        return NOTHING


def stamp_of(stat: os.stat_result) -> Stamp:
    """The same, of what is known of a file already."""
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


class Opened(Generic[_T]):
    """Keeps what was opened, by a key of the caller's: the latest of each."""

    def __init__(self) -> None:
        self._held: dict[Hashable, tuple[Hashable, _T]] = {}

    def get(self, key: Hashable, state: Hashable, make: Callable[[], _T]) -> _T:
        """Gives what was opened under a key, or what ``make`` opens now.

        Args:
            key: As in a path.
            state: As in a file's `stamp`, taken before it is read: another one than last time has it opened anew.
            make: Opens it.
        """
        with OPENING:
            held = self._held.get(key)
            if held is None or held[0] != state:
                held = self._held[key] = (state, make())
            return held[1]
