"""A session's searches: answering them, remembering them for paging and for being asked again (as HAPI does)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from mab_gym.fhir.base import Rows, parse_element
from mab_gym.fhir.bundle import searchset
from mab_gym.fhir.chance import Chance
from mab_gym.fhir.everything import check_parameters, everything
from mab_gym.fhir.exchange import FHIR_JSON, Origin, Response
from mab_gym.fhir.includes import included
from mab_gym.fhir.json_text import compact, pretty
from mab_gym.fhir.outcome import FhirError
from mab_gym.fhir.paging import Page, SavedSearch, offset_links, offset_page, page_links
from mab_gym.fhir.query import LARGEST_PAGE, Query, read_query, shown_as
from mab_gym.fhir.search import View
from mab_gym.fhir.subset import subset
from mab_gym.fhir.url import self_link

Parameters = tuple[tuple[str, str], ...]

MOST_SEARCHES = 1000
"""How many searches a session remembers for paging and for asking them again."""


class Searches:
    """What a session has searched.

    Args:
        origin: Where and when answers are given.
        chance: Gives search ids.
    """

    __slots__ = ("_answered", "_chance", "_origin", "_saved")

    def __init__(self, origin: Origin, chance: Chance) -> None:
        self._origin = origin
        self._chance = chance
        self._saved: dict[str, SavedSearch] = {}
        self._answered: dict[tuple[object, ...], str] = {}

    def forget_answers(self) -> None:
        """Makes repeated searches look anew; pages of earlier ones stay as they were.

        HAPI would go on answering from its cache for a minute; here what was written is seen at once.
        """
        self._answered.clear()

    def search(
        self, view: View, resource_type: str, parameters: Parameters, path: str, *, posted: bool = False
    ) -> Response:
        """Answers a search with its first page.

        Args:
            view: What can be seen.
            resource_type: What is searched.
            parameters: Names and values, decoded.
            path: The request's path, for the link to itself.
            posted: Whether the parameters came in a form, in which case the link leaves them out.

        Raises:
            FhirError: HAPI refuses the search, or this server does not know how.
        """
        base_url = self._origin.base_url
        query = read_query(resource_type, parameters)
        check_format(query.format)
        link = f"{base_url}/{path}" if posted else self_link(base_url, path, parameters)
        if query.summary == "count":
            total = len(view.hits(query))
            body = searchset(self._chance.uuid(), self._origin.instant, total, (), (), subsetted=True)
            return self._answer(body, query)
        if query.offset is not None:
            hits = view.hits(query)
            start, end = query.offset, query.offset + query.count
            page = offset_page(len(hits), query.count, start, counted=query.total == "accurate")
            links = [("self", link), *offset_links(page, query.count, f"{base_url}/{path}", parameters)]
            return self._answer_page(query, view, self._chance.uuid(), hits[start:end], page.total, links)
        known = self._answered.get(query.question)
        if known is not None:
            saved = self._saved[known]
            return self._answer_saved(query, view, known, saved, query.count, query.start, link)
        search_id = self._chance.uuid()
        hits = view.hits(query)
        saved = SavedSearch(resource_type, parameters, view.writes, query.count)
        counted = query.total == "accurate"
        page = saved.progress.first_page(len(hits), query.count, counted=counted, repeats=view.repeats)
        self._remember(search_id, saved)
        self._answered[query.question] = search_id
        if query.start:
            return self._answer_saved(query, view, search_id, saved, query.count, query.start, link)
        return self._show(query, view, search_id, hits, page, link)

    def page(self, view: View, parameters: Parameters) -> Response:
        """Answers a ``_getpages`` link.

        Raises:
            FhirError: 410 where no such search is remembered.
        """
        control = dict(parameters)
        search_id = control["_getpages"]
        saved = self._saved.get(search_id)
        if saved is None:
            raise FhirError(410, f'HAPI-0417: Search ID "{search_id}" does not exist and may have expired')
        query = read_query(saved.resource_type, saved.parameters)
        query = shown_as(query, control)
        check_format(query.format)
        try:
            start = max(0, int(control.get("_getpagesoffset") or 0))
            count = min(max(1, int(control.get("_count") or query.count)), LARGEST_PAGE)
        except ValueError:
            raise FhirError(400, "HAPI-0375: Invalid _count value: " + control.get("_count", "")) from None
        link = "&".join(f"{name}={quote(value, safe='-_.*~,')}" for name, value in parameters)
        return self._answer_saved(query, view, search_id, saved, count, start, f"{self._origin.base_url}?{link}")

    def everything(self, view: View, logical_id: str, parameters: Parameters) -> Response:
        """Answers ``Patient/[id]/$everything`` for a patient who exists."""
        check_parameters(dict(parameters))
        query = read_query("Patient", parameters)
        keys = everything(("Patient", logical_id), view)
        search_id = self._chance.uuid()
        saved = SavedSearch("Patient", parameters, view.writes, query.count, keys=keys)
        page = saved.progress.first_page(len(keys), query.count, counted=False)
        self._remember(search_id, saved)
        link = self_link(self._origin.base_url, f"Patient/{logical_id}/$everything", parameters)
        response = self._show_keys(query, view, search_id, keys, page, link)
        location = f"{self._origin.base_url}/Bundle/{search_id}"
        return Response(200, response.body, {**response.headers, "content-location": location})

    def _show_keys(
        self,
        query: Query,
        view: View,
        search_id: str,
        keys: Sequence[tuple[str, str]],
        page: Page,
        link: str | None,
        count: int = 0,
    ) -> Response:
        shown = [self._entry(view, key) for key in keys[page.start : page.start + page.size]]
        links = page_links(query, self._origin.base_url, search_id, page, link, count)
        return self._answer(searchset(search_id, self._origin.instant, page.total, links, shown), query)

    def _remember(self, search_id: str, saved: SavedSearch) -> None:
        if len(self._saved) >= MOST_SEARCHES:
            self._saved.clear()
            self._answered.clear()
        self._saved[search_id] = saved

    def _answer_saved(
        self, query: Query, view: View, search_id: str, saved: SavedSearch, count: int, start: int, link: str | None
    ) -> Response:
        """A page of a search that was made before."""
        if saved.keys is not None:
            page = saved.progress.later_page(len(saved.keys), count, saved.count, start)
            return self._show_keys(query, view, search_id, saved.keys, page, link, count)
        asked = read_query(saved.resource_type, saved.parameters)
        hits = view.hits(asked, saved.watermark)
        page = saved.progress.later_page(len(hits), count, saved.count, start, view.repeats)
        return self._show(query, view, search_id, hits, page, link, count)

    def _show(
        self, query: Query, view: View, search_id: str, hits: Rows, page: Page, link: str | None, count: int = 0
    ) -> Response:
        links = page_links(query, self._origin.base_url, search_id, page, link, count)
        shown = hits[page.start : page.start + page.size]
        return self._answer_page(query, view, search_id, shown, page.total, links)

    def _answer_page(
        self, query: Query, view: View, search_id: str, hits: Rows, total: int | None, links: Sequence[tuple[str, str]]
    ) -> Response:
        brought = self._included(query, view, hits) if query.includes else ()
        body = searchset(
            search_id,
            self._origin.instant,
            total,
            links,
            self._entries(query, view, hits),
            subsetted=query.summary in ("true", "data"),
            included=brought,
        )
        return self._answer(body, query)

    def _answer(self, body: str, query: Query) -> Response:
        headers = {"content-type": FHIR_JSON, "last-modified": self._origin.http_date}
        return Response(200, body if query.pretty else compact(parse_element(body)), headers)

    def _included(self, query: Query, view: View, hits: Rows) -> list[tuple[str, str]]:
        matches = [(query.resource_type, logical_id) for logical_id in view.ids(query.resource_type, hits)]
        summary = query.summary if query.summary in ("true", "text", "data") else ""
        # Elements are those of the type searched; on later pages HAPI has forgotten which that was.
        reduced = None if query.elements_of_all else query.resource_type
        return [
            self._entry(view, key, summary, query.elements if reduced in (None, key[0]) else ())
            for key in included(query.includes, matches, view)
        ]

    def _entry(self, view: View, key: tuple[str, str], summary: str = "", names: Sequence[str] = ()) -> tuple[str, str]:
        kind, logical_id = key
        text = view.text(key) or ""
        if summary or names:
            text = pretty(subset(parse_element(text), summary, names))
        return f"{self._origin.base_url}/{kind}/{logical_id}", text.replace("\n", "\n    ")

    def _entries(self, query: Query, view: View, hits: Rows) -> list[tuple[str, str]]:
        prefix = f"{self._origin.base_url}/{query.resource_type}/"
        entries = view.entries(query.resource_type, hits)
        if query.elements or query.summary in ("true", "text", "data"):
            entries = [
                (i, pretty(subset(parse_element(text), query.summary, query.elements), 2)) for i, text in entries
            ]
        return [(prefix + logical_id, text) for logical_id, text in entries]


def check_format(text: str) -> None:
    """Refuses formats that HAPI has and this server does not; HAPI itself takes what it does not know for JSON.

    Raises:
        FhirError: 501.
    """
    if "html" in text or "turtle" in text or text == "ttl":
        raise FhirError(501, "This server answers in JSON and XML alone")
