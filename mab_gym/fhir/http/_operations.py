"""Operations (https://hl7.org/fhir/R4/operations.html): which there are, and who answers them.

HAPI's ``$lastn`` needs a full-text index to look at the subject, the category, the code and the date. By default it has
none: then it ignores these and ``max``, and answers with every Observation, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mab_gym.fhir.http._asked import Path, Values, as_parameters, given, read_path, read_values
from mab_gym.fhir.http._bundle import SUBSETTED
from mab_gym.fhir.http._code_validation import validate_code
from mab_gym.fhir.http._everything import everything, in_hash_order, read_ids, read_types
from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response
from mab_gym.fhir.http._meta_operations import change_meta, meta
from mab_gym.fhir.http._numbered import unknown_resource
from mab_gym.fhir.http._shaping import shown
from mab_gym.fhir.http._terminology_operations import expand, lookup, subsumes
from mab_gym.fhir.http._translating import translate
from mab_gym.fhir.http._validating import validating
from mab_gym.fhir.http._world import World
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._json_text import compact, pretty
from mab_gym.fhir.model._operation_definitions import OperationDefinition
from mab_gym.fhir.model._outcome import FhirError, Issue, operation_outcome
from mab_gym.fhir.model._url import Parameters
from mab_gym.fhir.search._query import read_query
from mab_gym.fhir.search._shape import read_shape

_LAST_IGNORES = ("subject", "patient", "category", "code", "date", "max")
_BY_URL = ("_count", "_offset", "_elements", "_summary", "_format", "_pretty")
"""What HAPI takes from the URL even if the parameters are posted."""
_NO_RAW_PARAMETERS = (
    "HAPI-0389: Failed to call access method: java.lang.NullPointerException: Cannot invoke "
    '"java.util.Map.remove(Object)" because "theAdditionalRawParams" is null'
)


def operate(world: World, request: Request, segments: Sequence[str], parameters: Parameters) -> Response | None:
    """Answers an operation of the server, of a type or of one resource.

    Returns:
        The answer, or None if the path names no operation that HAPI has there.

    Raises:
        FhirError: HAPI refuses it, or this server does not answer it.
    """
    path = read_path(segments)
    definition = path.definition
    if definition is None or request.method not in ("GET", "POST", "DELETE"):
        return None
    if definition.code not in ANSWERED:
        raise FhirError(501, Issue(f"This server does not answer ${definition.code}", "not-supported"))
    if request.method == "DELETE" or (request.method == "GET" and definition.changes):
        return not_allowed(request.method, definition, parameters)
    if definition.code == "validate":
        return validating(world, request, path, parameters)
    values = read_values(request, path, parameters)
    if definition.code in _LISTS:
        if request.method == "POST":
            showing = [pair for pair in parameters if pair[0] in _BY_URL and pair[0] not in given_names(values)]
            parameters = (*as_parameters(values), *showing)
        answer = _LISTS[definition.code](world, request, path, parameters)
    else:
        answer = _shown(world, path, _ANSWERS[definition.code](world, path, values), parameters)
    if request.method == "POST" and "content-location" in answer.headers:
        location = answer.headers["content-location"]
        answer = Response(answer.status, answer.body, {**answer.headers, "location": location})
    return answer


def not_allowed(method: str, definition: OperationDefinition, parameters: Parameters) -> Response:
    """Returns HAPI's refusal of an operation by the wrong method."""
    code = "0427" if method == "DELETE" else "0426"
    allowed = "POST" if definition.changes else "POST, GET"
    text = f"HTTP Method {method} is not allowed for this operation. Allowed method(s): {allowed}"
    write = pretty if dict(parameters).get("_pretty", "true") == "true" else compact
    body = write(operation_outcome(Issue(f"HAPI-{code}: {text}")))
    return Response(405, body, {"content-type": FHIR_JSON, "allow": allowed.replace(" ", "")})


def given_names(values: Values) -> set[str]:
    """Returns the names of the parameters that have values."""
    return {name for name in values if given(values, name) is not None}


def _shown(world: World, path: Path, resource: dict[str, Any], parameters: Parameters) -> Response:
    """Returns a resource as an answer; one with an id says where it is."""
    headers = {"content-type": FHIR_JSON}
    if "id" in resource:
        headers["content-location"] = f"{world.origin.base_url}/{resource['resourceType']}/{resource['id']}"
    if resource["resourceType"] == "Parameters":  # HAPI never leaves out a parameter
        if read_shape(parameters).summary in ("true", "data"):
            resource = {"resourceType": "Parameters", "meta": {"tag": [SUBSETTED]}, **resource}
        parameters = tuple(pair for pair in parameters if pair[0] not in ("_summary", "_elements"))
    answer = shown(resource, parameters, headers)
    world.budget.show(len(answer.body))
    return answer


