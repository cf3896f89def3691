"""Compiles the part of FHIRPath that R4's search parameters use, to walk over parsed JSON.

Supported: unions, element steps, ``as``/``ofType`` of choice elements, ``where(resolve() is T)``,
``where(element='text')``, ``exists()`` and indexing. Source of the expressions: the R4 SearchParameter resources.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from mab_gym.fhir.model._definitions import elements
from mab_gym.fhir.model._ids import parse_id

Step = Callable[[Any], Iterator[Any]]


class Node(NamedTuple):
    """A value found in a resource, with the FHIR type that its place says it has.

    Attributes:
        value: Parsed JSON.
        type_name: As in ``CodeableConcept``.
        binding: The enumeration that a bound code is checked against (`Element.binding`), or None.
    """

    value: Any
    type_name: str
    binding: str | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """One alternative of a search parameter's expression.

    Attributes:
        top: The resource's top-level element with which it begins, as JSON spells it.
        type_name: That element's FHIR type.
        steps: The steps below that element: ``child`` or ``where``, and the argument.
        binding: That element's enumeration, if it is a bound code.
        target: The resource type that a reference must point to, from ``where(resolve() is T)``.
    """

    top: str
    type_name: str
    steps: tuple[tuple[str, str], ...]
    target: str | None = None
    binding: str | None = None

    def nodes(self, element: Any) -> list[Node]:
        """Returns all values at this path below the value of its top-level element, with lists flattened."""
        found = [Node(item, self.type_name, self.binding) for item in _items(element)]
        for kind, argument in self.steps:
            found = [child for node in found for child in _step(node, kind, argument)]
        if self.target is not None:
            found = [node for node in found if _points_to(node.value, self.target)]
        return found


def _points_to(value: Any, resource_type: str) -> bool:
    """True if a value is a reference to a type of resource, as ``resolve() is Patient`` asks."""
    text = value.get("reference") if isinstance(value, dict) else value
    return isinstance(text, str) and parse_id(text).resource_type == resource_type


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else () if value is None else (value,)


def _step(node: Node, kind: str, argument: str) -> Iterator[Node]:
    value = node.value
    if kind == "where":
        name, wanted = argument.split("=", 1)
        if isinstance(value, dict) and value.get(name) == wanted:
            yield node
        return
    if not isinstance(value, dict):
        return
    element, _, as_type = argument.partition(" as ")
    for name, type_name, binding in _expand(node.type_name, element, as_type or None):
        for item in _items(value.get(name)):
            yield Node(item, type_name, binding)


@cache
def _expand(type_name: str, name: str, as_type: str | None) -> tuple[tuple[str, str, str | None], ...]:
    """Returns the JSON names, types and bindings of an element of a type: more than one for a choice."""
    defined = elements(type_name)
    if name in defined:
        return tuple((name, kind, defined[name].binding) for kind in defined[name].types[:1])
    return tuple(
        (element.name, element.type, element.binding)
        for element in defined.values()
        if element.choice == name and as_type in (None, element.type)
    )


def _split_union(expression: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if character == "|" and depth == 0:
            parts.append(expression[start:index])
            start = index + 1
    parts.append(expression[start:])
    return [part.strip() for part in parts if part.strip()]


_CAST = re.compile(r"\(?([\w.]+)\s+as\s+(\w+)\)?")
_TOKEN = re.compile(r"\.?(?:(where|ofType|as|exists|first)\(((?:[^()]|\([^()]*\))*)\)|(\w+)(?:\[\d+\])?)")


@cache
def compile_paths(resource_type: str, expression: str) -> tuple[Path, ...]:
    """Compiles a search parameter's expression for one resource type.

    Args:
        resource_type: As in ``Observation``; alternatives for other types are left out.
        expression: The FHIRPath of the SearchParameter resource.
    """
    compiled: list[Path] = []
    for alternative in _split_union(expression):
        text = alternative
        while text.startswith("(") and text.endswith(")") and _balanced(text[1:-1]):
            text = text[1:-1].strip()
        if len(_split_union(text)) > 1:
            compiled.extend(compile_paths(resource_type, text))
            continue
        text = _CAST.sub(r"\1.as(\2)", text)
        compiled.extend(_compile_one(resource_type, text))
    return tuple(dict.fromkeys(compiled))


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


def _compile_one(resource_type: str, text: str) -> Iterator[Path]:
    names: list[tuple[str, str]] = []
    target = None
    for function, argument, name in _TOKEN.findall(text.split(" and ", maxsplit=1)[0]):
        if name:
            names.append(("child", name))
        elif function in ("as", "ofType") and names:
            names[-1] = (names[-1][0], f"{names[-1][1]} as {argument.strip()}")
        elif function == "where":
            resolved = re.fullmatch(r"resolve\(\)\s+is\s+(\w+)", argument.strip())
            equal = re.fullmatch(r"(\w+)\s*=\s*'([^']*)'", argument.strip())
            if resolved:
                target = resolved.group(1)
            elif equal:
                names.append(("where", f"{equal.group(1)}={equal.group(2)}"))
    if len(names) < 2 or names[0][1] not in (resource_type, "Resource", "DomainResource"):
        return
    first, _, choice = names[1][1].partition(" as ")
    for top, type_name, binding in _expand(resource_type, first, choice or None):
        if not choice or type_name == choice:
            yield Path(top, type_name, tuple(names[2:]), target, binding)
