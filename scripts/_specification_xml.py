"""Reads the specification's XML: the values, children and extensions of an element."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

FHIR = "{http://hl7.org/fhir}"
EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/"
FHIR_TYPE = EXTENSIONS + "structuredefinition-fhir-type"

Row = list[Any]


def value(node: ET.Element, *path: str) -> str | None:
    found = node.find("/".join(FHIR + name for name in path))
    return None if found is None else found.get("value")


def each(node: ET.Element, *path: str) -> list[ET.Element]:
    return node.findall("/".join(FHIR + name for name in path))


def extension(node: ET.Element, url: str) -> str | None:
    for found in each(node, "extension"):
        if found.get("url") == url:
            return next((child.get("value") for child in found), None)
    return None
