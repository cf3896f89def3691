"""The embedded FHIR server: requests in, responses out, no socket.

A `Server` holds what all sessions share; a `Session` is one private view of it: it begins at the snapshot, sees its own
writes and nobody else's, and goes back on `Session.reset`. Ids, search ids and times come from counters and a simulated
clock, so that equal requests give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import numpy as np

from mab_gym.fhir.base import BaseTable, Rows, parse_element
from mab_gym.fhir.bundle import searchset
from mab_gym.fhir.create import media_type_of, prepare_create
from mab_gym.fhir.definitions import resource_types
from mab_gym.fhir.everything import check_parameters, everything
from mab_gym.fhir.history import check_version, instance_history
from mab_gym.fhir.includes import included
from mab_gym.fhir.json_text import compact, pretty
from mab_gym.fhir.outcome import FhirError, Issue, operation_outcome
from mab_gym.fhir.overlay import Overlay, Write
from mab_gym.fhir.paging import Page, SavedSearch, offset_links, offset_page, page_links
from mab_gym.fhir.parse import parse_resource
from mab_gym.fhir.query import Query, read_query, shown_as
from mab_gym.fhir.search import View
from mab_gym.fhir.subset import subset
from mab_gym.fhir.table import Table
from mab_gym.fhir.url import parse_query, parse_target, self_link
from mab_gym.fhir.xml_text import FHIR_XML, to_xml, wants_xml

FHIR_JSON = "application/fhir+json;charset=UTF-8"
DEFAULT_BASE_URL = "http://localhost:8080/fhir"
_NOT_YET = (("Patient", "$everything"), ("Encounter", "$everything"), ("Observation", "$lastn"))
MOST_SEARCHES = 1000
"""How many searches a session remembers for paging and for asking them again."""
DEFAULT_NOW = datetime(2023, 11, 13, 10, 15, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to the server.

    Attributes:
        method: ``GET`` or ``POST``.
        target: What follows the base URL and its slash, as in ``Observation?patient=S1234567&code=K``.
        headers: By lower-case name.
        body: The request's text.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """What the server answers.

    Attributes:
        status: The HTTP status.
        body: The text, as sent.
        headers: By lower-case name.
    """

    status: int
    body: str
    headers: Mapping[str, str]


class Server:
    """The record system's immutable part, shared by any number of sessions.

    Args:
        tables: The resources, a table for each type.
        base_url: The address under which the server believes to be reached, without a slash at its end.
        now: The simulated clock, timezone-aware; it stands still.
    """

    def __init__(
        self, tables: Mapping[str, Table], base_url: str = DEFAULT_BASE_URL, now: datetime = DEFAULT_NOW
    ) -> None:
        self.tables = {name: BaseTable(table) for name, table in tables.items() if len(table)}
        self.base_url = base_url
        self.now = now.astimezone(UTC)
        self.instant = self.now.isoformat(timespec="milliseconds")
        self.http_date = format_datetime(self.now, usegmt=True)
        numbers = [int(t.table.ids.max()) for t in self.tables.values() if isinstance(t.table.ids, np.ndarray)]
        self.first_free_id = max([1000, sum(map(len, self.tables.values())), *numbers]) + 1

    def open(self) -> Session:
        """A new private view that begins at the snapshot."""
        return Session(self)


class Session:
    """One private view of a `Server`; costs next to nothing until it writes."""

    __slots__ = ("_answered", "_counter", "_overlay", "_searches", "server")

    def __init__(self, server: Server) -> None:
        self.server = server
        self._overlay: Overlay | None = None
        self._searches: dict[str, SavedSearch] | None = None
        self._answered: dict[tuple[object, ...], str] | None = None
        self._counter = 0

    def reset(self) -> None:
        """Goes back to the snapshot: no write, no open search and no counter survives."""
        self._overlay = None
        self._searches = None
        self._answered = None
        self._counter = 0

    @property
    def writes(self) -> Sequence[Write]:
        """What this session has really written, in order."""
        return () if self._overlay is None else self._overlay.writes

    def handle(self, request: Request) -> Response:
        """Answers a request; never raises for anything that a request holds."""
        try:
            response = self._route(request)
        except FhirError as error:
            response = self._refusal(error)
        if "xml" in request.target or "xml" in request.headers.get("accept", ""):
            return _as_asked(request, response)
        return response

    def read(self, resource_type: str, logical_id: str) -> dict[str, Any] | None:
        """A resource as this session sees it, as Python values, or None."""
        return self._view().read((resource_type, logical_id))

    def _route(self, request: Request) -> Response:
        target = parse_target(request.target)
        path, parameters = target.path, target.parameters
        if not path:
            if any(name == "_getpages" and value for name, value in parameters):
                return self._page(dict(parameters))
            if request.method == "POST":
                media_type_of(request.headers.get("content-type"), "TRANSACTION")
                parse_resource(request.body, "Bundle")
                raise FhirError(501, "This server does not process batches and transactions yet")
            if request.target.startswith("/"):
                raise self._unknown_operation(request, ("/",), parameters)
            raise FhirError(
                400,
                "HAPI-0287: This is the base URL of FHIR server. Unable to handle this request, as it does not "
                "contain a resource type or operation name.",
            )
        if path[0] == "metadata":
            if {"_summary", "_elements"} <= {name for name, _ in parameters}:
                raise FhirError(400, "HAPI-0304: Cannot combine the _summary and _elements parameters")
            raise FhirError(501, "This server does not publish its CapabilityStatement yet")
        if path[0].startswith("$"):
            raise self._unknown_operation(request, path, parameters)
        if path[0] not in resource_types():
            raise FhirError(
                404,
                f"HAPI-0302: Unknown resource type '{path[0]}' - Server knows how to handle: "
                f"[{', '.join(resource_types())}]",
            )
        if request.method == "GET":
            if len(path) == 1 or path[1:] == ("_search",):
                return self._search(path[0], parameters, request.target.partition("?")[0])
            if len(path) in (3, 4) and path[2] == "_history" and not path[1].startswith("$"):
                return self._history(request, path, parameters)
            if path[::2] == ("Patient", "$everything"):
                return self._everything(path[1], parameters)
            if path[1].startswith("$") or len(path) > 2:
                if (path[0], path[-1]) in _NOT_YET or path[-1] in ("$validate", "$meta") or "_history" in path:
                    raise FhirError(501, f"This server does not answer {path[-1]} yet")
                raise self._unknown_operation(request, path, parameters)
            if path[1] == "_history":
                raise FhirError(501, "This server does not answer the history of a whole type yet")
            return self._read(request, path, parameters)
        if request.method == "POST":
            if len(path) == 1:
                return self._create(path[0], request)
            if path[1:] == ("_search",):
                return self._search(path[0], parameters + parse_query(request.body), "/".join(path), posted=True)
            if len(path) == 2 and not path[1].startswith("$"):
                raise FhirError(
                    400,
                    f'HAPI-0365: Can not create resource with ID "{path[1]}", ID must not be supplied on a create '
                    "(POST) operation (use an HTTP PUT / update operation if you wish to supply an ID)",
                )
            raise self._unknown_operation(request, path, parameters)
        raise FhirError(501, f"This server does not answer {request.method} requests yet")

    def _unknown_operation(
        self, request: Request, path: Sequence[str], parameters: Sequence[tuple[str, str]]
    ) -> FhirError:
        names = ", ".join(dict.fromkeys(name for name, _ in parameters))
        return FhirError(
            400,
            Issue(
                "Invalid request: The FHIR endpoint on this server does not know how to handle "
                f"{request.method} operation[{'/'.join(path)}] with parameters [[{names}]]",
                code="not-supported",
            ),
        )

    # --- reading -------------------------------------------------------------------------------------------------

    def _read(self, request: Request, path: Sequence[str], parameters: Sequence[tuple[str, str]]) -> Response:
        resource_type, logical_id = path
        control = dict(parameters)
        if any(not name.startswith("_") for name in control):
            raise self._unknown_operation(request, path, parameters)
        _check_format(control.get("_format", ""))
        if not logical_id.strip():
            raise FhirError(500, "HAPI-2223: The validated expression is false")
        text = self._current_text(resource_type, logical_id)
        resource = parse_element(text)
        names = tuple(part for part in control.get("_elements", "").split(",") if part)
        summary = control.get("_summary", "")
        if names or summary in ("true", "text", "data"):
            resource = subset(resource, summary, names)
            text = pretty(resource)
        if control.get("_pretty") == "false":
            text = compact(resource)
        return self._one(200, resource_type, logical_id, resource, text)

    def _history(self, request: Request, path: Sequence[str], parameters: Sequence[tuple[str, str]]) -> Response:
        """All versions of a resource, or one of them (the path's fourth segment)."""
        resource_type, logical_id = path[:2]
        text = self._current_text(resource_type, logical_id)
        version = str(parse_element(text).get("meta", {}).get("versionId", "1"))
        if len(path) == 4:
            check_version(resource_type, logical_id, path[3], version)
            return self._read(request, path[:2], parameters)
        if version != "1":
            raise FhirError(501, "This server does not keep the versions of a resource yet")
        control = dict(parameters)
        _check_format(control.get("_format", ""))
        if any(name not in ("_format", "_pretty") for name in control):
            raise FhirError(501, "This server answers the whole history of a resource alone")
        bundle_id = self._new_uuid()
        base_url = self.server.base_url
        link = self_link(base_url, "/".join(path), parameters)
        full_url = f"{base_url}/{resource_type}/{logical_id}"
        body = instance_history(bundle_id, self.server.instant, link, full_url, resource_type, logical_id, text)
        headers = {
            "content-type": FHIR_JSON,
            "content-location": f"{base_url}/Bundle/{bundle_id}",
            "last-modified": self.server.http_date,
        }
        return Response(200, body if control.get("_pretty") != "false" else compact(parse_element(body)), headers)

    def _current_text(self, resource_type: str, logical_id: str) -> str:
        if self._overlay is not None and (write := self._overlay.find(resource_type, logical_id)):
            return write.text
        table = self.server.tables.get(resource_type)
        row = None if table is None else table.find(logical_id)
        if table is None or row is None:
            raise FhirError(404, f"HAPI-2001: Resource {resource_type}/{logical_id} is not known")
        return table.text(row)

    def _one(
        self, status: int, resource_type: str, logical_id: str, resource: Mapping[str, Any], text: str
    ) -> Response:
        version = resource.get("meta", {}).get("versionId", "1")
        location = f"{self.server.base_url}/{resource_type}/{logical_id}/_history/{version}"
        updated = str(resource.get("meta", {}).get("lastUpdated", self.server.instant))
        headers = {
            "content-type": FHIR_JSON,
            "content-location": location,
            "etag": f'W/"{version}"',
            "last-modified": format_datetime(datetime.fromisoformat(updated).astimezone(UTC), usegmt=True),
        }
        if status == 201:
            headers["location"] = location
        return Response(status, text, headers)

    def _refusal(self, error: FhirError) -> Response:
        return Response(error.status, pretty(operation_outcome(*error.issues)), {"content-type": FHIR_JSON})

    # --- searching -----------------------------------------------------------------------------------------------

    def _view(self) -> View:
        return View(self.server.tables, self._overlay)

    def _search(
        self, resource_type: str, parameters: tuple[tuple[str, str], ...], path: str, *, posted: bool = False
    ) -> Response:
        base_url = self.server.base_url
        query = read_query(resource_type, parameters)
        _check_format(query.format)
        view = self._view()
        link = f"{base_url}/{path}" if posted else self_link(base_url, path, parameters)
        if query.summary == "count":
            total = len(view.hits(query))
            body = searchset(self._new_uuid(), self.server.instant, total, (), (), subsetted=True)
            return self._answer(body, query)
        if query.offset is not None:
            hits = view.hits(query)
            start, end = query.offset, query.offset + query.count
            page = offset_page(len(hits), query.count, start, counted=query.total == "accurate")
            links = [("self", link), *offset_links(page, query.count, f"{base_url}/{path}", parameters)]
            return self._answer_page(query, view, self._new_uuid(), hits[start:end], page.total, links)
        known = None if self._answered is None else self._answered.get(query.question)
        if known is not None and self._searches is not None:
            saved = self._searches[known]
            return self._answer_saved(query, view, known, saved, query.count, query.start, link)
        search_id = self._new_uuid()
        hits = view.hits(query)
        saved = SavedSearch(resource_type, parameters, len(self.writes), query.count)
        counted = query.total == "accurate"
        page = saved.progress.first_page(len(hits), query.count, counted=counted, repeats=view.repeats)
        self._remember(search_id, saved)
        if self._answered is None:
            self._answered = {}
        self._answered[query.question] = search_id
        if query.start:
            return self._answer_saved(query, view, search_id, saved, query.count, query.start, link)
        return self._show(query, view, search_id, hits, page, link)

    def _page(self, control: Mapping[str, str]) -> Response:
        search_id = control["_getpages"]
        saved = (self._searches or {}).get(search_id)
        if saved is None:
            raise FhirError(410, f'HAPI-0417: Search ID "{search_id}" does not exist and may have expired')
        query = read_query(saved.resource_type, saved.parameters)
        query = shown_as(query, control)
        _check_format(query.format)
        try:
            start = max(0, int(control.get("_getpagesoffset") or 0))
            count = max(1, int(control.get("_count") or query.count))
        except ValueError:
            raise FhirError(400, "HAPI-0375: Invalid _count value: " + control.get("_count", "")) from None
        return self._answer_saved(query, self._view(), search_id, saved, count, start, None)

    def _everything(self, logical_id: str, parameters: tuple[tuple[str, str], ...]) -> Response:
        check_parameters(dict(parameters))
        query = read_query("Patient", parameters)
        self._current_text("Patient", logical_id)
        view = self._view()
        keys = everything(("Patient", logical_id), view)
        search_id = self._new_uuid()
        saved = SavedSearch("Patient", parameters, len(self.writes), query.count, keys=keys)
        page = saved.progress.first_page(len(keys), query.count, counted=False)
        self._remember(search_id, saved)
        link = self_link(self.server.base_url, f"Patient/{logical_id}/$everything", parameters)
        response = self._show_keys(query, search_id, keys, page, link)
        location = f"{self.server.base_url}/Bundle/{search_id}"
        return Response(200, response.body, {**response.headers, "content-location": location})

    def _show_keys(
        self,
        query: Query,
        search_id: str,
        keys: Sequence[tuple[str, str]],
        page: Page,
        link: str | None,
        count: int = 0,
    ) -> Response:
        shown = [self._entry(key) for key in keys[page.start : page.start + page.size]]
        links = page_links(query, self.server.base_url, search_id, page, link, count)
        return self._answer(searchset(search_id, self.server.instant, page.total, links, shown), query)

    def _remember(self, search_id: str, saved: SavedSearch) -> None:
        if self._searches is None or len(self._searches) >= MOST_SEARCHES:
            self._searches, self._answered = {}, {}
        self._searches[search_id] = saved

    def _answer_saved(
        self, query: Query, view: View, search_id: str, saved: SavedSearch, count: int, start: int, link: str | None
    ) -> Response:
        """A page of a search that was made before."""
        if saved.keys is not None:
            page = saved.progress.later_page(len(saved.keys), count, saved.count, start)
            return self._show_keys(query, search_id, saved.keys, page, link, count)
        asked = read_query(saved.resource_type, saved.parameters)
        hits = view.hits(asked, saved.watermark)
        page = saved.progress.later_page(len(hits), count, saved.count, start, view.repeats)
        return self._show(query, view, search_id, hits, page, link, count)

    def _show(
        self, query: Query, view: View, search_id: str, hits: Rows, page: Page, link: str | None, count: int = 0
    ) -> Response:
        links = page_links(query, self.server.base_url, search_id, page, link, count)
        shown = hits[page.start : page.start + page.size]
        return self._answer_page(query, view, search_id, shown, page.total, links)

    def _answer_page(
        self, query: Query, view: View, search_id: str, hits: Rows, total: int | None, links: Sequence[tuple[str, str]]
    ) -> Response:
        brought = self._included(query, view, hits) if query.includes else ()
        body = searchset(
            search_id,
            self.server.instant,
            total,
            links,
            self._entries(query, hits),
            subsetted=query.summary in ("true", "data"),
            included=brought,
        )
        return self._answer(body, query)

    def _answer(self, body: str, query: Query) -> Response:
        headers = {"content-type": FHIR_JSON, "last-modified": self.server.http_date}
        return Response(200, body if query.pretty else compact(parse_element(body)), headers)

    def _included(self, query: Query, view: View, hits: Rows) -> list[tuple[str, str]]:
        matches = [(query.resource_type, logical_id) for logical_id in view.ids(query.resource_type, hits)]
        summary = query.summary if query.summary in ("true", "text", "data") else ""
        return [self._entry(key, summary) for key in included(query.includes, matches, view)]

    def _entry(self, key: tuple[str, str], summary: str = "") -> tuple[str, str]:
        kind, logical_id = key
        text = self._current_text(kind, logical_id)
        if summary:
            text = pretty(subset(parse_element(text), summary, ()))
        return f"{self.server.base_url}/{kind}/{logical_id}", text.replace("\n", "\n    ")

    def _entries(self, query: Query, page: Rows) -> list[tuple[str, str]]:
        table = self.server.tables.get(query.resource_type)
        size = 0 if table is None else len(table)
        prefix = f"{self.server.base_url}/{query.resource_type}/"
        stored = page[page < size]
        ready: list[tuple[str, str]] = []
        if table is not None and len(stored):
            ready = [(prefix + i, text) for i, text in zip(table.ids(stored), table.entries(stored), strict=True)]
        if len(stored) < len(page):
            waiting = iter(ready)
            ready = [
                next(waiting) if hit < size else self._written_entry(prefix, self.writes[hit - size])
                for hit in page.tolist()
            ]
        if query.elements or query.summary in ("true", "text", "data"):
            return [(url, pretty(subset(parse_element(text), query.summary, query.elements), 2)) for url, text in ready]
        return ready

    @staticmethod
    def _written_entry(prefix: str, write: Write) -> tuple[str, str]:
        return prefix + write.logical_id, write.text.replace("\n", "\n    ")

    # --- writing -------------------------------------------------------------------------------------------------

    def _create(self, resource_type: str, request: Request) -> Response:
        prefer = request.headers.get("prefer", "")
        if "if-none-exist" in request.headers or "return=OperationOutcome" in prefer:
            raise FhirError(501, "This server does not answer If-None-Exist and Prefer: return=OperationOutcome yet")
        resource = prepare_create(resource_type, request.headers, request.body, self._exists, self.server.base_url)
        if self._overlay is None:
            self._overlay = Overlay()
        # HAPI would go on answering a search from its cache for a minute; this server sees what was written at once.
        self._answered = None
        logical_id = str(self.server.first_free_id + len(self._overlay.writes))
        supplied = resource.pop("meta", {})
        source = f"{supplied.get('source', '')}#{self._new_text(16)}"
        meta = {"versionId": "1", "lastUpdated": self.server.instant, "source": source}
        kept = {name: value for name, value in supplied.items() if name not in meta}
        stored = {"resourceType": resource_type, "id": logical_id, "meta": {**meta, **kept}}
        stored.update((name, value) for name, value in resource.items() if name not in stored)
        write = self._overlay.add("create", resource_type, logical_id, stored)
        response = self._one(201, resource_type, logical_id, stored, write.text)
        if "return=minimal" in prefer:
            headers = {name: value for name, value in response.headers.items() if name != "content-type"}
            return Response(201, "", headers)
        return response

    def _exists(self, resource_type: str, logical_id: str) -> bool:
        if self._overlay is not None and (write := self._overlay.find(resource_type, logical_id)):
            return write.resource is not None
        table = self.server.tables.get(resource_type)
        return table is not None and table.find(logical_id) is not None

    # --- what a real server draws by chance, from a counter ------------------------------------------------------

    def _next_digest(self) -> bytes:
        self._counter += 1
        return hashlib.blake2b(self._counter.to_bytes(8, "big"), digest_size=16, person=b"mab_gym").digest()

    def _new_uuid(self) -> str:
        text = self._next_digest().hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def _new_text(self, length: int) -> str:
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        return "".join(alphabet[byte % 62] for byte in self._next_digest())[:length]


def _as_asked(request: Request, response: Response) -> Response:
    """The response in XML, where the request asks for that."""
    parameters = parse_target(request.target).parameters
    formats = [value for name, value in parameters if name == "_format"]
    if not response.body or not wants_xml(formats, request.headers.get("accept", "")):
        return response
    plain = any(pair == ("_pretty", "false") for pair in parameters)
    text = to_xml(parse_element(response.body), pretty=not plain)
    return Response(response.status, text, {**response.headers, "content-type": FHIR_XML})


def _check_format(text: str) -> None:
    """Refuses formats that HAPI has and this server does not; HAPI itself takes what it does not know for JSON."""
    if "html" in text or "turtle" in text or text == "ttl":
        raise FhirError(501, "This server answers in JSON and XML alone")


def load_json_lines(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Parses one resource a line."""
    return [json.loads(line) for line in lines if line.strip()]
