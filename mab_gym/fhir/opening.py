"""What a process opens from files: once for all its threads, and anew where a file has changed.

One lock serves all of it, archives, cohorts, task families and what is made of them, since opening one opens others:
two locks could wait for each other.
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
OPENING = threading.RLock()
"""Held while something is opened that threads share."""


def stamp(path: Path) -> Stamp:
    """What tells whether a file is still the same: its inode, its time and its size; `NOTHING` where there is none."""
    try:
        return stamp_of(path.stat())
    except (OSError, ValueError):
        return NOTHING


def stamp_of(stat: os.stat_result) -> Stamp:
    """The same, of what is known of a file already."""
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


class Opened(Generic[_T]):
    """What was opened, by a key of the caller's; the latest of each is kept."""

    def __init__(self) -> None:
        self._held: dict[Hashable, tuple[Hashable, _T]] = {}

    def get(self, key: Hashable, state: Hashable, make: Callable[[], _T]) -> _T:
        """What was opened under a key, or what ``make`` opens now.

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
