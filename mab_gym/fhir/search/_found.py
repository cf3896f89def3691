"""The result of a search: its matches in order, sorted no further than somebody looks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mab_gym.fhir.store._sorting import SortedRows
from mab_gym.fhir.store._table import Rows


class FirstRows(NamedTuple):
    """The rows of HAPI's database in which a search finds its matches, where a match may have several.

    Attributes:
        total: The number of rows.
        numbers: For each match, in order, the number of its first row, from 0.
    """

    total: int
    numbers: Sequence[int]


class Found:
    """The matches of a search.

    HAPI's database finds a match once for each value that the search asks for or sorts by. HAPI counts these rows when
    it decides how far to look, so that they decide when a page has a total and a next link.

    Args:
        hits: The matches; in order, unless ``order`` says theirs.
        first_rows: The rows in which they are found; one for each match where None.
        order: The rows of a sorted search: one for each match, or those of ``match_of_row``.
        match_of_row: For each row of ``order`` the place of its match in ``hits``, where a match has several rows.

    Attributes:
        first_rows: The argument of that name.
    """

    __slots__ = ("_hits", "_match_of_row", "_order", "first_rows")

    def __init__(
        self,
        hits: Rows,
        first_rows: FirstRows | None = None,
        order: SortedRows | None = None,
        match_of_row: Rows | None = None,
    ) -> None:
        self._hits = hits
        self.first_rows = first_rows
        self._order = order
        self._match_of_row = match_of_row

    def __len__(self) -> int:
        return len(self._hits)

    @property
    def rows(self) -> int:
        """The number of rows in which HAPI's database finds the matches."""
        if self._match_of_row is not None:
            return len(self._match_of_row)
        return len(self) if self.first_rows is None else self.first_rows.total

    def within(self, limit: int) -> int:
        """Returns how many matches have a row among those with the numbers from 0 to ``limit``."""
        if self._match_of_row is not None:
            number = int(np.searchsorted(self._beginnings(limit + 1), limit, side="right"))
        else:
            number = limit + 1 if self.first_rows is None else bisect_right(self.first_rows.numbers, limit)
        return min(len(self), number)

    def page(self, start: int, end: int) -> Rows:
        """Returns the matches from one place to before another."""
        if self._order is None:
            return self._hits[start:end]
        if self._match_of_row is None:
            return self._hits[self._order.first(end)[start:end]]
        rows = end
        while len(found := self._beginnings(rows)) < end and rows < self.rows:
            rows *= 2
        return self._hits[self._match_of_row[self._order.first(rows)[found]][start:end]]

    def all(self) -> Rows:
        """Returns all matches."""
        return self.page(0, len(self))

    def _beginnings(self, rows: int) -> Rows:
        """Returns the numbers of the rows that are the first of their match, among at least the first ``rows``."""
        assert self._order is not None
        assert self._match_of_row is not None
        return np.sort(np.unique(self._match_of_row[self._order.first(rows)], return_index=True)[1])


def one_row_each(matches: int) -> Found:
    """Returns a result of so many matches that have one row each, for what was found in another way."""
    return Found(np.arange(matches))
