"""A cache for results from tables that never change."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

LONGEST_KEY = 2000
"""The most characters of a question that is worth remembering."""


def is_short(question: tuple[tuple[str, ...], ...]) -> bool:
    """Tells if a question, made of texts, is short enough to be remembered."""
    length = 0
    for part in question:
        for text in part:
            length += len(text)
    return length <= LONGEST_KEY


_T = TypeVar("_T")


class Remembered(Generic[_T]):
    """A dict that drops its oldest entries when it holds too much; threads may share it.

    Args:
        most: The most entries.
        most_rows: The most rows that all entries together may be about.
    """

    __slots__ = ("_found", "_lock", "_most", "_most_rows", "_rows")

    def __init__(self, most: int = 8_192, most_rows: int = 1_000_000) -> None:
        self._most = most
        self._most_rows = most_rows
        self._found: dict[Hashable, tuple[_T, int]] = {}
        self._rows = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> _T | None:
        """Returns the value of a key, or None."""
        found = self._found.get(key)
        return None if found is None else found[0]

    def put(self, key: Hashable, value: _T, rows: int) -> None:
        """Keeps a value that is about a number of rows."""
        with self._lock:
            known = self._found.pop(key, None)
            self._rows += rows - (0 if known is None else known[1])
            while self._found and (len(self._found) >= self._most or self._rows > self._most_rows):
                self._rows -= self._found.pop(next(iter(self._found)))[1]
            self._found[key] = (value, rows)
