"""Reads the resource in a request's body: JSON or XML, as its Content-Type says, with HAPI's refusals of all others."""

from __future__ import annotations

from typing import Any

from mab_gym.fhir.http._binary import is_raw, raw_binary
from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.http._media_types import sent_format
from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.fhir.model._parse import parse_resource
from mab_gym.fhir.model._url import parse_target
from mab_gym.fhir.model._xml_parse import parse_xml_resource

_FORM_TYPE = "application/x-www-form-urlencoded"
_NOT_FHIR = (
    'HAPI-{}: Incorrect Content-Type header value of "{}" was provided in the request. '
    'A FHIR Content-Type is required for "{}" operation'
)
_NO_CONTENT_TYPE = 'HAPI-0448: No Content-Type header was provided in the request. This is required for "{}" operation'
_NO_BODY = {
    "CREATE": FhirError(400, "HAPI-0956: No body was supplied in request"),
    "UPDATE": FhirError(400, "HAPI-0986: No body was supplied in request"),
    "TRANSACTION": FhirError(
        500,
        "HAPI-0389: Failed to call access method: java.lang.NullPointerException: Cannot invoke "
        '"org.hl7.fhir.r4.model.Bundle.getType()" because "theRequest" is null',
    ),
}
_LINES = "HAPI-0450: Failed to parse request body as NDJSON resource. Error was: "


def read_resource(request: Request, resource_type: str | None, operation: str) -> dict[str, Any]:
    """Reads the resource that a request brings.

    Args:
        request: The request.
        resource_type: The type that it must be, or None for any.
        operation: ``CREATE``, ``UPDATE``, ``TRANSACTION`` or another, for HAPI's messages.

    Raises:
        FhirError: HAPI refuses it.
    """
    if resource_type == "Binary" and is_raw(request):
        return raw_binary(request, "".join(parse_target(request.target).path[1:2]))
    content_type = request.headers.get("content-type", "")
    found = sent_format(content_type)
    if found is None:
        raise _not_fhir(content_type, request.body, operation)
    match found.encoding:
        case "json":
            return parse_resource(request.body, resource_type)
        case "xml":
            return parse_xml_resource(request.body, resource_type or "Parameters")
        case "ndjson":
            raise _of_lines(request.body, resource_type)
    raise FhirError(501, Issue("Resources in Turtle are not read; send application/fhir+json", "not-supported"))


def _not_fhir(content_type: str, body: str, operation: str) -> FhirError:
    if content_type.startswith(_FORM_TYPE):
        return FhirError(400, _NOT_FHIR.format("0446", content_type, operation))
    if content_type.strip():
        return FhirError(400, _NOT_FHIR.format("0449", content_type, operation))
    if body.strip():
        return FhirError(400, _NO_CONTENT_TYPE.format(operation))
    return _NO_BODY[operation]


def _of_lines(body: str, resource_type: str | None) -> FhirError:
    """Returns the refusal of an NDJSON body: HAPI reads it as a collection, and stores none."""
    if resource_type != "Bundle":
        received = f"NDJsonParser can only parse to Bundle types.  Received org.hl7.fhir.r4.model.{resource_type}"
        return FhirError(400, f"{_LINES}HAPI-1834: {received}")
    return FhirError(400, "HAPI-0527: Unable to process transaction where incoming Bundle.type = collection")
