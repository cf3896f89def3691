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
    wanted = {name.removeprefix(resource_type + ".") for name in names}

    def kept(name: str) -> bool:
        if name in _ALWAYS:
            return True
        element = defined.get(name)
        if names:
            return name in wanted or (element is not None and element.choice in wanted)
        if summary == "text":
            return name == "text"
        if summary == "data":
            return name != "text"
        return element is not None and element.summary

    part = {name: value for name, value in resource.items() if kept(name)}
    meta = dict(part.get("meta", {}))
    meta["tag"] = [*meta.get("tag", ()), SUBSETTED]
    part["meta"] = meta
    return part
