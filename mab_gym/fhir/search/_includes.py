"""``_include`` and ``_revinclude``: resources that come with a page (FHIR R4 section 3.1.1.5.4, with HAPI's errors).

HAPI adds the resources that a page's matches point to, or that point to them: each once, and no match again. Resources
that do not exist are left out silently.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

from mab_gym.fhir.hapi._hashes import java_set_order, string_hash
from mab_gym.fhir.model._definitions import SearchParameter, resource_types, search_parameters
from mab_gym.fhir.model._filter import Filter, PointsToAny
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._own_parameters import follows_parameters
from mab_gym.fhir.model._paths import Path, compile_paths
from mab_gym.fhir.model._values import Reference
from mab_gym.fhir.search._resources import Placed, Resources

MOST_INCLUDES = 1000
"""HAPI's limit for each page."""


@dataclass(frozen=True, slots=True)
class Include:
    """One ``_include`` or ``_revinclude``.

    Attributes:
        reverse: True for ``_revinclude``.
        source_type: The type that has the reference; empty for ``*``.
        parameter: The reference's search parameter, or ``*``.
        target_type: The type pointed to, or empty for any.
        iterate: True if it also holds for included view.
        text: The value as it was written.
    """

    reverse: bool
    source_type: str
    parameter: str
    target_type: str
    iterate: bool
    text: str


