"""``_include`` and ``_revinclude``: what a page brings along (FHIR R4 section 3.1.1.5.4; errors as HAPI words them).

HAPI adds what a page's matches point to (or what points to them), each resource once and never a match again. Resources
that do not exist are left out without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mab_gym.fhir.definitions import SearchParameter, resource_types, search_parameters
from mab_gym.fhir.hashes import string_hash
from mab_gym.fhir.matching import Filter
from mab_gym.fhir.outcome import FhirError
from mab_gym.fhir.paths import compile_paths
from mab_gym.fhir.values import Reference, read_values

MOST_INCLUDES = 1000
"""HAPI's limit a page."""

Key = tuple[str, str]
"""A resource type and a logical id."""


class Resources(Protocol):
    """What has to be known of all resources to follow references among them."""

    def read(self, key: Key) -> dict[str, Any] | None:
        """A resource, or None where there is none."""

    def pointing(self, resource_type: str, wanted: Filter) -> Iterable[Key]:
        """The resources of a type that satisfy a filter."""

    def types(self) -> Iterable[str]:
        """The resource types of which there are any."""

    def position(self, resource_type: str, logical_id: str) -> int | None:
        """A resource's database id: its place in the order in which all resources were loaded, from 1."""


@dataclass(frozen=True, slots=True)
class Include:
    """One ``_include`` or ``_revinclude``.

    Attributes:
        reverse: Whether it asks for what points to the matches.
        source_type: The type that points; empty for ``*``.
        parameter: The reference's search parameter, or ``*``.
        target_type: The type pointed to, or empty for any.
        iterate: Whether it holds for included resources, too.
        text: As it was written.
    """

    reverse: bool
    source_type: str
    parameter: str
    target_type: str
    iterate: bool
    text: str


def in_order(includes: Iterable[Include]) -> list[Include]:
    """Includes as HAPI keeps them: in the order of a ``java.util.HashSet<Include>``, each once."""

    def bucket(include: Include) -> int:
        hashed = 31 * (31 + (1231 if include.iterate else 1237)) + string_hash(include.text) & 0xFFFFFFFF
        return (hashed ^ hashed >> 16) & 15

    return sorted(dict.fromkeys(includes), key=bucket)


def read_include(name: str, modifier: str, text: str) -> Include:
    """Reads ``Type:parameter[:Target]`` or ``*``.

    Args:
        name: ``_include`` or ``_revinclude``.
        modifier: ``iterate`` or ``recurse`` where it repeats; HAPI ignores others.
        text: The value.

    Raises:
        FhirError: There is no such type or parameter.
    """
    reverse, iterate = name == "_revinclude", modifier in ("iterate", "recurse")
    if text == "*":
        return Include(reverse, "", "*", "", iterate, text)
    source, _, rest = text.partition(":")
    parameter, _, target = rest.partition(":")
    start = f'Invalid {name} parameter value: "{text}". '
    if not source.strip() or not parameter.strip():
        raise FhirError(400, f"HAPI-2018: {start}")
    if source not in resource_types():
        raise FhirError(400, f'HAPI-2017: {start}Invalid/unsupported resource type: "{source}"')
    if target.strip() and target not in resource_types():
        raise FhirError(400, f'HAPI-2016: {start}Invalid/unsupported resource type: "{target}"')
    defined = search_parameters(source)
    if parameter != "*" and parameter not in defined:
        valid = ", ".join(p.name for p in defined.values() if p.type == "reference")
        raise FhirError(
            400,
            f'HAPI-2015: {start}Unknown search parameter "{parameter}" for resource type "{source}". '
            f"Valid search parameters for this search are: [{valid}]",
        )
    return Include(reverse, source, parameter, target, iterate, text)


