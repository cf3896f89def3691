"""The operation ``$validate`` (https://hl7.org/fhir/R4/resource-operation-validate.html) as HAPI answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mab_gym.fhir.http._bodies import read_resource
from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response
from mab_gym.fhir.http._media_types import sent_format
from mab_gym.fhir.http._reading import current_text
from mab_gym.fhir.http._shaping import shown
from mab_gym.fhir.http._writing import check_unreferenced
from mab_gym.fhir.model._json_text import compact
from mab_gym.fhir.model._outcome import FhirError, Issue, operation_outcome
from mab_gym.fhir.model._url import Parameters
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._budget import REWRITTEN

if TYPE_CHECKING:
    from mab_gym.fhir.http._asked import Path
    from mab_gym.fhir.http._world import World

_NO_RESOURCE = 'HAPI-0992: No resource supplied for $validate operation (resource is required unless mode is "delete")'
_NO_PLAIN_RESOURCE = (
    "HAPI-0363: Can not invoke operation $validate using HTTP GET because parameter resource is not a primitive "
    "datatype"
)
_FINDING = 40.0
"""Units of work for showing one finding."""
_MODES = ("create", "update", "delete")


def validating(world: World, request: Request, path: Path, parameters: Parameters) -> Response:
    """Answers ``$validate``.

    With a resource as the body, HAPI ignores the parameters in the URL.

    Raises:
        FhirError: HAPI refuses the request.
    """
    key = (str(path.kind), path.logical_id) if path.logical_id is not None else None
    text, control = request.body, dict(parameters)
    sent: dict[str, Any] | None = None
    if request.method == "GET":
        if "resource" in control:
            raise FhirError(405, _NO_PLAIN_RESOURCE)
    elif text.strip() or request.headers.get("content-type", "").strip():
        sent = _posted(request, "INSTANCE" if key else "TYPE")
        control = _given(sent)
    mode = control.get("mode", "")
    if mode and mode not in _MODES:
        raise FhirError(400, f'HAPI-0364: Invalid mode value: "{mode}"')
    if mode == "delete":
        return _deletable(world, key, parameters)
    stored = current_text(world, key) if key is not None else None
    resource = _resource_in(sent)
    if sent is None or resource is None:
        if stored is None:
            raise FhirError(400, _NO_RESOURCE)
        world.budget.spend(len(stored) * REWRITTEN)
        sent = resource = parse_element(stored)
        text = compact(resource)
    _check_mode(mode, resource)
    profiles = [control["profile"]] if control.get("profile") else []
    return _answer(_tested(world, text, sent["resourceType"], profiles), parameters)


def _posted(request: Request, level: str) -> dict[str, Any]:
    """Reads the body: a resource, or Parameters with one."""
    found = sent_format(request.headers.get("content-type", ""))
    if found is not None and found.encoding == "xml" and request.body.lstrip().startswith("<"):
        raise FhirError(501, Issue("Resources in XML are not validated; send application/fhir+json", "not-supported"))
    return read_resource(request, None, f"EXTENDED_OPERATION_{level}")


def _given(sent: dict[str, Any]) -> dict[str, str]:
    """Returns the plain values of Parameters; those of other types than text are shown as HAPI's model prints them."""
    found: dict[str, str] = {}
    for part in sent.get("parameter", ()) if sent["resourceType"] == "Parameters" else ():
        for name, value in part.items():
            if name.startswith("value") and isinstance(value, str):
                plain = name in ("valueString", "valueCode")
                found.setdefault(str(part.get("name", "")), value if plain else f"{name[5:]}Type[{value}]")
    return found


def _resource_in(sent: dict[str, Any] | None) -> dict[str, Any] | None:
    """Returns the resource to be tested; None for none."""
    if sent is None or sent["resourceType"] != "Parameters":
        return sent
    return next((part.get("resource") for part in sent.get("parameter", ()) if part.get("name") == "resource"), None)


def _check_mode(mode: str, resource: dict[str, Any]) -> None:
    if mode == "create" and "id" in resource:
        raise FhirError(422, "HAPI-0997: Resource has an ID - ID must not be populated for a FHIR create")
    if mode == "update" and "id" not in resource:
        raise FhirError(422, "HAPI-0998: Resource has no ID - ID must be populated for a FHIR update")


def _deletable(world: World, key: tuple[str, str] | None, parameters: Parameters) -> Response:
    if key is None:
        raise FhirError(400, "HAPI-0991: No ID supplied. ID is required when validating with mode=DELETE")
    current_text(world, key)
    check_unreferenced(world, key)
    return _answer(operation_outcome(Issue("Ok to delete", "informational", "information")), parameters)


def _tested(world: World, text: str, resource_type: str, profiles: list[str]) -> dict[str, Any]:
    # few sessions ask for it
    from mab_gym.fhir.validation._issues import outcome  # noqa: PLC0415
    from mab_gym.fhir.validation._json_places import PlainJsonError  # noqa: PLC0415
    from mab_gym.fhir.validation._validator import validate  # noqa: PLC0415

    try:
        findings = validate(text, resource_type, profiles, world.budget)
        world.budget.spend(sum(max(1, len(finding.details)) for finding in findings) * _FINDING)
        return outcome(findings, text)
    except PlainJsonError:
        raise FhirError(
            501, Issue("Only plain JSON is validated: double quotes, no leading plus signs", "not-supported")
        ) from None


def _answer(outcome: dict[str, Any], parameters: Parameters) -> Response:
    return shown(outcome, parameters, {"content-type": FHIR_JSON})
