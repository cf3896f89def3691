"""Composite search parameters, such as ``code-value-quantity=K$gt5`` (FHIR R4 section 3.1.1.4.15).

HAPI's database joins the components' indexes by resource and by nothing else, so that a composite asks of a resource
what its parts ask of it together: for ``component-code-value-quantity`` that any component has the code and any other
(or the same) the value.
"""

from __future__ import annotations

from collections.abc import Sequence

from mab_gym.fhir.definitions import SearchParameter, search_parameters
from mab_gym.fhir.matching import Filter, make_filter, split_alternatives
from mab_gym.fhir.outcome import FhirError


def read_composite(resource_type: str, parameter: SearchParameter, text: str) -> Sequence[Filter]:
    """The filters that a composite stands for; none where it asks for nothing.

    Raises:
        FhirError: A component cannot be read, or several composites are given at once.
    """
    values = [part for part in split_alternatives(text) if part.strip()]
    if not values:
        return []
    if len(values) > 1:
        raise FhirError(501, "This server does not answer composite parameters with several values yet")
    defined = search_parameters(resource_type)
    parts = split_alternatives(values[0], "$")
    if len(parts) > 2:
        raise FhirError(
            400,
            "HAPI-1947: Invalid value for composite parameter (only one '$' is valid for this parameter, others must "
            f"be escaped). Value was: {values[0]}",
        )
    nothing = Filter(parameter, (resource_type, parameter.name, "", text), ids=frozenset())
    if len(parts) != len(parameter.components) or not all(parts):
        return [nothing]
    found = []
    for (name, _), part in zip(parameter.components, parts, strict=True):
        wanted = make_filter(resource_type, defined[name], "", part)
        if wanted is not None:
            found.append(wanted)
    return found
