"""Ids that are whole numbers: HAPI takes each for the number of a resource in its database.

The database counts all resources, those with an id of the client's, too. So ``Observation/1`` names the first resource
that was stored, whatever its type and its id are.
"""

from __future__ import annotations

from typing import Protocol

from mab_gym.fhir.model._definitions import is_resource_type, search_parameters
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._url import Parameters

_TOO_LARGE = 2**63


class Numbers(Protocol):
    """The resources by their numbers in HAPI's database."""

    def numbered(self, number: int) -> Key | None:
        """Returns the resource with a number, also if it was deleted; None if there is none."""


def is_number(logical_id: str) -> bool:
    """True if HAPI takes an id for a number in its database."""
    return logical_id.isascii() and logical_id.isdecimal()


def read_number(logical_id: str, before: str = "HAPI-2223: ") -> int:
    """Returns the number that an id is.

    Args:
        logical_id: Decimal digits.
        before: The text before Java's words.

    Raises:
        FhirError: 500 if it is too large for Java.
    """
    if len(logical_id) > 5000 or int(logical_id) >= _TOO_LARGE:
        raise FhirError(500, f'{before}For input string: "{logical_id}"')
    return int(logical_id)


def unknown_resource(numbers: Numbers, key: Key, version: str = "") -> FhirError:
    """Returns HAPI's refusal to read a resource that does not exist.

    Args:
        numbers: The resources.
        key: The type and the id that were asked for.
        version: The version that was asked for, or empty.
    """
    kind, logical_id = key
    if not is_number(logical_id):
        return FhirError(404, f"HAPI-2001: Resource {kind}/{logical_id} is not known")
    name = f"{kind}/{logical_id}" + (f"/_history/{version}" if version else "")
    owner = numbers.numbered(read_number(logical_id))
    if owner is None:
        return FhirError(404, f"HAPI-1996: Resource {name} is not known")
    if owner[0] != kind:
        return FhirError(
            404,
            f"HAPI-0935: Resource with ID {owner[1]} exists but it is not of type {kind}, found resource of type "
            f"{owner[0]}",
        )
    return FhirError(404, f"HAPI-2000: {name}")


def with_names(resource_type: str, parameters: Parameters, numbers: Numbers) -> Parameters:
    """Returns a search's parameters with the ids in place of the numbers by which ``_id`` and references name them.

    Raises:
        FhirError: 500 for a number that is too large for Java.
    """
    if not any(text[-1:].isdecimal() for _, text in parameters):
        return parameters
    defined = search_parameters(resource_type)
    named = []
    for name, text in parameters:
        parameter = defined.get(name.partition(":")[0])
        if parameter is not None and ":" not in name and (name == "_id" or parameter.type == "reference"):
            targets = (resource_type,) if name == "_id" else parameter.targets
            parts = [_named(part, targets, numbers, typed=name != "_id") for part in text.split(",")]
            named.append((name, ",".join(parts)))
        else:
            named.append((name, text))
    return tuple(named)


def _named(text: str, targets: tuple[str, ...], numbers: Numbers, *, typed: bool) -> str:
    kind, _, logical_id = text.rpartition("/")
    if not is_number(logical_id) or (kind and not is_resource_type(kind)):
        return text
    owner = numbers.numbered(read_number(logical_id, before=""))
    if owner is None or owner[0] not in targets:
        return text
    return "/".join(owner) if typed else owner[1]
