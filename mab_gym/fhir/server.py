"""The embedded FHIR server: requests in, responses out, no socket.

A `Server` holds what all sessions share; a `Session` is one private view of it: it begins at the snapshot, sees its own
writes and nobody else's, and goes back on `Session.reset`. Ids, search ids and times come from counters and a simulated
clock, so that equal requests give equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import numpy as np

from mab_gym.fhir.base import BaseTable, parse_element
from mab_gym.fhir.chance import Chance
from mab_gym.fhir.create import media_type_of, prepare_create
from mab_gym.fhir.definitions import resource_types
from mab_gym.fhir.exchange import FHIR_JSON, Origin, Request, Response
from mab_gym.fhir.history import check_version, instance_history
from mab_gym.fhir.json_text import compact, pretty
from mab_gym.fhir.outcome import FhirError, Issue, operation_outcome
from mab_gym.fhir.overlay import Overlay, Write
from mab_gym.fhir.parse import parse_resource
from mab_gym.fhir.search import View
from mab_gym.fhir.searching import Searches, check_format
from mab_gym.fhir.subset import subset
from mab_gym.fhir.table import Table
from mab_gym.fhir.url import parse_query, parse_target, self_link
from mab_gym.fhir.xml_text import FHIR_XML, to_xml, wants_xml

DEFAULT_BASE_URL = "http://localhost:8080/fhir"
_NOT_YET = (("Patient", "$everything"), ("Encounter", "$everything"), ("Observation", "$lastn"))
DEFAULT_NOW = datetime(2023, 11, 13, 10, 15, tzinfo=UTC)


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
        self.origin = Origin(base_url, self.instant, self.http_date)
        numbers = [int(t.table.ids.max()) for t in self.tables.values() if isinstance(t.table.ids, np.ndarray)]
        self.first_free_id = max([1000, sum(map(len, self.tables.values())), *numbers]) + 1

    def open(self) -> Session:
        """A new private view that begins at the snapshot."""
        return Session(self)


class Session:
    """One private view of a `Server`; costs next to nothing until it writes."""

    __slots__ = ("_chance", "_overlay", "_searches", "server")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.reset()

    def reset(self) -> None:
        """Goes back to the snapshot: no write, no open search and no counter survives."""
        self._overlay: Overlay | None = None
        self._searches: Searches | None = None
        self._chance = Chance()

    @property
    def writes(self) -> Sequence[Write]:
        """What this session has really written, in order."""
        return () if self._overlay is None else self._overlay.writes

    def handle(self, request: Request) -> Response:
        """Answers a request; never raises for anything that a request holds."""
        try:
            response = self._route(request)
        except FhirError as error:
            response = self._refusal(request, error)
        if "xml" in request.target or "xml" in request.headers.get("accept", ""):
            return _as_asked(request, response)
        return response

    def read(self, resource_type: str, logical_id: str) -> dict[str, Any] | None:
        """A resource as this session sees it, as Python values, or None."""
        return self._view().read((resource_type, logical_id))

    def _view(self) -> View:
        return View(self.server.tables, self._overlay)

    def _searched(self) -> Searches:
        if self._searches is None:
            self._searches = Searches(self.server.origin, self._chance)
        return self._searches

    def _route(self, request: Request) -> Response:
        target = parse_target(request.target)
        path, parameters = target.path, target.parameters
        if not path:
            if any(name == "_getpages" and value for name, value in parameters):
                return self._searched().page(self._view(), parameters)
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
                return self._searched().search(self._view(), path[0], parameters, request.target.partition("?")[0])
            if len(path) in (3, 4) and path[2] == "_history" and not path[1].startswith("$"):
                return self._history(request, path, parameters)
            if path[::2] == ("Patient", "$everything"):
                self._current_text(*path[:2])
                return self._searched().everything(self._view(), path[1], parameters)
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
                parameters += parse_query(request.body)
                return self._searched().search(self._view(), path[0], parameters, "/".join(path), posted=True)
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
        check_format(control.get("_format", ""))
        if not logical_id.strip():
            raise FhirError(500, "HAPI-2223: The validated expression is false")
        text = self._current_text(resource_type, logical_id)
        resource = parse_element(text)
        names = tuple(part for part in control.get("_elements", "").split(",") if part)
        summary = control.get("_summary", "")
        if summary == "text":
            response = self._one(200, resource_type, logical_id, resource, resource.get("text", {}).get("div", "null"))
            return Response(200, response.body, {**response.headers, "content-type": "text/html;charset=UTF-8"})
        if names or summary in ("true", "text", "data"):
            resource = subset(resource, summary, names)
            text = pretty(resource)
        if control.get("_pretty", "true") != "true":
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
        check_format(control.get("_format", ""))
        if any(name not in ("_format", "_pretty") for name in control):
            raise FhirError(501, "This server answers the whole history of a resource alone")
        bundle_id = self._chance.uuid()
        base_url = self.server.base_url
        link = self_link(base_url, "/".join(path), parameters)
        full_url = f"{base_url}/{resource_type}/{logical_id}"
        body = instance_history(bundle_id, self.server.instant, link, full_url, resource_type, logical_id, text)
        headers = {
            "content-type": FHIR_JSON,
            "content-location": f"{base_url}/Bundle/{bundle_id}",
            "last-modified": self.server.http_date,
        }
        return Response(
            200, body if control.get("_pretty", "true") == "true" else compact(parse_element(body)), headers
        )

    def _current_text(self, resource_type: str, logical_id: str) -> str:
        text = self._view().text((resource_type, logical_id))
        if text is None:
            raise FhirError(404, f"HAPI-2001: Resource {resource_type}/{logical_id} is not known")
        return text

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

    def _refusal(self, request: Request, error: FhirError) -> Response:
        asked = dict(parse_target(request.target).parameters).get("_pretty", "true")
        write = pretty if asked == "true" else compact
        return Response(error.status, write(operation_outcome(*error.issues)), {"content-type": FHIR_JSON})

    # --- writing -------------------------------------------------------------------------------------------------

    def _create(self, resource_type: str, request: Request) -> Response:
        prefer = request.headers.get("prefer", "")
        if "if-none-exist" in request.headers or "return=OperationOutcome" in prefer:
            raise FhirError(501, "This server does not answer If-None-Exist and Prefer: return=OperationOutcome yet")
        resource = prepare_create(resource_type, request.headers, request.body, self._exists, self.server.base_url)
        if self._overlay is None:
            self._overlay = Overlay()
        if self._searches is not None:
            self._searches.forget_answers()
        logical_id = str(self.server.first_free_id + len(self._overlay.writes))
        supplied = resource.pop("meta", {})
        source = f"{supplied.get('source', '')}#{self._chance.text(16)}"
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
        return self._view().exists((resource_type, logical_id))


def _as_asked(request: Request, response: Response) -> Response:
    """The response in XML, where the request asks for that."""
    parameters = parse_target(request.target).parameters
    formats = [value for name, value in parameters if name == "_format"]
    if not response.body or not wants_xml(formats, request.headers.get("accept", "")):
        return response
    plain = any(name == "_pretty" and value != "true" for name, value in parameters)
    text = to_xml(parse_element(response.body), pretty=not plain)
    return Response(response.status, text, {**response.headers, "content-type": FHIR_XML})


__all__ = ["DEFAULT_BASE_URL", "DEFAULT_NOW", "Request", "Response", "Server", "Session"]
