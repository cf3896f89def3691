"""What HAPI FHIR 7.6 checks and changes before it stores a resource that a client sends.

`prepare_create` is for ``POST [type]``, `prepare_body` holds what an update shares with it. The order of the checks is
HAPI's: the Content-Type, the body, the resource types that references name (422), the references themselves (400).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mab_gym.fhir.definitions import Element, elements, resource_types, search_parameters
from mab_gym.fhir.ids import ReferenceId, parse_id
from mab_gym.fhir.json_text import Json
from mab_gym.fhir.outcome import FhirError, Issue
from mab_gym.fhir.parse import parse_resource
from mab_gym.fhir.paths import compile_paths

Exists = Callable[[str, str], bool]

_JSON_TYPES = ("application/fhir+json", "application/json+fhir", "application/json", "text/json", "json")
_XML_TYPES = ("application/fhir+xml", "application/xml+fhir", "application/xml", "text/xml", "xml")
_FORM_TYPE = "application/x-www-form-urlencoded"
_NOT_FHIR = (
    'HAPI-{}: Incorrect Content-Type header value of "{}" was provided in the request. '
    'A FHIR Content-Type is required for "{}" operation'
)
_NO_CONTENT_TYPE = 'HAPI-0448: No Content-Type header was provided in the request. This is required for "{}" operation'
_DATE_FAILURE = "HAPI-0389: Failed to call access method: org.springframework.dao.InvalidDataAccessApiUsageException:"
_LOGICAL_BASES = (
    "http://hl7.org/fhir/ValueSet/",
    "http://hl7.org/fhir/CodeSystem/",
    "http://hl7.org/fhir/valueset-",
    "http://hl7.org/fhir/codesystem-",
    "http://hl7.org/fhir/StructureDefinition/",
)
"""References that HAPI takes for mere names (``JpaStorageSettings.DEFAULT_LOGICAL_BASE_URLS``)."""


def prepare_create(
    resource_type: str, headers: Mapping[str, str], body: str, exists: Exists, base_url: str
) -> dict[str, Any]:
    """Checks a create (https://hl7.org/fhir/R4/http.html#create) as HAPI does.

    Args:
        resource_type: The type in the URL.
        headers: The request's headers; names in lower case.
        body: The request's body.
        exists: Whether a resource with this type and this id is there.
        base_url: The server's base URL. Not used: HAPI does not know its own in references, absolute ones are refused.

    Returns:
        The resource as it is to be stored, without ``id``, ``meta.versionId`` and ``meta.lastUpdated``. A
        ``meta.source`` that the client sent is kept without its fragment, where the server adds its own.

    Raises:
        FhirError: HAPI refuses it.
    """
    resource = prepare_body(resource_type, headers, body, exists, "CREATE")
    resource.pop("id", None)
    return resource


def prepare_body(
    resource_type: str, headers: Mapping[str, str], body: str, exists: Exists, operation: str
) -> dict[str, Any]:
    """What a create and an update have in common.

    Args:
        resource_type: The type in the URL.
        headers: The request's headers; names in lower case.
        body: The request's body.
        exists: Whether a resource with this type and this id is there.
        operation: ``CREATE`` or ``UPDATE``, for HAPI's messages.

    Returns:
        The resource as it is to be stored, with the ``id`` that the body names, if any.

    Raises:
        FhirError: HAPI refuses it.
    """
    if media_type_of(headers.get("content-type"), operation) == "xml":
        raise _xml_error(body)
    resource = parse_resource(body, resource_type)
    check_reference_types(resource)
    check_references(resource, exists)
    check_dates(resource)
    return _with_stored_meta(_without_versions(resource))


def media_type_of(content_type: str | None, operation: str) -> str:
    """Whether a body is said to be ``json`` or ``xml``; the names of media types are compared with regard to case.

    Raises:
        FhirError: 400 for any other, or none.
    """
    if not content_type or not content_type.strip():
        raise FhirError(400, _NO_CONTENT_TYPE.format(operation))
    media_type = content_type.split(";", 1)[0].strip()
    if media_type in _JSON_TYPES:
        return "json"
    if media_type in _XML_TYPES:
        return "xml"
    raise FhirError(400, _NOT_FHIR.format("0446" if media_type == _FORM_TYPE else "0449", content_type, operation))


def _xml_error(body: str) -> FhirError:
    """What HAPI says to a body that is no XML although it is said to be; XML itself is not supported here."""
    text = body.lstrip()
    if text.startswith("<"):
        return FhirError(501, Issue("Resources in XML are not supported; send application/fhir+json", "not-supported"))
    before = body[: len(body) - len(text)]
    row, column = before.count("\n") + 1, len(before) - before.rfind("\n") - 1
    if not text:
        reason = "WstxEOFException: Unexpected EOF in prolog"
    else:
        column += 1
        found = f"'{text[0]}' (code {ord(text[0])})"
        reason = f"WstxUnexpectedCharException: Unexpected character {found} in prolog; expected '<'"
    return FhirError(
        400,
        "HAPI-0450: Failed to parse request body as XML resource. Error was: HAPI-1852: "
        f"com.ctc.wstx.exc.{reason}\n at [row,col {{unknown-source}}]: [{row},{column}]",
    )


def check_reference_types(resource: Mapping[str, Any]) -> None:
    """Refuses references to resource types that the element does not allow; inner elements are looked at first.

    Raises:
        FhirError: 422 with HAPI-0931.
    """
    _check_reference_types(resource["resourceType"], resource, resource["resourceType"])


def _check_reference_types(type_name: str, value: Mapping[str, Any], path: str) -> None:
    for name, element in elements(type_name).items():
        if name not in value or element.primitive:
            continue
        inner = f"{path}.{element.choice or name}"
        items = value[name] if element.many else [value[name]]
        for item in items:
            _check_reference_types(item.get("resourceType", element.type), item, inner)
        # Of a choice HAPI's model does not say which types its references may point to.
        if element.type == "Reference" and not element.choice and "Resource" not in element.reference_targets:
            for item in items:
                _check_reference_type(element, item, inner)


def _check_reference_type(element: Element, reference: Mapping[str, Any], path: str) -> None:
    target = parse_id(reference.get("reference", ""))
    if not target.resource_type or _is_logical(target) or "?" in target.text:
        return
    if target.resource_type not in element.reference_targets:
        raise FhirError(
            422,
            f"HAPI-0931: Invalid reference found at path '{path}'. Resource type '{target.resource_type}' is not valid "
            "for this path",
        )


def check_references(resource: Mapping[str, Any], exists: Exists) -> None:
    """Refuses references that lead nowhere, where a search parameter would follow them.

    HAPI goes through them in no fixed order; here those of a plain path come first, then by name.

    Raises:
        FhirError: 400 with HAPI-0505 to 0508 or 1094, 422 with 1095; 501 for a search as a reference.
    """
    for path, targets, reference in _indexed_references(resource):
        target = parse_id(reference)
        if target.is_local or _is_logical(target):
            continue
        if "?" in reference:
            raise FhirError(501, Issue(f"A search as a reference is not supported: {reference}", "not-supported"))
        where = f"Invalid resource reference found at path[{path}]"
        if not target.resource_type.strip():
            raise FhirError(400, f"HAPI-0505: {where} - Does not contain resource type - {reference}")
        if target.resource_type not in resource_types():
            unknown = "Resource type is unknown or not supported on this server"
            raise FhirError(400, f"HAPI-0506: {where} - {unknown} - {reference}")
        if targets and target.resource_type not in targets:
            continue
        if target.base:
            raise FhirError(
                400,
                f'HAPI-0507: Resource contains external reference to URL "{reference}" but this server is not '
                "configured to allow external references",
            )
        if not target.logical_id.strip():
            raise FhirError(400, f"HAPI-0508: {where} - Does not contain resource ID - {reference}")
        if not exists(target.resource_type, target.logical_id):
            if _is_of_another_type(target.logical_id, exists):
                raise FhirError(422, f"HAPI-1095: Resource contains reference to unknown resource ID {reference}")
            raise FhirError(
                400,
                f"HAPI-1094: Resource {target.resource_type}/{target.logical_id} not found, specified in path: {path}",
            )


def _indexed_references(resource: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """The path, the allowed types and the text of each reference that a search parameter finds."""
    resource_type = resource["resourceType"]
    alternatives = [
        (parameter.targets, alternative.strip())
        for parameter in search_parameters(resource_type).values()
        if parameter.type == "reference"
        for alternative in parameter.expression.split(" | ")
    ]
    for targets, expression in sorted(alternatives, key=lambda pair: "(" in pair[1]):
        for path in compile_paths(resource_type, expression):
            for node in path.nodes(resource.get(path.top)):
                text = node.value.get("reference") if isinstance(node.value, dict) else _canonical(node)
                if text and (path.target is None or parse_id(text).resource_type == path.target):
                    yield expression, targets, text


def _is_of_another_type(logical_id: str, exists: Exists) -> bool:
    """Whether a number that the server has given out belongs to another type; such numbers are unique."""
    return logical_id.isdecimal() and any(exists(other, logical_id) for other in resource_types())


def check_dates(resource: Mapping[str, Any]) -> None:
    """Fails where HAPI fails: over dates with blanks around them that a search parameter reads.

    Raises:
        FhirError: 500 with HAPI-0389.
    """
    resource_type = resource["resourceType"]
    for parameter in search_parameters(resource_type).values():
        if parameter.type != "date" or parameter.name == "_lastUpdated":
            continue
        for path in compile_paths(resource_type, parameter.expression):
            for node in path.nodes(resource.get(path.top)):
                texts = [node.value] if node.type_name != "string" else []
                if isinstance(node.value, dict):
                    texts = [node.value.get("start"), node.value.get("end"), *node.value.get("event", ())]
                for text in texts:
                    number = text.partition("T")[0].replace("-", "") if isinstance(text, str) else ""
                    if number and not number.removeprefix("+").isdecimal():
                        raise FhirError(500, f'{_DATE_FAILURE} For input string: "{number}"')


def _canonical(node: Any) -> str | None:
    """A canonical counts as a reference where it is relative (``Questionnaire/1``)."""
    if node.type_name != "canonical":
        return None
    target = parse_id(node.value)
    return node.value if target.resource_type and target.logical_id and not target.base else None


def _is_logical(target: ReferenceId) -> bool:
    return target.text.startswith(_LOGICAL_BASES)


def _without_versions(value: Json) -> Json:
    """Takes ``/_history/n`` from all references: by default HAPI does not keep what version was meant."""
    if isinstance(value, list):
        return [_without_versions(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: parse_id(item).without_version()
        if name == "reference" and isinstance(item, str)
        else _without_versions(item)
        for name, item in value.items()
    }


def _with_stored_meta(resource: dict[str, Any]) -> dict[str, Any]:
    """Leaves of ``meta`` what HAPI keeps: profiles, security labels and tags, sorted and each once."""
    meta: Mapping[str, Any] = resource.get("meta", {})
    kept: dict[str, Any] = {}
    for name in elements("Meta"):
        if name not in meta or name in ("id", "versionId", "lastUpdated"):
            continue
        if name == "source":
            kept[name] = meta[name].partition("#")[0]
        elif name == "profile":
            kept[name] = sorted(set(meta[name]))
        elif name in ("security", "tag"):
            kept[name] = _coding_list(meta[name])
        else:
            kept[name] = meta[name]
    kept = {name: value for name, value in kept.items() if value}
    without = {name: value for name, value in resource.items() if name != "meta"}
    if not kept:
        return without
    head: dict[str, Any] = {name: without.pop(name) for name in ("resourceType", "id") if name in without}
    return {**head, "meta": kept, **without}


def _coding_list(codings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = ("system", "version", "code", "display", "userSelected")
    unique = {
        (coding.get("system", ""), coding.get("code", "")): {name: coding[name] for name in names if name in coding}
        for coding in reversed(codings)
        if "system" in coding or "code" in coding
    }
    return [unique[key] for key in sorted(unique)]