def read_include(name: str, modifier: str, text: str) -> Include:
    """Reads ``Type:parameter[:Target]`` or ``*``.

    Args:
        name: ``_include`` or ``_revinclude``.
        modifier: ``iterate`` or ``recurse`` to repeat it; HAPI ignores others.
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


def included(
    includes: Iterable[Include],
    matches: Sequence[Key],
    view: Resources,
    *,
    follow: Callable[[str], bool] | None = None,
    not_to: Collection[str] = (),
    most: int = MOST_INCLUDES,
) -> list[Key]:
    """Returns the resources that come with a page, in HAPI's order.

    HAPI takes four steps, and each starts from all resources found so far: those that point to them, those that they
    point to, and both again for the includes that repeat.

    Args:
        includes: The includes of the request.
        matches: The page's matches.
        view: All resources.
        follow: Tells if references from a type are followed; None for all types.
        not_to: Types to which references are not followed.
        most: The most resources to return.
    """
    known, left = list(matches), most
    for iterate in (False, True):
        for reverse in (True, False):
            chosen = in_hapis_order(i for i in includes if (i.iterate, i.reverse) == (iterate, reverse))
            if chosen and left > 0:
                added = _step(chosen, known, view, left, follow, not_to)
                left -= len(added)
                known += added
    return known[len(matches) :]


def _step(
    includes: Sequence[Include],
    known: Sequence[Key],
    view: Resources,
    most: int,
    follow: Callable[[str], bool] | None,
    not_to: Collection[str],
) -> list[Key]:
    """Returns the resources that one step adds; each round starts from those that the round before has found."""
    original, found, fresh = set(known), dict[Key, None](), list(known)
    while fresh and len(found) < most:
        ahead: dict[Key, None] = {}
        sources = fresh if follow is None else [key for key in fresh if follow(key[0])]
        for include in includes:
            if include.parameter == "*":
                found_by = _rows(include, sources, view) if include.reverse else _pointed_to(include, sources, view)
                keys: Iterable[Key] = islice(found_by, most)
            elif include.reverse:
                # HAPI's database returns the results of one parameter without repeats, sorted by id
                keys = [key for _, key in _pointing(include, sources, view, most)]
            else:
                found_now = set(_pointed_to(include, sources, view))
                keys = sorted(found_now, key=lambda key: view.position(*key) or 0)[:most]
            ahead.update((key, None) for key in keys if key[0] not in not_to and view.exists(key))
        ahead = dict.fromkeys(_as_java_set(ahead, view))
        fresh = [key for key in ahead if key not in original and key not in found]
        found.update(ahead)
        includes = [include for include in includes if include.iterate]
        if not includes:
            break
    return [key for key in _as_java_set(found, view) if key not in original][:most]


def in_hapis_order(includes: Iterable[Include]) -> list[Include]:
    """Returns includes in the order of a ``java.util.HashSet<Include>``."""
    return java_set_order(includes, _include_hash)


def _include_hash(include: Include) -> int:
    return 31 * (31 + (1231 if include.iterate else 1237)) + string_hash(include.text)


def _as_java_set(keys: Iterable[Key], view: Resources) -> list[Key]:
    """Returns resources in the order of a ``java.util.HashSet<JpaPid>``."""
    # the hash is Objects.hash(Objects.hash(null), id)
    return java_set_order(keys, lambda key: 1922 + (view.position(*key) or 0))


def pointing_here(keys: Sequence[Key], view: Resources, most: int, types: Collection[str] = ()) -> list[Key] | None:
    """Returns all resources, in load order, that refer to any of some others by any search parameter.

    Args:
        keys: The others.
        view: All resources.
        most: The most resources to return.
        types: The types to look at; all if empty.

    Returns:
        The view, or None if there are more.
    """
    found: set[Placed] = set()
    for kind in types or ("",):
        for placed in _links_to(Include(True, kind, "*", "", False, "*"), keys, view, most + 1):
            found.add(placed)
            if len(found) > most:
                return None
    return [key for _, key in sorted(found)]


def any_pointing_here(key: Key, view: Resources) -> Key | None:
    """Returns the first resource, in load order, that refers to another one by any search parameter, or None."""
    found = _pointing(Include(True, "", "*", "", False, "*"), [key], view, 2)
    return next((other for _, other in found if other != key), None)  # it may refer to itself


def _references(source_type: str, parameter: str) -> list[SearchParameter]:
    defined = search_parameters(source_type)
    chosen = defined.values() if parameter == "*" else [defined[parameter]]
    return [p for p in chosen if p.type == "reference"]


def _pointed_to(include: Include, keys: Sequence[Key], view: Resources) -> Iterable[Key]:
    """Yields the resources that some others refer to: first by type and id, then by canonical URL."""
    called: list[Iterable[Key]] = []
    for key in keys:
        if include.parameter != "*" and include.source_type != key[0]:
            continue  # for Type:*, HAPI does not look at the type here
        paths, parameters = _links(key[0], include.parameter)
        for number, value in view.references(key, paths):
            if not isinstance(value, Reference):
                continue
            if not value.target_type:
                called.append(_called(value.target_id, parameters[number], include, view))
            elif _allowed(value.target_type, parameters[number], include, paths[number].target):
                yield value.target_type, value.target_id
    for found in called:
        yield from found


def _called(url: str, parameter: SearchParameter, include: Include, view: Resources) -> Iterable[Key]:
    """Yields the resources that have a canonical URL, without its version, as their ``url``."""
    url = url.partition("|")[0]
    for kind in parameter.targets or tuple(view.types()):
        defined = search_parameters(kind).get("url")
        if defined is not None and _allowed(kind, parameter, include, None):
            wanted = Filter(defined, (kind, "url", "", url), (url.__eq__,))
            yield from (key for _, key in view.pointing(kind, wanted, MOST_INCLUDES))


@follows_parameters
def _links(source_type: str, name: str) -> tuple[tuple[Path, ...], tuple[SearchParameter, ...]]:
    """Returns the paths of a type's references, by one parameter or by all (``*``), and each path's parameter."""
    links = [(path, p) for p in _references(source_type, name) for path in compile_paths(source_type, p.expression)]
    return tuple(path for path, _ in links), tuple(parameter for _, parameter in links)


def _allowed(kind: str, parameter: SearchParameter, include: Include, target: str | None) -> bool:
    if target not in (None, kind) or (include.parameter != "*" and include.target_type not in ("", kind)):
        return False
    return not parameter.targets or kind in parameter.targets


def _rows(include: Include, keys: Sequence[Key], view: Resources) -> Iterable[Key]:
    """Yields the resources that point to some others by any parameter: once for each link, by target in load order."""
    linked = {
        key
        for source_type in _source_types(include, view)
        for parameter in _link_parameters(source_type, include.parameter)
        for key in view.pointed_to(source_type, parameter, keys)
    }
    for target in sorted(linked.intersection(keys), key=lambda key: view.position(*key) or 0):
        yield from (key for _, key in sorted(_links_to(include, [target], view, MOST_INCLUDES)))


def _urls(keys: Iterable[Key], view: Resources) -> Iterable[str]:
    """Yields the canonical URLs by which resources may be referred to."""
    for key in keys:
        if "url" in search_parameters(key[0]):
            url = (view.read(key) or {}).get("url")
            if url:
                yield url


def _pointing(include: Include, keys: Sequence[Key], view: Resources, most: int) -> list[Placed]:
    """Returns the first resources that point to any of some others, without repeats, in load order."""
    return sorted(set(_links_to(include, keys, view, most)))[:most]


def _links_to(include: Include, keys: Sequence[Key], view: Resources, most: int) -> Iterable[Placed]:
    """Yields resources that point to any of some others, at most so many for each type and parameter."""
    wanted = {key for key in keys if include.parameter == "*" or include.target_type in ("", key[0])}
    urls = set() if include.parameter == "*" else set(_urls(wanted, view))
    points_there = PointsToAny(wanted) if not urls else _points_to_any_of(wanted, urls)
    digest = blake2b("\n".join(f"{a}/{b}" for a, b in sorted(wanted)).encode(), digest_size=16).hexdigest()
    for source_type in _source_types(include, view):
        for parameter in _link_parameters(source_type, include.parameter):
            key = ("chain", "reference", parameter.name, digest)
            yield from view.pointing(source_type, Filter(parameter, key, (points_there,)), most)


def _points_to_any_of(keys: Collection[Key], urls: Collection[str]) -> Callable[[Reference], bool]:
    def points_there(value: Reference) -> bool:
        if not value.target_type:
            return value.target_id.partition("|")[0] in urls
        return (value.target_type, value.target_id) in keys

    return points_there


def _source_types(include: Include, view: Resources) -> Iterable[str]:
    return [include.source_type] if include.source_type else view.types()


@follows_parameters
def _link_parameters(source_type: str, name: str) -> tuple[SearchParameter, ...]:
    """Returns the parameters by which a type refers to others; one of those with the same expression."""
    return tuple({p.expression: p for p in _references(source_type, name)}.values())
