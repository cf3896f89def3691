#!/usr/bin/env python3
"""Writes the compact FHIR R4 definitions in mab_gym/fhir/model/r4 from HAPI's own copy of the specification.

make_fhir_definitions.py hapi-fhir-validation-resources-r4-7.6.0.jar [--out mab_gym/fhir/model/r4]

The jar is the Maven artifact ca.uhn.hapi.fhir:hapi-fhir-validation-resources-r4:7.6.0. Its part of the specification
(http://hl7.org/fhir/R4, version 4.0.1) is in the public domain (CC0). Equal jars give equal files:

elements.json    {type: [parent type or "", [[name, types, flags, binding, targets], ...]]}
                 A name ending in "[x]" is a choice; flags hold "*" (many), "s" (part of the summary), "!" (mandatory).
                 Only elements that the type adds to its parent are listed, in FHIR's order.
codes.json       {binding: [allowed codes]}
systems.json     {binding: the codes' system, or {code: system} where there are several}
parameters.json  {base: [[name, type, expression, targets, components], ...]}
valuesets.json   {ValueSet url: {system: [codes]}} of those to which elements are bound, where they can be listed
published.json   {SearchParameter id: [name, bases, description]} in the order in which the specification lists them
terminology.json.gz  {"systems": {CodeSystem url: [name, version, content, case-sensitive, {code: display}]},
                      "sets": {ValueSet url: [id, version, compose]}}, all that the specification has

`_validation_definitions.py` says what is in the files that `$validate` needs: constraints.json, structures.json,
titles.json, ucum.json and extensions.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from _specification_xml import EXTENSIONS, FHIR, FHIR_TYPE, Row, each, extension, value
from _validation_definitions import validation_files

from mab_gym.fhir.model._xml_parse import parse_xml_resource

MODEL = "org/hl7/fhir/r4/model"
BINDING_NAME = EXTENSIONS + "elementdefinition-bindingName"

OPEN_CHOICE = """
    base64Binary boolean canonical code date dateTime decimal id instant integer markdown oid positiveInt string
    time unsignedInt uri url uuid Address Age Annotation Attachment CodeableConcept Coding ContactPoint Count
    Distance Duration HumanName Identifier Money Period Quantity Range Ratio Reference SampledData Signature Timing
    ContactDetail Contributor DataRequirement Expression ParameterDefinition RelatedArtifact TriggerDefinition
    UsageContext Dosage Meta
