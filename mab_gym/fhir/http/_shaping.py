"""Shows one resource as a request asks for it: whole, in part (``_summary``, ``_elements``), with or without blanks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.fhir.http._exchange import Response
from mab_gym.fhir.http._html_text import HTML
from mab_gym.fhir.http._subset import subset
from mab_gym.fhir.model._json_text import compact, pretty
from mab_gym.fhir.model._outcome import FhirError, operation_outcome
from mab_gym.fhir.model._url import Parameters
from mab_gym.fhir.search._shape import check_shape, read_elements, read_modes, summary_of
from mab_gym.fhir.store._base import parse_element

_SHAPES = ("_pretty", "_summary", "_elements")


def shown(
    resource: dict[str, Any],
    parameters: Parameters,
    headers: Mapping[str, str],
    *,
    nested: bool = False,
    status: int = 200,
) -> Response:
    """Returns an answer that shows a resource.

    Args:
        resource: The whole resource.
        parameters: The request's parameters.
        headers: The answer's headers.
        nested: True for an entry of a Bundle, and for the answer to a write: HAPI shows no narrative alone there.
        status: The HTTP status.

    Raises:
        FhirError: 400, the parameters contradict one another.
    """
    modes, names = read_modes(parameters), read_elements(parameters)
    summary = summary_of(modes)
    if summary == "text" and not nested:
        # HAPI gives the narrative alone.
        narrative = str(resource.get("text", {}).get("div", "null"))
        return Response(status, narrative, {**headers, "content-type": HTML})
    try:
        check_shape(modes, names)
    except FhirError as error:  # HAPI has written the headers by then
        resource, status = operation_outcome(*error.issues), 400
    else:
        if resource.get("resourceType") == "OperationOutcome":
            names = ()
        if names or summary in ("true", "data"):
            resource = subset(resource, summary, names)
    text = pretty(resource) if dict(parameters).get("_pretty", "true") == "true" else compact(resource)
    return Response(status, text, headers)


def as_asked(response: Response, parameters: Parameters) -> Response:
    """Returns the answer to a write with what it shows in the form that is asked for."""
    if not response.body or not any(name in _SHAPES for name, _ in parameters):
        return response
    return shown(parse_element(response.body), parameters, response.headers, nested=True, status=response.status)
