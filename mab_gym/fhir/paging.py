"""What HAPI knows of a search while it is being paged through: when a Bundle has a ``total``, and a ``next`` link.

HAPI looks for results in passes: as many as a page needs and no fewer than 13, then 503, then 2003, then all
(``searchPreFetchThresholds``). It knows the total only once a pass has come to the end. A page says what was known when
it was asked for, unless it is not full, in which case HAPI looks again. A search that was asked before is answered from
the same record. Source: HAPI FHIR 7.6's ``SearchTask``, ``PersistedJpaBundleProvider`` and ``ResponsePage``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mab_gym.fhir.url import self_link

_THRESHOLDS = (13, 503, 2003)


class Page(NamedTuple):
    """What to show of a search.

    Attributes:
        start: The first match shown.
        size: How many matches to show.
        step: The size of the page as links name it.
        total: The total as HAPI knows it, or None.
        more: Whether there is a next page.
    """

    start: int
    size: int
    step: int
    total: int | None
    more: bool


@dataclass(slots=True)
class Progress:
    """How far HAPI has looked.

    Attributes:
        found: How many matches it has found so far.
        total: The total, once it is known.
    """

    found: int = 0
    total: int | None = None

    def first_page(self, matches: int, count: int, *, counted: bool, repeats: int = 0) -> Page:
        """Begins a search and shows its first page.

        Args:
            matches: How many there are.
            count: The page's size.
            counted: Whether the total was asked for (``_total=accurate``).
            repeats: How often the database gives a match again (for ``_has``), which counts against the pass's limit.
        """
        limit = max(_THRESHOLDS[0], count)
        if matches < limit <= matches + repeats:
            self.found = matches
        else:
            self._look(matches, count)
        if counted:
            self.total = matches
        return self._page(0, count, self.total, self.total)

    def later_page(self, matches: int, count: int, searched_count: int, start: int) -> Page:
        """Shows another page, or the first one again.

        Args:
            matches: How many there are.
            count: The page's size.
            searched_count: The page's size that the search began with.
            start: Where the page begins.
        """
        before = self.total
        size = count if before is None else min(count, before - start)
        if size > 0:
            while self.found < min(start + size + 1, matches) or (self.total is None and self.found < start + size + 1):
                self._look(matches, searched_count)
        shown = min(size, self.found - start)
        return self._page(start, count, before, self.total if shown < size else before)

    def _look(self, matches: int, count: int) -> None:
        """One pass."""
        limit = next((step for step in _THRESHOLDS if step > self.found), None)
        if limit is not None:
            limit = max(limit, count + self.found)
        if limit is None or matches < limit:
            self.found = self.total = matches
        else:
            self.found = min(matches, limit + 1)

    def _page(self, start: int, count: int, before: int | None, total: int | None) -> Page:
        size = count if before is None else min(count, before - start)
        shown = max(0, min(size, self.found - start))
        fetched = max(0, min(size + 1, self.found - start))
        # Of a page that cannot hold anything HAPI does not even ask for more.
        more = start + size < total if total is not None else 0 < count < fetched
        return Page(start, shown, size, total, more)


@dataclass(slots=True)
class SavedSearch:
    """A search that can be paged through, or be asked again.

    Attributes:
        resource_type: What was searched.
        parameters: How.
        watermark: How many writes the session had made.
        count: The size of a page.
        progress: How far HAPI has looked.
    """

    resource_type: str
    parameters: tuple[tuple[str, str], ...]
    watermark: int
    count: int
    progress: Progress = field(default_factory=Progress)


def offset_page(matches: int, count: int, start: int, *, counted: bool) -> Page:
    """A page asked for by ``_offset``, for which HAPI keeps no record.

    It fetches one match more than the page holds; where there is none, it takes what it has for the end.
    """
    shown = max(0, min(count, matches - start))
    more = matches > start + count
    total = matches if counted else None if shown == count else start + shown
    return Page(start, shown, count, total, more)


def offset_links(
    page: Page, count: int, url: str, parameters: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """The links from a page to its neighbours."""
    kept = [(name, value) for name, value in parameters if name not in ("_offset", "_count")]

    def link(start: int) -> str:
        base, _, path = url.rpartition("/")
        return self_link(base, path, (*kept, ("_count", str(count)), ("_offset", str(start))))

    if page.more:
        yield "next", link(page.start + count)
    if page.start > 0:
        yield "previous", link(max(0, page.start - count))
