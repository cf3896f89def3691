"""The definitions that `$validate` needs: structures, value sets with their code systems, and extensions.

`make_fhir_definitions.py` writes the files; this module reads the specification for them.

constraints.json   {key: [severity, text, expression, owner, best practice]}
structures.json    {type: [kind, parent, constraints, [[name, min, max, types, targets, binding, constraints], ...]]}
                   Kinds: c(omplex), p(rimitive), r(esource), b(ackbone), q for a profile of a datatype.
                   Elements are those that a type adds to its parent. Types are separated by spaces: "#Path" refers to
                   another element, "Quantity:SimpleQuantity" has a profile, "" is a backbone element. A binding is a
                   letter of its strength (r, e, p; x for examples), the value set, and the maximum value set. A
                   constraint that ends in "+" is inherited. An element without constraints has the usual ones: ele-1+,
                   and ext-1+ if it is an extension.
titles.json        {ValueSet url: title} of those by which elements are checked
ucum.json          {"prefixes": [...], "metric": [...], "others": [...]}: the codes of UCUM (https://ucum.org) that
                   HAPI knows.
extensions.json    {url: [version, modifier, contexts, value types, binding, least values, [sub-extension, ...]]}
"""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from _specification_xml import EXTENSIONS, FHIR, FHIR_TYPE, Row, each, extension, value

MAX_VALUE_SET = EXTENSIONS + "elementdefinition-maxValueSet"
BEST_PRACTICE = EXTENSIONS + "elementdefinition-bestpractice"


def short(url: str | None) -> str:
    return (url or "").removeprefix(EXTENSIONS)


def trimmed(row: Row) -> Row:
    while row and row[-1] in ("", [], None):
        row.pop()
    return row


class Structures:
    """Collects ``structures.json`` and ``constraints.json`` from the snapshots of resources and datatypes."""

    def __init__(self, structures: Iterable[ET.Element]) -> None:
        self.constraints: dict[str, Row] = {}
        self.types: dict[str, Row] = {}
        for structure in structures:
            if value(structure, "kind") != "logical":
                self._add(structure)

    def _add(self, structure: ET.Element) -> None:
        name = value(structure, "id") or ""
        root = value(structure, "type") or ""
        inherited = {"Element.id", "Element.extension", "BackboneElement.modifierExtension"}
        own = {value(node, "path") for node in each(structure, "differential", "element")}
        derived = value(structure, "derivation") == "constraint"
        kind = "q" if derived else (value(structure, "kind") or "")[0]
        for node in each(structure, "snapshot", "element"):
            path = value(node, "path") or ""
            if "." not in path:
                parent = short(value(structure, "baseDefinition"))
                self.types[name] = [kind, parent, self._constraints(node, name), []]
                continue
            parent_path, element = path.rsplit(".", 1)
            backbone = self._types(node) == ""
            if backbone:
                parent = value(node, "type", "code")
                self.types[path] = ["b", parent, [], []]
            if (value(node, "base", "path") in inherited and path not in inherited) or (
                path not in own and not derived
            ):
                continue
            owner = name if parent_path == root else parent_path
            self.types[owner][3].append(self._row(element, node, name))

    def _row(self, element: str, node: ET.Element, name: str) -> Row:
        types = self._types(node)
        targets: list[str] = []
        for type_node in each(node, "type"):
            targets += [short(profile.get("value")) for profile in each(type_node, "targetProfile")]
        constraints = self._constraints(node, name)
        usual = ["ele-1+", "ext-1+"] if types == "Extension" else ["ele-1+"]
        return trimmed(
            [
                element,
                int(value(node, "min") or 0),
                value(node, "max") or "",
                types,
                list(dict.fromkeys(targets)),
                self._binding(node),
                [] if constraints in (usual, []) else constraints,
            ]
        )

    @staticmethod
    def _types(node: ET.Element) -> str:
        reference = value(node, "contentReference")
        if reference:
            return reference
        found = []
        for type_node in each(node, "type"):
            code = extension(type_node, FHIR_TYPE) or value(type_node, "code") or ""
            if code in ("BackboneElement", "Element"):
                return ""
            profile = short(value(type_node, "profile"))
            found.append(f"{code}:{profile}" if profile else code)
        return " ".join(found)

    @staticmethod
    def _binding(node: ET.Element) -> str:
        binding = node.find(FHIR + "binding")
        if binding is None or value(binding, "valueSet") is None:
            return ""
        most = extension(binding, MAX_VALUE_SET)
        strength = (value(binding, "strength") or "")[0] if value(binding, "strength") != "example" else "x"
        strength = "e" if value(binding, "strength") == "extensible" else strength
        return " ".join(filter(None, [f"{strength}:{value(binding, 'valueSet')}", most]))

    def _constraints(self, node: ET.Element, owner: str) -> list[str]:
        found = []
        for constraint in each(node, "constraint"):
            key = value(constraint, "key") or ""
            source = value(constraint, "source")
            text = [value(constraint, name) or "" for name in ("severity", "human", "expression")]
            row = [*text, short(source) or owner, extension(constraint, BEST_PRACTICE) == "true"]
            known = key if self.constraints.get(key, row)[2:4] == row[2:4] else f"{key}@{row[3]}/{value(node, 'path')}"
            self.constraints.setdefault(known, trimmed(row) if row[4] else row[:4])
            found.append(known + ("+" if source else ""))
        return found


