"""PATCH as HAPI FHIR 7.6 does it: JSON Patch and FHIRPath Patch, by id or by a search, in Bundles, too.

A patch is applied to the resource as it is stored; the result goes the way of an update. What JSON Patch makes is read
strictly, what FHIRPath Patch makes is checked while it is made.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from mab_gym.fhir.http._bodies import read_resource
from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.http._fhir_patch import PatchRefusedError, apply_fhir_patch
from mab_gym.fhir.http._numbered import is_number, read_number, unknown_resource
from mab_gym.fhir.http._preconditions import etag_version
from mab_gym.fhir.http._reading import current_text
from mab_gym.fhir.http._world import World
from mab_gym.fhir.http._writing import Done, find_one, store_patched
from mab_gym.fhir.model._errors import DataFormatError, JavaError
from mab_gym.fhir.model._ids import Key, parse_id
from mab_gym.fhir.model._json_patch import JsonPatchError, apply_json_patch, as_doubles
from mab_gym.fhir.model._outcome import FhirError, Issue, sanitized
from mab_gym.fhir.model._parse import TOO_DEEP, read_changes
from mab_gym.fhir.model._parse_strict import read_strictly
from mab_gym.fhir.store._base import parse_element

JSON_PATCH, XML_PATCH = "application/json-patch+json", "application/xml-patch+xml"
FHIR_JSON_PATCH, FHIR_XML_PATCH = "application/fhir+json", "application/fhir+xml"
PATCH_FORMATS = (FHIR_JSON_PATCH, FHIR_XML_PATCH, JSON_PATCH)
"""The kinds of patches that this server applies, as ``metadata`` lists them."""
_KINDS = (JSON_PATCH, XML_PATCH, FHIR_JSON_PATCH, FHIR_XML_PATCH)
_VALID_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_NULL = "java.lang.NullPointerException"
_ID_NEEDED = 'Cannot invoke "org.hl7.fhir.instance.model.api.IIdType.hasVersionIdPart()" because "theId" is null'
_JAVA_FAULTS = {"Cannot invoke": _NULL, "String index": "java.lang.StringIndexOutOfBoundsException"}

Body = str | dict[str, Any]
"""A JSON Patch as it was sent, or the Parameters of a FHIRPath Patch."""


class Patched(NamedTuple):
    """A patch that was applied, and is not stored yet.

    Attributes:
        key: The patched resource's type and id.
        resource: What the patch made of it.
        url: The search that found it, or empty.
    """

    key: Key
    resource: dict[str, Any]
    url: str


def patch(world: World, request: Request, path: tuple[str, ...]) -> Done:
    """Answers a PATCH request.

    Raises:
        FhirError: HAPI refuses it, or fails over it.
    """
    kind = _kind(request.headers.get("content-type", ""))
    body = _read(kind, request)
    query = request.target.partition("?")[2]
    if len(path) == 1 or not path[1]:
        if not query:
            raise java_fault(JavaError(_NULL, _ID_NEEDED))
        url = f"{path[0]}?{query}"
        found = find_one(world, path[0], url, "PATCH")
        if found is None:
            raise _no_match(url)
        return _store(world, _applied(world, found, body, url))
    named = path[3] if len(path) == 4 and path[2] == "_history" else ""
    key = (path[0], path[1])
    _check_version(world, key, etag_version(request.headers.get("if-match", "")) or named)
    return _store(world, _applied(world, key, body))


def _store(world: World, patched: Patched) -> Done:
    return store_patched(world, patched.key, patched.resource, patched.url)


def patch_entry(world: World, request: Mapping[str, Any], resource: Mapping[str, Any]) -> Patched:
    """Applies the patch of an entry of a Bundle.

    Args:
        world: The session's resources.
        request: ``Bundle.entry.request``.
        resource: A Binary with a JSON Patch, or Parameters with a FHIRPath Patch.

    Raises:
        FhirError: HAPI refuses it, or fails over it.
    """
    body = _entry_body(resource)
    url = str(request.get("url", "")).removeprefix("/")
    before, mark, query = url.partition("?")
    resource_type, _, rest = before.partition("/")
    logical_id = parse_id(before).logical_id if rest else ""
    if logical_id:
        key = (resource_type, logical_id)
        _check_version(world, key, etag_version(str(request.get("ifMatch", ""))), bare=True)
        return _applied(world, key, body)
    if not mark or not query:
        raise FhirError(400, f"HAPI-0518: Invalid match URL[{before}?{query or before}] - URL has no search parameters")
    count, first = world.matching(resource_type, url)
    if count > 1:
        raise FhirError(412, f'HAPI-2207: Invalid match URL "{url}" - Multiple resources match this search')
    if not count:
        raise _no_match(url)
    patched = _applied(world, (resource_type, first), body, url)
    if not _still_found(world, patched):
        raise FhirError(
            412, f'HAPI-0539: Invalid conditional URL "{url}". The given resource is not matched by this URL.'
        )
    return patched


def _still_found(world: World, patched: Patched) -> bool:
    """Tells if the search that found a resource finds it as it is after the patch, too."""
    kind, _, query = patched.url.partition("?")
    rest = "&".join(part for part in query.split("&") if not part.startswith("_id="))
    return not rest or world.satisfies(patched.resource, f"{kind}?{rest}")


def java_fault(error: JavaError) -> FhirError:
    """Returns HAPI's answer to a request over which it fails by an exception."""
    return PatchRefusedError(
        500, f"HAPI-0389: Failed to call access method: {error.name}: {error}", FhirError(500, str(error))
    )


