"""Random scenarios of patches for `scripts/differential`: a PUT of an own resource, patches of it, a read."""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from mab_gym.fhir.model._definitions import Element, elements

Resource = dict[str, Any]
Step = dict[str, Any]

_FHIR = {"Content-Type": "application/fhir+json"}
_JSON_PATCH = {"Content-Type": "application/json-patch+json"}
_HEADERS: Sequence[Mapping[str, str]] = (
    *({},) * 12,
    {"Prefer": "return=minimal"},
    {"Prefer": "return=OperationOutcome"},
    {"If-Match": 'W/"1"'},
    {"If-Match": 'W/"2"'},
    {"If-Match": "1"},
    {"Accept": "application/fhir+xml"},
)
_QUERIES = (*("",) * 14, "?_pretty=false", "?_summary=true", "?_elements=status", "?_format=xml", "?x=y")
_SCALARS: Sequence[Any] = (
    "final",
    "x",
    "",
    " ",
    "2020-02-30",
    "Patient/none",
    5,
    5.5,
    10.0,
    1e21,
    -1,
    True,
    None,
    [],
    {},
)
_ODD_OPERATIONS: Sequence[Any] = (
    {"op": "add", "path": "status", "value": "x"},
    {"op": "add", "path": "/status"},
    {"op": "set", "path": "/status", "value": "x"},
    {"path": "/status", "value": "x"},
    {"op": "add", "path": "/~", "value": 1},
    {"op": "add", "path": "", "value": {}},
    {"op": "remove", "path": ""},
    {"op": "copy", "path": "/note/-"},
    {"op": "replace", "path": "/resourceType", "value": "Patient"},
    {"op": "replace", "path": "/id", "value": "x y"},
    {"op": "add", "path": "/meta/tag", "value": [{"system": "http://t", "code": "a"}]},
    {"op": "remove", "path": "/meta"},
    None,
    "x",
)
_BODIES = ("", "{}", "null", "[", '{"status": "final"}', "[]", "x")
_TAILS = (
    "",
    "",
    "",
    "[0]",
    "[1]",
    "[9]",
    ".first()",
    ".last()",
    ".where(use = 'official')",
    ".where(true)",
    ".exists()",
)
_VALUES: Mapping[str, Any] = {
    "boolean": True, "integer": 3, "decimal": 2.50, "string": "s", "code": "final", "uri": "http://u",
    "date": "2021-03-04",
    "dateTime": "2021-03-04T05:06:07Z", "instant": "2021-03-04T05:06:07Z", "markdown": "m", "positiveInt": 2,
    "unsignedInt": 0, "id": "i", "time": "05:06:07", "HumanName": {"family": "F"}, "Coding": {"code": "c"},
    "CodeableConcept": {"text": "t"}, "Quantity": {"value": 1.50, "unit": "mg"}, "Identifier": {"value": "v"},
    "Period": {"start": "2021"}, "Reference": {"display": "d"}, "Annotation": {"text": "a"},
    "Range": {"low": {"value": 1}},
    "ContactPoint": {"system": "phone", "value": "1"}, "Address": {"city": "C"}, "Extension": {"url": "http://e"},
    "Attachment": {"title": "t"}, "Timing": {"code": {"text": "t"}}, "Dosage": {"text": "d"}, "Age": {"value": 3},
}  # fmt: skip


class _Place(NamedTuple):
    """A value in a resource: its JSON pointer, its FHIRPath, its value and the definition of its element."""

    pointer: str
    path: str
    value: Any
    element: Element | None


def scenarios(rng: random.Random, resources: Sequence[Resource]) -> Iterator[Mapping[str, Any]]:
    """Yields scenarios without end.

    Args:
        rng: Decides everything.
        resources: The resources that both servers hold.
    """
    prefix = f"dp{rng.randrange(16**6):06x}"
    for number in count():
        resource = {**copy.deepcopy(rng.choice(resources)), "id": f"{prefix}-{number}"}
        target = f"{resource['resourceType']}/{resource['id']}"
        steps = [_step("PUT", target, _FHIR, resource)]
        steps += [_patch(rng, resource, target) for _ in range(rng.randint(1, 4))]
        if rng.random() < 0.05:
            steps += [_step("DELETE", target), _patch(rng, resource, target)]
        yield {"group": "patch", "steps": [*steps, _step("GET", target)]}


def _step(method: str, target: str, headers: Mapping[str, str] | None = None, body: Any = None) -> Step:
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    return {"method": method, "target": target, "headers": dict(headers or {}), "body": text}


