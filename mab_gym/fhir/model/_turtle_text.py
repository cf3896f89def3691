"""Writes resources as Turtle (FHIR R4 section 2.1.5.5), from the JSON that the server otherwise sends.

The graph is the one that HAPI writes, with its peculiarities: numbers and most addresses are plain texts, and a
resource within a Bundle stands for itself. HAPI lays its text out with Apache Jena, in an order that changes from time
to time; here the properties come in alphabetical order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from mab_gym.fhir.model._definitions import Element, elements, parent_of
from mab_gym.fhir.model._json_text import DecimalNumber

_PREFIXES = {
    "fhir": "http://hl7.org/fhir/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "sct": "http://snomed.info/id#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_DATE_TIMES = {4: "gYear", 7: "gYearMonth", 10: "date"}
"""The XML Schema types of a date and time, by its length; others are complete."""
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_NOT_IN_IRI = re.compile(r'[\x00-\x20<>"{}|^`\\]')
_STEP = "    "

Part = tuple[str, Any]
"""A property, and its object: a text that is ready, or the properties of a node without a name."""


def to_turtle(resource: Mapping[str, Any], base_url: str) -> str:
    """Returns a resource as Turtle.

    Args:
        resource: Parsed JSON, decimals with their digits.
        base_url: The server's base URL; nodes of resources are named by it.
    """
    return _Writer(base_url).document(resource)


class _Writer:
    """Writes a resource and those that are entries of it.

    Args:
        base_url: The server's base URL.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._waiting: list[tuple[str, Mapping[str, Any]]] = []

    def document(self, resource: Mapping[str, Any]) -> str:
        name = self._name(resource)
        parts = [*self._resource(resource), ("fhir:nodeRole", "fhir:treeRoot")]
        blocks = [f"{name}\n{_STEP}{_properties(parts, 1)} ." if name else f"{_node(parts, 0)} ."]
        for name, inner in self._waiting:  # it grows as long as there are resources within resources
            blocks.append(f"{name}\n{_STEP}{_properties(self._resource(inner), 1)} .")
        head = "".join(f"@prefix {prefix + ':':5} <{url}> .\n" for prefix, url in _PREFIXES.items())
        return head + "\n" + "\n\n".join(blocks) + "\n"

    def _name(self, resource: Mapping[str, Any]) -> str:
        """Returns the node of a resource; empty if it has no id."""
        logical_id = resource.get("id")
        if not isinstance(logical_id, str):
            return ""
        version = resource.get("meta", {}).get("versionId")
        unstored = resource["resourceType"] == "Bundle" and not version  # an answer
        place = logical_id if unstored else f"{resource['resourceType']}/{logical_id}"
        history = f"/_history/{version}" if version else ""
        return f"<{_NOT_IN_IRI.sub('_', f'{self._base_url}/{place}{history}')}>"

    def _resource(self, resource: Mapping[str, Any]) -> list[Part]:
        kind = resource["resourceType"]
        return [("rdf:type", f"fhir:{kind}"), *self._content(kind, resource)]

    def _content(self, type_name: str, value: Mapping[str, Any]) -> Iterator[Part]:
        """Yields the properties of a resource, a datatype or a backbone element."""
        defined = elements(type_name)
        for name in dict.fromkeys(key.removeprefix("_") for key in value):
            element = defined.get(name)
            if element is None:
                continue  # resourceType
            found, extra = value.get(name), value.get("_" + name)
            if type_name + name == "Narrativediv":
                yield "fhir:Narrative.div", _text(str(found))
                continue
            many = found if isinstance(found, list) else [found]
            extras = extra if isinstance(extra, list) else [extra]
            for place in range(max(len(many), len(extras))):
                item = many[place] if place < len(many) else None
                more = extras[place] if place < len(extras) else None
                if item is not None or more:
                    parts = self._item(element, item, more or {})
                    if isinstance(parts, list) and element.many:
                        parts.append(("fhir:index", str(place)))
                    yield f"fhir:{_home(type_name, name)}.{name}", parts

    def _item(self, element: Element, item: Any, more: Mapping[str, Any]) -> Any:
        """Returns the properties of one value; for a resource within a Bundle, its node."""
        kind = element.type
        if isinstance(item, dict) and "resourceType" in item:
            name = self._name(item)
            if name and element.name != "contained":
                self._waiting.append((name, item))
                return name
            return self._resource(item)
        if isinstance(item, dict):
            return list(self._content(kind, item))
        parts = list(self._content("Element", more))
        return parts if item is None else [*parts, ("fhir:value", _literal(kind, item))]


@cache
def _home(type_name: str, name: str) -> str:
    """Returns the type that defines an element; HAPI does not know it for modifiers of parts."""
    parent = parent_of(type_name)
    while parent and name in elements(parent):
        type_name = parent
        parent = parent_of(type_name)
    return "null" if type_name == "BackboneElement" else type_name


def _literal(kind: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, DecimalNumber) or kind == "decimal":
        return f'"{value.text if isinstance(value, DecimalNumber) else value}"^^xsd:decimal'
    text = _text(str(value))
    match kind:
        case "uri":
            return f"{text}^^xsd:anyURI"
        case "date":
            return f"{text}^^xsd:date"
        case "dateTime" | "instant":
            return f"{text}^^xsd:{_DATE_TIMES.get(len(str(value)), 'dateTime')}"
    return text


def _text(value: str) -> str:
    return f'"{value.translate(_ESCAPES)}"'


def _node(parts: list[Part], depth: int) -> str:
    return f"[ {_properties(parts, depth + 1)} ]"


def _properties(parts: list[Part], depth: int) -> str:
    """Returns properties, those after the first on lines of their own."""
    written = [
        f"{name}  {found if isinstance(found, str) else _node(found, depth)}"
        for name, found in sorted(parts, key=lambda part: (part[0] != "rdf:type", part[0]))
    ]
    return f";\n{_STEP * depth}".join(written)
