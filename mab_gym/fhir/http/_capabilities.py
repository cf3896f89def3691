"""``GET metadata``: the CapabilityStatement, in the form in which HAPI FHIR 7.6 publishes its own.

Source: FHIR R4, https://hl7.org/fhir/R4/capabilitystatement.html; order and wording are those of HAPI's
``ServerCapabilityStatementProvider``. It lists what this server does, which is less than HAPI does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from mab_gym.fhir.hapi._hashes import java_set_order, string_hash
from mab_gym.fhir.http._exchange import FHIR_JSON, Response, ServerOrigin
from mab_gym.fhir.http._patching import PATCH_FORMATS
from mab_gym.fhir.http._searching import check_format
from mab_gym.fhir.http._subset import subset
from mab_gym.fhir.model._definitions import (
    SearchParameter,
    published_parameters,
    resource_types,
    search_parameters,
)
from mab_gym.fhir.model._json_text import compact, pretty
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._own_parameters import follows_parameters

SOFTWARE = "mab_gym embedded server"
FORMATS = ("application/fhir+xml", "xml", "application/fhir+json", "json")
SYSTEM_INTERACTIONS = ("transaction", "history-system")
INTERACTIONS = (
    "search-type", "update", "vread", "read", "patch", "history-type", "history-instance", "delete", "create",
)  # fmt: skip

_BEHAVIOUR = {
    "versioning": "versioned-update",
    "conditionalCreate": True,
    "conditionalUpdate": True,
    "conditionalDelete": "single",  # HAPI says multiple, and refuses to delete several (HAPI-0962)
}
_OWN_PARAMETERS = {
    "_has": "Return resources linked to by the given target",
    "_list": "Search the contents of the resource's data using a list",
    "_language": "The language of the resource",
    "_filter": "Search the contents of the resource's data using a filter",
}
"""The parameters that HAPI adds to those of the specification."""
_REFUSED = ("_content", "_text", "_language")
"""The parameters that HAPI lists but refuses, as this server does (HAPI-1192, HAPI-1223)."""
_OPERATIONS: Mapping[str, Sequence[str]] = {
    "Encounter": ["everything"],
    "Observation": ["lastn"],
    "Patient": ["everything"],
}
"""The operations of single types; every type also has ``meta``."""

_META = "Request a list of tags, profiles, and security labels for a specfic resource instance"


def metadata(method: str, parameters: Sequence[tuple[str, str]], origin: ServerOrigin) -> Response:
    """Answers ``GET metadata``; HAPI ignores parameters that it does not know, such as ``mode``.

    Raises:
        FhirError: HAPI refuses the request, or this server does not have the format.
    """
    if method != "GET":
        raise FhirError(405, "HAPI-0388: /metadata request must use HTTP GET")
    control = dict(parameters)
    if {"_summary", "_elements"} <= control.keys():
        raise FhirError(400, "HAPI-0304: Cannot combine the _summary and _elements parameters")
    check_format(control.get("_format", ""))
    statement = capability_statement(origin.base_url, origin.instant)
    location = f"{origin.base_url}/CapabilityStatement/{statement['id']}"
    summary = control.get("_summary", "")
    if summary == "text":
        headers = {"content-type": "text/html;charset=UTF-8", "content-location": location}
        return Response(200, statement["text"]["div"], headers)
    names = tuple(part for part in control.get("_elements", "").split(",") if part)
    if names or summary in ("true", "data"):
        statement = subset(statement, summary, names)
        body = pretty(statement)
    else:
        body = _text(origin.base_url, origin.instant)
    if control.get("_pretty") == "false":
        body = compact(statement)
    return Response(200, body, {"content-type": FHIR_JSON, "content-location": location})


def _write(base_url: str, instant: str) -> str:
    return pretty(capability_statement(base_url, instant))


def _state(base_url: str, instant: str) -> dict[str, Any]:
    """Returns the server's CapabilityStatement; it is remembered, so do not change it.

    Args:
        base_url: The server's base, without a slash at its end.
        instant: The simulated clock as a FHIR instant.
    """
    return {
        "resourceType": "CapabilityStatement",
        "id": str(uuid5(NAMESPACE_URL, f"{base_url}/metadata")),
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{SOFTWARE}</div>'},
        "name": "RestServer",
        "status": "active",
        "date": datetime.fromisoformat(instant).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "publisher": "Not provided",
        "kind": "instance",
        "software": {"name": SOFTWARE, "version": version("mab-gym")},
        "implementation": {"description": f"{SOFTWARE}, FHIR R4", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": list(FORMATS),
        "patchFormat": list(PATCH_FORMATS),
        "rest": [
            {
                "mode": "server",
                "resource": _resources(),
                "interaction": [{"code": code} for code in SYSTEM_INTERACTIONS],
            }
        ],
    }


_text = follows_parameters(_write, 4)
capability_statement = follows_parameters(_state, 4)
"""`_state`, remembered for few bases only: a client's Host header can name any port."""


def answered_parameters(resource_type: str) -> dict[str, SearchParameter]:
    """Returns the search parameters of a type that searches really answer."""
    return {
        name: parameter
        for name, parameter in search_parameters(resource_type).items()
        if name not in _REFUSED and parameter.type != "special"
    }


def _resources() -> list[dict[str, Any]]:
    pointing: dict[str, list[str]] = {kind: [] for kind in resource_types()}
    everywhere = [kind for kind in pointing if kind != "Parameters"]  # no reference is meant to lead to Parameters
    for kind in resource_types():
        for parameter in search_parameters(kind).values():
            if parameter.type == "reference":
                for target in parameter.targets or everywhere:
                    pointing[target].append(f"{kind}:{parameter.name}")
    return [_resource(kind, pointing[kind]) for kind in resource_types()]


def _resource(kind: str, pointing: list[str]) -> dict[str, Any]:
    parameters = answered_parameters(kind)
    references = [f"{kind}:{parameter.name}" for parameter in parameters.values() if parameter.type == "reference"]
    resource: dict[str, Any] = {
        "type": kind,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{kind}",
        "interaction": [{"code": code} for code in INTERACTIONS],
        **_BEHAVIOUR,
        "searchInclude": ["*", *references],
        "searchRevInclude": pointing,
        "searchParam": _parameters(kind, parameters),
        "operation": [
            {
                "name": "meta",
                "definition": "http://hl7.org/fhir/OperationDefinition/Resource-meta",
                "documentation": _META,
            },
            *(
                {"name": name, "definition": f"http://hl7.org/fhir/OperationDefinition/{kind}-{name}"}
                for name in _OPERATIONS.get(kind, ())
            ),
        ],
    }
    return {name: value for name, value in resource.items() if value != []}


def _parameters(kind: str, parameters: Mapping[str, SearchParameter]) -> list[dict[str, str]]:
    """Returns ``searchParam`` in the order of HAPI's hash map, filled in the order of the specification."""
    published = published_parameters()
    known = {**published["Resource"], **published["DomainResource"], **published.get(kind, {})}
    del known["_query"]
    listed = {}
    for name in java_set_order([*sorted(known, key=lambda name: known[name].place), *_OWN_PARAMETERS], string_hash):
        if name in parameters:
            listed[name] = {
                "name": name,
                **({"definition": known[name].url} if known[name].url else {}),
                "type": parameters[name].type,
                "documentation": known[name].description,
            }
        elif name not in known and name not in _REFUSED:
            listed[name] = {"name": name, "type": "string", "documentation": _OWN_PARAMETERS[name]}
    return list(listed.values())
