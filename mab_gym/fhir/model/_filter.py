"""Filters: the conditions that single search parameters set; the store applies them, searches combine them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mab_gym.fhir.model._dates import DateComparison
from mab_gym.fhir.model._definitions import SearchParameter
from mab_gym.fhir.model._paths import compile_paths
from mab_gym.fhir.model._values import Reference, Text, Token, Value, read_values

Predicate = Callable[[Any], bool]

JAVA_BLANK = "".join(map(chr, range(0x21)))
"""The characters that Java's ``String.trim`` removes."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The condition of one search parameter: one of its alternatives must hold.

    Attributes:
        parameter: The search parameter.
        key: Equal for equal conditions.
        predicates: The alternatives, as tests of one indexed value.
        comparisons: The alternatives of a date parameter once more, to test whole columns.
        negated: True if resources that satisfy an alternative are left out (``:not``).
        missing: For ``:missing``, True if the element must be absent, False if it must be there; else None.
        ids: For ``_id``, the logical ids asked for.
        either: For ``_filter``, groups of filters; all filters of one group must hold.
        ranks: For results of a search through references, the place of each id (or target) in the order in which HAPI's
            database reads them; see `mab_gym.fhir.hapi._order`.
    """

    parameter: SearchParameter
    key: tuple[str, ...]
    predicates: tuple[Predicate, ...] = ()
    comparisons: tuple[DateComparison, ...] = ()
    negated: bool = False
    missing: bool | None = None
    ids: frozenset[str] | None = field(default=None)
    either: tuple[tuple[Filter, ...], ...] = ()
    ranks: Mapping[str, int] | None = field(default=None, compare=False, repr=False)

    @property
    def modifier(self) -> str:
        """The text behind the colon, or empty."""
        return self.key[2] if len(self.key) > 3 else ""

    @property
    def comparisons_each(self) -> int:
        """The number of comparisons for one element, roughly: a name has several parts, a concept several codes."""
        values = {"string": 6, "token": 2}.get(self.parameter.type, 1)
        return values * (1 + len(self.predicates))

    @property
    def alternatives(self) -> list[str]:
        """The values asked for, still escaped."""
        return [part for part in split_alternatives(self.key[-1]) if part.strip()]

    @property
    def target_ids(self) -> list[str] | None:
        """The ids that a reference must point to one of, or None if the filter sets other conditions."""
        found = [predicate.target_ids for predicate in self.predicates if isinstance(predicate, PointsTo | PointsToAny)]
        if not found or len(found) < len(self.predicates) or self.missing is not None:
            return None
        return [logical_id for ids in found for logical_id in ids]

    @property
    def names(self) -> frozenset[str] | None:
        """The references that a resource must hold one of, as in ``Patient/S1``, or None for other conditions."""
        only = self.predicates[0] if len(self.predicates) == 1 else None
        return only.names if isinstance(only, PointsToAny) and self.missing is None and not self.negated else None

    @property
    def beginnings(self) -> list[str] | None:
        """The beginnings of which a normalized text must have one, or None if the filter sets other conditions."""
        found = [predicate.text for predicate in self.predicates if isinstance(predicate, BeginsWith)]
        return found if found and len(found) == len(self.predicates) and self.missing is None else None

    @property
    def finds_several(self) -> bool:
        """True if a resource is likely to have several values that satisfy this filter."""
        if self.negated or self.missing is not None or self.either or self.ids is not None or self.ranks is not None:
            return False
        if self.parameter.type == "string":
            return self.modifier != "exact"
        if self.parameter.type == "token" and (self.modifier or self.key[-1].endswith("|")):
            return True
        return len(self.predicates) > 1

    def matches_any(self, values: Iterable[Value]) -> bool:
        """True if any of the values satisfies any alternative; for ``:missing``, True if there is a value."""
        if self.missing is not None:
            return any(not isinstance(value, Token) or value.indexed for value in values)
        return any(predicate(value) for value in values for predicate in self.predicates)

    def accepts(self, resource: Mapping[str, Any]) -> bool:
        """True if a resource satisfies the filter."""
        if self.either:
            return any(all(wanted.accepts(resource) for wanted in group) for group in self.either)
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

    def for_many(self, resource_type: str) -> Callable[[Mapping[str, Any]], bool]:
        """Returns `accepts` for many resources of one type, all of which are held meanwhile.

        An element that several of them share, as those of one stay share a code, is looked at once.
        """
        tops = {path.top for path in compile_paths(resource_type, self.parameter.expression)}
        if self.either or self.ids is not None or len(tops) != 1:
            return self.accepts
        (top,) = tops
        known: dict[int, bool] = {}

        def accepts(resource: Mapping[str, Any]) -> bool:
            element = id(resource.get(top))
            found = known.get(element)
            if found is None:
                found = known[element] = self.accepts(resource)
            return found

        return accepts


def split_alternatives(text: str, separator: str = ",") -> list[str]:
    """Splits a text at separators without a backslash before them; the backslashes stay."""
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
    r"""Removes the backslashes from ``\,``, ``\|``, ``\$`` and ``\\``."""
    for character in ",|$":
        text = text.replace("\\" + character, character)
    return text.replace("\\\\", "\\")


def read_token(text: str, *, trimmed: bool = True) -> tuple[str | None, str]:
    """Returns the system and the code of a token's value; without a bar, the system is None."""
    bar = next((i for i, c in enumerate(text) if c == "|" and not (i and text[i - 1] == "\\")), -1)
    blank = JAVA_BLANK if trimmed else ""
    code = unescape(text[bar + 1 :]).strip(blank)
    return (None if bar < 0 else unescape(text[:bar]).strip(blank)), code


@dataclass(frozen=True, slots=True)
class BeginsWith:
    """A test for texts that begin with another one, ignoring case and accents.

    Attributes:
        text: The beginning, normalized.
    """

    text: str

    def __call__(self, value: Text) -> bool:
        return value.normalized.startswith(self.text)


@dataclass(frozen=True, slots=True)
class PointsTo:
    """A test for references to one resource.

    Attributes:
        target_id: The resource's logical id.
        target_type: Its type; empty for any.
        allowed: The types that the parameter may point to; empty for all.
    """

    target_id: str
    target_type: str
    allowed: Sequence[str]

    @property
    def target_ids(self) -> Sequence[str]:
        """The logical id, in a tuple of one."""
        return (self.target_id,)

    def __call__(self, value: Reference) -> bool:
        if value.target_id != self.target_id or (self.allowed and value.target_type not in self.allowed):
            return False
        return not self.target_type or value.target_type == self.target_type


class PointsToAny:
    """A test for references to any of some resources.

    Args:
        keys: The types and ids of the resources.

    Attributes:
        names: The resources as references name them, as in ``Patient/S1``.
        target_ids: The logical ids.
    """

    __slots__ = ("_keys", "names", "target_ids")

    def __init__(self, keys: Collection[tuple[str, str]]) -> None:
        self._keys = frozenset(keys)
        self.names = frozenset(f"{kind}/{logical_id}" for kind, logical_id in keys)
        self.target_ids = tuple(logical_id for _, logical_id in self._keys)

    def __call__(self, value: Reference) -> bool:
        return (value.target_type, value.target_id) in self._keys
