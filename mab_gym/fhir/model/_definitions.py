"""The definitions of FHIR R4 (4.0.1), as HAPI FHIR 7.6 models them: resource types, elements and search parameters.

The data in the folder ``r4`` comes from ``scripts/make_fhir_definitions.py``. Files are read and types are built when
they are first needed; an ordinary session needs a few milliseconds for that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from mab_gym.errors import ContentError
from mab_gym.fhir.model._own_parameters import (
    _REGISTERED,
    OwnParameter,
    follows_parameters,
    forget_parameters,
    own_parameters,
)

_FREE_TEXT = ("string", "code", "uri", "url", "canonical", "markdown", "id", "oid", "uuid")
"""The types of which HAPI's model takes any text."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a resource, a datatype or a backbone element.

    Attributes:
        name: Its name in JSON; a choice is listed once for each of its types (``valueQuantity``, ``valueString``).
        types: The name of its type, as a tuple of one: ``string``, ``Quantity``, ``Observation.component``, or
            ``Resource`` for any resource.
        many: True if JSON holds a list of them.
        binding: The enumeration in HAPI's model that checks a code, as in ``ObservationStatus``, or None.
        codes: The codes which that enumeration allows; empty if ``binding`` is None.
        reference_targets: The resource types that a Reference may point to; ``("Resource",)`` for all of them.
        summary: True if it is part of ``_summary=true`` (``isSummary``).
        choice: The choice it belongs to, as in ``value``; empty for ordinary elements.
        mandatory: True if FHIR requires it.
        type: The name of its type.
        primitive: True if its value is a plain JSON string, number or boolean.
        only_text: True for a single one of which any text is a value: no choice, no code, no date.
        only_part: True for one that holds elements of its own and nothing special: no choice, extension or resource.
    """

    name: str
    types: tuple[str, ...]
    many: bool
    binding: str | None
    codes: frozenset[str]
    reference_targets: tuple[str, ...]
    summary: bool
    choice: str = ""
    mandatory: bool = False

    type: str = field(init=False)
    primitive: bool = field(init=False)
    only_text: bool = field(init=False)
    only_part: bool = field(init=False)

    def __post_init__(self) -> None:
        kind = self.types[0]
        object.__setattr__(self, "type", kind)
        object.__setattr__(self, "primitive", is_primitive(kind))
        free = kind in _FREE_TEXT and not (self.many or self.choice or self.binding)
        object.__setattr__(self, "only_text", free)
        special = self.primitive or self.choice or kind in ("Resource", "Extension")
        object.__setattr__(self, "only_part", not special)


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter of one resource type.

    Attributes:
        name: As in ``value-quantity``.
        type: ``number``, ``date``, ``string``, ``token``, ``reference``, ``composite``, ``quantity``, ``uri`` or
            ``special``.
        expression: The FHIRPath that finds its values, without alternatives for other resource types; empty for
            parameters without one (``_text``).
        targets: The resource types that a reference may point to; empty for all of them.
        components: For composites the pairs of a parameter's name and a FHIRPath relative to ``expression``.
    """

    name: str
    type: str
    expression: str
    targets: tuple[str, ...]
    components: tuple[tuple[str, str], ...]

    @property
    def is_flag(self) -> bool:
        """True if it tells whether an element is there and not false, as ``deceased`` does."""
        return "exists() and" in self.expression


class Published(NamedTuple):
    """The SearchParameter resource that the specification publishes for a search parameter.

    Attributes:
        url: Its canonical URL; empty if it has none.
        description: Its description.
        place: Its place in the specification's list.
    """

    url: str
    description: str
    place: int


_PRIMITIVE_PARENTS = {
    **dict.fromkeys(("code", "markdown", "id"), "string"),
    **dict.fromkeys(("canonical", "oid", "url", "uuid"), "uri"),
    **dict.fromkeys(("positiveInt", "unsignedInt"), "integer"),
}


def is_primitive(type_name: str) -> bool:
    """True if a FHIR type is primitive (https://hl7.org/fhir/R4/datatypes.html#primitive); ``xhtml`` counts as one."""
    return type_name[:1].islower()


