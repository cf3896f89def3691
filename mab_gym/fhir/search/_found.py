"""The matches of a search, put into order no further than somebody looks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from mab_gym.fhir.store._sorting import SortedRows
from mab_gym.fhir.store._table import Rows


class Repeats(Protocol):
    """The rows in which the database finds matches, where a match may have several."""

    @property
    def rows(self) -> int:
        """The number of rows."""

    def within(self, limit: int) -> int:
        """The number of matches that have their first row among those up to a limit, counted from 0."""


class RepeatedMatches:
    """Matches of which it is known in which rows they are found first.

    Args:
        rows: How many rows there are.
        first: For each match, in order, the number of its first row.
    """

    __slots__ = ("_first", "rows")

    def __init__(self, rows: int, first: Sequence[int]) -> None:
        self.rows = rows
        self._first = first

    def within(self, limit: int) -> int:
        """See `Repeats`."""
        return bisect_right(self._first, limit)


class Found:
    """Matches in order.

    Args:
        hits: All of them.
        repeats: The rows in which they were found, where these are more than the matches.
    """

    __slots__ = ("_hits", "repeats")

    def __init__(self, hits: Rows, repeats: Repeats | None = None) -> None:
        self._hits = hits
        self.repeats = repeats

    def __len__(self) -> int:
        return len(self._hits)

    def page(self, start: int, end: int) -> Rows:
        """The matches from one place to before another."""
        return self._hits[start:end]

    def all(self) -> Rows:
        """All matches."""
        return self.page(0, len(self))


class SortedFound(Found):
    """Matches that are sorted no further than somebody looks.

    Args:
        hits: The matches in the order in which the database reads them.
        rows: The rows to be sorted, one for each match.
        repeats: As in `Found`.
    """

    __slots__ = ("_sorted",)

    def __init__(self, hits: Rows, rows: SortedRows, repeats: Repeats | None) -> None:
        super().__init__(hits, repeats)
        self._sorted = rows

    def page(self, start: int, end: int) -> Rows:
        """See `Found`."""
        return self._hits[self._sorted.first(end)[start:end]]


class SortedRepeats:
    """Matches that the database finds once for each of their sort values; the first row of each counts.

    Args:
        sorted_rows: The rows.
        matches: The number of the match that each row belongs to.
    """

    __slots__ = ("_matches", "_sorted", "rows")

    def __init__(self, sorted_rows: SortedRows, matches: Rows) -> None:
        self._sorted = sorted_rows
        self._matches = matches
        self.rows = len(sorted_rows)

    def within(self, limit: int) -> int:
        """See `Repeats`."""
        return int(np.searchsorted(self._first_rows(limit + 1), limit, side="right"))

    def matches(self, wanted: int) -> Rows:
        """The numbers of the first matches: as many as wanted, or some more."""
        rows = wanted
        while len(found := self._first_rows(rows)) < wanted and rows < self.rows:
            rows *= 2
        return self._matches[self._sorted.first(rows)[found]]

    def _first_rows(self, rows: int) -> Rows:
        """Of the first sorted rows, as many or some more, the numbers of those that are their match's first."""
        matches = self._matches[self._sorted.first(rows)]
        return np.sort(np.unique(matches, return_index=True)[1])


class RepeatedFound(Found):
    """Sorted matches that have several rows.

    Args:
        hits: The matches in the order in which the database reads them.
        rows: Their rows.
    """

    __slots__ = ("_rows",)

    def __init__(self, hits: Rows, rows: SortedRepeats) -> None:
        super().__init__(hits, rows)
        self._rows = rows

    def page(self, start: int, end: int) -> Rows:
        """See `Found`."""
        return self._hits[self._rows.matches(end)[start:end]]
