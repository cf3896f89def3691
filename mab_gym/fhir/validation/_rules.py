"""The specification's rules for elements: which there are, how often, of which type, with which codes and invariants.

The data comes from ``scripts/make_fhir_definitions.py`` (``model/r4``). It is read at the first `$validate` of a
process, and the rules of a type are built when they are first needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

from mab_gym.fhir.model._definitions import _read

BASE = "http://hl7.org/fhir/StructureDefinition/"
VERSION = "4.0.1"
_KINDS = {"c": "complex", "p": "primitive", "r": "resource", "b": "backbone", "q": "complex"}


class Constraint(NamedTuple):
    """An invariant of the specification.

    Attributes:
        key: Its name, as in ``obs-6``.
        severity: ``error`` or ``warning``.
        human: What it asks for, in words.
        expression: The same as FHIRPath.
        owner: The type that defines it.
        best_practice: True if it is only a recommendation.
    """

    key: str
    severity: str
    human: str
    expression: str
    owner: str
    best_practice: bool = False


class Use(NamedTuple):
    """A constraint as an element has it.

    Attributes:
        constraint: The constraint.
        inherited: True if another type defines it.
    """

    constraint: Constraint
    inherited: bool


class TypeOf(NamedTuple):
    """One type that an element may have.

    Attributes:
        name: A type, as in ``Quantity``; the path of a backbone element, or of the element that is referred to.
        profile: A profile of the type, as in ``SimpleQuantity``; empty for none.
    """

    name: str
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """The definition of one element.

    Attributes:
        name: Its name, as in ``value[x]``.
        path: Its path, as in ``Observation.value[x]``.
        least: How often it must be there.
        most: How often it may be there; None for any number.
        types: The types that it may have.
        targets: The resource types to which it may refer.
        strength: ``r`` (required), ``e`` (extensible), ``p`` (preferred), ``x`` (example) or empty.
        value_set: The value set that its codes come from.
        max_value_set: The value set that its codes may not leave.
        uses: Its constraints.
        is_list: True if JSON holds a list.
        stem: The name of a choice without its end; empty for other elements.
        refers: True if it is defined like another element.
    """

    name: str
    path: str
    least: int
    most: int | None
    types: tuple[TypeOf, ...]
    targets: tuple[str, ...]
    strength: str
    value_set: str
    max_value_set: str
    uses: tuple[Use, ...]
    is_list: bool
    stem: str
    refers: bool

    names: tuple[tuple[str, TypeOf], ...] = field(init=False)

    def __post_init__(self) -> None:
        names = (
            tuple((self.stem + each.name[0].upper() + each.name[1:], each) for each in self.types)
            if self.stem
            else ((self.name, self.types[0]),)
        )
        object.__setattr__(self, "names", names)


@dataclass(frozen=True, slots=True)
class Structure:
    """The definition of a type or of a backbone element.

    Attributes:
        name: As in ``Patient``, ``Quantity`` or ``Patient.contact``.
        kind: ``resource``, ``complex``, ``primitive`` or ``backbone``.
        uses: The constraints of the type itself.
        rules: Its elements, in the order of the specification.
        url: The canonical URL of the type to which it belongs.
    """

    name: str
    kind: str
    uses: tuple[Use, ...]
    rules: tuple[Rule, ...]
    url: str

    required: tuple[Rule, ...] = field(init=False)
    capped: tuple[Rule, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "required", tuple(rule for rule in self.rules if rule.least))
        object.__setattr__(self, "capped", tuple(rule for rule in self.rules if rule.most == 0))

    @property
    def versioned(self) -> str:
        """The canonical URL with the version."""
        return f"{self.url}|{VERSION}"


@cache
def structure(name: str) -> Structure:
    """Returns the definition of a type, a backbone element or a profile of a datatype.

    Raises:
        KeyError: The specification has none of that name.
    """
    kind, parent, uses, rows = _read("structures.json")[name]
    shown = parent if kind == "q" else name  # a profile's elements bear the paths of its type
    rules = {rule.name: replace(rule, path=f"{shown}.{rule.name}") for rule in _inherited(parent)}
    if kind != "p":  # of a primitive, the value is no element of its own in JSON
        rules |= {row[0]: _rule(shown, *row) for row in rows}
    return Structure(name, _KINDS[kind], _uses(uses), tuple(rules.values()), BASE + name.partition(".")[0])


@cache
def rule_at(path: str) -> Rule:
    """Returns the rule of the element at a path, as in ``Observation.referenceRange``."""
    owner, _, name = path.rpartition(".")
    return next(rule for rule in structure(owner).rules if rule.name == name)


def _inherited(parent: str) -> tuple[Rule, ...]:
    return structure(parent).rules if parent else ()


def parent_of(name: str) -> str:
    """Returns the type from which a type or a backbone element descends; empty for none."""
    found = _read("structures.json").get(name)
    return str(found[1]) if found is not None else ""


def is_known(name: str) -> bool:
    """True if the specification defines a type of that name."""
    return name in _read("structures.json")


@cache
def is_primitive(name: str) -> bool:
    """True if a type is primitive."""
    return name[:1].islower() and "." not in name


@cache
def is_resource(name: str) -> bool:
    """True if a type is a resource type, abstract ones among them."""
    found = _read("structures.json").get(name)
    return found is not None and found[0] == "r"


@cache
def _constraint(key: str) -> Constraint:
    severity, human, expression, owner, *rest = _read("constraints.json")[key]
    return Constraint(key.partition("@")[0], severity, human, expression, owner, bool(rest))


def _uses(keys: list[str]) -> tuple[Use, ...]:
    return tuple(Use(_constraint(key.removesuffix("+")), key.endswith("+")) for key in keys)


def _rule(
    owner: str,
    name: str,
    least: int = 0,
    most: str = "1",
    types: str = "",
    targets: list[str] | None = None,
    binding: str = "",
    uses: list[str] | None = None,
) -> Rule:
    path = f"{owner}.{name}"
    refers = types.startswith("#")
    of = tuple(TypeOf(*each.split(":")) for each in types.split()) if not refers else (TypeOf(types[1:]),)
    value_set, _, most_of = binding[2:].partition(" ")
    usual = ["ele-1+", "ext-1+"] if types == "Extension" else ["ele-1+"]
    if path == "Extension.url" or name == "id":
        usual = []
    return Rule(
        name=name,
        path=path,
        least=least,
        most=None if most == "*" else int(most),
        types=of or (TypeOf(path),),
        targets=tuple(targets or ()),
        strength=binding[:1],
        value_set=value_set,
        max_value_set=most_of,
        uses=_uses(uses or usual),
        is_list=most == "*",
        stem=name[:-3] if name.endswith("[x]") else "",
        refers=refers,
    )


def constrained(name: str) -> str:
    """Returns the type that a definition of the specification is about; empty if there is no such definition."""
    if is_known(name):
        return "" if "." in name else name
    if BASE + name in extensions():
        return "Extension"
    return str(_read("profiles.json").get(BASE + name, ""))


def titles() -> Mapping[str, str]:
    """Returns the titles of the value sets by which elements are checked."""
    return _read("titles.json")


def extensions() -> Mapping[str, list[Any]]:
    """Returns the extensions that the specification defines."""
    return _read("extensions.json")
