"""Answers a session's searches, and remembers them for paging and for the same question, as HAPI does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from urllib.parse import quote

from mab_gym.fhir.hapi._counter_ids import CounterIds
from mab_gym.fhir.http._bundle import searchset
from mab_gym.fhir.http._exchange import FHIR_JSON, Response, ServerOrigin
from mab_gym.fhir.http._export_jobs import Exports
from mab_gym.fhir.http._numbered import with_names
from mab_gym.fhir.http._subset import subset
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._json_text import compact, pretty
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._url import Parameters, self_link
from mab_gym.fhir.search._found import Found, one_row_each
from mab_gym.fhir.search._includes import included
from mab_gym.fhir.search._paging import Page, SavedSearch, offset_links, offset_page, page_links
from mab_gym.fhir.search._query import LARGEST_PAGE, Query, read_query, shown_as
from mab_gym.fhir.search._search import View
from mab_gym.fhir.search._shape import of_entry
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._budget import ENTRY, ID, REWRITTEN, Budget, reading_work
from mab_gym.fhir.store._table import Rows

Links = Sequence[tuple[str, str]]
"""Relations and URLs."""
Entries = Sequence[tuple[str, str]]
"""Full URLs (or ids) and the JSON of resources, indented as in a Bundle."""

MOST_SEARCHES = 1000
"""The most searches that a session remembers."""
MOST_HELD = 50_000
"""The most resources found by operations that a session remembers."""

_AT_A_TIME = 500

_LOOKS = ("_format", "_pretty", "_summary")
_SHOWING = ("_count", "_offset", "_elements", "_summary", "_format", "_pretty", "_getpagesoffset")


_keeping = Lock()
_LIKE_A_KEY = 100
"""The number of characters of a question that take as much memory as the key of a resource."""


@dataclass(slots=True)
class Kept:
    """The searches that a session remembers; threads may share them.

    Attributes:
        saved: Searches that can be paged through, by id.
        answered: The id of the search that answers a question, by the number of writes and the question.
        held: The number of resources found by operations; long questions count, too.
        exports: The exports of Bulk Data, if there were any.
    """

    saved: dict[str, SavedSearch] = field(default_factory=dict)
    answered: dict[tuple[object, ...], str] | None = None  # None saves memory in thousands of sessions
    held: int = 0
    exports: Exports | None = None

    def forget_answers(self) -> None:
        """Makes repeated searches look again; pages of earlier searches stay as they were.

        HAPI would answer from its cache for a minute; here a write is seen at once.
        """
        self.answered = None

    def remember(self, search_id: str, search: SavedSearch, question: tuple[object, ...] | None = None) -> None:
        """Keeps a search for its later pages and, if a question is given, for the same question."""
        with _keeping:
            self.held += _weight(search)
            while self.saved and (len(self.saved) >= MOST_SEARCHES or self.held > MOST_HELD):
                self.held -= _weight(self.saved.pop(next(iter(self.saved))))
            if self.answered and len(self.answered) >= MOST_SEARCHES:
                self.answered = None
            self.saved[search_id] = search
            if question is not None:
                answered = self.answered = self.answered or {}
                answered[question] = search_id

    def answer_to(self, question: tuple[object, ...]) -> tuple[str, SavedSearch] | None:
        """Returns the search that has answered a question, with its id, or None."""
        search_id = (self.answered or {}).get(question, "")
        search = self.saved.get(search_id)
        return None if search is None else (search_id, search)


def _weight(search: SavedSearch) -> int:
    return len(search.keys or ()) + sum(len(text) for pair in search.parameters for text in pair) // _LIKE_A_KEY


class Searches:
    """Answers the searches of a session.

    Args:
        counter_ids: Gives search ids.
        kept: The searches that the session remembers.
        origin: The server's address and clock.

    Attributes:
        origin: The server's address and clock.
    """

    __slots__ = ("_counter_ids", "_kept", "origin")

    def __init__(self, counter_ids: CounterIds, kept: Kept, origin: ServerOrigin) -> None:
        self._counter_ids = counter_ids
        self._kept = kept
        self.origin = origin

    def search(
        self,
        view: View,
        resource_type: str,
        parameters: Parameters,
        path: str,
        *,
        posted: bool = False,
        nested: bool = False,
        at_once: int | None = None,
    ) -> Response:
        """Answers a search with its first page.

        Args:
            view: The resources that the session sees.
            resource_type: The type searched.
            parameters: Names and values, decoded.
            path: The request's path, for the link to itself.
            posted: True if the parameters came in a form; the link then leaves them out.
            nested: True for an entry of a Bundle.
            at_once: The most matches of a search that is not kept; None to keep it.

        Raises:
            FhirError: HAPI refuses the search, or this server does not answer it.
        """
        base_url = self.origin.base_url
        view.budget.spend(reading_work(parameters))
        link = f"{base_url}/{path}" if posted else self_link(base_url, path, parameters)
        parameters = with_names(resource_type, parameters, view)
        asked_for = of_entry(parameters) if nested else parameters
        query = read_query(resource_type, asked_for)
        if query.summary == "count":
            total = len(view.hits(replace(query, sort=(), driver=None)))
            return self._show_count(query, view, self._counter_ids.uuid(), total)
        if at_once is not None:
            return self._show_at_once(query, view, link, f"{base_url}/{path}", parameters, at_once)
        if query.offset is not None:
            hits = view.hits(query)
            shown = hits.page(query.offset, query.offset + query.count)
            brought = self._brought(query, view, shown, view)
            counted = query.total == "accurate"
            page = offset_page(len(hits), query.count, query.offset, counted=counted, included=len(brought))
            links = [("self", link), *offset_links(page, query.count, f"{base_url}/{path}", parameters)]
            entries = self._entries(query, view, shown)
            return self._show_entries(query, view, self._counter_ids.uuid(), page.total, links, entries, brought)
        # with the number of writes: the answer to an earlier state does not hold for a later one
        asked = (view.writes, *query.question)
        known = self._kept.answer_to(asked)
        if known is not None:
            return self._answer_saved(query, view, *known, query.count, query.start, link)
        search_id = self._counter_ids.uuid()
        hits = view.hits(query)
        saved = SavedSearch(resource_type, asked_for, view.frozen(), query.count)
        counted = query.total == "accurate"
        page = saved.progress.first_page(hits, query.count, counted=counted)
        self._kept.remember(search_id, saved, asked)
        if query.start:
            return self._answer_saved(query, view, search_id, saved, query.count, query.start, link)
        return self._show(query, view, search_id, hits, page, link)

    def page(self, view: View, parameters: Parameters) -> Response:
        """Answers a ``_getpages`` link.

        Raises:
            FhirError: 410 if no such search is remembered.
        """
        control = dict(parameters)
        search_id = control["_getpages"]
        saved = self._kept.saved.get(search_id)
        if saved is None:
            raise FhirError(410, f'HAPI-0417: Search ID "{search_id}" does not exist and may have expired')
        view.budget.spend(reading_work(saved.parameters))
        query = read_query(saved.resource_type, saved.parameters)
        query = shown_as(query, control)
        try:
            start = max(0, int(control.get("_getpagesoffset") or 0))
            count = min(max(1, int(control.get("_count") or query.count)), LARGEST_PAGE)
        except ValueError:
            raise FhirError(400, "HAPI-0375: Invalid _count value: " + control.get("_count", "")) from None
        parts = (f"{name}={quote(value, safe='-_.*~,')}" for name, value in parameters)
        link = f"{self.origin.base_url}?{'&'.join(parts)}"
        return self._located(search_id, self._answer_saved(query, view, search_id, saved, count, start, link))

    def listed(
        self,
        view: View,
        resource_type: str,
        keys: Sequence[Key],
        path: str,
        parameters: Parameters,
        *,
        linked: bool = True,
    ) -> Response:
        """Answers an operation with the first page of the resources that it has found.

        Args:
            view: The resources that the session sees.
            resource_type: The type that was asked.
            keys: All resources that were found, in order.
            path: The request's path.
            parameters: The operation's parameters.
            linked: True if they came in the URL; the link to itself then has them.
        """
        base_url = self.origin.base_url
        shown = tuple(pair for pair in parameters if pair[0] in _SHOWING)
        query = read_query(resource_type, shown)
        link = self_link(base_url, path, parameters if linked else ())
        view.budget.spend(len(keys))
        search_id = self._counter_ids.uuid()
        if query.offset is not None:
            page = offset_page(len(keys), query.count, query.offset, counted=False)
            links = [("self", link), *offset_links(page, query.count, f"{base_url}/{path}", parameters)]
            return self._located(search_id, self._show_keys(query, view, search_id, keys, page, links))
        saved = SavedSearch(resource_type, shown, view.frozen(), query.count, keys=keys)
        self._kept.remember(search_id, saved)
        found = one_row_each(len(keys))
        page = saved.progress.first_page(found, query.count, counted=False)
        if query.summary == "count":
            return self._located(search_id, self._show_count(query, view, search_id, page.total))
        if query.start:
            page = saved.progress.later_page(found, query.count, query.count, query.start)
        links = page_links(query, base_url, search_id, page, link, 0)
        return self._located(search_id, self._show_keys(query, view, search_id, keys, page, links))

    def bare(
        self, view: View, resource_type: str, total: int, path: str, parameters: Parameters, *, linked: bool = True
    ) -> Response:
        """Answers an operation with a page of no entries, as HAPI does for ``_count=0`` and other counts.

        Args:
            view: The resources that the session sees.
            resource_type: The type that was asked.
            total: The number of resources that the operation begins with.
            path: The request's path.
            parameters: The operation's parameters.
            linked: True if they came in the URL; the link to itself then has them.
        """
        control, base_url = dict(reversed(parameters)), self.origin.base_url  # the first values count
        query = read_query(resource_type, tuple(pair for pair in parameters if pair[0] in _LOOKS))
        search_id = self._counter_ids.uuid()
        count = int(control.get("_count", query.count))
        if count == 0:
            return self._located(search_id, self._show_count(query, view, search_id, total))
        links = [("self", self_link(base_url, path, parameters if linked else ()))]
        start = int(control.get("_offset", 0))
        if start > 0:
            links += offset_links(Page(start, 0, 0, None, more=False), count, f"{base_url}/{path}", parameters)
        known = total if "_offset" in control and count > total else None
        return self._located(search_id, self._show_entries(query, view, search_id, known, links, ()))

    def last(
        self, view: View, asked: Parameters, path: str, parameters: Parameters, *, linked: bool = True
    ) -> Response:
        """Answers ``Observation/$lastn`` with the first page of a search, which can be paged through as any other.

        Args:
            view: The resources that the session sees.
            asked: The search that HAPI makes of the operation.
            path: The request's path.
            parameters: The operation's parameters, of which some say how to show the page.
            linked: True if they came in the URL; the link to itself then has them.
        """
        shown = tuple(pair for pair in parameters if pair[0] in _SHOWING and pair[0] != "_offset")
        query = read_query("Observation", (*asked, *shown))
        hits = view.hits(query)
        question = ("last", view.writes, *query.question)
        known = self._kept.answer_to(question)
        if known is None:
            search_id = self._counter_ids.uuid()
            saved = SavedSearch("Observation", (*asked, *shown), view.frozen(), query.count)
            self._kept.remember(search_id, saved, question)
            page = saved.progress.first_page(one_row_each(len(hits)), query.count, counted=False)
        else:
            search_id, saved = known
            page = saved.progress.later_page(one_row_each(len(hits)), query.count, query.count, query.start)
        link = self_link(self.origin.base_url, path, parameters if linked else ())
        if query.summary == "count":
            return self._located(search_id, self._show_count(query, view, search_id, page.total))
        return self._located(search_id, self._show(query, view, search_id, hits, page, link))

    def _located(self, search_id: str, response: Response) -> Response:
        """Adds the URL of the Bundle, which answers of operations and later pages have."""
        location = f"{self.origin.base_url}/Bundle/{search_id}"
        return Response(response.status, response.body, {**response.headers, "content-location": location})

    def _show_at_once(
        self, query: Query, view: View, link: str, address: str, parameters: Parameters, limit: int
    ) -> Response:
        """Answers a search that is not kept: what was looked up is all that there is, and counts as the total."""
        hits = view.hits(query)
        start, size = query.offset or 0, query.count
        shown = hits.page(start, start + max(1, min(size, limit)))
        entries, brought = self._entries(query, view, shown), self._brought(query, view, shown, view)
        found = len(entries) + len(brought)
        total = len(hits) if query.total == "accurate" else start + found if limit > found else None
        page = offset_page(len(hits), size, start, counted=False)
        before = [each for each in offset_links(page, size, address, parameters) if each[0] != "next"]
        first, last = query.start, query.start + size
        included = brought[max(0, first - len(entries)) : max(0, last - len(entries))]
        links = [("self", link), *before]
        return self._show_entries(query, view, self._counter_ids.uuid(), total, links, entries[first:last], included)

    def _show_keys(
        self, query: Query, view: View, search_id: str, keys: Sequence[Key], page: Page, links: Links
    ) -> Response:
        """Shows a page of what an operation found; ``_elements`` only reduces resources of the type that was asked."""
        entries = [
            self._entry(view, key, _part(query), query.elements if key[0] == query.resource_type else ())
            for key in keys[page.start : page.start + page.size]
            if view.exists(key)
        ]
        return self._show_entries(query, view, search_id, page.total, links, entries)

    def _answer_saved(
        self, query: Query, view: View, search_id: str, saved: SavedSearch, count: int, start: int, link: str | None
    ) -> Response:
        """Answers with a page of a search that was made before."""
        if saved.keys is not None:
            page = saved.progress.later_page(one_row_each(len(saved.keys)), count, saved.count, start)
            links = page_links(query, self.origin.base_url, search_id, page, link, count)
            return self._show_keys(query, view, search_id, saved.keys, page, links)
        found_in = saved.found_in.over(view)
        found = found_in.hits(read_query(saved.resource_type, saved.parameters))
        page = saved.progress.later_page(found, count, saved.count, start)
        return self._show(query, view, search_id, found, page, link, count, found_in)

    def _show(
        self,
        query: Query,
        view: View,
        search_id: str,
        found: Found,
        page: Page,
        link: str | None,
        count: int = 0,
        found_in: View | None = None,
    ) -> Response:
        """Shows a page: the resources that were found when the search was made, as they are now."""
        found_in = found_in or view
        links = page_links(query, self.origin.base_url, search_id, page, link, count)
        hits = found.page(page.start, page.start + page.size)
        if view.writes == found_in.writes:
            entries = self._entries(query, found_in, hits)
        else:
            entries = self._current_entries(query, view, found_in.ids(query.resource_type, hits))
        brought = self._brought(query, view, hits, found_in)
        return self._show_entries(query, view, search_id, page.total, links, entries, brought)

    def _show_count(self, query: Query, view: View, search_id: str, total: int | None) -> Response:
        body = searchset(search_id, self.origin.instant, total, (), (), subsetted=True)
        return self._answer(body, query, view.budget)

    def _show_entries(
        self,
        query: Query,
        view: View,
        search_id: str,
        total: int | None,
        links: Links,
        entries: Entries,
        brought: Entries = (),
    ) -> Response:
        subsetted = query.summary in ("true", "data")
        instant = self.origin.instant
        body = searchset(search_id, instant, total, links, entries, subsetted=subsetted, included=brought)
        return self._answer(body, query, view.budget)

    def _answer(self, body: str, query: Query, budget: Budget) -> Response:
        if not query.pretty:
            budget.spend(len(body) * REWRITTEN)
        headers = {"content-type": FHIR_JSON, "last-modified": self.origin.http_date}
        return Response(200, body if query.pretty else compact(parse_element(body)), headers)

    def _brought(self, query: Query, view: View, hits: Rows, found_in: View) -> Entries:
        """Returns the resources that ``_include`` and ``_revinclude`` add to a page."""
        if not query.includes:
            return ()
        view.budget.spend(len(hits) * ID * (1 + len(query.includes)))
        ids = found_in.ids(query.resource_type, hits)
        matches = [(query.resource_type, logical_id) for logical_id in ids]
        # _elements only hold for the type searched; on later pages HAPI has forgotten that type
        reduced = None if query.elements_of_all else query.resource_type
        return [
            self._entry(view, key, _part(query), query.elements if reduced in (None, key[0]) else ())
            for key in included(query.includes, matches, view)
        ]

    def _entry(self, view: View, key: tuple[str, str], summary: str = "", names: Sequence[str] = ()) -> tuple[str, str]:
        kind, logical_id = key
        text = view.text(key) or ""
        view.budget.spend(ENTRY)
        view.budget.show(len(text), rewritten=bool(summary or names))
        if summary or names:
            text = pretty(subset(parse_element(text), summary, names))
        return f"{self.origin.base_url}/{kind}/{logical_id}", text.replace("\n", "\n    ")

    def _entries(self, query: Query, view: View, hits: Rows) -> Entries:
        found: list[tuple[str, str]] = []
        for start in range(0, len(hits), _AT_A_TIME):
            # piece by piece, so that an answer that would be too long is refused before it is made
            part = hits[start : start + _AT_A_TIME]
            found += self._as_asked(query, view, view.entries(query.resource_type, part))
        return found

    def _current_entries(self, query: Query, view: View, ids: Sequence[str]) -> Entries:
        found: list[tuple[str, str]] = []
        for logical_id in ids:
            text = view.text((query.resource_type, logical_id))
            if text is not None:
                found += self._as_asked(query, view, [(logical_id, text.replace("\n", "\n    "))])
        return found

    def _as_asked(self, query: Query, view: View, entries: Entries) -> Entries:
        prefix = f"{self.origin.base_url}/{query.resource_type}/"
        partly = bool(query.elements or _part(query))
        view.budget.spend(len(entries) * ENTRY)
        view.budget.show(sum(len(text) for _, text in entries), rewritten=partly)
        if partly:
            entries = [
                (i, pretty(subset(parse_element(text), query.summary, query.elements), 2)) for i, text in entries
            ]
        return [(prefix + logical_id, text) for logical_id, text in entries]


def _part(query: Query) -> str:
    """Returns the ``_summary`` that leaves a part of each resource, or an empty text."""
    return query.summary if query.summary in ("true", "text", "data") else ""
