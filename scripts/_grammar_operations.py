"""Random validations, questions about terminology, and patches, meaningful and hostile."""

from __future__ import annotations

import base64
import copy
import json
import random
from typing import Any

from _grammar_actions import GET, POST, Action
from _grammar_bodies import ODD_TEXTS, Resource, monster

VALUE_SETS = (
    *(f"http://hl7.org/fhir/ValueSet/{name}" for name in (
        "administrative-gender", "all-types", "observation-status", "condition-code", "observation-codes", "languages",
        "mimetypes", "medication-codes", "procedure-code", "jurisdiction", "units-of-time", "icd-10", "none",
    )),
    "http://terminology.hl7.org/ValueSet/v3-ActCode", "http://terminology.hl7.org/ValueSet/v3-Race",
)  # fmt: skip
CODE_SYSTEMS = (
    "http://hl7.org/fhir/administrative-gender", "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "http://terminology.hl7.org/CodeSystem/condition-clinical", "http://loinc.org", "http://snomed.info/sct", "x",
)  # fmt: skip
POINTERS = (
    "/status",
    "/note",
    "/note/-",
    "/note/0/text",
    "/code/coding/0/code",
    "/subject/reference",
    "/id",
    "",
    "/x/y",
)
FHIR_PATHS = (
    "status", "note", "note[0].text", "code.coding.where(code='K').display", "subject", "descendants()",
    "repeat(extension)", "note.where(text.exists()).first()", "children().where($this is string)",
    "(" * 60 + "status" + ")" * 60,
)  # fmt: skip


def validation(rng: random.Random, resource: Resource, place: str) -> Action:
    """Makes a ``$validate`` of a valid or a hostile resource, or of a stored one.

    Args:
        rng: The random generator.
        resource: The resource; it is not changed.
        place: The address of a stored one.
    """
    kind = str(resource["resourceType"])
    pairs = rng.sample(
        (("mode", rng.choice(("create", "delete", "x"))), ("profile", "http://x"), ("_format", "xml")), 1
    )
    if rng.random() < 0.2:
        return Action("validate", GET, f"{place}/$validate", tuple(pairs))
    body: Any = monster(rng, resource) if rng.random() < 0.5 else copy.deepcopy(resource)
    if rng.random() < 0.3 and isinstance(body, dict):
        body = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": body}]}
    return Action("validate", POST, f"{kind}/$validate", tuple(pairs) if rng.random() < 0.3 else (), body)


def terminology(rng: random.Random) -> Action:
    """Makes a question about codes, or about a value set of the client's own."""
    if rng.random() < 0.25:
        count = rng.choice((1, 20, 400, 4000))
        included = [
            {"valueSet": [rng.choice(VALUE_SETS)]} if rng.random() < 0.6 else {"system": rng.choice(CODE_SYSTEMS)}
        ]
        resource = {"resourceType": "ValueSet", "status": "active", "compose": {"include": included * count}}
        body = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": resource}]}
        return Action("terminology", POST, "ValueSet/$expand", body=body)
    path = rng.choice((
        "ValueSet/$expand", "ValueSet/$expand", "ValueSet/$validate-code", "CodeSystem/$validate-code",
        "CodeSystem/$lookup", "CodeSystem/$subsumes", "ConceptMap/$translate",
    ))  # fmt: skip
    known = (
        ("url", rng.choice(VALUE_SETS + CODE_SYSTEMS)), ("system", rng.choice(CODE_SYSTEMS)), ("code", "male"),
        ("code", rng.choice(ODD_TEXTS)), ("filter", rng.choice(("a", "active", *ODD_TEXTS))), ("count", "100000"),
        ("offset", "-1"), ("codeA", "a"), ("codeB", "b"), ("display", "x"), ("includeDesignations", "true"),
    )  # fmt: skip
    return Action("terminology", GET, path, tuple(rng.sample(known, rng.randint(0, 4))))


def patch_entry(rng: random.Random, place: str, kind: str) -> Resource:
    """Makes an entry of a Bundle that patches a resource.

    Args:
        rng: The random generator.
        place: The resource's address, or a condition that finds it.
        kind: Its type.
    """
    count = rng.choice((1, 2, 5, 100))
    if rng.random() < 0.6:
        sent = rng.choice((_json_patch, _doubling))(rng, count)
        data = base64.b64encode(json.dumps(sent).encode("utf-8", "replace")).decode()
        resource: Resource = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    else:
        resource = {
            "resourceType": "Parameters",
            "parameter": [_fhir_operation(rng, kind) for _ in range(min(count, 300))],
        }
    return {"request": {"method": "PATCH", "url": place}, "resource": resource}


def _json_patch(rng: random.Random, count: int) -> list[Resource]:
    names = ("add", "replace", "remove", "test", "copy", "move", "foo")
    values = ("amended", [{"text": "x"}], {"text": "y" * 1000}, None, 1.5, rng.choice(ODD_TEXTS))
    one = [
        {
            "op": rng.choice(names),
            "path": rng.choice(POINTERS),
            "from": rng.choice(POINTERS),
            "value": rng.choice(values),
        }
        for _ in range(min(count, 5))
    ]
    return (one * count)[:count]


def _doubling(rng: random.Random, count: int) -> list[Resource]:
    """Makes copies of copies, each twice as long as the one before."""
    begin: Resource = {"op": "add", "path": "/note", "value": [{"text": "x" * 100}]}
    again = {"op": "copy", "from": "/note", "path": rng.choice(("/note/-", "/note/0/extension"))}
    return [begin, *[again] * count]


def _fhir_operation(rng: random.Random, kind: str) -> Resource:
    path = f"{kind}.{rng.choice(FHIR_PATHS)}"
    parts: list[Resource] = [
        {"name": "type", "valueCode": rng.choice(("add", "insert", "delete", "replace", "move", "x"))},
        {"name": "path", "valueString": path},
        {"name": "name", "valueString": rng.choice(("note", "status", "x"))},
        {"name": "value", "valueString": rng.choice(("x", "y" * 5000, *ODD_TEXTS))},
        {"name": "index", "valueInteger": rng.choice((0, 1, 10**9))},
    ]
    return {"name": "operation", "part": rng.sample(parts, rng.randint(2, 5))}