# --- operations that give lists --------------------------------------------------------------------------------


def _everything(world: World, request: Request, path: Path, parameters: Parameters) -> Response:
    control = _checked(parameters)
    kind, view = str(path.kind), world.view()
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
    starts: list[Key] = []
    if path.logical_id is not None:
        starts = [(kind, path.logical_id)]
    elif kind == "Patient":
        starts = [(kind, each) for each in read_ids([value for name, value in parameters if name == "_id"])]
    for key in starts:
        if not view.exists(key) and not view.was_deleted(key):
            raise unknown_resource(world, key)
    single = len(starts) == 1
    one_patient = kind == "Patient" and single
    starts = (
        in_hash_order(starts, view) if starts else [(kind, each) for each in view.ids(kind, view.filtered(kind, ()))]
    )
    asked = ",".join(value for name, value in parameters if name == "_type" and value)
    types = read_types(asked) if kind == "Patient" else []
    link = request.target.partition("?")[0]
    if _is_bare(control):
        # of a single one HAPI takes the number in its database for the total
        total = view.position(*starts[0]) or 0 if single else len(starts)
        return world.searches().bare(view, kind, total, link, parameters, linked=request.method == "GET")
    keys = everything(starts, types, view, one_patient=one_patient)
    return world.searches().listed(view, kind, keys, link, parameters, linked=request.method == "GET")


def _last(world: World, request: Request, path: Path, parameters: Parameters) -> Response:
    control, view = _checked(parameters), world.view()
    if request.method == "POST" and "max" in control:
        raise FhirError(500, _NO_RAW_PARAMETERS)
    stems = [name.partition(":")[0].partition(".")[0] for name, _ in parameters]
    by_subject = "subject" in stems or "patient" in stems
    kept = [
        pair
        for pair, stem in zip(parameters, stems, strict=True)
        if stem not in _LAST_IGNORES and not pair[0].startswith("_")
    ]
    # HAPI reads the parameters that it ignores, and looks up the patients that subjects name
    read_query("Observation", tuple(pair for pair in parameters if pair[0] in ("date", "code", "category")))
    query = read_query("Observation", tuple(kept))
    if any(name == "subject" for name, _ in parameters):
        for wanted in ("patient", "subject"):
            for reference in (part for name, value in parameters if name == wanted for part in value.split(",")):
                kind, _, logical_id = reference.rpartition("/")
                if not view.exists((kind.rpartition("/")[2], logical_id)):
                    raise FhirError(404, f"HAPI-2001: Resource {reference} is not known")
    order = "subject,code,-date" if by_subject else "code,-date"
    link = request.target.partition("?")[0]
    asked = (*kept, ("_sort", order))
    if _is_bare(control) or "_offset" in control:
        total = len(view.hits(query))
        return world.searches().bare(view, "Observation", total, link, parameters, linked=request.method == "GET")
    return world.searches().last(view, asked, link, parameters, linked=request.method == "GET")


def _checked(parameters: Parameters) -> dict[str, str]:
    """Returns the first value of each parameter, once those that say how to show an answer have been checked."""
    control: dict[str, str] = {}
    for name, value in parameters:
        control.setdefault(name, value)
    for name in ("_count", "_offset"):
        if name in control and not control[name].removeprefix("-").isdigit():
            raise FhirError(500, f'java.lang.NumberFormatException: For input string: "{control[name]}"')
    if "_elements" in control and control.get("_summary") in ("true", "text", "data", "count"):
        raise FhirError(400, "HAPI-0304: Cannot combine the _summary and _elements parameters")
    return control


def _is_bare(control: Mapping[str, str]) -> bool:
    """True if a page of no entries is asked for."""
    return control.get("_count", "1").lstrip("-0") == "" or control.get("_count", "").startswith("-")


def _no_counts(world: World, path: Path, values: Values) -> dict[str, Any]:
    """Answers ``$get-resource-counts`` as HAPI does, from a cache that its starter project never fills."""
    return {"resourceType": "Parameters"}


def _meta(world: World, path: Path, values: Values) -> dict[str, Any]:
    return meta(world, path)


_Lists = Callable[[World, Request, Path, Parameters], Response]
_Answers = Callable[[World, Path, Values], dict[str, Any]]

_LISTS: Mapping[str, _Lists] = {"everything": _everything, "lastn": _last}
_ANSWERS: Mapping[str, _Answers] = {
    "get-resource-counts": _no_counts,
    "meta": _meta,
    "meta-add": change_meta,
    "meta-delete": change_meta,
    "expand": expand,
    "lookup": lookup,
    "subsumes": subsumes,
    "translate": translate,
    "validate-code": validate_code,
}
ANSWERED = frozenset({"validate", *_LISTS, *_ANSWERS})
"""The operations that this server answers; it refuses the others that HAPI has with 501."""
