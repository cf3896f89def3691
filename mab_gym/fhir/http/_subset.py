"""Parts of resources: ``_summary`` and ``_elements`` as HAPI applies them (FHIR R4 section 3.1.1.5.8 and the next)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.fhir.http._bundle import SUBSETTED
from mab_gym.fhir.model._definitions import elements

_ALWAYS = ("resourceType", "id", "meta")

Tree = dict[str, "Tree"]
"""Elements to keep; an empty tree stands for everything below."""


def subset(resource: Mapping[str, Any], summary: str, names: Sequence[str]) -> dict[str, Any]:
    """Returns a part of a resource, tagged as a part.

    Args:
        resource: The whole resource.
        summary: ``_summary``: ``true``, ``text`` or ``data``; it counts only without ``names``.
        names: ``_elements``: paths such as ``name.family`` or ``Patient.name.family``; empty if not asked for.
    """
    resource_type = str(resource["resourceType"])
    defined = elements(resource_type)
    if "*" in names:
        part = dict(resource)
    elif names:
        paths = [path for path in (_below(resource_type, name) for name in names) if path is not None]
        if not paths:
            return dict(resource)  # they are all about other types
        part = _picked(resource, resource_type, _tree(paths), _ALWAYS)
    elif summary == "true":
        part = _summarized(resource, resource_type, _ALWAYS)
    elif summary == "text":
        mandatory = {name for name, element in defined.items() if element.mandatory}
        part = {name: value for name, value in resource.items() if name in (*_ALWAYS, "text") or name in mandatory}
    else:
        part = {name: value for name, value in resource.items() if name != "text"}
    meta = dict(part.get("meta", {}))
    if summary == "true" and not names:
        meta.pop("extension", None)
    meta["tag"] = [*meta.get("tag", ()), SUBSETTED]
    first: dict[str, Any] = {name: part[name] for name in ("resourceType", "id") if name in part}
    return {**first, "meta": meta, **{name: value for name, value in part.items() if name not in _ALWAYS}}


def _below(resource_type: str, name: str) -> list[str] | None:
    """Returns a path's steps below the resource, or None if the path is about another type."""
    first, *rest = name.split(".")
    if first == resource_type:
        return rest
    return None if first[:1].isupper() else [first, *rest]


def _tree(paths: Sequence[Sequence[str]]) -> Tree:
    tree: Tree = {}
    whole: list[Tree] = []
    for path in paths:
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        whole.append(node)
    for node in whole:
        node.clear()
    return tree


def _picked(value: Mapping[str, Any], type_name: str, tree: Tree, always: Sequence[str] = ("id",)) -> dict[str, Any]:
    """Returns the part of an element that a tree keeps, and the element's id."""
    defined = elements(str(value.get("resourceType", type_name)))
    part: dict[str, Any] = {}
    for name, item in value.items():
        element = defined.get(name.removeprefix("_"))
        below = None if element is None else _meant(tree, element.choice or element.name)
        if below == {} or name in always:
            part[name] = item
        elif below is not None and element is not None and isinstance(item, list):
            part[name] = [_picked(each, element.type, below) if isinstance(each, dict) else each for each in item]
        elif below is not None and element is not None:
            part[name] = _picked(item, element.type, below) if isinstance(item, dict) else item
    return part


def _meant(tree: Tree, name: str) -> Tree | None:
    """Returns the tree below an element, or None; as in HAPI, ``valueString`` means all of ``value[x]``."""
    for written, below in tree.items():
        if written == name or (written.startswith(name) and written[len(name)].isupper()):
            return below
    return None


def _summarized(value: Mapping[str, Any], type_name: str, always: Sequence[str] = ("id",)) -> dict[str, Any]:
    """Returns the part that ``_summary=true`` keeps: summary and mandatory elements, at every depth."""
    defined = elements(type_name)
    part: dict[str, Any] = {}
    for name, item in value.items():
        element = defined.get(name)
        if name in always:
            part[name] = item
        elif element is None or not (element.summary or element.mandatory):
            continue
        elif isinstance(item, list):
            part[name] = [_summarized(each, element.type) if isinstance(each, dict) else each for each in item]
        elif isinstance(item, dict):
            part[name] = _summarized(item, element.type)
        else:
            part[name] = item
    return part
