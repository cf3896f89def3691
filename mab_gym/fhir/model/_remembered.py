"""What was found in tables that never change, kept so that it need not be looked for again."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

LONGEST_KEY = 2000
"""Characters of a question that is worth remembering; longer ones are asked once."""


def is_short(question: tuple[tuple[str, ...], ...]) -> bool:
    """Tells if a question, made of texts, is worth remembering."""
    return sum(len(text) for part in question for text in part) <= LONGEST_KEY


_T = TypeVar("_T")


class Remembered(Generic[_T]):
    """A dict that forgets what came first as soon as it holds too much; threads may share it.

    Args:
        most: How many entries it holds at most.
        most_rows: How many rows they may be about, all together.
    """

    __slots__ = ("_found", "_lock", "_most", "_most_rows", "_rows")

    def __init__(self, most: int = 8_192, most_rows: int = 1_000_000) -> None:
        self._most = most
        self._most_rows = most_rows
        self._found: dict[Hashable, tuple[_T, int]] = {}
        self._rows = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> _T | None:
        """What was put under a key, or None."""
        found = self._found.get(key)
        return None if found is None else found[0]

    def put(self, key: Hashable, value: _T, rows: int) -> None:
        """Keeps something that is about so many rows."""
        with self._lock:
            known = self._found.pop(key, None)
            self._rows += rows - (0 if known is None else known[1])
            while self._found and (len(self._found) >= self._most or self._rows > self._most_rows):
                self._rows -= self._found.pop(next(iter(self._found)))[1]
            self._found[key] = (value, rows)
