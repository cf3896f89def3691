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

from mab_gym.fhir.base import BaseTable, Rows, parse_element, sort_value
from mab_gym.fhir.bundle import searchset
from mab_gym.fhir.create import media_type_of, prepare_create
from mab_gym.fhir.definitions import SearchParameter, resource_types
from mab_gym.fhir.json_text import compact, pretty
from mab_gym.fhir.matching import Filter
from mab_gym.fhir.outcome import FhirError, Issue, operation_outcome
from mab_gym.fhir.overlay import Overlay, Write
from mab_gym.fhir.query import Query, read_query
from mab_gym.fhir.subset import subset
from mab_gym.fhir.table import Table
from mab_gym.fhir.url import encode, parse_query, parse_target, self_link
from mab_gym.fhir.values import Reference, Value, read_values
from mab_gym.fhir.parse import parse_resource
from mab_gym.fhir.paths import compile_paths

FHIR_JSON = "application/fhir+json;charset=UTF-8"
DEFAULT_BASE_URL = "http://localhost:8080/fhir"
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

    __slots__ = ("_counter", "_overlay", "_searches", "server")

    def __init__(self, server: Server) -> None:
        self.server = server
        self._overlay: Overlay | None = None
        self._searches: dict[str, tuple[str, tuple[tuple[str, str], ...], int]] | None = None
        self._counter = 0

    def reset(self) -> None:
        """Goes back to the snapshot: no write, no open search and no counter survives."""
        self._overlay = None
        self._searches = None
        self._counter = 0

    @property
    def writes(self) -> Sequence[Write]:
        """What this session has really written, in order."""
        return () if self._overlay is None else self._overlay.writes

    def handle(self, request: Request) -> Response:
        """Answers a request; never raises for anything that a request holds."""
        try:
            return self._route(request)
        except FhirError as error:
            return self._refusal(error)

    def read(self, resource_type: str, logical_id: str) -> dict[str, Any] | None:
        """A resource as this session sees it, as Python values, or None."""
        if self._overlay is not None and (write := self._overlay.find(resource_type, logical_id)):
            return write.resource
        table = self.server.tables.get(resource_type)
        row = None if table is None else table.find(logical_id)
        return None if table is None or row is None else table.resource(row)

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
            raise FhirError(
                400,
                "HAPI-0287: This is the base URL of FHIR server. Unable to handle this request, as it does not "
                "contain a resource type or operation name.",
            )
        if path[0] == "metadata":
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
                return self._search(path[0], parameters)
            if path[1].startswith("$") or len(path) > 2:
                if path[-1] in ("$everything", "$lastn") or "_history" in path:
                    raise FhirError(501, f"This server does not answer {path[-1]} yet")
                raise self._unknown_operation(request, path, parameters)
            return self._read(request, path, parameters)
        if request.method == "POST":
            if len(path) == 1:
                return self._create(path[0], request)
            if path[1:] == ("_search",):
                return self._search(path[0], parameters + parse_query(request.body))
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
        if "xml" in control.get("_format", ""):
            raise FhirError(501, "This server answers in JSON alone")
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

    def _current_text(self, resource_type: str, logical_id: str) -> str:
        if self._overlay is not None and (write := self._overlay.find(resource_type, logical_id)):
            return write.text
        table = self.server.tables.get(resource_type)
        row = None if table is None else table.find(logical_id)
        if table is None or row is None:
            raise FhirError(404, f"HAPI-2001: Resource {resource_type}/{logical_id} is not known")
        return table.text(row)

    def _one(self, status: int, resource_type: str, logical_id: str, resource: Mapping[str, Any], text: str) -> Response:
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

    def _search(self, resource_type: str, parameters: tuple[tuple[str, str], ...]) -> Response:
        query = read_query(resource_type, parameters, self.server.base_url)
        if "xml" in query.format or "html" in query.format:
            raise FhirError(501, "This server answers in JSON alone")
        search_id = self._new_uuid()
        hits = self._hits(query, None)
        link = self_link(self.server.base_url, resource_type, parameters)
        return self._answer_search(query, parameters, search_id, hits, 0, link)

    def _page(self, control: Mapping[str, str]) -> Response:
        search_id = control["_getpages"]
        saved = (self._searches or {}).get(search_id)
        if saved is None:
            raise FhirError(410, f'HAPI-0417: Search ID "{search_id}" does not exist and may have expired')
        resource_type, parameters, watermark = saved
        query = read_query(resource_type, parameters, self.server.base_url)
        try:
            offset = max(0, int(control.get("_getpagesoffset") or 0))
            count = max(1, int(control.get("_count") or query.count))
        except ValueError:
            raise FhirError(400, "HAPI-0375: Invalid _count value: " + control.get("_count", "")) from None
        if count != query.count:
            query = read_query(resource_type, (*parameters, ("_count", str(count))), self.server.base_url)
        hits = self._hits(query, watermark)
        return self._answer_search(query, parameters, search_id, hits, offset, None)

    def _hits(self, query: Query, until: int | None) -> Rows:
        """The matches in order: rows of the base, and numbers of writes counted on from the base's size."""
        table = self.server.tables.get(query.resource_type)
        filters = [*query.filters, *(self._resolve(query.resource_type, chain, until) for chain in query.chains)]
        rows = np.empty(0, dtype=np.intp) if table is None else table.search(filters)
        size = 0 if table is None else len(table)
        extra: list[int] = []
        if self._overlay is not None:
            replaced = []
            for number, write in self._overlay.touched(query.resource_type, until):
                if table is not None and (row := table.find(write.logical_id)) is not None:
                    replaced.append(row)
                if write.resource is not None and all(wanted.accepts(write.resource) for wanted in filters):
                    extra.append(size + number)
            if replaced:
                rows = rows[~np.isin(rows, replaced)]
        hits = np.concatenate((rows, np.array(extra, dtype=np.intp))) if extra else rows
        return self._sorted(query, table, size, hits) if query.sort and len(hits) else hits

    def _resolve(self, resource_type: str, chain: Any, until: int | None) -> Filter:
        """A chained search as a filter on the reference: the ids that the search of its target finds."""
        inner = read_query(chain.target_type, chain.parameters, self.server.base_url)
        hits = self._hits(inner, until)
        table = self.server.tables.get(chain.target_type)
        size = 0 if table is None else len(table)
        found = set(table.ids(hits[hits < size])) if table is not None else set()
        found |= {self.writes[number - size].logical_id for number in hits[hits >= size].tolist()}

        def points_there(value: Reference) -> bool:
            return value.target_type == chain.target_type and value.target_id in found

        key = (resource_type, chain.reference.name, chain.target_type, *sorted(found))
        return Filter(chain.reference, key, (points_there,))

    def _sorted(self, query: Query, table: BaseTable | None, size: int, hits: Rows) -> Rows:
        """Sorts stably, the weakest key first; matches without a value come last either way."""
        order = np.arange(len(hits))
        for parameter, descending in reversed(query.sort):
            instants = None
            if table is not None and parameter.type == "date" and bool((hits < size).all()):
                instants = table.instant_order(hits, parameter)
            if instants is not None:
                keys = -instants if descending else instants
            else:
                keys = _ranks([self._sort_key(table, size, int(hit), parameter, descending) for hit in hits], descending)
            order = order[np.argsort(keys[order], kind="stable")]
        return hits[order]

    def _sort_key(self, table: BaseTable | None, size: int, hit: int, parameter: SearchParameter, down: bool) -> Any:
        if parameter.name == "_id":
            return table.ids(np.array([hit]))[0] if table is not None and hit < size else self.writes[hit - size].logical_id
        if table is not None and hit < size:
            return sort_value(table.values(hit, parameter), descending=down)
        resource = self.writes[hit - size].resource or {}
        values: list[Value] = [
            value
            for path in compile_paths(resource["resourceType"], parameter.expression)
            for node in path.nodes(resource.get(path.top))
            for value in read_values(parameter.type, node)
        ]
        return sort_value(values, descending=down)

    def _answer_search(
        self,
        query: Query,
        parameters: tuple[tuple[str, str], ...],
        search_id: str,
        hits: Rows,
        offset: int,
        link: str | None,
    ) -> Response:
        headers = {"content-type": FHIR_JSON, "last-modified": self.server.http_date}
        if query.summary == "count":
            body = searchset(search_id, self.server.instant, len(hits), (), (), subsetted=True)
            return Response(200, self._shape(body, query), headers)
        page = hits[offset : offset + query.count]
        more = offset + query.count < len(hits)

        def page_link(start: int) -> str:
            extras = f"&_format={encode(query.format)}" if query.format else ""
            pretty_flag = "&_pretty=true" if query.pretty else ""
            chosen = f"&_elements={','.join(sorted(query.elements))}" if query.elements else ""
            return (
                f"{self.server.base_url}?_getpages={search_id}&_getpagesoffset={start}&_count={query.count}{extras}"
                f"{pretty_flag}&_bundletype=searchset{chosen}"
            )

        links = [("self", link if link is not None else page_link(offset))]
        if more:
            links.append(("next", page_link(offset + query.count)))
            if self._searches is None:
                self._searches = {}
            watermark = len(self.writes)
            self._searches.setdefault(search_id, (query.resource_type, parameters, watermark))
        if offset > 0:
            links.append(("previous", page_link(max(0, offset - query.count))))
        # HAPI knows the total only where the first page took in everything, or where it is asked to count.
        known = len(hits) < query.count and offset == 0
        total = len(hits) if known or query.total == "accurate" else None
        body = searchset(
            search_id,
            self.server.instant,
            total,
            links,
            self._entries(query, page),
            subsetted=query.summary in ("true", "text", "data"),
        )
        return Response(200, self._shape(body, query), headers)

    def _shape(self, body: str, query: Query) -> str:
        return body if query.pretty else compact(parse_element(body))

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
            return [
                (url, pretty(subset(parse_element(text), query.summary, query.elements), 2)) for url, text in ready
            ]
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


def _ranks(keys: Sequence[Any], descending: bool) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Numbers that sort as the keys do (falling where descending), None after all others."""
    distinct = sorted({key for key in keys if key is not None})
    rank = {key: len(distinct) - place if descending else place for place, key in enumerate(distinct)}
    return np.array([len(distinct) + 1 if key is None else rank[key] for key in keys], dtype=np.int64)


def load_json_lines(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Parses one resource a line."""
    return [json.loads(line) for line in lines if line.strip()]
