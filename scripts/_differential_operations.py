"""Random scenarios about operations, histories and OperationDefinitions, for `scripts/differential --scenarios`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from _differential_fixtures import Resource

Step = dict[str, Any]
Scenario = dict[str, Any]

JSON = {"Content-Type": "application/fhir+json"}
CONTENT_TYPES: Sequence[Mapping[str, str]] = (
    JSON,
    JSON,
    JSON,
    {},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "text/plain"},
)
ODD = ("", "abc", "-1", "0", "1.5", "99999999999", "null", "%20", "2", "1000")
NAMES = (
    "$meta", "$meta-add", "$everything", "$lastn", "$export", "$document", "$match", "$summary", "$graphql", "$foo",
    "$last", "$validate-code", "$expand", "$lookup", "$translate", "$get-resource-counts", "$process-message",
    "$Everything",
)  # fmt: skip
"""Operations that are asked where HAPI has them, and where it has not."""
SHOWING = (
    "_count=2",
    "_count=1",
    "_summary=true",
    "_summary=count",
    "_elements=id",
    "_pretty=false",
    "_total=accurate",
)
SETS = (
    "administrative-gender", "observation-status", "marital-status", "condition-clinical", "encounter-type",
    "languages", "identifier-type", "observation-codes", "condition-code", "c80-practice-codes", "yesnodontknow",
    "medicationrequest-status", "nothing-such",
)  # fmt: skip
SYSTEMS = (
    ("http://hl7.org/fhir/administrative-gender", "male"),
    ("http://hl7.org/fhir/observation-status", "final"),
    ("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M"),
    ("http://loinc.org", "4548-4"),
    ("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
    ("http://snomed.info/sct", "44054006"),
    ("http://terminology.hl7.org/CodeSystem/v2-0203", "MR"),
    ("http://example.org/codes", "a"),
)
INSTANTS = (
    "2000-01-01T00:00:00Z",
    "2000",
    "2000-13-01",
    "now",
    "2000-01-01T00:00",
    "",
    "gt2000-01-01T00:00:00Z",
    "20000101",
)
TIMES = ("2090", "2000-01-01", "gt2000", "lt2000", "ge2000&_at=lt2090", "foo", "")


def scenarios(rng: random.Random, resources: Sequence[Resource]) -> Iterator[Scenario]:
    """Yields scenarios without end.

    Args:
        rng: Decides over them.
        resources: The records that both servers hold.
    """
    makers: Sequence[Callable[[random.Random, Sequence[Resource]], list[Step]]] = (
        _meta,
        _labels,
        _everything,
        _last,
        _anywhere,
        _expand,
        _lookup,
        _validate_code,
        _translate,
        _history,
        _definition,
    )
    while True:
        make = rng.choice(makers)
        yield {"group": make.__name__.strip("_"), "steps": make(rng, resources)}


def _step(method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Step:
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    return {"method": method, "target": target, "headers": dict(JSON if headers is None else headers), "body": text}


def _get(target: str) -> list[Step]:
    return [_step("GET", target, headers={})]


def _parameters(*parts: tuple[str, str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": name, kind: value} for name, kind, value in parts]}


def _asked(rng: random.Random, target: str, parts: Sequence[tuple[str, str, Any]]) -> list[Step]:
    """Asks an operation by GET or by POST, now and then with a wrong type or another Content-Type."""
    if rng.random() < 0.5:
        query = "&".join(f"{name}={value}" for name, _, value in parts if not isinstance(value, dict))
        return _get(f"{target}?{query}" if query else target)
    wrong = [(name, "valueString" if rng.random() < 0.15 else kind, value) for name, kind, value in parts]
    body: Any = rng.choice(("", "{", "[]", {"resourceType": "Patient"})) if rng.random() < 0.1 else _parameters(*wrong)
    return [_step("POST", target, body, rng.choice(CONTENT_TYPES))]


def _place(rng: random.Random, resources: Sequence[Resource]) -> str:
    """Returns the server, a type, a resource or a version of one, as a path with a slash at its end."""
    chosen = rng.choice(resources)
    kind, logical_id = chosen["resourceType"], rng.choice((chosen["id"], chosen["id"], "nobody"))
    return rng.choice(("", f"{kind}/", f"{kind}/{logical_id}/", f"{kind}/{logical_id}/_history/{rng.choice('129x')}/"))


def _meta(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    return _asked(rng, f"{_place(rng, resources)}$meta{rng.choice(('', '', '/', '/x', '/x/y'))}", ())


def _labels(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    """Adds labels to a resource and takes some away; both servers start over with the resource."""
    name = f"Basic/op-{rng.randrange(10**9)}"
    labels = [{"system": f"http://t{rng.randrange(2)}", "code": rng.choice("abc")} for _ in range(rng.randrange(1, 4))]
    meta = {"tag": labels, "profile": [f"http://p/{rng.choice('xy')}"], "security": labels[:1]}
    steps = [_step("PUT", name, {"resourceType": "Basic", "id": name.partition("/")[2], "code": {"text": "x"}})]
    for _ in range(rng.randrange(1, 4)):
        part = {key: meta[key] for key in meta if rng.random() < 0.6}
        operation = rng.choice(("$meta-add", "$meta-add", "$meta-delete"))
        kind = "valueMeta" if rng.random() < 0.95 else "valueCoding"
        steps.append(_step("POST", f"{name}/{operation}", _parameters(("meta", kind, part))))
    return [
        *steps,
        *_get(rng.choice((name, f"{name}/$meta", f"{name}/_history", f"Basic?_id={name.partition('/')[2]}"))),
    ]


def _everything(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    kind = rng.choice(("Patient", "Patient", "Encounter"))
    ids = [each["id"] for each in resources if each["resourceType"] == kind] or ["nobody"]
    place = rng.choice((f"{kind}/{rng.choice(ids)}", f"{kind}/{rng.choice(ids)}", kind, f"{kind}/nobody"))
    types = ",".join(rng.sample(("Observation", "Condition", "Patient", "Foo", "observation"), 2))
    parts = [
        ("_count", "valueInteger", rng.choice((1, 2, 3, *ODD))),
        ("_type", "valueString", rng.choice((types, "Observation"))),
        ("_since", "valueInstant", rng.choice(INSTANTS)),
        ("start", "valueDate", "2020-01-01"),
        ("_lastUpdated", "valueDate", rng.choice(TIMES[:6])),
        ("_offset", "valueInteger", rng.choice((1, 2, "x"))),
        ("_id", "valueId", rng.choice(ids)),
        ("_summary", "valueCode", "true"),
    ]
    return _asked(rng, f"{place}/$everything{rng.choice(('', '', '/', '/x'))}", rng.sample(parts, rng.randrange(1, 3)))


def _last(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    patients = [each["id"] for each in resources if each["resourceType"] == "Patient"] or ["nobody"]
    subject = rng.choice(patients)
    parts = [
        ("patient", "valueString", rng.choice((subject, f"Patient/{subject}", "nobody"))),
        ("subject", "valueString", rng.choice((f"Patient/{subject}", subject, "Patient/nobody"))),
        ("max", "valueInteger", rng.choice((1, 3, *ODD))),
        ("code", "valueString", "4548-4"),
        ("category", "valueString", "vital-signs"),
        ("date", "valueString", rng.choice(("ge2000", "foo"))),
        ("_count", "valueInteger", rng.choice((1, 2, 2, *ODD))),
        ("status", "valueString", "final"),
        ("foo", "valueString", "x"),
    ]
    return _asked(
        rng, "Observation/$lastn", [("_count", "valueInteger", 2), *rng.sample(parts, rng.randrange(3))][::-1]
    )


def _anywhere(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    """Asks any operation anywhere, by any method."""
    target = _place(rng, resources) + rng.choice(NAMES)
    method = rng.choice(("GET", "GET", "GET", "POST", "PUT", "DELETE", "OPTIONS"))
    query = f"?{rng.choice((*SHOWING, 'b=1&a=2', 'x='))}" if rng.random() < 0.4 else ""
    return [_step(method, target + query, "{}" if method in ("POST", "PUT") else None)]


def _expand(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    url = f"http://hl7.org/fhir/ValueSet/{rng.choice(SETS)}"
    if rng.random() < 0.2:
        system, code = rng.choice(SYSTEMS)
        include = {"system": system, **({"concept": [{"code": code}, {"code": "zz"}]} if rng.random() < 0.5 else {})}
        sent = {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}}
        return [_step("POST", "ValueSet/$expand", sent)]
    parts = [
        ("filter", "valueString", rng.choice(("ma", "x"))),
        ("offset", "valueInteger", rng.choice((1, 2, *ODD))),
        ("count", "valueInteger", rng.choice((2, 10, *ODD))),
        ("valueSetVersion", "valueString", "4.0.1"),
    ]
    asked = [("url", "valueUri", url + rng.choice(("", "", "|4.0.1"))), *rng.sample(parts, rng.randrange(3))]
    return _asked(rng, rng.choice(("ValueSet/$expand", "ValueSet/$expand", "ValueSet/nobody/$expand")), asked)


def _lookup(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    system, code = rng.choice(SYSTEMS)
    code = rng.choice((code, code, code.upper(), "nope", ""))
    parts = [("system", "valueUri", system), ("code", "valueCode", code), ("coding", "valueCoding", {"system": system})]
    return _asked(rng, "CodeSystem/$lookup", rng.choice((parts[:2], parts[:2], parts[:1], parts[2:], parts)))


def _validate_code(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    system, code = rng.choice(SYSTEMS)
    code, display = rng.choice((code, code, code.upper(), "nope")), rng.choice(("Male", "Final", "x"))
    shown = [("display", "valueString", display)] if rng.random() < 0.3 else []
    if rng.random() < 0.5:
        parts = [("url", "valueUri", system), ("code", "valueCode", code), *shown]
        return _asked(rng, "CodeSystem/$validate-code", rng.choice((parts, parts[:1], parts[1:])))
    url = f"http://hl7.org/fhir/ValueSet/{rng.choice(SETS)}"
    parts = [("url", "valueUri", url), ("code", "valueCode", code), ("system", "valueUri", system), *shown]
    return _asked(rng, "ValueSet/$validate-code", rng.choice((parts, parts, parts[:2], parts[1:])))


def _translate(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    system, code = rng.choice(SYSTEMS)
    parts = [("code", "valueCode", code), ("system", "valueUri", system), ("reverse", "valueBoolean", "maybe")]
    return _asked(rng, rng.choice(("ConceptMap/$translate", "ConceptMap/nobody/$translate")), parts[: rng.randrange(4)])


def _history(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    chosen = rng.choice(resources)
    kind, logical_id = chosen["resourceType"], chosen["id"]
    place = rng.choice((f"{kind}/{logical_id}/", f"{kind}/{logical_id}/", f"{kind}/nobody/"))
    query = rng.choice(
        (
            f"_at={rng.choice(TIMES)}",
            f"_since={rng.choice(INSTANTS)}",
            f"_count={rng.choice(ODD)}",
            "_offset=1",
            "_offset=x",
            rng.choice(SHOWING),
            "foo=bar",
            "_sort=x",
        )
    )
    end = rng.choice(("", "", "/", "/1", "/1/foo", "/x", "/1/_history", "/$meta"))
    method = rng.choice(("GET",) * 6 + ("PUT", "DELETE", "HEAD"))
    return [_step(method, f"{place}_history{end if method == 'GET' else ''}?{query}", headers={})]


def _definition(rng: random.Random, resources: Sequence[Resource]) -> list[Step]:
    names = (
        "Multi-its-meta", "Multi-i-meta-add", "Observation-t-lastn", "EncounterPatient-it-everything",
        "ValueSet-it-expand", "Patient-everything", "foo", "123", "CodeSystem-t-lookup", "-s-get-resource-counts",
    )  # fmt: skip
    query = f"?{rng.choice(SHOWING)}" if rng.random() < 0.4 else ""
    return _get(f"OperationDefinition/{rng.choice(names)}{rng.choice(('', '', '/_history', '/_history/1'))}{query}")
