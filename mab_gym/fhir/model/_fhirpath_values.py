"""Values that a FHIRPath finds in parsed JSON, with their places, and the steps from a value to those in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mab_gym.fhir.model._definitions import Element, ancestors, elements, is_primitive, places
from mab_gym.fhir.model._json_text import Json
from mab_gym.fhir.model._outcome import FhirError, Issue

Charge = Callable[[float], None]
"""Pays for work, in units of a request's allowance; raises if it is too much."""

NODE_WORK: Final = 1.5
"""The work of looking at one value."""


class FhirPathError(ValueError):
    """A path over which HAPI's engine fails; the error's text is HAPI's."""


@dataclass(slots=True)
class Located:
    """A value with its place.

    Attributes:
        type: Its FHIR type, as in ``HumanName`` or ``Patient.contact``.
        value: Its JSON; None for a primitive element that only has extensions.
        element: Its definition; None for a resource, and for a value that was computed.
        owner: The object that holds it; None for a resource, and for a value that was computed.
        index: Its index in a list, or -1.
    """

    type: str
    value: Json
    element: Element | None = None
    owner: dict[str, Any] | None = None
    index: int = -1

    @property
    def place(self) -> object:
        """A key that is equal for the same place."""
        return (id(self.owner), self.element.name, self.index) if self.element and self.owner is not None else id(self)

    def sibling(self) -> dict[str, Any]:
        """Returns the ``_name`` member of a primitive element; empty if it has none."""
        if self.element is None or self.owner is None:
            return {}
        found = self.owner.get(f"_{self.element.name}")
        if isinstance(found, list):
            found = found[self.index] if 0 <= self.index < len(found) else None
        return found if isinstance(found, dict) else {}

    def made_sibling(self) -> dict[str, Any]:
        """Returns the ``_name`` member of a primitive element to change it; an empty one is made if there is none."""
        found = self.sibling()
        if not found and self.element is not None and self.owner is not None:
            name = f"_{self.element.name}"
            if self.index < 0:
                found = self.owner[name] = {}
            else:
                there = self.owner.setdefault(name, [])
                there += [None] * (self.index + 1 - len(there))
                found = there[self.index] = {}
        return found


Values = list[Located]
Step = Callable[["Run", Values, Located], Values]


class Run:
    """One evaluation: the resource, and what pays for the work."""

    __slots__ = ("charge", "resource")

    def __init__(self, resource: Located, charge: Charge) -> None:
        self.resource, self.charge = resource, charge


def unsupported(what: str) -> FhirError:
    return FhirError(501, Issue(f"This server does not support {what} in FHIRPath", "not-supported"))


def values_of(owner: dict[str, Any], element: Element) -> Values:
    """Returns the values of an element in an object."""
    value, sibling = owner.get(element.name), owner.get(f"_{element.name}")
    if element.many:
        items = value if isinstance(value, list) else []
        count = max(len(items), len(sibling) if isinstance(sibling, list) else 0)
        return [
            Located(_type(element, item), item, element, owner, index)
            for index in range(count)
            for item in [items[index] if index < len(items) else None]
        ]
    if value is None and sibling is None:
        return []
    return [Located(_type(element, value), value, element, owner)]


def inner_values(node: Located) -> Values:
    """Returns all values in a value, in the order in which FHIR defines their elements."""
    if not isinstance(node.value, dict):
        return []
    defined, order = elements(node.type), places(node.type)
    names = dict.fromkeys(name.removeprefix("_") for name in node.value)
    known = sorted(names.keys() & defined.keys(), key=order.__getitem__)
    return [value for name in known for value in values_of(node.value, defined[name])]


def _type(element: Element, value: Json) -> str:
    return str(value["resourceType"]) if element.type == "Resource" and isinstance(value, dict) else element.type


def child(node: Located, name: str) -> Iterator[Located]:
    if is_primitive(node.type):
        if name == "extension":
            sibling = node.sibling()
            yield from values_of(sibling, elements("Element")["extension"]) if sibling else ()
        return
    if not isinstance(node.value, dict):
        return
    for element in _named(node.type, name):
        yield from values_of(node.value, element)


@lru_cache(maxsize=4096)
def _named(type_name: str, name: str) -> tuple[Element, ...]:
    """Returns the elements that a name stands for: those of all types for a choice, without its types' own names."""
    defined = elements(type_name)
    if name in defined and not defined[name].choice:
        return (defined[name],)
    return tuple(element for element in defined.values() if element.choice == name)


def children(run: Run, nodes: Values) -> Values:
    found = []
    for node in nodes:
        found += inner_values(node)
    run.charge(NODE_WORK * (len(nodes) + len(found)))
    return found


def descendants(run: Run, nodes: Values) -> Values:
    found: Values = []
    while nodes:
        nodes = children(run, nodes)
        found += nodes
    return found


def kinds(type_name: str) -> tuple[str, ...]:
    """Returns the types that a value of a type is of; of blocks the engine knows no more than the name."""
    return (type_name,) if "." in type_name else ancestors(type_name)


def constant(value: Json) -> Located:
    kind = {bool: "boolean", int: "integer", str: "string"}.get(type(value), "decimal")
    return Located(kind, value)
