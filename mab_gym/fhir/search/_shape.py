"""The part of each resource that an answer shows: ``_summary`` and ``_elements`` as HAPI reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._url import Parameters

_MODES = frozenset(("true", "false", "text", "data", "count"))
_WHOLE = frozenset(("false",))
_NARRATIVES = {"normal": "false", "only": "text", "suppress": "data"}
"""HAPI's own parameter ``_narrative``, which it still reads where there is no ``_summary``."""


class Shape(NamedTuple):
    """The part of each resource that an answer shows.

    Attributes:
        summary: ``true``, ``text``, ``data`` or ``count``; empty for whole resources.
        elements: The elements to show, or none for all.
    """

    summary: str = ""
    elements: tuple[str, ...] = ()


def read_shape(parameters: Parameters) -> Shape:
    """Reads the part that a request asks for.

    Raises:
        FhirError: 400 for ``text`` beside another summary, and for elements beside any summary.
    """
    modes, elements = read_modes(parameters), read_elements(parameters)
    check_shape(modes, elements)
    return Shape(summary_of(modes), elements)


def check_shape(modes: frozenset[str], elements: Sequence[str]) -> None:
    """Refuses elements beside a summary.

    Raises:
        FhirError: 400.
    """
    if elements and modes != _WHOLE:
        raise FhirError(400, "HAPI-0304: Cannot combine the _summary and _elements parameters")


def read_modes(parameters: Parameters) -> frozenset[str]:
    """Returns the summaries that a request asks for, of which it may list several.

    Raises:
        FhirError: 400 for ``text`` beside another one.
    """
    values = [value for name, value in parameters if name == "_summary"]
    if not values or not values[0].strip():
        return _named(_narratives(parameters)) or _WHOLE
    several = len(values) > 1 or "," in values[0]
    modes = _named(part for value in values for part in value.split(","))
    if "text" in modes and len(modes) > 1:
        raise FhirError(400, "HAPI-0380: Can not combine _summary=text with other values for _summary")
    return modes if several or modes else _named(_narratives(parameters)) or _WHOLE


def _named(values: Iterable[str]) -> frozenset[str]:
    return _MODES.intersection(value.lower() for value in values)


def _narratives(parameters: Parameters) -> list[str]:
    values = [value for name, value in parameters if name == "_narrative"][:1]
    return [_NARRATIVES.get(value.lower(), "") for value in values]


def summary_of(modes: frozenset[str]) -> str:
    """Returns the summary that has the greatest effect among those asked for; empty for whole resources."""
    if modes in (frozenset(("count",)), frozenset(("text",))):
        return next(iter(modes))
    return next((mode for mode in ("true", "data") if mode in modes), "")


def read_elements(parameters: Parameters) -> tuple[str, ...]:
    """Returns the elements that all ``_elements`` of a request name."""
    values = (value for name, value in parameters if name == "_elements")
    return tuple(part for value in values for part in value.split(",") if part.strip())


def of_entry(parameters: Parameters) -> Parameters:
    """Returns the parameters of an entry of a Bundle: HAPI shows a part of it only where it sees ``_summary``."""
    if any(name == "_summary" for name, _ in parameters):
        return parameters
    return tuple(pair for pair in parameters if pair[0] not in ("_elements", "_narrative"))
