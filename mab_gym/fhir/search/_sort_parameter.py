"""Reads ``_sort`` (FHIR R4 section 3.1.1.5.1), with HAPI's words for what it refuses."""

from __future__ import annotations

from mab_gym.fhir.hapi._messages import listed_parameters
from mab_gym.fhir.model._definitions import SearchParameter, resource_types, search_parameters
from mab_gym.fhir.model._outcome import FhirError, sanitized
from mab_gym.fhir.search._matching import LONGEST_REFUSAL

_UNSORTED = ("_profile", "_security", "_source", "_tag")
"""The parameters that HAPI accepts in ``_sort`` and does not sort by."""


def read_sort(resource_type: str, text: str, modifier: str, *, whole: bool) -> list[tuple[SearchParameter, bool]]:
    """Reads the order that one ``_sort`` asks for.

    Args:
        resource_type: The type searched.
        text: The value, as in ``status,-date``.
        modifier: ``desc``, or anything else for rising order.
        whole: True for every ``_sort`` after the first: its value is one name, without sign or comma.

    Returns:
        Search parameters, each with True if it sorts downwards; the strongest first.

    Raises:
        FhirError: HAPI refuses it, or this server does not sort so.
    """
    defined = search_parameters(resource_type)
    order: list[tuple[SearchParameter, bool]] = []
    for part in [text] if whole else text.split(","):
        name, down = part, modifier == "desc"
        if name.startswith("-") and not whole:
            name, down = name[1:], True
        target, _, name = name.rpartition(":")
        if not name.strip():
            continue
        name, _, chain = name.partition(".")
        if "." in chain:
            raise FhirError(
                400,
                "HAPI-2286: Invalid _sort expression, can not chain more than once in a sort expression: "
                f"{sanitized(name)}.{sanitized(chain)}",
            )
        if name not in defined:
            raise _unknown_sort(resource_type, name)
        if chain:
            raise _refused_chain(defined[name], chain, target)
        if defined[name].type == "special":
            raise FhirError(
                400,
                f'HAPI-2307: Can not sort on coordinate parameter "{name}" unless this parameter is also specified as '
                "a search parameter with a latitude/longitude value",
            )
        if len(defined[name].components) > 2:
            raise FhirError(
                400,
                f"HAPI-1196: The composite _sort parameter {name} must have 2 composite types declared in parameter "
                f"annotation, found {len(defined[name].components)}",
            )
        if defined[name].type == "composite":
            order.extend((defined[part], down) for part, _ in defined[name].components)
        elif name not in _UNSORTED:
            order.append((defined[name], down))
    return order


def _unknown_sort(resource_type: str, name: str, code: str = "1194") -> FhirError:
    refusal = (
        f'HAPI-{code}: Unknown _sort parameter value "{sanitized(name)}" for resource type "{resource_type}" '
        "(Note: sort parameters values must use a valid Search Parameter). "
        f"Valid values for this search are: [{listed_parameters(resource_type)}]"
    )
    return FhirError(400, refusal[:LONGEST_REFUSAL])


def _refused_chain(parameter: SearchParameter, chain: str, target: str) -> FhirError:
    """Returns the refusal of a sort through a reference; HAPI sorts only where it leads to one type."""
    name = parameter.name
    if parameter.type != "reference":
        return FhirError(400, f"HAPI-2285: Invalid chain, {name} is not a reference SearchParameter")
    targets = parameter.targets if not target else (target,)
    if len(targets) != 1:
        return FhirError(
            400,
            f"HAPI-2287: Unable to sort on a chained parameter from '{name}' as this parameter has multiple target "
            "types. Please specify the target type.",
        )
    if targets[0] in resource_types() and chain not in search_parameters(targets[0]):
        return _unknown_sort(targets[0], chain, "2289")
    return FhirError(501, "This server does not sort by chained parameters yet")
