"""Filters: what one search parameter of a request asks of a resource (FHIR R4 section 3.1.1.4, as HAPI reads it)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mab_gym.fhir.dates import DateComparison, Period, parse_comparison
from mab_gym.fhir.definitions import SearchParameter
from mab_gym.fhir.outcome import FhirError
from mab_gym.fhir.paths import compile_paths
from mab_gym.fhir.values import Quantity, Reference, Text, Token, Value, normalize, read_values

Predicate = Callable[[Any], bool]

LONGEST_STRING = 768
"""HAPI refuses longer values of string parameters (the width of its index column)."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One search parameter with its alternatives, any of which may hold.

    Attributes:
        parameter: What is searched.
        key: Equal for equal questions.
        predicates: Each alternative, as a test of one indexed value.
        comparisons: The alternatives of a date parameter, once more, for whole columns.
        negated: Whether resources that satisfy an alternative are left out (``:not``).
        missing: For ``:missing``, whether the element must be absent; else None.
        ids: For ``_id``, the logical ids asked for.
    """

    parameter: SearchParameter
    key: tuple[str, ...]
    predicates: tuple[Predicate, ...] = ()
    comparisons: tuple[DateComparison, ...] = ()
    negated: bool = False
    missing: bool | None = None
    ids: frozenset[str] | None = field(default=None)

    def matches_any(self, values: Iterable[Value]) -> bool:
        """Whether any of the values satisfies any alternative (for ``:missing``: whether there is a value)."""
        if self.missing is not None:
            return any(True for _ in values)
        return any(predicate(value) for value in values for predicate in self.predicates)

    def accepts(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource satisfies the filter."""
        if self.ids is not None:
            return (resource.get("id") in self.ids) is not self.negated
        resource_type = str(resource["resourceType"])
        values = (
            value
            for path in compile_paths(resource_type, self.parameter.expression)
            for node in path.nodes(resource.get(path.top))
            for value in read_values(self.parameter.type, node)
        )
        found = self.matches_any(values)
        return not found if self.negated or self.missing else found


def split_alternatives(text: str, separator: str = ",") -> list[str]:
    """Splits at separators that no backslash escapes (the backslashes stay)."""
    parts, current, escaped = [], "", False
    for character in text:
        if character == separator and not escaped:
            parts.append(current)
            current = ""
        else:
            current += character
        escaped = character == "\\" and not escaped
    return [*parts, current]


def unescape(text: str) -> str:
    """Takes the backslashes off ``\\,``, ``\\|``, ``\\$`` and ``\\\\``."""
    for character in ",|$":
        text = text.replace("\\" + character, character)
    return text.replace("\\\\", "\\")


def make_filter(resource_type: str, parameter: SearchParameter, modifier: str, text: str, base_url: str) -> Filter | None:
    """The filter for ``parameter[:modifier]=text``, or None where it asks for nothing.

    Args:
        resource_type: The type searched.
        parameter: Its definition.
        modifier: What follows the colon, or empty.
        text: The value, URL-decoded.
        base_url: This server's base, so that absolute references to it are known as its own.

    Raises:
        FhirError: The value cannot be read, or the modifier is none that the parameter has.
    """
    key = (resource_type, parameter.name, modifier, text)
    if modifier == "missing":
        return Filter(parameter, key, missing=text == "true")
    values = [part for part in split_alternatives(text) if part]
    if not values:
        if parameter.type == "reference":
            raise FhirError(400, "HAPI-1101: Parameter value missing in request")
        return None
    match parameter.type:
        case "token":
            negated = modifier == "not"
            return Filter(parameter, key, tuple(_token(part, modifier) for part in values), negated=negated)
        case "string":
            return Filter(parameter, key, tuple(_string(parameter, part, modifier) for part in values))
        case "reference":
            return Filter(parameter, key, tuple(_reference(parameter, part, modifier, base_url) for part in values))
        case "date":
            if len(values) > 1:
                raise FhirError(400, "HAPI-1930: DateRange parameter does not support OR queries")
            comparison = parse_comparison(values[0])
            return Filter(parameter, key, (comparison.matches,), (comparison,))
        case "quantity" | "number":
            return Filter(parameter, key, tuple(_quantity(part) for part in values))
        case "uri":
            return Filter(parameter, key, tuple(partial(_equal, unescape(part)) for part in values))
    raise FhirError(501, f"This server does not search by {parameter.type} parameters such as {parameter.name} yet")