@cache
def resource_types() -> tuple[str, ...]:
    """Returns every resource type of R4 in alphabetical order, as HAPI lists them."""
    structures = _structures()
    bases = ("Resource", "DomainResource")
    return tuple(name for name, (parent, _) in sorted(structures.items()) if parent in bases and name not in bases)


@cache
def type_names() -> frozenset[str]:
    """Returns the names of all resource types of R4, to look one up."""
    return frozenset(resource_types())


def is_resource_type(name: str) -> bool:
    """True if HAPI takes a name for that of a resource type; it ignores upper and lower case."""
    return name.lower() in _lower_types()


@cache
def _lower_types() -> frozenset[str]:
    return frozenset(name.lower() for name in resource_types())


def parent_of(type_name: str) -> str:
    """Returns the type that a type inherits from; empty if there is none."""
    return "" if is_primitive(type_name) else str(_structures()[type_name][0] or "")


@cache
def elements(type_name: str) -> Mapping[str, Element]:
    """Returns the elements of a type by name, with inherited ones, in the order in which HAPI writes them.

    Args:
        type_name: A resource type, a datatype or a backbone element (``Observation.component``).

    Raises:
        KeyError: FHIR R4 has no such type.
    """
    if is_primitive(type_name):
        return elements("Element")
    parent, rows = _structures()[type_name]
    found = dict(elements(parent)) if parent else {}
    for row in rows:
        found.update((element.name, element) for element in _expand(*row))
    return MappingProxyType(found)


@cache
def ancestors(type_name: str) -> tuple[str, ...]:
    """Returns a type and the types that it is derived from, as in ``("Patient", "DomainResource", "Resource")``."""
    parent = _PRIMITIVE_PARENTS.get(type_name, "Element") if is_primitive(type_name) else _parent(type_name)
    return (type_name, *(ancestors(parent) if parent else ()))


@cache
def places(type_name: str) -> Mapping[str, int]:
    """Returns the place of each member of a type's JSON: its elements, each followed by its ``_name`` member."""
    names = (name for element in elements(type_name) for name in (element, f"_{element}"))
    return {name: place for place, name in enumerate(names)}


@follows_parameters
def search_parameters(resource_type: str) -> Mapping[str, SearchParameter]:
    """Returns the search parameters of a resource type by name, in alphabetical order, which is HAPI's.

    HAPI 7.6 registers the search parameters that the specification publishes. Every type also has those of
    ``Resource`` and ``DomainResource``, except ``_query``.

    Raises:
        KeyError: FHIR R4 has no such resource type.
    """
    parent = _structures()[resource_type][0]
    if parent not in ("Resource", "DomainResource"):
        raise KeyError(resource_type)
    known = _read("parameters.json")
    rows = [*known["Resource"], *known["DomainResource"], *known.get(resource_type, ())]
    found = {
        name: SearchParameter(name, kind, expression, tuple(targets), tuple((a, b) for a, b in components))
        for name, kind, expression, targets, components in rows
        if name != "_query"
    }
    for own in own_parameters():
        unknown = [base for base in (*own.bases, *own.targets) if base not in resource_types()]
        if unknown:
            raise ContentError(f"{own.file}: FHIR R4 has no resource type {unknown[0]!r}")
        if resource_type in own.bases:
            _add_own(found, own, resource_type)
    return MappingProxyType(dict(sorted(found.items())))


def _add_own(found: dict[str, SearchParameter], own: OwnParameter, resource_type: str) -> None:
    """Adds a user's search parameter to those of a type; one that says what the standard one says changes nothing.

    Raises:
        ContentError: The type has another one of this name, or lacks a component.
    """
    if own.name in found:
        if (found[own.name].type, found[own.name].expression) == (own.type, own.expression):
            return
        raise ContentError(f"{own.file}: FHIR has a search parameter {own.name} of {resource_type} already")
    published = published_parameters()
    by_url = {
        known.url: name for base in (resource_type, "DomainResource", "Resource")
        for name, known in published.get(base, {}).items()
    }  # fmt: skip
    missing = [url for url, _ in own.components if by_url.get(url) not in found]
    if missing:
        text = f"{own.file}: {resource_type} has no search parameter {missing[0]}, a component of {own.name}"
        raise ContentError(text)
    components = tuple((by_url[url], expression) for url, expression in own.components)
    found[own.name] = SearchParameter(own.name, own.type, own.expression, own.targets, components)