def _patch(rng: random.Random, resource: Resource, target: str) -> Step:
    places = list(_places(resource, resource["resourceType"], "", resource["resourceType"]))
    is_json = rng.random() < 0.5
    if is_json:
        body: Any = [_json_operation(rng, places) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    else:
        listed = [_fhirpath_operation(rng, places, resource) for _ in range(rng.choice((1, 1, 1, 2)))]
        body = {"resourceType": "Parameters", "parameter": listed}
    how = rng.random()
    if how < 0.15:
        return _in_bundle(rng, target, body, is_json)
    if how < 0.25:
        target = target.replace("/", "?_id=")
    else:
        target += rng.choice(_QUERIES)
    if how > 0.97:
        body = rng.choice(_BODIES)
    headers = {**(_JSON_PATCH if is_json else _FHIR), **rng.choice(_HEADERS)}
    return _step("PATCH", target, headers, body)


def _in_bundle(rng: random.Random, target: str, body: Any, is_json: bool) -> Step:
    if is_json:
        data = base64.b64encode(json.dumps(body).encode()).decode()
        body = {"resourceType": "Binary", "contentType": _JSON_PATCH["Content-Type"], "data": data}
    request = {"method": "PATCH", "url": target, **rng.choice(({}, {}, {"ifMatch": 'W/"1"'}))}
    kind = rng.choice(("batch", "transaction"))
    entries = [{"resource": body, "request": request}]
    return _step("POST", "", _FHIR, {"resourceType": "Bundle", "type": kind, "entry": entries})


def _places(value: Any, type_name: str, pointer: str, path: str) -> Iterator[_Place]:
    """Yields all values below an object."""
    defined = elements(type_name)
    for name, item in value.items():
        element = defined.get(name)
        if element is None or name == "id":
            continue
        below = f"{path}.{element.choice or name}"
        yield _Place(f"{pointer}/{name}", below, item, element)
        for index, each in enumerate(item) if element.many else ((None, item),):
            at, called = (f"/{index}", f"[{index}]") if index is not None else ("", "")
            if index is not None:
                yield _Place(f"{pointer}/{name}{at}", below + called, each, element)
            if isinstance(each, dict) and element.type != "Resource":
                yield from _places(each, element.type, f"{pointer}/{name}{at}", below + called)


def _json_operation(rng: random.Random, places: Sequence[_Place]) -> Any:
    if rng.random() < 0.1:
        return rng.choice(_ODD_OPERATIONS)
    place, other = rng.choice(places), rng.choice(places)
    value = rng.choice((other.value, rng.choice(_SCALARS), place.value))
    pointer = place.pointer + rng.choice(("", "", "", "/-", "/0", "/9", "/x", "/text"))
    op = rng.choice(("add", "add", "replace", "replace", "remove", "copy", "move", "test"))
    if op in ("copy", "move"):
        return {"op": op, "from": other.pointer, "path": pointer}
    return {"op": op, "path": pointer} if op == "remove" else {"op": op, "path": pointer, "value": value}


def _fhirpath_operation(rng: random.Random, places: Sequence[_Place], resource: Resource) -> Any:
    place = rng.choice(places)
    kind = rng.choice(("add", "replace", "replace", "delete", "delete", "insert", "move", "upsert"))
    parts: list[dict[str, Any]] = [{"name": "type", "valueCode": kind}]
    if kind == "add":
        path, _, name = place.path.rpartition(".")
        parts += [{"name": "path", "valueString": path}, {"name": "name", "valueString": name.partition("[")[0]}]
    else:
        path = place.path if rng.random() < 0.7 else place.path.partition("[")[0]
        parts.append({"name": "path", "valueString": path + (rng.choice(_TAILS) if kind == "delete" else "")})
    for name in {"insert": ("index",), "move": ("source", "destination")}.get(kind, ()):
        parts.append({"name": name, "valueInteger": rng.choice((0, 0, 1, 1, 2, -1))})
    if kind in ("add", "replace", "insert", "upsert"):
        parts.append(_value(rng, place.element))
    return {"name": "operation", "part": parts}


def _value(rng: random.Random, element: Element | None) -> dict[str, Any]:
    """Returns the part with a new value: mostly one of the element's type, whole or in parts."""
    kind = element.type if element is not None and rng.random() < 0.8 else rng.choice(list(_VALUES))
    if element is not None and element.codes and rng.random() < 0.8:
        return {"name": "value", "valueCode": rng.choice(sorted(element.codes))}
    if kind in _VALUES:
        return {"name": "value", f"value{kind[0].upper()}{kind[1:]}": _VALUES[kind]}
    defined = [each for each in elements(kind).values() if each.type in _VALUES and not each.codes]
    chosen = rng.sample(defined, min(len(defined), rng.randint(0, 3)))
    return {"name": "value", "part": [{**_value(rng, each), "name": each.choice or each.name} for each in chosen]}
