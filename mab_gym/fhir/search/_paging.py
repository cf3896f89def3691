"""Paging as HAPI does it: when a Bundle has a ``total`` and a ``next`` link.

HAPI looks for results in passes: as many as a page needs and at least 13, then 503, then 2003, then all
(``searchPreFetchThresholds``). It knows the total only when a pass has reached the end. A page shows the total that was
known when it was asked for; if the page is not full, HAPI looks again first. A repeated search goes on with the passes
of the first. Source: HAPI FHIR 7.6's ``SearchTask``, ``PersistedJpaBundleProvider`` and ``ResponsePage``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mab_gym.fhir.model._url import Parameters, encode, self_link
from mab_gym.fhir.search._found import Found
from mab_gym.fhir.search._includes import in_hapis_order
from mab_gym.fhir.search._query import Query
from mab_gym.fhir.search._search import View

_THRESHOLDS = (13, 503, 2003)


class Page(NamedTuple):
    """The part of a search's matches that a page shows.

    Attributes:
        start: The place of the first match, from 0.
        size: The number of matches.
        step: The size of the page as links name it.
        total: The total as far as HAPI knows it, or None.
        more: True if there is a next page.
    """

    start: int
    size: int
    step: int
    total: int | None
    more: bool


@dataclass(slots=True)
class SearchProgress:
    """The passes that HAPI has made over a search.

    Attributes:
        found: The number of matches found so far.
        total: The total, once it is known.
        passes: The number of rows up to which the last pass went.
    """

    found: int = 0
    total: int | None = None
    passes: int = 0

    def first_page(self, found: Found, count: int, *, counted: bool) -> Page:
        """Begins a search and returns its first page.

        Args:
            found: The search's result.
            count: The size of the page.
            counted: True if the client asks for the total (``_total=accurate``).
        """
        self._look(found, count)
        if counted:
            self.total = len(found)
        before = self.total
        while self.total is None and self.found < count:
            self._look(found, count)
        return self._page(0, count, before, self.total if self.found < count else before)

    def later_page(self, found: Found, count: int, searched_count: int, start: int) -> Page:
        """Returns another page, or the first one again.

        Args:
            found: The search's result.
            count: The size of this page.
            searched_count: The size of a page that the search began with.
            start: The place of the page's first match, from 0.
        """
        before = self.total
        size = count if before is None else min(count, before - start)
        if size > 0:
            end = start + size + 1
            while self.found < (end if self.total is None else min(end, len(found))):
                self._look(found, searched_count)
        shown = min(size, self.found - start)
        return self._page(start, count, before, self.total if shown < size else before)

    def _look(self, found: Found, count: int) -> None:
        """Makes one pass; it takes a number of rows, not of matches, so that repeated ones leave fewer."""
        limit = next((step for step in _THRESHOLDS if step > max(self.found, self.passes)), None)
        if limit is not None:
            limit = max(limit, count + self.found)
        if limit is None or found.rows < limit:
            self.found = self.total = len(found)
        else:
            self.found = max(self.found, found.within(limit))
            self.passes = limit

    def _page(self, start: int, count: int, before: int | None, total: int | None) -> Page:
        size = count if before is None else min(count, before - start)
        shown = max(0, min(size, self.found - start))
        fetched = max(0, min(size + 1, self.found - start))
        # for a page of no size, HAPI does not ask if there are more
        more = start + size < total if total is not None else 0 < count < fetched
        return Page(start, shown, size, total, more)


@dataclass(slots=True)
class SavedSearch:
    """A search that can be paged through, or be asked again.

    Attributes:
        resource_type: The type searched.
        parameters: The search's parameters.
        found_in: The resources that the session saw when the search was made.
        count: The size of a page.
        progress: The passes that HAPI has made.
        keys: The resources that ``$everything`` has found; None for other searches, which are made again for each page.
    """

    resource_type: str
    parameters: Parameters
    found_in: View
    count: int
    progress: SearchProgress = field(default_factory=SearchProgress)
    keys: Sequence[tuple[str, str]] | None = None


def page_links(
    query: Query, base_url: str, search_id: str, page: Page, link: str | None, count: int
) -> list[tuple[str, str]]:
    """Returns the links from a page of a search that HAPI keeps.

    Args:
        query: The search, in the form in which it is shown.
        base_url: The server's base URL.
        search_id: The search's id.
        page: The page.
        link: The link to the request itself, or None for the page's own.
        count: The size of a page in the request, or 0 for that of the search.
    """
    tail = f"&_format={encode(query.format)}" if query.format else ""
    tail += "&_pretty=true" if query.pretty else ""
    forward = in_hapis_order(include for include in query.includes if not include.reverse)
    tail += "".join(f"&_include={encode(include.text)}" for include in forward)
    tail += "&_bundletype=searchset"
    tail += f"&_elements={','.join(map(encode, sorted(query.elements)))}" if query.elements else ""

    def to(start: int, size: int) -> str:
        return f"{base_url}?_getpages={search_id}&_getpagesoffset={start}&_count={size}{tail}"

    size = count or query.count
    links = [("self", to(page.start, size) if link is None else link)]
    if page.more:
        links.append(("next", to(page.start + page.step, page.step)))
    if page.start > 0 and page.total != 0:
        links.append(("previous", to(max(0, page.start - size), size)))
    return links


def offset_page(matches: int, count: int, start: int, *, counted: bool, included: int = 0) -> Page:
    """Returns a page asked for by ``_offset``, for which HAPI keeps no search.

    HAPI fetches one match more than the page holds. If there is none, it takes the number of resources on the page,
    included ones too, for the end.

    Args:
        matches: The number of matches.
        count: The size of a page.
        start: The place of the first match, from 0.
        counted: True if the client asks for an accurate total.
        included: The number of resources that come with the matches.
    """
    shown = max(0, min(count, matches - start))
    more = matches > start + count
    total = matches if counted else None if shown + included >= count else start + shown + included
    return Page(start, shown, count, total, more)


def offset_links(page: Page, count: int, url: str, parameters: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yields the links from a page to its neighbours."""
    kept = [(name, value) for name, value in parameters if name not in ("_offset", "_count")]

    def link(start: int) -> str:
        base, _, path = url.rpartition("/")
        return self_link(base, path, (*kept, ("_count", str(count)), ("_offset", str(start))))

    if page.more:
        yield "next", link(page.start + count)
    if page.start > 0:
        yield "previous", link(max(0, page.start - count))
