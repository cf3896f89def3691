"""Resources of every type of R4, drawn from its definitions: legal, and as odd as a server would still store them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Final

from mab_gym.fhir.model._definitions import Element, elements, resource_types

_DEEPEST: Final = 3
_TEXTS: Final = (
    "x", "Müller", "Ğüneş", "山田", "a[/red]b[bold", "</script><b>&amp;", "\\", "x" * 300, "\u200f", "line\nbreak",
    "\t", "e\u0301", "🙂", "[", "None", "\ud800", "a\u0000b", "-5", "1E400",
)  # fmt: skip
_DATES: Final = (
    "1950", "1950-02", "1950-02-28", "2016-12-31T23:59:60Z", "0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31",
    "9999-12-31T23:59:59-12:00", "2020-02-29T12:00:00.123456+05:30", "2023-11-13T10:15:00Z", "1500-02-29", "0000",
    "2020 ", "2020-01-01T10:00:00", "2023-11-12T10:00:00+00:00",
)  # fmt: skip
_NUMBERS: Final = (
    "0", "-0.0", "4.00", "1e-320", "1e-400", "1E300", "-1E308", "120", "1.7976931348623157E308", "99999999999999999",
    "0.1",
)  # fmt: skip
_REFERENCES: Final = (
    "Patient/p1", "Patient/p2/_history/3", "http://elsewhere/fhir/Patient/p1", "urn:uuid:7a1f", "urn:oid:1.2.3", "#c",
    "#", "Group/g", "Device/d", "Patient/nobody", "Patient?identifier=a|b", "", "Patient/", "/Patient/p1", "p1",
    "https://example.org/registry/person/5",
)  # fmt: skip


class Number(str):
    """A JSON number by its literal."""

    __slots__ = ()


def written(value: Any) -> str:
    """JSON of what `resources` gives, numbers as they are written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


def resources(seed: int, of_each: int = 1) -> Iterator[dict[str, Any]]:
    """Resources of all types, the Patients p1 and p2 among them."""
    draw = random.Random(seed)
    for place, resource_type in enumerate(resource_types() * of_each):
        yield _resource(draw, resource_type, f"r{place}")
    for logical_id in ("p1", "p2"):
        yield _resource(draw, "Patient", logical_id)


def _resource(draw: random.Random, resource_type: str, logical_id: str) -> dict[str, Any]:
    found = _composite(draw, resource_type, 0)
    if draw.random() < 0.3 and resource_type not in ("Bundle", "Parameters", "Binary"):
        found["contained"] = [{"resourceType": "Patient", "id": "c"}]
    return {"resourceType": resource_type, "id": logical_id, **found}


def _composite(draw: random.Random, type_name: str, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    chosen: set[str] = set()
    defined = list(elements(type_name).values())
    draw.shuffle(defined)
    most = draw.choice((1, 4, 12, len(defined)))
    for element in defined:
        once = element.choice or element.name
        if len(found) >= most or once in chosen or element.type in ("Resource", "xhtml", "Narrative", "Meta"):
            continue
        if element.name in ("id", "implicitRules", "contained", "extension", "modifierExtension"):
            continue
        chosen.add(once)
        found.update(_element(draw, element, depth))
    if draw.random() < 0.2:
        found["extension"] = [_extension(draw, depth)]
    return found


def _element(draw: random.Random, element: Element, depth: int) -> dict[str, Any]:
    if not element.primitive and depth >= _DEEPEST and element.type != "Reference":
        return {}
    count = draw.choice((1, 1, 2, 3)) if element.many else 1
    if not element.primitive:
        values = [_value(draw, element, depth) for _ in range(count)]
        return {element.name: values if element.many else values[0]}
    values = [_primitive(draw, element) for _ in range(count)]
    more = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    match draw.randrange(8):
        case 0:  # nothing but an extension
            return {f"_{element.name}": [more] if element.many else more}
        case 1 if element.many:
            return {element.name: [None, *values], f"_{element.name}": [more, *([None] * count)]}
        case 1:
            return {element.name: values[0], f"_{element.name}": more}
    return {element.name: values if element.many else values[0]}


def _value(draw: random.Random, element: Element, depth: int) -> dict[str, Any]:
    if element.type != "Reference":
        return _composite(draw, element.type, depth + 1)
    match draw.randrange(6):
        case 0:
            return {"identifier": {"system": "s", "value": "p1"}, "type": "Patient"}
        case 1:
            return {"display": draw.choice(_TEXTS)}
        case 2:
            return {"extension": [_extension(draw, depth)]}
    allowed = set(element.reference_targets)
    if "Patient" in allowed and draw.random() < 0.5:
        return {"reference": draw.choice(("Patient/p1", "Patient/p2"))}
    fitting = [text for text in _REFERENCES if text.partition("/")[0] in allowed or "Resource" in allowed]
    return {"reference": draw.choice(fitting or _REFERENCES)}


def _primitive(draw: random.Random, element: Element) -> Any:
    if element.binding is not None:
        return draw.choice(sorted(element.codes))
    match element.type:
        case "boolean":
            return draw.random() < 0.5
        case "integer" | "positiveInt" | "unsignedInt":
            return draw.choice((0, 1, -1, 2**31 - 1, -(2**31)))
        case "decimal":
            return Number(draw.choice(_NUMBERS))
        case "date" | "dateTime" | "instant":
            return draw.choice(_DATES)
        case "base64Binary":
            return "AAEC"
        case "time":
            return "10:00:00"
    return draw.choice(_TEXTS)


def _extension(draw: random.Random, depth: int) -> dict[str, Any]:
    url = draw.choice(("http://x", "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", ""))
    match draw.randrange(4):
        case 0:
            return {"url": url}
        case 1 if depth < _DEEPEST:
            return {"url": url, "extension": [_extension(draw, depth + 1), {"url": "text", "valueString": "x"}]}
        case 2:
            return {"url": url, "valueCoding": {"code": "c"}}
    return {"url": url, "valueDecimal": Number(draw.choice((*_NUMBERS, "1E400", "-1E999")))}
