"""The paths by which HAPI names elements."""

from __future__ import annotations

from collections.abc import Iterator

from mab_gym.fhir.validation._elements import Element
from mab_gym.fhir.validation._rules import is_resource


def with_paths(element: Element, path: str) -> Iterator[tuple[Element, str]]:
    """Yields the children of an element with their paths."""
    last, index = "", 0
    for child in element.children:
        index = index + 1 if child.name == last else 0
        last = child.name
        yield child, f"{path}.{step(child, index)}"


def step(element: Element, index: int) -> str:
    """Returns the last part of an element's path."""
    rule = element.rule
    assert rule is not None
    number = f"[{index}]" if rule.is_list else ""
    return f"{rule.stem}{number}.ofType({element.type})" if rule.stem else element.name + number


def path_to(element: Element) -> str:
    """Returns the path of a contained resource, or of one in an entry of a Bundle."""
    parent = element.parent
    if parent is None:
        return element.type
    index = parent.named(element.name).index(element)
    comment = f"/*{element.type}/{element.child_value('id') or 'null'}*/" if is_resource(element.type) else ""
    return f"{path_to(parent)}.{step(element, index)}{comment}"