def included(includes: Sequence[Include], matches: Sequence[Key], resources: Resources) -> list[Key]:
    """The resources that a page brings along, in the order of HAPI's Java HashSet of their database ids.

    Args:
        includes: What is asked for.
        matches: The page's matches.
        resources: All resources.
    """
    found: list[Key] = []
    includes = in_order(includes)
    # Backwards comes first, unless that is to go on from what is included.
    forward_first = any(include.reverse and include.iterate for include in includes)
    for reverse in (not forward_first, forward_first):
        for iterate in (False, True):
            chosen = [i for i in includes if i.reverse is reverse and i.iterate is iterate]
            if chosen:
                found += _round(chosen, [*matches, *found], resources, iterate=iterate)
    return found[:MOST_INCLUDES]


def _round(includes: Sequence[Include], bases: Sequence[Key], resources: Resources, *, iterate: bool) -> list[Key]:
    """What some includes bring along, in one step or over any number of them."""
    found: dict[Key, None] = {}
    known: set[Key] = set()
    seen, fresh = set(bases), list(bases)
    while fresh and len(found) < MOST_INCLUDES:
        ahead: dict[Key, None] = {}
        for include in includes:
            step = _pointing if include.reverse else _pointed_to
            for key in step(include, fresh, resources):
                (ahead.setdefault(key) if key not in seen else known.add(key))
        fresh = [key for key in ahead if resources.read(key) is not None][: MOST_INCLUDES - len(found)]
        found.update(dict.fromkeys(fresh))
        seen.update(ahead)
        if not iterate:
            break
    return _as_java_set(list(found), len(known - set(found)), resources)


def _as_java_set(keys: list[Key], more: int, resources: Resources) -> list[Key]:
    """The order in which a ``java.util.HashSet<JpaPid>`` gives back what is left of what was put into it.

    Args:
        keys: What is left.
        more: How many were there besides; they count for the set's size.
        resources: All resources.
    """
    buckets = 16
    while len(keys) + more > buckets * 3 // 4:
        buckets *= 2

    def bucket(key: Key) -> int:
        hashed = 1922 + (resources.position(*key) or 0)  # Objects.hash(Objects.hash(null), id)
        return (hashed ^ hashed >> 16) & (buckets - 1)

    return sorted(keys, key=bucket)


def pointing_here(keys: Sequence[Key], resources: Resources) -> Iterable[Key]:
    """All resources that refer to any of some others by any search parameter."""
    return _pointing(Include(True, "", "*", "", False, "*"), keys, resources)


def _references(source_type: str, parameter: str) -> list[SearchParameter]:
    defined = search_parameters(source_type)
    chosen = defined.values() if parameter == "*" else [defined[parameter]]
    return [p for p in chosen if p.type == "reference"]


def _pointed_to(include: Include, keys: Sequence[Key], resources: Resources) -> Iterable[Key]:
    for key in keys:
        if include.source_type not in ("", key[0]) and include.parameter != "*":
            continue
        resource = resources.read(key) or {}
        for parameter in _references(key[0], include.parameter):
            for path in compile_paths(key[0], parameter.expression):
                for node in path.nodes(resource.get(path.top)):
                    for value in read_values("reference", node):
                        if not isinstance(value, Reference):
                            continue
                        if _allowed(value.target_type, parameter, include, path.target):
                            yield value.target_type, value.target_id


def _allowed(kind: str, parameter: SearchParameter, include: Include, target: str | None) -> bool:
    if include.target_type not in ("", kind) or target not in (None, kind):
        return False
    return not parameter.targets or kind in parameter.targets


def _pointing(include: Include, keys: Sequence[Key], resources: Resources) -> Iterable[Key]:
    wanted = {key for key in keys if include.target_type in ("", key[0])}

    def points_there(value: Reference) -> bool:
        return (value.target_type, value.target_id) in wanted

    for source_type in [include.source_type] if include.source_type else resources.types():
        for parameter in _references(source_type, include.parameter):
            key = ("chain", "reference", parameter.name, *(f"{a}/{b}" for a, b in sorted(wanted)))
            yield from resources.pointing(source_type, Filter(parameter, key, (points_there,)))