def _equal(wanted: str, value: object) -> bool:
    return value == wanted


def _token(text: str, modifier: str) -> Predicate:
    if modifier == "text":
        wanted = normalize(unescape(text))

        def has_text(value: Token) -> bool:
            return normalize(value.text).startswith(wanted)

        return has_text
    system, bar, code = text.rpartition("|")
    system, code = unescape(system).strip(), unescape(code).strip()

    def matches(value: Token) -> bool:
        if value.code is None:
            return bool(bar) and not code and bool(system) and value.system == system
        if not bar:
            return value.code == code
        return value.system == system and code in ("", value.code)

    return matches


def _string(parameter: SearchParameter, text: str, modifier: str) -> Predicate:
    if len(text) > LONGEST_STRING:
        raise FhirError(
            400,
            f"HAPI-1260: Parameter[{parameter.name}] has length ({len(text)}) that is longer than maximum allowed "
            f"({LONGEST_STRING}): {text}",
        )
    wanted = unescape(text)
    if modifier == "exact":
        return lambda value: value.exact == wanted
    folded = normalize(wanted)
    if modifier == "contains":
        return lambda value: folded in value.normalized
    return lambda value: value.normalized.startswith(folded)


def _reference(parameter: SearchParameter, text: str, modifier: str, base_url: str) -> Predicate:
    wanted = unescape(text).strip()
    if wanted.startswith(base_url + "/"):
        wanted = wanted[len(base_url) + 1 :]
    wanted_type, slash, wanted_id = wanted.split("/_history/")[0].rpartition("/")
    if modifier:
        wanted_type = wanted_type or modifier
    allowed = parameter.targets

    def matches(value: Reference) -> bool:
        if value.target_id != wanted_id:
            return False
        return value.target_type == wanted_type if wanted_type or slash else not allowed or value.target_type in allowed

    return matches


def _quantity(text: str) -> Predicate:
    parts = [unescape(part) for part in split_alternatives(text, "|")]
    prefix = next((p for p in ("eq", "ne", "gt", "ge", "lt", "le", "ap", "sa", "eb") if parts[0].startswith(p)), "")
    for sign, name in ((">=", "ge"), ("<=", "le"), (">", "gt"), ("<", "lt")):
        if not prefix and parts[0].startswith(sign):
            parts[0] = name + parts[0][len(sign) :]
            prefix = name
            break
    try:
        amount = float(parts[0][len(prefix) :])
    except ValueError:
        raise FhirError(400, f'HAPI-1940: Invalid date/time/quantity format: "{text}"') from None
    system = parts[1] if len(parts) > 2 else ""
    unit = parts[2] if len(parts) > 2 else parts[1] if len(parts) > 1 else ""

    def matches(value: Quantity | float) -> bool:
        if isinstance(value, Quantity):
            if (system and value.system != system) or (unit and unit not in (value.code, value.unit)):
                return False
            value = value.value
        return _compare(prefix, value, amount)

    return matches


def _compare(prefix: str, value: float, amount: float) -> bool:
    match prefix:
        case "gt" | "sa":
            return value > amount
        case "ge":
            return value >= amount
        case "lt" | "eb":
            return value < amount
        case "le":
            return value <= amount
        case "ne":
            return value != amount
        case "ap":
            return abs(value - amount) <= abs(amount) * 0.1
    return value == amount


__all__ = ["Filter", "Period", "Text", "make_filter", "split_alternatives", "unescape"]
