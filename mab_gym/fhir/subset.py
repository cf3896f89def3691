"""Parts of resources: ``_summary`` and ``_elements`` as HAPI applies them (FHIR R4 section 3.1.1.5.8 and the next)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.fhir.bundle import SUBSETTED
from mab_gym.fhir.definitions import elements

_ALWAYS = ("resourceType", "id", "meta")

Paths = Sequence[Sequence[str]]


def subset(resource: Mapping[str, Any], summary: str, names: Sequence[str]) -> dict[str, Any]:
    """A resource with some of its elements, tagged as such.

    Args:
        resource: Whole.
        summary: ``true``, ``text``, ``data`` or anything else for none.
        names: ``_elements``, such as ``code``, ``code.text`` or ``Patient.name``; empty where not asked for.
    """
    resource_type = str(resource["resourceType"])
    if names:
        full = [name.split(".") if name[0].isupper() else [resource_type, *name.split(".")] for name in names]
        paths = [path[1:] for path in full if path[0] == resource_type]
        if not paths:
            return dict(resource)
        part = _inner(resource_type, resource, paths) | {n: resource[n] for n in _ALWAYS if n in resource}
        part = {name: part[name] for name in resource if name in part}
    else:
        defined = elements(resource_type)
        part = {n: v for n, v in resource.items() if n in _ALWAYS or _in_summary(defined.get(n), n, summary)}
    meta = dict(part.get("meta", {}))
    meta["tag"] = [*meta.get("tag", ()), SUBSETTED]
    part["meta"] = meta
    return part


def _in_summary(element: Any, name: str, summary: str) -> bool:
    if summary == "text":
        return name == "text" or (element is not None and element.mandatory)
    if summary == "data":
        return name != "text"
    return element is not None and element.summary


def _inner(type_name: str, value: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    """The elements that paths lead to, and of these what the rest of the paths leads to."""
    if not all(paths):
        return dict(value)
    defined = elements(type_name)
    part: dict[str, Any] = {}
    for name, item in value.items():
        element = defined.get(name.removeprefix("_"))
        if element is None:
            continue
        rest = [path[1:] for path in paths if _names(path[0], element.choice or element.name)]
        if not rest:
            continue
        if element.primitive or not all(rest):
            part[name] = item
        elif element.many:
            part[name] = [_inner(element.type, each, rest) for each in item]
        else:
            part[name] = _inner(element.type, item, rest)
    return part


def _names(written: str, name: str) -> bool:
    """Whether a part of a path means an element: ``valueString`` means all of ``value[x]``, as HAPI reads it."""
    return written == name or (written.startswith(name) and written[len(name)].isupper())
