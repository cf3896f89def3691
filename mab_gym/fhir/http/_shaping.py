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


def shown(
    resource: dict[str, Any], parameters: Parameters, headers: Mapping[str, str], *, nested: bool = False
) -> Response:
    """Returns an answer that shows a resource.

    Args:
        resource: The whole resource.
        parameters: The request's parameters.
        headers: The answer's headers.
        nested: True for an entry of a Bundle.

    Raises:
        FhirError: 400, the parameters contradict one another.
    """
    modes, names = read_modes(parameters), read_elements(parameters)
    summary, status = summary_of(modes), 200
    if summary == "text" and not nested:
        # HAPI gives the narrative alone.
        narrative = str(resource.get("text", {}).get("div", "null"))
        return Response(200, narrative, {**headers, "content-type": HTML})
    try:
        check_shape(modes, names)
    except FhirError as error:  # HAPI has written the headers by then
        resource, status = operation_outcome(*error.issues), 400
    else:
        if names or summary in ("true", "data"):
            resource = subset(resource, summary, names)
    text = pretty(resource) if dict(parameters).get("_pretty", "true") == "true" else compact(resource)
    return Response(status, text, headers)