def bound_value_sets(structures: Structures, extensions: Mapping[str, Row]) -> set[str]:
    """Returns the value sets by which elements are checked, which leaves the examples out."""
    bindings = [row[5] for _, _, _, rows in structures.types.values() for row in rows if len(row) > 5]
    bindings += [row[4] for row in extensions.values() if len(row) > 4]
    urls = {url for binding in bindings if binding and binding[0] != "x" for url in binding[2:].split(" ")}
    return {url.split("|")[0] for url in urls}


def titles(urls: Iterable[str], value_sets: Mapping[str, ET.Element]) -> dict[str, str]:
    known = {url: value_sets[url] for url in urls if url in value_sets}
    return {url: value(node, "title") or value(node, "name") or url for url, node in known.items()}


def extension_definitions(structures: Iterable[ET.Element]) -> dict[str, Row]:
    """Returns the extensions that the specification defines."""
    found = {}
    for structure in structures:
        if value(structure, "type") != "Extension":
            continue
        contexts = [
            {"element": "e:", "extension": "x:", "fhirpath": "p:"}[value(node, "type") or "element"]
            + (value(node, "expression") or "")
            for node in each(structure, "context")
        ]
        nodes = {node.get("id") or "": node for node in each(structure, "snapshot", "element")}
        modifier = value(nodes["Extension"], "isModifier") == "true"
        types, binding, least = _value_of(nodes, "Extension")
        parts = [_part(nodes, key) for key in nodes if key.startswith("Extension.extension:") and key.count(".") == 1]
        row = [value(structure, "version") or "", int(modifier), contexts, types, binding, least, parts]
        found[value(structure, "url") or ""] = trimmed(row)
    return found


def _value_of(nodes: Mapping[str, ET.Element], key: str) -> tuple[str, str, int]:
    node = next((node for name, node in nodes.items() if name.startswith(f"{key}.value")), None)
    if node is None or value(node, "max") == "0":
        return "", "", 0
    types = " ".join(value(type_node, "code") or "" for type_node in each(node, "type"))
    return types, Structures._binding(node), int(value(node, "min") or 0)


def _part(nodes: Mapping[str, ET.Element], key: str) -> Row:
    node = nodes[key]
    types, binding, least = _value_of(nodes, key)
    url = value(nodes[f"{key}.url"], "fixedUri") if f"{key}.url" in nodes else key.partition(":")[2]
    return trimmed([url, int(value(node, "min") or 0), value(node, "max"), types, binding, least])


NEWER_UNITS = {"[IR]", "[FNU]", "[degRe]", "[m/s2/Hz^(1/2)]", "[NTU]"}
"""Units that UCUM has added since the version that HAPI has."""


def ucum() -> dict[str, list[str]]:
    """Returns the codes of UCUM's own file, which lies in the package ucumvert."""
    found = importlib.util.find_spec("ucumvert")
    assert found is not None and found.submodule_search_locations
    root = ET.parse(Path(found.submodule_search_locations[0]) / "vendor" / "ucum-essence.xml").getroot()
    named: dict[str, list[str]] = {"prefixes": [], "metric": [], "others": []}
    for node in root:
        kind = node.tag.rpartition("}")[2]
        metric = kind == "base-unit" or node.get("isMetric") == "yes"
        name = "prefixes" if kind == "prefix" else "metric" if metric else "others"
        if (node.get("Code") or "") not in NEWER_UNITS:
            named[name].append(node.get("Code") or "")
    return named


Resources = Callable[[str, str], Iterable[ET.Element]]
"""Gives the resources of a kind in a file of the specification."""


def validation_files(resources: Resources, value_sets: Mapping[str, ET.Element]) -> dict[str, dict[str, Any]]:
    """Returns the contents of the files by their names."""
    profiles = [
        node
        for name in ("profile/profiles-types.xml", "profile/profiles-resources.xml")
        for node in resources(name, "StructureDefinition")
    ]
    structures = Structures(profiles)
    extensions = extension_definitions(resources("extension/extension-definitions.xml", "StructureDefinition"))
    return {
        "constraints.json": structures.constraints,
        "structures.json": structures.types,
        "titles.json": titles(bound_value_sets(structures, extensions), value_sets),
        "extensions.json": extensions,
        "profiles.json": {
            value(node, "url") or "": value(node, "type")
            for node in resources("profile/profiles-others.xml", "StructureDefinition")
        },
        "ucum.json": ucum(),
    }
