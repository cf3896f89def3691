"""Operations: ``$everything``, ``$lastn``, ``$meta``, ``$get-resource-counts`` (https://hl7.org/fhir/R4/operations.html).

HAPI's ``$lastn`` needs a full-text index to look at the subject, the category, the code and the date. By default it has
none: then it ignores these and ``max``, and answers with every Observation, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mab_gym.fhir.http._checks import media_type_of
from mab_gym.fhir.http._everything import everything, in_hash_order, read_ids, read_types
from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response
from mab_gym.fhir.http._searching import Searches, check_format
from mab_gym.fhir.model._definitions import resource_types
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._json_text import compact, pretty
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._parse import parse_resource
from mab_gym.fhir.model._url import Parameters
from mab_gym.fhir.search._query import read_query
from mab_gym.fhir.search._search import View
from mab_gym.fhir.store._base import parse_element

_LAST_IGNORES = ("subject", "patient", "category", "code", "date", "max")


def operate(
    request: Request, path: Sequence[str], parameters: Parameters, view: View, searches: Searches
) -> Response | None:
    """Answers an operation on a type or on one resource.

    Returns:
        The answer, or None if this server does not have the operation.

    Raises:
        FhirError: HAPI refuses it.
    """
    kind, name = path[0], path[-1]
    if tuple(path) == ("$get-resource-counts",) and request.method == "GET":
        # HAPI answers from a cache that its starter project never fills.
        return _parameters({"resourceType": "Parameters"}, parameters)
    if tuple(path) == ("$meta",) and request.method == "GET":
        raise FhirError(501, "This server answers $meta for single resources alone")
    on_one = len(path) == 3 and not path[1].startswith("$")
    if kind not in resource_types() or not (on_one or len(path) == 2):
        return None
    match kind, name:
        case (("Patient" | "Encounter"), "$everything"):
            operation = "EXTENDED_OPERATION_INSTANCE" if on_one else "EXTENDED_OPERATION_TYPE"
            if request.method == "POST":
                parameters = _posted(request, operation)
            key_id = path[1] if on_one else None
            return _everything(kind, key_id, "/".join(path), parameters, request.method, view, searches)
        case "Observation", "$lastn" if not on_one and request.method == "GET":
            return _last("/".join(path), parameters, view, searches)
        case _, "$meta" if on_one and request.method == "GET":
            return _meta((kind, path[1]), parameters, view)
    return None


def _posted(request: Request, operation: str) -> Parameters:
    """Reads the parameters of a ``POST``, which come as a Parameters resource."""
    if media_type_of(request.headers.get("content-type"), operation) != "json":
        raise FhirError(501, "This server reads operations' parameters in JSON alone")
    resource = parse_resource(request.body, "Parameters")
    found = []
    for part in resource.get("parameter", ()):
        value = next((item for name, item in part.items() if name.startswith("value")), None)
        if value is not None and not isinstance(value, dict):
            found.append((str(part.get("name", "")), value if isinstance(value, str) else compact(value)))
    return tuple(found)


def _everything(
    kind: str, logical_id: str | None, path: str, parameters: Parameters, method: str, view: View, searches: Searches
) -> Response:
    control = _checked(parameters)
    starts: list[Key]
    if kind == "Encounter" and control.get("_offset"):
        raise FhirError(
            500,
            "HAPI-0389: Failed to call access method: org.springframework.dao.InvalidDataAccessApiUsageException: "
            "HAPI-1128: Everything operation does not support offset searching",
        )
    if kind == "Patient":
        for name in ("_content", "_text"):
            if control.get(name):
                raise FhirError(
                    400, f"HAPI-1192: Fulltext search is not enabled on this service, can not process parameter: {name}"
                )
    if logical_id is not None:
        starts = [(kind, logical_id)]
    elif kind == "Patient":
        starts = [(kind, each) for each in read_ids([value for name, value in parameters if name == "_id"])]
    else:
        starts = []
    for key in starts:
        if not view.exists(key) and not view.was_deleted(key):
            raise FhirError(404, f"HAPI-2001: Resource {'/'.join(key)} is not known")
    one_patient = kind == "Patient" and len(starts) == 1
    starts = (
        in_hash_order(starts, view) if starts else [(kind, each) for each in view.ids(kind, view.filtered(kind, ()))]
    )
    types = read_types(control.get("_type", "")) if kind == "Patient" else []
    keys = everything(starts, types, view, one_patient=one_patient)
    return searches.listed(view, kind, keys, path, parameters, linked=method == "GET")


def _last(path: str, parameters: Parameters, view: View, searches: Searches) -> Response:
    control = _checked(parameters)
    if not control.get("max", "0").removeprefix("-").isdigit():
        raise FhirError(500, f'java.lang.NumberFormatException: For input string: "{control["max"]}"')
    stems = [name.partition(":")[0].partition(".")[0] for name, _ in parameters]
    if "_offset" in control:
        raise FhirError(501, "This server does not answer $lastn with _offset yet")
    # HAPI reads the parameters that it ignores, and looks up the patients that subjects name
    read_query("Observation", tuple(pair for pair in parameters if pair[0] in ("date", "code", "category")))
    if any(name == "subject" for name, _ in parameters):
        for wanted in ("patient", "subject"):
            for reference in (part for name, value in parameters if name == wanted for part in value.split(",")):
                kind, _, logical_id = reference.rpartition("/")
                if not view.exists((kind.rpartition("/")[2], logical_id)):
                    raise FhirError(404, f"HAPI-2001: Resource {reference} is not known")
    by_subject = "subject" in stems or "patient" in stems
    kept = [
        pair
        for pair, stem in zip(parameters, stems, strict=True)
        if stem not in _LAST_IGNORES and not pair[0].startswith("_")
    ]
    order = "subject,code,-date" if by_subject else "code,-date"
    return searches.last(view, (*kept, ("_sort", order)), path, parameters)


def _checked(parameters: Parameters) -> dict[str, str]:
    """Returns the first value of each parameter, once those that say how to show an answer have been checked."""
    control: dict[str, str] = {}
    for name, value in parameters:
        control.setdefault(name, value)
    check_format(control.get("_format", ""))
    for name in ("_count", "_offset"):
        if name in control and not control[name].removeprefix("-").isdigit():
            raise FhirError(500, f'java.lang.NumberFormatException: For input string: "{control[name]}"')
    if control.get("_count", "1").lstrip("-0") == "" or control.get("_count", "").startswith("-"):
        raise FhirError(501, "This server answers operations in pages of one entry and more")
    if "_elements" in control and control.get("_summary") in ("true", "text", "data", "count"):
        raise FhirError(400, "HAPI-0304: Cannot combine the _summary and _elements parameters")
    return control


def _meta(key: Key, parameters: Parameters, view: View) -> Response:
    """Answers ``[type]/[id]/$meta``: the tags, profiles and security labels of a resource, with its version."""
    text = view.text(key)
    if text is None:
        raise FhirError(404, f"HAPI-2001: Resource {'/'.join(key)} is not known")
    meta = parse_element(text).get("meta", {})
    kept = {name: meta[name] for name in ("versionId", "lastUpdated", "profile", "security", "tag") if name in meta}
    return _parameters({"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": kept}]}, parameters)


def _parameters(answer: dict[str, Any], parameters: Parameters) -> Response:
    control = dict(parameters)
    check_format(control.get("_format", ""))
    body = compact(answer) if control.get("_pretty") == "false" else pretty(answer)
    return Response(200, body, {"content-type": FHIR_JSON})
