"""The walk over a resource's elements, by FHIR R4's definitions, and the changes made at its places.

Rewritings are made from what a resource may hold and not from what today's task families ask for: whoever writes a new
family gets them for nothing. Nothing here knows how writes are judged.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from mab_gym.fhir.model._definitions import Element, elements

Path = tuple[str | int, ...]
Json = dict[str, Any]
SERVER_BASE = "http://localhost:8080/fhir"


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A case's writes in another form.

    Attributes:
        label: What was done; no two of a case are alike.
        writes: The resources.
        right: Whether they mean the same; None where clinicians could see it either way.
        why: The reason, in words.
        unserved: Judged as it stands: it is valid FHIR, but the embedded server does not take it.
    """

    label: str
    writes: list[Json]
    right: bool | None
    why: str
    unserved: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One resource in another form; the attributes are those of a `Rewriting`."""

    label: str
    resource: Json
    right: bool | None
    why: str
    unserved: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the record.

    Attributes:
        mrn: The id of the Patient resource.
        name: In words.
        identifier: As the Patient resource has it.
        ids: One resource of theirs by type, as in ``Condition``: its id.
    """

    mrn: str
    name: str
    identifier: Json
    ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scene:
    """The place and the time of a case.

    Attributes:
        now: The record system's clock.
        patient: Whom the case is about.
        other: Somebody else.
    """

    now: datetime
    patient: Person
    other: Person


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a resource where an element stands or may stand.

    Attributes:
        path: Its place, the element's name at the end.
        owner: The type that has the element, as in ``Dosage`` or ``MedicationRequest``.
        element: Its definition.
        value: What stands there, None for nothing.
    """

    path: Path
    owner: str
    element: Element
    value: Any

    @property
    def name(self) -> str:
        """The element's name."""
        return self.element.name

    @property
    def where(self) -> str:
        """The place in words, as in ``dosageInstruction.0.route``."""
        return dotted(self.path)


def dotted(path: Path) -> str:
    """A place in words."""
    return ".".join(map(str, path))


def objects(resource: Json) -> Iterator[tuple[Path, str, Json]]:
    """Every object in a resource, itself first, with its place and its FHIR type."""
    yield from _objects((), resource["resourceType"], resource)


def _objects(path: Path, type_name: str, value: Json) -> Iterator[tuple[Path, str, Json]]:
    yield path, type_name, value
    defined = elements(type_name)
    for name, inner in value.items():
        element = defined.get(name)
        if element is None or element.primitive:
            continue
        items = enumerate(inner) if element.many else [(None, inner)]
        for place, item in items:
            at = (*path, name) if place is None else (*path, name, place)
            yield from _objects(at, item.get("resourceType", element.type), item)


def spots(resource: Json) -> Iterator[Spot]:
    """Every place of a resource, filled or empty, but for what has not even a parent."""
    for path, type_name, value in objects(resource):
        for name, element in elements(type_name).items():
            yield Spot((*path, name), type_name, element, value.get(name))


def filled(resource: Json) -> Iterator[Spot]:
    """The places that are filled."""
    return (spot for spot in spots(resource) if spot.value is not None)


def at(value: Any, path: Path) -> Any:
    """Returns the value at a place, None for nothing."""
    for name in path:
        if isinstance(name, int):
            value = value[name] if isinstance(value, list) and len(value) > name else None
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def put(resource: Json, path: Path, value: Any) -> Json:
    """A copy with a value at a place; what leads there is made, and another form of the same choice goes."""
    new = copy.deepcopy(resource)
    container: Any = new
    type_name = str(resource["resourceType"])
    for name, following in pairwise(path):
        made: Any = [] if isinstance(following, int) else {}
        if isinstance(container, list):
            if len(container) <= int(name):
                container.append(made)
        else:
            type_name = elements(type_name)[str(name)].type
            container.setdefault(name, made)
        container = container[name]
    last = path[-1]
    if isinstance(container, list):
        container[int(last) : int(last) + 1] = [copy.deepcopy(value)]
        return new
    defined = elements(type_name)
    if str(last) in defined and (choice := defined[str(last)].choice):
        for other in [name for name in container if name in defined and defined[name].choice == choice]:
            del container[other]
    container[last] = copy.deepcopy(value)
    return new


def drop(resource: Json, path: Path) -> Json:
    """A copy without what stands at a place."""
    new = copy.deepcopy(resource)
    del at(new, path[:-1])[path[-1]]
    return new


def add(resource: Json, path: Path, value: Any) -> Json:
    """A copy with a value more in the list at a place."""
    return put(resource, path, [*(at(resource, path) or []), value])


def listed(spot: Spot, value: Any) -> Any:
    """A value as an element holds it: in a list where it may hold several."""
    return [value] if spot.element.many else value


def same(one: Any, other: Any) -> bool:
    """Tells if two values are written alike; 1 and 1.0 are."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
