"""Reads and reads of a version as HAPI answers them (FHIR R4, https://hl7.org/fhir/R4/http.html)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response, ServerOrigin
from mab_gym.fhir.http._numbered import unknown_resource
from mab_gym.fhir.http._preconditions import not_modified
from mab_gym.fhir.http._shaping import shown
from mab_gym.fhir.http._world import Version, World
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._url import Parameters
from mab_gym.fhir.search._shape import of_entry
from mab_gym.fhir.store._base import parse_element

_FRACTION = re.compile(r"\.\d+", re.ASCII)
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
    found = _STAMP.search(text, 0, 1000)
    headers = resource_headers(origin, key, *(found.groups() if found else _stamp(parse_element(text))))
    if not control:
        return Response(200, text, headers)
    resource = parse_element(text)
    return shown(resource, parameters, headers, nested=request.nested)


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
