"""``GET metadata``: the CapabilityStatement, in the form in which HAPI FHIR 7.6 publishes its own.

Source: FHIR R4, https://hl7.org/fhir/R4/capabilitystatement.html; order and wording are those of HAPI's
``ServerCapabilityStatementProvider``. It lists what this server does, which is less than HAPI does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from mab_gym.fhir.hapi._hashes import java_set_order, string_hash
from mab_gym.fhir.http._exchange import FHIR_JSON, Response, ServerOrigin
from mab_gym.fhir.http._operations import ANSWERED
from mab_gym.fhir.http._patching import PATCH_FORMATS
from mab_gym.fhir.http._shaping import shown
from mab_gym.fhir.model._definitions import (
    SearchParameter,
    published_parameters,
    resource_types,
    search_parameters,
)
from mab_gym.fhir.model._json_text import pretty
from mab_gym.fhir.model._operation_definitions import listed_operations, operation_definition, operation_definitions
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._own_parameters import follows_parameters
from mab_gym.fhir.model._url import Parameters

SOFTWARE = "mab_gym embedded server"
FORMATS = (
    "application/fhir+xml", "xml", "application/fhir+json", "json", "application/x-turtle", "ttl",
    "html/json", "html/xml", "html/turtle",
)  # fmt: skip
SYSTEM_INTERACTIONS = ("transaction", "history-system")
INTERACTIONS = (
    "search-type", "update", "vread", "read", "patch", "history-type", "history-instance", "delete", "create",
)  # fmt: skip
_INTERACTIONS_OF = {
    "OperationDefinition": (
        "read",
        "search-type",
        "update",
        "vread",
        "patch",
        "history-type",
        "history-instance",
        "delete",
        "create",
    )
}
"""HAPI's order where it differs: it reads OperationDefinitions in a way of its own."""
_AT_HL7 = {"Patient-everything": "EncounterPatient-it-everything"}
"""Definitions to which HAPI refers by HL7's address, and those that hold for them."""

_BULK_EXPORT = {
    None: (
        ("export-poll-status", "{}/OperationDefinition/-s-export-poll-status"),
        ("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"),
    ),
    "Group": (("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export"),),
    "Patient": (("export", "{}/OperationDefinition/GroupPatient-its-export"),),
}
"""The operations of Bulk Data, which HAPI lists before the others."""

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


_SHAPING = frozenset(("_summary", "_elements", "_pretty", "_narrative"))


def metadata(parameters: Parameters, origin: ServerOrigin, *, bulk_export: bool = False) -> Response:
    """Answers ``GET metadata``; HAPI ignores parameters that it does not know, such as ``mode``.

    Args:
        parameters: The request's parameters.
        origin: The server's address and clock.
        bulk_export: True if it has the operations of Bulk Data.

    Raises:
        FhirError: HAPI refuses the request, or this server does not have the format.
    """
    statement = capability_statement(origin.base_url, origin.instant, bulk_export)
    location = f"{origin.base_url}/CapabilityStatement/{statement['id']}"
    headers = {"content-type": FHIR_JSON, "content-location": location}
    if _SHAPING.isdisjoint(dict(parameters)):
        return Response(200, _text(origin.base_url, origin.instant, bulk_export), headers)
    return shown(statement, parameters, headers)


def _write(base_url: str, instant: str, bulk_export: bool) -> str:
    return pretty(capability_statement(base_url, instant, bulk_export))


def _state(base_url: str, instant: str, bulk_export: bool = False) -> dict[str, Any]:
    """Returns the server's CapabilityStatement; it is remembered, so do not change it.

    Args:
        base_url: The server's base, without a slash at its end.
        instant: The simulated clock as a FHIR instant.
        bulk_export: True if it has the operations of Bulk Data.
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
                "resource": _resources(base_url, bulk_export=bulk_export),
                "interaction": [{"code": code} for code in SYSTEM_INTERACTIONS],
                "operation": _operations(None, base_url, bulk_export=bulk_export),
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


def _resources(base_url: str, *, bulk_export: bool) -> list[dict[str, Any]]:
    pointing: dict[str, list[str]] = {kind: [] for kind in resource_types()}
    everywhere = [kind for kind in pointing if kind != "Parameters"]  # no reference is meant to lead to Parameters
    for kind in resource_types():
        for parameter in search_parameters(kind).values():
            if parameter.type == "reference":
                for target in parameter.targets or everywhere:
                    pointing[target].append(f"{kind}:{parameter.name}")
    return [_resource(kind, pointing[kind], base_url, bulk_export=bulk_export) for kind in resource_types()]


def _resource(kind: str, pointing: list[str], base_url: str, *, bulk_export: bool) -> dict[str, Any]:
    parameters = answered_parameters(kind)
    references = [f"{kind}:{parameter.name}" for parameter in parameters.values() if parameter.type == "reference"]
    resource: dict[str, Any] = {
        "type": kind,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{kind}",
        "interaction": [{"code": code} for code in _INTERACTIONS_OF.get(kind, INTERACTIONS)],
        **_BEHAVIOUR,
        "searchInclude": ["*", *references],
        "searchRevInclude": pointing,
        "searchParam": _parameters(kind, parameters),
        "operation": _operations(kind, base_url, bulk_export=bulk_export),
    }
    return {name: value for name, value in resource.items() if value != []}


def _operations(kind: str | None, base_url: str, *, bulk_export: bool) -> list[dict[str, str]]:
    """Returns the operations that this server answers for a type, or for itself as a whole."""
    listed = []
    for name, url in _BULK_EXPORT.get(kind, ()) if bulk_export else ():
        listed.append({"name": name, "definition": url.format(base_url)})
    for key in listed_operations(kind):
        definition = operation_definitions()[_AT_HL7.get(key, key)]
        if definition.code in ANSWERED:
            base = "http://hl7.org/fhir" if key in _AT_HL7 else base_url
            url = f"{base}/OperationDefinition/{key}"
            about = {"documentation": definition.description} if definition.description else {}
            listed.append({"name": definition.code, "definition": url, **about})
    return listed


def read_definition(
    origin: ServerOrigin, logical_id: str, parameters: Parameters, *, bulk_export: bool = False
) -> Response:
    """Answers a read of an OperationDefinition: like HAPI, with one of its own operations, never a stored one.

    Raises:
        FhirError: 404, there is no such operation.
    """
    definition = operation_definition(logical_id, origin.base_url, bulk_export=bulk_export)
    known = operation_definitions().get(logical_id)
    if definition is None or (known is not None and known.code not in ANSWERED):
        raise FhirError(404, f"HAPI-2249: OperationDefinition/{logical_id}")
    return shown(definition, parameters, {"content-type": FHIR_JSON})


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
