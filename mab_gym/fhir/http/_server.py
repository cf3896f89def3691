"""The embedded FHIR server: requests in, responses out, no socket.

A `FhirServer` holds what all sessions share. A `FhirSession` is one private view of it: it begins at the snapshot, sees
only its own writes, and goes back to the snapshot on `FhirSession.reset`. Ids, search ids and times come from counters
and a simulated clock, so that equal requests give equal bytes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import numpy as np

from mab_gym.fhir.hapi._hashes import parameter_order
from mab_gym.fhir.http._asked import read_path
from mab_gym.fhir.http._bodies import read_resource
from mab_gym.fhir.http._capabilities import metadata, read_definition
from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response, ServerOrigin
from mab_gym.fhir.http._export import bulk_export, export_file
from mab_gym.fhir.http._formats import in_format
from mab_gym.fhir.http._histories import asked_history, history
from mab_gym.fhir.http._operations import operate
from mab_gym.fhir.http._patching import patch
from mab_gym.fhir.http._preconditions import most_at_once, preferred_return
from mab_gym.fhir.http._reading import DeletedError, read, read_version, resource_headers
from mab_gym.fhir.http._request_line import check_escapes, form_parameters, refused
from mab_gym.fhir.http._shaping import as_asked
from mab_gym.fhir.http._transactions import process
from mab_gym.fhir.http._world import World
from mab_gym.fhir.http._writing import Done, create, delete, delete_matching, update, update_matching
from mab_gym.fhir.model._definitions import check_own_parameters, load_definitions, resource_types, type_names
from mab_gym.fhir.model._json_text import compact, nests_too_deeply, pretty
from mab_gym.fhir.model._outcome import FhirError, Issue, operation_outcome, sanitized
from mab_gym.fhir.model._url import Parameters, parse_target
from mab_gym.fhir.store._base import BaseTable
from mab_gym.fhir.store._budget import DEFAULT_LIMITS, UNLIMITED, Budget, RequestLimits, body_work
from mab_gym.fhir.store._table import IntArray, Positions, Table

_log = logging.getLogger(__name__)
OWN_FAULT = "mab_gym failed to answer this request; its log says why. Please report it."
"""The text of an answer if the server itself is at fault."""
Path = tuple[str, ...]
_PARTS = ("_history", "_search")
"""The parts of a path that begin with an underscore."""

DEFAULT_BASE_URL = "http://localhost:8080/fhir"
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_READ = ("_contained", "_count", "_include", "_revinclude", "_sort", "_total")
"""The beginnings of parameters that HAPI takes for a search only, in upper or lower case."""
DEFAULT_NOW = datetime(2023, 11, 13, 10, 15, tzinfo=UTC)


class FhirServer:
    """The part of the record system that all sessions share and none changes.

    Args:
        tables: A table for each resource type, or a pair of a table and its rows' places in load order. Without places
            the types count as loaded one after another.
        base_url: The address of the server, without a slash at its end.
        now: The simulated clock, timezone-aware. It stands still, except that each write moves its session's clock on
            by a millisecond.
        limits: The most that one request may cost.
        check: Called before each request; raises if the file behind the tables was changed.
        bulk_export: True to answer ``$export``, which HAPI does only where it is switched on.

    Attributes:
        pause: Called again and again during a request, so that other requests can go first; None for no pauses.
    """

    def __init__(
        self,
        tables: Mapping[str, Table | tuple[Table, Positions]],
        base_url: str = DEFAULT_BASE_URL,
        now: datetime = DEFAULT_NOW,
        limits: RequestLimits = DEFAULT_LIMITS,
        check: Callable[[], None] | None = None,
        *,
        bulk_export: bool = False,
    ) -> None:
        self.check = check
        self.pause: Callable[[], None] | None = None
        check_own_parameters()
        load_definitions(tables)  # not at an agent's cost
        self.tables: dict[str, BaseTable] = {}
        first = 1
        for name, given in tables.items():
            table, positions = given if isinstance(given, tuple) else (given, given.positions)
            positions = range(first, first + len(table)) if positions is None else positions
            if len(table):
                self.tables[name] = BaseTable(table, positions)
                first += len(table)
        self.limits = limits
        self.bulk_export = bulk_export
        self.base_url = base_url
        self.now = now.astimezone(UTC)
        self.instant = self.now.isoformat(timespec="milliseconds")
        self.timestamp = int(self.now.timestamp() * 1000)
        self.http_date = format_datetime(self.now, usegmt=True)
        self.origin = ServerOrigin(base_url, self.instant, self.http_date)
        taken = [(int(table.positions[-1]), _greatest(table.table.ids)) for table in self.tables.values()]
        self.first_free_id = 1 + max((number for pair in taken for number in pair), default=0)

    def open(self) -> FhirSession:
        """Returns a new private view that begins at the snapshot."""
        return FhirSession(self)


def _greatest(ids: IntArray | Sequence[str]) -> int:
    """Returns the greatest id that is a plain number, or 0."""
    if isinstance(ids, np.ndarray):
        return int(ids.max())
    return max((int(text) for text in ids if text.isascii() and text.isdecimal() and len(text) < 19), default=0)


class FhirSession(World):
    """One private view of a `FhirServer`; it takes little memory until it writes."""

    __slots__ = ("server",)

    def __init__(self, server: FhirServer) -> None:
        self.server = server
        super().__init__(server.tables, server.first_free_id, server.origin)

    @property
    def _first_origin(self) -> ServerOrigin:
        """The address that the client names, and the time at which the server began."""
        return ServerOrigin(self.origin.base_url, self.server.instant, self.server.http_date)

    def handle(self, request: Request) -> Response:
        """Answers a request; raises for no request, however broken."""
        before = self.written
        try:
            response = self._handled(request)
        except Exception as error:
            # a fault of this server's own: the client is told, nothing stays half written
            _log.exception("%s %s", request.method, request.target)
            self.undo(before)
            response = self.failed(request, error)
        if request.method == "HEAD":
            return Response(response.status, "", response.headers)
        return response

    def failed(self, request: Request, error: Exception) -> Response:
        """Returns the answer to a request over which this server failed by its own fault; a subclass may raise."""
        return Response(500, pretty(operation_outcome(Issue(OWN_FAULT, "exception"))), {"content-type": FHIR_JSON})

    def _handled(self, request: Request) -> Response:
        if self.server.check is not None:
            self.server.check()
        self.fold()
        self.look_at_clock()
        base_url = request.base_url or self.server.base_url
        if base_url != self.origin.base_url:
            self.origin = ServerOrigin(base_url, self.origin.instant, self.origin.http_date)
        if not request.body.isascii() and _SURROGATE.search(request.body):
            # half a surrogate pair cannot be sent as UTF-8; like Java, put a question mark in its place
            request = replace(request, body=_SURROGATE.sub("?", request.body))
        self.budget = Budget(self.server.limits, self.server.pause)
        try:
            return self._answer(request)
        finally:
            self.budget = UNLIMITED

    def read(self, resource_type: str, logical_id: str) -> dict[str, Any] | None:
        """Returns a resource as this session sees it, as Python values, or None."""
        return self.view().read((resource_type, logical_id))

    def _answer(self, request: Request) -> Response:
        refusal = refused(request, self.server.timestamp)
        if refusal is not None:
            return refusal
        try:
            return in_format(request, self._answer_json(request), self.budget, self.origin.base_url)
        except FhirError as error:
            return _refusal(request, error)

    def _answer_json(self, request: Request) -> Response:
        try:
            return self._route(request)
        except DeletedError as deleted:
            refusal = _refusal(request, deleted)
            return Response(refusal.status, refusal.body, {"location": deleted.location, **refusal.headers})
        except FhirError as error:
            return _refusal(request, error)

    def _route(self, request: Request) -> Response:
        check_escapes(request.method, request.target)
        path, parameters = parse_target(request.target)
        if not path:
            return self._base(request, parameters)
        if ("$" in request.target or "%24" in request.target) and read_path(path).operation[:1] == "$":
            return self._operation(request, path, parameters)
        if path[0] == "metadata":
            if request.method != "GET":
                refusal = _refusal(request, FhirError(405, "HAPI-0388: /metadata request must use HTTP GET"))
                return Response(405, refusal.body, {**refusal.headers, "allow": "GET"})
            shown = () if request.nested else parameters
            return metadata(shown, self._first_origin, bulk_export=self.server.bulk_export)
        if "_history" in path and (asked := asked_history(path)) is not None:
            return self._history(request, asked, parameters)
        if path[0][:1] == "_":
            raise _unknown_operation(request, parameters + form_parameters(request))
        if path[0] not in type_names():
            raise _unknown_type(path[0])
        if "/_" in request.target and any(part[:1] == "_" and part not in _PARTS for part in path):
            raise _unknown_operation(request, parameters)  # no id begins so
        match request.method:
            case "GET" | "HEAD":
                return self._get(request, path, parameters)
            case "POST":
                return self._post(request, path, parameters)
            case "PUT":
                return self._as_asked(self._put(request, path, parameters), parameters)
            case "DELETE":
                return self._as_asked(self._delete(request, path, parameters), parameters)
            case "PATCH" if "_search" not in path:
                return self._as_asked(self._patch(request, path, parameters), parameters)
        raise _unknown_operation(request, parameters)

    def _operation(self, request: Request, path: Path, parameters: Parameters) -> Response:
        """Handles a request for an operation, by whatever method."""
        if request.method == "POST":
            self._pay_for(request.body)
        answer = bulk_export(self, request, path, parameters) if self.server.bulk_export else None
        answer = answer or operate(self, request, path, parameters)
        if answer is not None:
            return answer
        if path[0][:1] not in ("$", "_") and path[0] != "metadata" and path[0] not in type_names():
            raise _unknown_type(path[0])
        raise _unknown_operation(request, parameters + form_parameters(request))

    def _history(self, request: Request, asked: Path, parameters: Parameters) -> Response:
        """Handles a request for a history; like HAPI, by whatever method."""
        linked = request.method in ("GET", "HEAD")
        response = history(self, asked, _path_of(request), parameters, nested=request.nested, linked=linked)
        if request.method != "POST":
            return response
        headers = {**response.headers, "location": response.headers["content-location"]}
        return Response(response.status, response.body, headers)

    def _base(self, request: Request, parameters: Parameters) -> Response:
        """Handles a request to the base URL itself."""
        if any(name == "_getpages" and value for name, value in parameters):
            return self.searches().page(self.view(), parameters)
        if request.method == "POST":
            self._pay_for(request.body)
            bundle = read_resource(request, "Bundle", "TRANSACTION")
            representation = preferred_return(request.headers) == "representation"
            path = request.target[:1].replace("?", "")
            bundle_id, text = process(self, bundle, self._answer_json, representation=representation, path=path)
            location = f"{self.origin.base_url}/Bundle/{bundle_id}"
            return Response(200, text, {"content-type": FHIR_JSON, "content-location": location, "location": location})
        if request.method == "OPTIONS":
            return metadata(parameters, self._first_origin, bulk_export=self.server.bulk_export)
        if request.target.startswith("/"):
            raise _unknown_operation(request, parameters)
        raise FhirError(
            400,
            "HAPI-0287: This is the base URL of FHIR server. Unable to handle this request, as it does not "
            "contain a resource type or operation name.",
        )

    def _get(self, request: Request, path: Path, parameters: Parameters) -> Response:
        if request.method == "HEAD" and (len(path) == 1 or path[1] == "_search"):
            raise _unknown_operation(request, parameters)
        if len(path) == 1 or path[1:] == ("_search",):
            return self.searches().search(
                self.view(),
                path[0],
                parameters,
                _path_of(request),
                nested=request.nested,
                at_once=most_at_once(request.headers),
            )
        if path[0] == "Binary" and self.server.bulk_export:
            self._check_read(request, path, parameters)
            if (file := export_file(self, request, path, parameters)) is not None:
                return file
        if path[2:3] == ("_history",) and (len(path) == 4 or path[4:] == ("_history",)):
            self._check_read(request, path, parameters)
            return read_version(self, (path[0], path[1]), path[3], request, parameters)
        if len(path) > 2:
            raise _unknown_operation(request, parameters)
        self._check_read(request, path, parameters)
        if path[0] == "OperationDefinition":
            return read_definition(self.origin, path[1], parameters, bulk_export=self.server.bulk_export)
        return read(self, (path[0], path[1]), request, parameters)

    def _check_read(self, request: Request, path: Path, parameters: Parameters) -> None:
        if any(not name.startswith("_") for name, _ in parameters):
            raise _unknown_operation(request, parameters)
        if any(name.lower().startswith(_NO_READ) for name, _ in parameters):
            names = parameter_order([name for name, _ in parameters])
            refused = ", ".join(name for name in names if name.lower().startswith(_NO_READ))
            raise FhirError(400, f'HAPI-0384: Invalid query parameter(s) for this request: "[{refused}]"')
        if not path[1].strip():
            raise FhirError(500, "HAPI-2223: The validated expression is false")

    def _pay_for(self, body: str) -> None:
        """Charges for reading a body, unless it nests too deeply to be read: that has a refusal of its own."""
        work = body_work(body)
        if not (work > self.server.limits.body and nests_too_deeply(body)):
            self.budget.read(work)

    # --- writing -------------------------------------------------------------------------------------------------

    def _post(self, request: Request, path: Path, parameters: Parameters) -> Response:
        self._pay_for(request.body)
        if path[1:] == ("_search",):
            parameters += form_parameters(request)
            return self.searches().search(self.view(), path[0], parameters, _path_of(request), posted=True)
        if "_search" in path or any(part.startswith("$") for part in path):
            raise _unknown_operation(request, parameters + form_parameters(request))
        resource = read_resource(request, path[0], "CREATE")
        if len(path) > 1:
            raise FhirError(
                400,
                f'HAPI-0365: Can not create resource with ID "{path[1]}", ID must not be supplied on a create '
                "(POST) operation (use an HTTP PUT / update operation if you wish to supply an ID)",
            )
        done = create(self, resource, request.headers.get("if-none-exist", "").strip())
        return self._as_asked(self._stored(done, request), parameters)

    def _put(self, request: Request, path: Path, parameters: Parameters) -> Response:
        if _asks_for_an_operation(path) or _goes_beyond(path):
            raise _unknown_operation(request, parameters)
        self._pay_for(request.body)
        resource = read_resource(request, path[0], "UPDATE")
        query = request.target.partition("?")[2]
        if len(path) == 1:
            if not query:
                raise FhirError(
                    400,
                    "HAPI-0418: Can not update resource, request URL must contain an ID element for update (PUT) "
                    "operation (it must be of the form [base]/[resource type]/[id])",
                )
            return self._stored(update_matching(self, resource, f"{path[0]}?{query}"), request)
        if "id" not in resource:
            raise FhirError(
                400,
                "HAPI-0419: Can not update resource, resource body must contain an ID element for update (PUT) "
                "operation",
            )
        if resource["id"] != path[1]:
            raise FhirError(
                400,
                "HAPI-0420: Can not update resource, resource body must contain an ID element which matches the "
                f'request URL for update (PUT) operation - Resource body ID of "{resource["id"]}" does not match '
                f'URL ID of "{path[1]}"',
            )
        if_match = request.headers.get("if-match", _version_in(path))
        return self._stored(update(self, (path[0], path[1]), resource, if_match), request)

    def _patch(self, request: Request, path: Path, parameters: Parameters) -> Response:
        if _goes_beyond(path):
            raise _unknown_operation(request, parameters)
        self._pay_for(request.body)
        response = self._stored(patch(self, request, path), request)
        headers = {name: value for name, value in response.headers.items() if name != "etag"}
        return Response(response.status, response.body, headers)

    def _delete(self, request: Request, path: Path, parameters: Parameters) -> Response:
        if _asks_for_an_operation(path) or _goes_beyond(path):
            raise _unknown_operation(request, parameters)
        query = request.target.partition("?")[2]
        if len(path) == 1:
            if not query:
                raise FhirError(400, "HAPI-0967: Can not perform delete, no ID provided")
            done = delete_matching(self, path[0], f"{path[0]}?{query}")
        else:
            done = delete(self, (path[0], path[1]), _version_in(path))
        headers = {"content-type": FHIR_JSON}
        if done.key is not None:
            url = f"{self.origin.base_url}/{'/'.join(done.key)}"
            headers["content-location"] = f"{url}/_history/{done.version}" if done.version else url
        return Response(done.status, pretty(done.outcome), headers)

    def _as_asked(self, response: Response, parameters: Parameters) -> Response:
        """Returns the answer to a write, showing what the parameters ask for."""
        if parameters:
            self.budget.show(len(response.body), rewritten=True)
            response = as_asked(response, parameters)
        return response

    def _stored(self, done: Done, request: Request) -> Response:
        """Returns the answer to a create or an update."""
        assert done.key is not None
        headers = resource_headers(self.origin, done.key, done.version, done.updated)
        if request.method == "POST":
            headers["location"] = headers["content-location"]
        prefer = preferred_return(request.headers)
        if prefer == "minimal":
            del headers["content-type"]
            return Response(done.status, "", headers)
        return Response(done.status, pretty(done.outcome) if prefer == "OperationOutcome" else done.text, headers)


def _path_of(request: Request) -> str:
    """Returns the path of a request as the client wrote it, for links, without a slash too much at its beginning."""
    return request.target.partition("?")[0].removeprefix("/")


def _asks_for_an_operation(path: Path) -> bool:
    """True if a part of a path is the name of an operation or `_search`."""
    return any(part == "_search" or part.startswith("$") for part in path)


def _goes_beyond(path: Path) -> bool:
    """True if a path names more than a resource or a version of it; HAPI ignores a single part behind an id."""
    return len(path) > 3 and not (len(path) == 4 and path[2] == "_history")


def _version_in(path: Path) -> str:
    """Returns the version that a path names, or an empty text; HAPI ignores anything else behind an id."""
    return path[3] if len(path) == 4 and path[2] == "_history" else ""


def _unknown_type(name: str) -> FhirError:
    text = f"HAPI-0302: Unknown resource type '{name}' - Server knows how to handle: [{', '.join(resource_types())}]"
    return FhirError(404, text)


def _unknown_operation(request: Request, parameters: Parameters) -> FhirError:
    path = sanitized(request.target.partition("?")[0])
    names = ", ".join(parameter_order([name for name, _ in parameters]))
    return FhirError(
        400,
        Issue(
            "Invalid request: The FHIR endpoint on this server does not know how to handle "
            f"{request.method} operation[{path}] with parameters [[{names}]]",
            code="not-supported",
        ),
    )


def _is_pretty(request: Request) -> bool:
    return dict(parse_target(request.target).parameters).get("_pretty", "true") == "true"


def _refusal(request: Request, error: FhirError) -> Response:
    outcome = operation_outcome(*error.issues)
    text = pretty(outcome) if _is_pretty(request) else compact(outcome)
    return Response(error.status, text, {"content-type": FHIR_JSON})


__all__ = ["DEFAULT_BASE_URL", "DEFAULT_NOW", "FhirServer", "FhirSession", "Request", "Response"]