# --- what was sent -----------------------------------------------------------------------------------------------


def _kind(content_type: str) -> str:
    """Returns the kind of a patch, which its Content-Type says.

    Raises:
        FhirError: 400 for any other Content-Type, or none.
    """
    kind = content_type.partition(";")[0].strip()
    if not kind:
        raise FhirError(400, "HAPI-1964: Missing or invalid content type for PATCH operation")
    if kind not in _KINDS:
        raise FhirError(400, f"HAPI-1965: Invalid Content-Type for PATCH operation: {sanitized(kind)}")
    if kind == XML_PATCH:
        raise FhirError(501, Issue("XML Patch is not supported; send JSON Patch or FHIRPath Patch", "not-supported"))
    return kind


def _read(kind: str, request: Request) -> Body:
    if kind == JSON_PATCH:
        return request.body
    parameters = read_resource(request, None, "PATCH")
    if parameters["resourceType"] != "Parameters":
        raise FhirError(500, "HAPI-0390: Failed to call access method: null")
    return parameters


def _entry_body(resource: Mapping[str, Any]) -> Body:
    if resource["resourceType"] == "Parameters":
        return dict(resource)
    text = ""
    if resource["resourceType"] == "Binary":
        if _kind(str(resource.get("contentType", ""))) != JSON_PATCH:
            raise FhirError(
                400,
                "HAPI-0536: Binary PATCH detected with FHIR content type. FHIR Patch should use Parameters resource.",
            )
        text = base64.b64decode(resource.get("data", "")).decode(errors="replace")
    if not text.strip():
        raise FhirError(400, "HAPI-0537: Unable to determine PATCH body from request")
    return text


def _check_version(world: World, key: Key, wanted: str, *, bare: bool = False) -> None:
    """Refuses a patch of a resource that never was, or of another version than the current one."""
    if not world.exists(key) and not world.was_deleted(key):
        raise _unknown(world, key, wanted, bare)
    if not wanted:
        return
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", wanted, re.ASCII):
        raise java_fault(
            JavaError("org.springframework.dao.InvalidDataAccessApiUsageException", f'For input string: "{wanted}"')
        )
    if world.versions(key)[0].number != int(wanted):
        raise FhirError(
            409,
            f"HAPI-0550: HAPI-0974: Version {wanted} is not the most recent version of this resource, unable to apply "
            "patch",
        )


def _unknown(world: World, key: Key, version: str, bare: bool) -> FhirError:
    """Returns HAPI's refusal to patch a resource that does not exist."""
    owner = world.numbered(read_number(key[1])) if is_number(key[1]) else None
    if not is_number(key[1]) or (owner is not None and owner[1] == key[1]):
        return unknown_resource(world, key)
    name = (key[1] if bare else "/".join(key)) + (f"/_history/{version}" if version else "")
    return FhirError(404, f"HAPI-{'1998' if owner is None else '2000'}: {name}")


def _no_match(url: str) -> FhirError:
    return FhirError(404, f'HAPI-0973: Invalid match URL "{url}" - No resources match this search')


# --- applying ----------------------------------------------------------------------------------------------------


def _applied(world: World, key: Key, body: Body, url: str = "") -> Patched:
    """Applies a patch to a resource as it is stored."""
    text = current_text(world, key)
    world.budget.read(len(text) * 0.02)
    try:
        if isinstance(body, str):
            resource = _json_patched(world, key, body)
        else:
            stored = world.view().read(key) or {}
            resource = apply_fhir_patch(parse_element(text), body, world.budget.read, stored)
    except JavaError as error:
        raise java_fault(error) from None
    except RecursionError:
        raise FhirError(501, TOO_DEEP) from None
    except FhirError as error:
        raise _named_fault(error) from None
    if "id" in resource and not _VALID_ID.fullmatch(resource["id"]):
        raise FhirError(
            400, f"HAPI-0521: Can not process entity with ID[{resource['id']}], this is not a valid FHIR ID"
        )
    return Patched(key, resource, url)


def _json_patched(world: World, key: Key, body: str) -> dict[str, Any]:
    try:
        stored = world.view().read(key) or {}
        document = apply_json_patch(as_doubles(stored), body, world.budget.read)
        if not isinstance(document, dict):
            raise DataFormatError(
                "HAPI-1861: Failed to parse JSON encoded FHIR content: HAPI-1859: Content does not appear to be FHIR "
                f"JSON, first non-whitespace character was: '{json.dumps(document)[0]}' (must be '{{')"
            )
        return read_changes(stored, document, key[0], lambda source: read_strictly(source, key[0]))
    except JsonPatchError as error:
        raise FhirError(400, f"HAPI-1272: {error}") from None
    except DataFormatError as error:
        raise FhirError(400, f"HAPI-1271: Failed to apply JSON patch to {'/'.join(key)}: {error}") from None


def _named_fault(error: FhirError) -> FhirError:
    """Returns a refusal; if it is an exception of Java's in the parser, with the exception's name."""
    text = error.issues[0].diagnostics
    name = next((name for begin, name in _JAVA_FAULTS.items() if text.startswith(begin)), "")
    return java_fault(JavaError(name, text)) if error.status == 500 and name else error
