"""Parts of resources: ``_summary`` and ``_elements`` as HAPI applies them (FHIR R4 section 3.1.1.5.8 and the next)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.fhir.bundle import SUBSETTED
from mab_gym.fhir.definitions import elements

_ALWAYS = ("resourceType", "id", "meta")


def subset(resource: Mapping[str, Any], summary: str, names: Sequence[str]) -> dict[str, Any]:
    """A resource with some of its elements, tagged as such.

    Args:
        resource: Whole.
        summary: ``true``, ``text``, ``data`` or anything else for none.
        names: ``_elements``; empty where not asked for.
    """
    resource_type = str(resource["resourceType"])
    defined = elements(resource_type)
    wanted = _as_tree(resource_type, names)
    if names and not wanted:
        return dict(resource)

    def kept(name: str) -> bool:
        if name in _ALWAYS:
            return True
        element = defined.get(name)
        if names:
            return True
        if summary == "text":
            return name == "text" or (element is not None and element.mandatory)
        if summary == "data":
            return name != "text"
        return element is not None and element.summary

    part = {name: value for name, value in resource.items() if kept(name)}
    if wanted:
        chosen = _chosen(part, resource_type, wanted)
        part = {name: chosen.get(name, value) for name, value in part.items() if name in chosen or name in _ALWAYS}
    elif summary == "true":
        part = {
            name: value if name in _ALWAYS else _summarized(value, defined[name].type) for name, value in part.items()
        }
    meta = dict(part.get("meta", {}))
    meta["tag"] = [*meta.get("tag", ()), SUBSETTED]
    part["meta"] = meta
    return part


def _summarized(value: Any, type_name: str) -> Any:
    """An element without the inner elements that are not part of a summary."""
    if isinstance(value, list):
        return [_summarized(item, type_name) for item in value]
    if not isinstance(value, dict):
        return value
    defined = elements(type_name)
    return {
        name: _summarized(item, element.type) if element else item
        for name, item in value.items()
        if (element := defined.get(name)) is None or element.summary or name in ("id", "extension")
    }


_Tree = dict[str, Any]
"""Names with the names wanted below them; an empty one stands for all."""


def _as_tree(resource_type: str, names: Sequence[str]) -> _Tree:
    """What ``_elements`` names of a type: names of other types, which begin with a capital letter, are left out."""
    tree: _Tree = {}
    for name in names:
        steps = [step for step in name.removeprefix(resource_type + ".").split(".") if step]
        if not steps or steps[0][:1].isupper():
            continue
        place = tree
        for number, step in enumerate(steps):
            known = step in place
            inner = place.setdefault(step, {})
            if known and not inner:
                break
            if number == len(steps) - 1:
                inner.clear()
            place = inner
    return tree


def _chosen(value: Mapping[str, Any], type_name: str, tree: _Tree) -> dict[str, Any]:
    """The wanted parts of a resource or of an element."""
    defined = elements(type_name)
    found: dict[str, Any] = {}
    for name, item in value.items():
        element = defined.get(name)
        stem = name if name in tree or element is None else element.choice
        if stem not in tree:
            continue
        below = tree[stem]
        if not below or element is None:
            found[name] = item
        elif isinstance(item, list):
            found[name] = [_chosen(each, element.type, below) if isinstance(each, dict) else each for each in item]
        else:
            found[name] = _chosen(item, element.type, below) if isinstance(item, dict) else item
    return found
