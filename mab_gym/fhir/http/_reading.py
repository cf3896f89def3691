"""Reads, reads of a version and histories as HAPI answers them (FHIR R4, https://hl7.org/fhir/R4/http.html)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from mab_gym.fhir.http._bundle import HistoryEntry, history_bundle
from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response, ServerOrigin
from mab_gym.fhir.http._html_text import HTML
from mab_gym.fhir.http._numbered import unknown_resource
from mab_gym.fhir.http._preconditions import not_modified
from mab_gym.fhir.http._searching import check_format
from mab_gym.fhir.http._subset import subset
from mab_gym.fhir.http._world import Version, World
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._json_text import compact, pretty
from mab_gym.fhir.model._outcome import FhirError, operation_outcome
from mab_gym.fhir.model._url import Parameters, self_link
from mab_gym.fhir.search._query import LARGEST_PAGE
from mab_gym.fhir.search._shape import Shape, check_shape, of_entry, read_elements, read_modes, read_shape, summary_of
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._budget import REWRITTEN, VERSION

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_FRACTION = re.compile(r"\.\d+", re.ASCII)
_AROUND_AN_ENTRY = 350
"""The number of characters that a history adds to a resource."""
_HISTORY_PAGE = 20
_STAMP = re.compile(r'\n  "meta": \{\n    "versionId": "(\d+)",\n    "lastUpdated": "([^"\\]*)"')
"""The place of the version and its time in most resources."""


class DeletedError(FhirError):
    """A resource that was deleted.

    Attributes:
        location: The URL of the version that records the deletion.
    """

    def __init__(self, location: str, updated: str) -> None:
        super().__init__(410, f"Resource was deleted at {updated}")
        self.location = location

    def response(self) -> Response:
        """Returns the answer to a request for the resource."""
        return Response(
            410, pretty(operation_outcome(*self.issues)), {"location": self.location, "content-type": FHIR_JSON}
        )


def current_text(world: World, key: Key) -> str:
    """Returns a resource's JSON.

    Raises:
        FhirError: 404 if there never was such a resource, 410 if it was deleted.
    """
    text = world.view().text(key)
    if text is None:
        write = world.latest_write(key)
        if write is not None:
            url = f"{world.origin.base_url}/{key[0]}/{key[1]}/_history/{write.version}"
            raise DeletedError(url, write.updated)
        raise unknown_resource(world, key)
    return text


def read(world: World, key: Key, request: Request, parameters: Parameters) -> Response:
    """Answers a read.

    Raises:
        FhirError: There is no such resource, or this server does not have the format.
    """
    text = current_text(world, key)
    world.budget.show(len(text), rewritten=bool(parameters))
    return _shown(world.origin, key, text, request, parameters)


def read_version(world: World, key: Key, version: str, request: Request, parameters: Parameters) -> Response:
    """Answers a read of one version.

    Raises:
        FhirError: 404 if there is no such version, 410 if it is a deletion.
    """
    versions = world.versions(key)
    if not versions:
        raise unknown_resource(world, key, version)
    if not re.fullmatch(r"[0-9]{1,18}", version, re.ASCII):
        raise FhirError(404, f'HAPI-0978: Version "{version}" is not valid for resource {key[0]}/{key[1]}')
    for known in versions:
        if known.number == int(version):
            if not known.text:
                raise DeletedError(_version_url(world.origin, known), known.updated)
            return _shown(world.origin, key, known.text, request, parameters)
    raise FhirError(404, f'HAPI-0979: Version "{version}" is not valid for resource {key[0]}/{key[1]}')


def _version_url(origin: ServerOrigin, version: Version) -> str:
    return f"{origin.base_url}/{version.key[0]}/{version.key[1]}/_history/{version.number}"


def _shown(origin: ServerOrigin, key: Key, text: str, request: Request, parameters: Parameters) -> Response:
    if not_modified(request.headers, text):
        return Response(304, "", {})
    if request.nested:
        parameters = of_entry(parameters)
    control = dict(parameters)
    check_format(control.get("_format", ""))
    found = _STAMP.search(text, 0, 1000)
    headers = resource_headers(origin, key, *(found.groups() if found else _stamp(parse_element(text))))
    if not control:
        return Response(200, text, headers)
    resource = parse_element(text)
    modes, names = read_modes(parameters), read_elements(parameters)
    summary, status = summary_of(modes), 200
    if summary == "text" and not request.nested:
        # HAPI gives the narrative alone.
        narrative = str(resource.get("text", {}).get("div", "null"))
        return Response(200, narrative, {**headers, "content-type": HTML})
    try:
        check_shape(modes, names)
    except FhirError as error:  # HAPI has written the headers by then
        resource, status = operation_outcome(*error.issues), 400
    else:
        if names or summary in ("true", "data"):
            resource = subset(resource, summary, names)
    text = pretty(resource) if control.get("_pretty", "true") == "true" else compact(resource)
    return Response(status, text, headers)


def _stamp(resource: Mapping[str, Any]) -> tuple[str, str]:
    meta = resource.get("meta", {})
    return str(meta.get("versionId", "1")), str(meta.get("lastUpdated", ""))


def resource_headers(origin: ServerOrigin, key: Key, version: object, updated: str) -> dict[str, str]:
    """Returns the headers of an answer that shows a resource.

    Args:
        origin: The server's address and clock.
        key: The resource's type and id.
        version: Its version.
        updated: The time of the version as a FHIR instant; now if empty.
    """
    return {
        "content-type": FHIR_JSON,
        "content-location": f"{origin.base_url}/{key[0]}/{key[1]}/_history/{version}",
        "etag": f'W/"{version}"',
        "last-modified": _http_date(_FRACTION.sub("", updated)) if updated else origin.http_date,
    }


@lru_cache(maxsize=1024)
def _http_date(instant: str) -> str:
    return format_datetime(datetime.fromisoformat(instant).astimezone(UTC), usegmt=True)


def history(world: World, path: Sequence[str], parameters: Parameters, *, nested: bool = False) -> Response:
    """Answers ``_history`` of a resource, of a type or of all types, the newest version first.

    Args:
        world: The session's resources.
        path: The request's path.
        parameters: The request's parameters.
        nested: True for an entry of a Bundle.

    Raises:
        FhirError: There is no such resource, or this server does not answer the parameters.
    """
    control = dict(parameters)
    check_format(control.get("_format", ""))
    if "_at" in control:
        raise FhirError(501, "This server does not answer _history with _at")
    since = _read_since(control.get("_since"))
    start, size = _number(control, "_offset", 0), min(_number(control, "_count", _HISTORY_PAGE), LARGEST_PAGE)
    if len(path) == 3:
        versions = world.versions((path[0], path[1]))
        world.budget.spend(len(versions) * VERSION)
        if not versions:
            raise unknown_resource(world, (path[0], path[1]))
        if since is not None:
            versions = [each for each in versions if datetime.fromisoformat(each.updated) >= since]
        total, page = len(versions), versions[start : start + size]
    else:
        world.budget.spend(min(size, world.count(path[0] if len(path) == 2 else None)) * VERSION)
        total, page = world.history(path[0] if len(path) == 2 else None, start, size, since)
    base_url = world.origin.base_url
    link = self_link(base_url, "/".join(path), parameters)
    more, known = total > start + size, total if since is None else None
    links = [("self", link)] if size else []

    def at(offset: int) -> str:
        kept = tuple((n, v) for n, v in parameters if n not in ("_count", "_offset"))
        return self_link(base_url, "/".join(path), (*kept, ("_count", str(size)), ("_offset", str(offset))))

    if size and more:
        links.append(("next", at(start + size)))
    if size and start > 0:
        links.append(("previous", at(max(0, start - size))))
    bundle_id = world.counter_ids.uuid()
    headers = {
        "content-type": FHIR_JSON,
        "content-location": f"{base_url}/Bundle/{bundle_id}",
        "last-modified": world.origin.http_date,
    }
    try:
        shape = read_shape(of_entry(parameters) if nested else parameters)
    except FhirError as error:  # HAPI has written the headers by then
        return Response(error.status, pretty(operation_outcome(*error.issues)), headers)
    if shape.summary == "count":
        page, links = [], []
    shown = []
    for version in page:
        entry = _entry(_part(version, shape), base_url, of_all=len(path) == 1)
        world.budget.show(len(entry.text) + _AROUND_AN_ENTRY, rewritten=shape != Shape())
        shown.append(entry)
    subsetted = not size or shape.summary in ("true", "data", "count")
    body = history_bundle(bundle_id, world.origin.instant, links, known, shown, subsetted=subsetted)
    plain = control.get("_pretty", "true") != "true"
    if plain:
        world.budget.spend(len(body) * REWRITTEN)
    return Response(200, compact(parse_element(body)) if plain else body, headers)


def _part(version: Version, shape: Shape) -> Version:
    """Returns a version with the parts of the resource that are asked for."""
    if not version.text or not (shape.elements or shape.summary):
        return version
    return version._replace(text=pretty(subset(parse_element(version.text), *shape)))


def _entry(version: Version, base_url: str, *, of_all: bool) -> HistoryEntry:
    kind, logical_id = version.key
    # in the history of all types, HAPI writes the type instead of its base URL for ids that clients gave
    base_url = kind if of_all and not logical_id.isdecimal() else base_url
    full_url = f"{base_url}/{kind}/{logical_id}"
    return HistoryEntry(full_url, f"{kind}/{logical_id}", version.number, version.text.replace("\n", "\n    "))


def _number(control: Mapping[str, str], name: str, default: int) -> int:
    text = control.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else default


def _read_since(text: str | None) -> datetime | None:
    if not text:
        return None
    if not _INSTANT.fullmatch(text):
        precision = {4: "YEAR", 7: "MONTH", 10: "DAY"}.get(len(text))
        if precision:
            raise FhirError(
                400,
                f"HAPI-1885: Invalid date/time string (datatype InstantDt does not support {precision} precision): "
                f"{text}",
            )
        raise FhirError(400, f'HAPI-1882: Invalid date/time format: "{text}"')
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FhirError(400, f'HAPI-1882: Invalid date/time format: "{text}"') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
