"""The operations that HAPI FHIR 7.6 has, as its OperationDefinitions describe them.

The data in ``r4/operations.json`` is what a HAPI of the starter project answers to ``GET OperationDefinition/[id]`` for
each operation that its ``metadata`` lists, in the order of that list, without the parts that are alike in all. Under
``bulk_export`` are those that it has with Bulk Data switched on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from mab_gym.fhir.model._definitions import _read, resource_types


class OperationParameter(NamedTuple):
    """One parameter of an operation that a client may give.

    Attributes:
        name: As in ``_count``.
        type: The type in FHIR, as in ``unsignedInt``; ``string`` for what HAPI reads as a search does.
    """

    name: str
    type: str


class OperationDefinition(NamedTuple):
    """One operation of HAPI's.

    Attributes:
        id: The id of its OperationDefinition, as in ``Observation-t-lastn``.
        code: Its name without the dollar sign.
        description: The words of ``metadata``; empty if it has none.
        kinds: The resource types that have it; empty if only the server as a whole has it.
        on_system: True if it can be asked of the whole server.
        on_type: True if it can be asked of a type.
        on_one: True if it can be asked of one resource.
        changes: True if it may change something, so that it cannot be asked by GET.
        parameters: What it reads.
    """

    id: str
    code: str
    description: str
    kinds: frozenset[str]
    on_system: bool
    on_type: bool
    on_one: bool
    changes: bool
    parameters: tuple[OperationParameter, ...]

    def holds_for(self, kind: str | None, *, one: bool) -> bool:
        """True if the operation can be asked of a type, of one resource of it, or (without a type) of the server."""
        if kind is None:
            return self.on_system and not one
        return kind in self.kinds and (self.on_one if one else self.on_type)


@cache
def operation_definitions() -> Mapping[str, OperationDefinition]:
    """Returns all operations by the ids of their definitions."""
    return {key: _definition(key, each) for key, each in _read("operations.json")["definitions"].items()}


def _definition(key: str, each: Mapping[str, Any]) -> OperationDefinition:
    kinds = each.get("resource", ())
    taken = (part for part in each.get("parameter", ()) if part["use"] == "in")
    return OperationDefinition(
        key,
        each["code"],
        each.get("description", ""),
        frozenset(resource_types() if kinds == ["*"] else kinds),
        each["system"],
        each["type"],
        each["instance"],
        each["affectsState"],
        tuple(OperationParameter(part["name"], part.get("type", "string")) for part in taken),
    )


@cache
def _by_code() -> Mapping[str, OperationDefinition]:
    return {each.code: each for each in operation_definitions().values()}


def find_operation(name: str, kind: str | None, *, one: bool) -> OperationDefinition | None:
    """Returns the operation that HAPI has by a name, or None.

    Args:
        name: With its dollar sign, as in ``$lastn``.
        kind: The resource type, or None for the whole server.
        one: True for one resource of the type.
    """
    found = _by_code().get(name.removeprefix("$")) if name.startswith("$") else None
    return found if found is not None and found.holds_for(kind, one=one) else None


@cache
def _bulk_operations() -> Mapping[str, OperationDefinition]:
    return {each["code"]: _definition(key, each) for key, each in _read("operations.json")["bulk_export"].items()}


def find_bulk_operation(name: str, kind: str | None, *, one: bool) -> OperationDefinition | None:
    """Returns the operation of Bulk Data that HAPI has by a name where it is switched on, or None.

    Args:
        name: With its dollar sign, as in ``$export``.
        kind: The resource type, or None for the whole server.
        one: True for one resource of the type.
    """
    found = _bulk_operations().get(name.removeprefix("$")) if name.startswith("$") else None
    if found is None or (kind == "Group" and not one):
        return None
    return found if found.holds_for(kind, one=one) else None


def listed_operations(kind: str | None) -> Sequence[str]:
    """Returns the ids of the definitions that ``metadata`` lists for a type (or the whole server), in its order."""
    data = _read("operations.json")
    if kind is None:
        return list(data["system"])
    return list(data["types"].get(kind, data["types"]["*"]))


def operation_definition(key: str, base_url: str, *, bulk_export: bool = False) -> dict[str, Any] | None:
    """Returns an OperationDefinition as HAPI shows it, or None.

    Args:
        key: Its id.
        base_url: The server's base, without a slash at its end.
        bulk_export: True if the server has the operations of Bulk Data.
    """
    known = _read("operations.json")
    stored = known["definitions"].get(key) or (known["bulk_export"].get(key) if bulk_export else None)
    if stored is None:
        return None
    first = {name: stored[name] for name in ("name", "title") if name in stored}
    rest = {name: value for name, value in stored.items() if name not in first}
    if rest.get("resource") == ["*"]:
        rest["resource"] = list(resource_types())
    return {
        "resourceType": "OperationDefinition",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Operation</div>'},
        "url": f"{base_url}/OperationDefinition/{key}",
        **first,
        "status": "active",
        "kind": "operation",
        **rest,
    }
