"""Composite search parameters, such as ``code-value-quantity=K$gt5`` (FHIR R4 section 3.1.1.4.15).

HAPI's database joins the components' indexes only by resource, so that a composite is the same as its parts together:
``component-code-value-quantity`` asks for a component with the code and any component, perhaps another, with the value.
"""

from __future__ import annotations

from collections.abc import Sequence

from mab_gym.fhir.model._definitions import SearchParameter, search_parameters
from mab_gym.fhir.model._filter import Filter, split_alternatives
from mab_gym.fhir.model._outcome import FhirError, RefusalKind
from mab_gym.fhir.search._matching import make_filter

_ESCAPED_COMMA = "\\,"
_SWAPPED = "HAPI-1948: Invalid quantity type: class ca.uhn.fhir.rest.param.TokenParam"


def read_composite(resource_type: str, parameter: SearchParameter, text: str) -> Sequence[Filter]:
    """Returns the filters of a composite, which all must hold; none if it asks for nothing.

    Raises:
        FhirError: A component cannot be read.
    """
    values = [part for part in split_alternatives(text) if part.strip()]
    if not values:
        return []
    groups = [tuple(_read_value(resource_type, parameter, value)) for value in values]
    if len(groups) == 1:
        return groups[0]
    return [Filter(parameter, (resource_type, parameter.name, "", text), either=tuple(groups))]


def read_missing_composite(resource_type: str, parameter: SearchParameter, text: str) -> Sequence[Filter]:
    """Returns the filters of a composite with ``:missing``, for true and false the same, as in HAPI.

    Two codes ask for nothing; a code with a text or a date asks for resources with a text or a date.

    Raises:
        FhirError: HAPI does not know how to look up one of the components.
    """
    names = [name for name, _ in parameter.components]
    defined = search_parameters(resource_type)
    kinds = [defined[name].type for name in names]
    for strange in ("reference", "number"):
        if strange in kinds:
            raise _no_component(strange)
    if [defined[name].type for name in sorted(names)] != kinds:
        raise FhirError(500, _SWAPPED)
    if set(kinds) == {"token"}:
        return []
    if kinds[1] in ("string", "date"):
        wanted = make_filter(resource_type, defined[names[1]], "missing", "false")
        return [] if wanted is None else [wanted]
    return [Filter(parameter, (resource_type, parameter.name, "missing", text), ids=frozenset())]


def _no_component(kind: str) -> FhirError:
    return FhirError(400, f"HAPI-1204: Don't know how to handle composite parameter with type of {kind.upper()}")


def _read_value(resource_type: str, parameter: SearchParameter, text: str) -> Sequence[Filter]:
    """Returns the filters for one of a composite's values."""
    defined = search_parameters(resource_type)
    parts = split_alternatives(text, "$")
    if len(parts) > 2:
        raise FhirError(
            400,
            "HAPI-1947: Invalid value for composite parameter (only one '$' is valid for this parameter, others must "
            f"be escaped). Value was: {text.replace(_ESCAPED_COMMA, ',')}",
            kind=RefusalKind.TOO_MANY_COMPONENTS,
        )
    nothing = Filter(parameter, (resource_type, parameter.name, "", text), ids=frozenset())
    names = [name for name, _ in parameter.components]
    # HAPI reads the parts in the order of the definition, and looks them up in the order of the components' names
    kinds, sorted_kinds = ([defined[name].type for name in order] for order in (names, sorted(names)))
    parts += [""] * (len(names) - len(parts))
    if len(names) == 2 and sorted_kinds != kinds and not all(part.strip() for part in parts):
        raise FhirError(500, _SWAPPED)
    if len(names) == 2 and kinds[1] == "string" and not all(part.strip() for part in parts):
        raise FhirError(500, 'Cannot invoke "String.length()" because "rawSearchTerm" is null')
    if len(names) != 2 or not parts[0].strip():
        return [nothing]
    if not parts[1].strip() and kinds[1] != "token":
        return [nothing]
    if "reference" in kinds:
        raise _no_component("reference")
    found = []
    for name, looked_up, part in zip(names, sorted(names), parts, strict=True):
        try:
            make_filter(resource_type, defined[name], "", part)
        except FhirError as error:
            if sorted_kinds == kinds or error.kind is not RefusalKind.UNSUPPORTED_PREFIX:
                raise inside(error) from None
        if sorted_kinds == kinds and (wanted := make_filter(resource_type, defined[looked_up], "", part)) is not None:
            found.append(wanted)
    if sorted_kinds != kinds:
        raise FhirError(500, _SWAPPED)
    return found


def inside(error: FhirError) -> FhirError:
    """Returns HAPI's error for a value inside a composite or behind a reference: ``ap`` has other words there."""
    if error.kind is RefusalKind.APPROXIMATE_DATE:
        return FhirError(400, "HAPI-1921: Invalid comparator for date range parameter:APPROXIMATE. This is a bug.")
    return error