"""
"""The types of an element that may be of any type (http://hl7.org/fhir/R4/datatypes.html#open), in the jar's order."""

HAPI_OPEN_CHOICE = [*OPEN_CHOICE.split(), "Extension", "Narrative"]
"""The types that HAPI takes there: two more."""

UNCHECKED_BINDINGS = {"ResourceType", "FHIRAllTypes", "FHIRDefinedType", "GuideParameterCode"}
"""Required bindings that HAPI's model keeps as plain codes, so that any value is accepted."""

MOST_CODES = 300
"""Longer value sets are left out to keep the files small."""


class Specification:
    """The needed parts of the jar, read once."""

    def __init__(self, jar: Path) -> None:
        self.structures: dict[str, ET.Element] = {}
        self.value_sets: dict[str, ET.Element] = {}
        self.code_systems: dict[str, ET.Element] = {}
        with zipfile.ZipFile(jar) as archive:
            for name in ("profile/profiles-types.xml", "profile/profiles-resources.xml"):
                for node in self._resources(archive, name, "StructureDefinition"):
                    if value(node, "derivation") != "constraint":
                        self.structures[value(node, "type") or ""] = node
            for name in ("valuesets", "v2-tables", "v3-codesystems"):
                nodes = list(self._resources(archive, f"valueset/{name}.xml", "ValueSet", "CodeSystem"))
                for node in nodes:
                    known = self.value_sets if node.tag == FHIR + "ValueSet" else self.code_systems
                    known[value(node, "url") or ""] = node
            bundle = json.loads(archive.read(f"{MODEL}/sp/search-parameters.json"))
            self.parameters: list[dict[str, Any]] = [entry["resource"] for entry in bundle["entry"]]

    @staticmethod
    def _resources(archive: zipfile.ZipFile, name: str, *kinds: str) -> Iterator[ET.Element]:
        root = ET.fromstring(archive.read(f"{MODEL}/{name}"))
        for holder in each(root, "entry", "resource"):
            yield from (node for node in holder if node.tag.removeprefix(FHIR) in kinds)

    def codes(self, value_set_url: str) -> dict[str, str] | None:
        """Returns a value set's codes with their systems, or None if they cannot be listed (languages, media types)."""
        value_set = self.value_sets.get(value_set_url.split("|", maxsplit=1)[0])
        if value_set is None:
            return None
        codes: dict[str, str] = {}
        for include in each(value_set, "compose", "include"):
            if each(include, "filter"):
                return None
            system = value(include, "system") or ""
            listed = {value(concept, "code") or "": system for concept in each(include, "concept")}
            for other in each(include, "valueSet"):
                more = self.codes(other.get("value") or "")
                if more is None:
                    return None
                listed |= more
            if system and not listed:
                code_system = self.code_systems.get(system)
                if code_system is None or value(code_system, "content") == "not-present":
                    return None
                listed = {value(concept, "code") or "": system for concept in code_system.iter(FHIR + "concept")}
            codes |= {code: listed[code] for code in listed if code not in codes}
        return codes or None


class Elements:
    """Collects ``elements.json``, ``codes.json`` and ``systems.json``."""

    def __init__(self, spec: Specification) -> None:
        self.spec = spec
        self.types: dict[str, Row] = {}
        self.codes: dict[str, list[str]] = {}
        self.systems: dict[str, str | dict[str, str]] = {}

    def add(self, name: str, structure: ET.Element) -> None:
        parent = (value(structure, "baseDefinition") or "").removeprefix(EXTENSIONS)
        nodes = each(structure, "differential", "element")
        backbones = {value(node, "path") or "" for node in nodes if self._is_backbone(node)}
        for node in nodes:
            path = value(node, "path") or ""
            if "." not in path:
                self.types[path] = [parent, []]
                continue
            if path in backbones:
                self.types[path] = [value(node, "type", "code"), []]
            owner, element = path.rsplit(".", 1)
            self.types[owner][1].append(self._row(path, element, node, path in backbones))

    @staticmethod
    def _is_backbone(node: ET.Element) -> bool:
        path = value(node, "path") or ""
        return path.count(".") > 0 and value(node, "type", "code") in ("BackboneElement", "Element")

    def _row(self, path: str, name: str, node: ET.Element, backbone: bool) -> Row:
        types: list[str] = []
        targets: list[str] = []
        for type_node in each(node, "type"):
            code = extension(type_node, FHIR_TYPE) or value(type_node, "code") or ""
            types.append(code)
            targets += [
                profile.get("value", "").removeprefix(EXTENSIONS) for profile in each(type_node, "targetProfile")
            ]
        if types == OPEN_CHOICE.split():
            types = HAPI_OPEN_CHOICE
        reference = value(node, "contentReference")
        if reference:
            types = [reference.removeprefix("#")]
        if backbone:
            types = [path]
        if path == "Resource.id":
            types = ["id"]  # The specification says string, HAPI's model id.
        flags = "*" * (value(node, "max") == "*") + "s" * (value(node, "isSummary") == "true")
        flags += "!" * (value(node, "min") != "0")
        return [
            name,
            types,
            flags,
            self._binding(node) if types == ["code"] else "",
            sorted(set(targets), key=targets.index),
        ]

    def _binding(self, node: ET.Element) -> str:
        binding = node.find(FHIR + "binding")
        if binding is None or value(binding, "strength") != "required":
            return ""
        name = extension(binding, BINDING_NAME)
        codes = self.spec.codes(value(binding, "valueSet") or "")
        if name is None or codes is None or name in UNCHECKED_BINDINGS:
            return ""
        name = "".join(part[0].upper() + part[1:] for part in name.split("-"))
        if self.codes.setdefault(name, sorted(codes)) != sorted(codes):
            raise SystemExit(f"two bindings are named {name}")
        several = len(set(codes.values())) > 1
        self.systems[name] = dict(sorted(codes.items())) if several else next(iter(codes.values()))
        return name


def alternatives(expression: str) -> list[str]:
    """Returns the operands of the unions at the top level of a FHIRPath expression."""
    parts, depth = [""], 0
    for character in expression:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def search_parameters(spec: Specification) -> dict[str, list[Row]]:
    by_url = {parameter["url"]: parameter["code"] for parameter in spec.parameters}
    found: dict[str, list[Row]] = defaultdict(list)
    for parameter in spec.parameters:
        for base in parameter["base"]:
            # A few expressions name no type at all ("name | alias"): they concern every base.
            own = [
                part
                for part in alternatives(parameter.get("expression", ""))
                if re.match(rf"\(*({base}\b|[a-z])", part)
            ]
            components = [[by_url[part["definition"]], part["expression"]] for part in parameter.get("component", ())]
            expression = " | ".join(own)
            # A list of all resource types says nothing; it is kept empty.
            targets = [target for target in parameter.get("target", []) if len(parameter["target"]) < 100]
            found[base].append([parameter["code"], parameter["type"], expression, targets, components])
    return {base: sorted(rows) for base, rows in found.items()}


def value_sets(spec: Specification) -> dict[str, dict[str, list[str]]]:
    bindings = [
        element.find(FHIR + "binding")
        for structure in spec.structures.values()
        for element in each(structure, "differential", "element")
    ]
    urls = {(value(node, "valueSet") or "").split("|", maxsplit=1)[0] for node in bindings if node is not None}
    found: dict[str, dict[str, list[str]]] = {}
    for url in urls & set(spec.value_sets):
        codes = None if each(spec.value_sets[url], "compose", "exclude") else spec.codes(url)
        if codes is not None and len(codes) <= MOST_CODES:
            found[url] = {}
            for code, system in codes.items():
                found[url].setdefault(system, []).append(code)
    return found


def published(spec: Specification) -> dict[str, list[Any]]:
    return {each["id"]: [each["code"], each["base"], each["description"]] for each in spec.parameters}


def terminology(spec: Specification) -> dict[str, dict[str, list[Any]]]:
    systems = {
        url: [
            value(node, "name"),
            value(node, "version"),
            value(node, "content"),
            value(node, "caseSensitive") == "true",
            {value(concept, "code"): value(concept, "display") for concept in node.iter(FHIR + "concept")},
        ]
        for url, node in spec.code_systems.items()
    }
    sets: dict[str, list[Any]] = {}
    for url, node in spec.value_sets.items():
        resource = parse_xml_resource(ET.tostring(node, encoding="unicode"), "ValueSet")
        sets[url] = [resource["id"], resource.get("version"), resource["compose"]]
    return {"systems": systems, "sets": sets}


def write_compressed(path: Path, data: dict[str, Any]) -> None:
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def write(path: Path, data: dict[str, Any], *, in_order: bool = False) -> None:
    """Writes one key a line, so that a change of the specification can be read in a diff."""
    items = data.items() if in_order else sorted(data.items())
    lines = (json.dumps(key) + ":" + json.dumps(item, separators=(",", ":")) for key, item in items)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jar", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "mab_gym" / "fhir" / "model" / "r4")
    options = parser.parse_args(list(arguments) if arguments is not None else None)
    spec = Specification(options.jar)
    elements = Elements(spec)
    for name, structure in spec.structures.items():
        if value(structure, "kind") in ("resource", "complex-type") and name not in ("Resource.example",):
            elements.add(name, structure)
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out / "elements.json", elements.types)
    write(options.out / "codes.json", elements.codes)
    write(options.out / "systems.json", elements.systems)
    write(options.out / "parameters.json", search_parameters(spec))
    write(options.out / "valuesets.json", value_sets(spec))
    write(options.out / "published.json", published(spec), in_order=True)
    write_compressed(options.out / "terminology.json.gz", terminology(spec))
    with zipfile.ZipFile(options.jar) as archive:
        resources = partial(Specification._resources, archive)
        for name, data in validation_files(resources, spec.value_sets).items():
            write(options.out / name, data)


if __name__ == "__main__":
    main()