def register_search_parameters(path: str | Path) -> None:
    """Makes a user's own search parameters known in this process, as if ``MAB_GYM_SEARCH_PARAMETERS`` named them.

    Args:
        path: A file with a SearchParameter resource (https://hl7.org/fhir/R4/searchparameter.html) or a Bundle of them,
            or a folder of such files. They work in searches, sorts, chains, includes and ``metadata``.

    Raises:
        ContentError: A file is not as it should be; the text names it, and nothing is registered.
    """
    place = Path(path).resolve()
    if place in _REGISTERED:
        return
    _REGISTERED.append(place)
    forget_parameters()
    try:
        check_own_parameters()
    except ContentError:
        _REGISTERED.remove(place)
        forget_parameters()
        raise


def check_own_parameters() -> None:
    """Reads a user's own search parameters, so that what is wrong with them is said before anything is answered.

    Raises:
        ContentError: A file is not as it should be; the text names it.
    """
    for base in dict.fromkeys(base for own in own_parameters() for base in own.bases):
        search_parameters(base if base in resource_types() else "Patient")


def load_definitions(types: Iterable[str]) -> None:
    """Reads the definitions for requests about some resource types; about 40 ms the first time in a process."""
    _read("codes.json")
    for resource_type in types:
        search_parameters(resource_type)
        elements(resource_type)


@follows_parameters
def published_parameters() -> Mapping[str, Mapping[str, Published]]:
    """Returns the published search parameters, by base (a resource type or its parent) and name."""
    found: dict[str, dict[str, Published]] = {}
    for place, (key, (name, bases, text)) in enumerate(_read("published.json").items()):
        known = Published(f"http://hl7.org/fhir/SearchParameter/{key}", text, place)
        for base in bases:
            found.setdefault(base, {})[name] = known
    for place, own in enumerate(own_parameters(), start=len(_read("published.json"))):
        for base in own.bases:
            found.setdefault(base, {}).setdefault(own.name, Published(own.url, own.description, place))
    return found


def value_set(url: str) -> Mapping[str, Sequence[str]] | None:
    """Returns the codes of a value set by system, or None if they are not known.

    The known ones are the value sets to which the specification binds elements, unless they have too many codes.
    """
    found: Mapping[str, Sequence[str]] | None = _read("valuesets.json").get(url)
    return found


def _expand(name: str, types: list[str], flags: str, binding: str, targets: list[str]) -> list[Element]:
    """Returns the element of one row of ``elements.json``; for a choice, one element for each type."""
    many, summary, mandatory = "*" in flags, "s" in flags, "!" in flags
    if not name.endswith("[x]"):
        codes = _codes(binding) if binding else frozenset[str]()
        return [Element(name, tuple(types), many, binding or None, codes, tuple(targets), summary, "", mandatory)]
    choice = name.removesuffix("[x]")
    return [
        Element(
            name=choice + each[0].upper() + each[1:],
            types=(each,),
            many=many,
            binding=None,
            codes=frozenset(),
            reference_targets=tuple(targets) if each in ("Reference", "canonical") else (),
            summary=summary,
            choice=choice,
            mandatory=mandatory,
        )
        for each in types
    ]


@cache
def declaring_type(type_name: str, name: str) -> str:
    """Returns the type that defines an element: the type itself, or one that it is derived from."""
    for each in ancestors(type_name):
        if any(element.name == name for row in _structures()[each][1] for element in _expand(*row)):
            return each
    return type_name


def _parent(type_name: str) -> str:
    return _structures()[type_name][0] if type_name in _structures() else ""


@cache
def _codes(binding: str) -> frozenset[str]:
    return frozenset(_read("codes.json")[binding])


@cache
def _structures() -> dict[str, tuple[str, list[Any]]]:
    return _read("elements.json")


@cache
def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(files(__package__).joinpath("r4", name).read_bytes())
    return data
