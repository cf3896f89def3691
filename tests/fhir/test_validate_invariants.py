"""The invariants of the specification: fhirpathpy evaluates them, and agrees with the functions beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.fhir.model._definitions import _read
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.store._budget import UNLIMITED
from mab_gym.fhir.validation import _invariants
from mab_gym.fhir.validation._rules import _constraint, structure
from mab_gym.fhir.validation._validator import validate

HAPIS_OWN = {
    "ctm-1",  # resolve(), which fhirpathpy does not have
}
BY_FUNCTION = {"ext-1", "dom-2", "dom-4", "dom-5", "ref-1", "per-1"}

INNER = {"resourceType": "Patient", "id": "p"}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("Patient", {"extension": [{"url": "http://x.org/e"}]}),
    ("Patient", {"extension": [{"url": "http://x.org/e", "valueString": "x"}]}),
    ("Patient", {"extension": [{"url": "http://x.org/e", "extension": [{"url": "a", "valueString": "x"}]}]}),
    ("Patient", {"contained": [{**INNER, "contained": [{"resourceType": "Group", "id": "g"}]}]}),
    ("Patient", {"contained": [{**INNER, "meta": {"versionId": "1"}}]}),
    ("Patient", {"contained": [{**INNER, "meta": {"lastUpdated": "2023-01-01T00:00:00Z"}}]}),
    ("Patient", {"contained": [{**INNER, "meta": {"security": [{"code": "a"}]}}]}),
    ("Patient", {"contained": [INNER], "link": [{"other": {"reference": "#p"}, "type": "refer"}]}),
    ("Patient", {"contained": [INNER], "link": [{"other": {"reference": "#q"}, "type": "refer"}]}),
    ("Patient", {"name": [{"period": {"start": "2023-01-01", "end": "2022-01-01"}}]}),
    ("Patient", {"name": [{"period": {"start": "2022-01-01", "end": "2023-01-01"}}]}),
    ("Patient", {"name": [{"period": {"start": "2022-01-01T10:00:00Z", "end": "2022-01-01T09:59:59Z"}}]}),
]


def findings(resource_type: str, elements: dict[str, Any]) -> list[tuple[str, str]]:
    text = json.dumps({"resourceType": resource_type, **elements})
    return [(finding.path, finding.message_id) for finding in validate(text, resource_type, [], UNLIMITED)]


@pytest.mark.parametrize(("resource_type", "elements"), CASES)
def test_the_functions_agree_with_fhirpathpy(
    resource_type: str, elements: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_function = findings(resource_type, elements)
    tests = {key: test for key, test in _invariants._TESTS.items() if key not in BY_FUNCTION}
    monkeypatch.setattr(_invariants, "_TESTS", tests)

    assert findings(resource_type, elements) == by_function


def test_where_fhirpathpy_cannot_be_loaded_nothing_is_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is beside Hydra, which NeMo Gym and verl need; an agent that asks must not void its episode."""

    def fails(library: object) -> None:
        raise Exception("Could not deserialize ATN with version 4 (expected 3).")

    monkeypatch.setattr(_invariants._Library, "__init__", fails)
    _invariants._library.cache_clear()
    with pytest.raises(FhirError, match="cannot be validated here") as raised:
        findings("Patient", {"contact": [{"gender": "male"}]})
    assert raised.value.status == 501


def test_every_expression_is_evaluated() -> None:
    """Else an invariant would hold for everything: a faulty expression counts as kept."""
    library = _invariants._library()
    for name in _read("constraints.json"):
        constraint = _constraint(name)
        if constraint.key in _invariants._TESTS or constraint.key in HAPIS_OWN | {"dom-3"}:
            continue
        names = {part: {"resourceType": "Basic"} for part in ("resource", "rootResource")}
        parsed = _invariants._parsed(_invariants._expression(constraint))
        library.apply({"resourceType": "Basic"}, parsed, names, library.model, library.options)


@pytest.mark.parametrize(
    ("resource_type", "elements", "key"),
    [
        ("Observation", {"valueString": "x", "dataAbsentReason": {"text": "x"}}, "obs-6"),
        (
            "Observation",
            {
                "code": {"coding": [{"system": "http://x.org", "code": "1"}]},
                "valueString": "x",
                "component": [{"code": {"coding": [{"system": "http://x.org", "code": "1"}]}}],
            },
            "obs-7",
        ),
        ("Observation", {"referenceRange": [{"age": {"low": {"value": 1}}}]}, "obs-3"),
        ("Observation", {"valueQuantity": {"value": 1, "code": "mg"}}, "qty-3"),
        ("Observation", {"referenceRange": [{"low": {"value": 1, "comparator": "<"}}]}, "sqty-1"),
        ("Patient", {"contact": [{"gender": "male"}]}, "pat-1"),
        ("Patient", {"telecom": [{"value": "1"}]}, "cpt-2"),
        ("Patient", {"photo": [{"data": "AA=="}]}, "att-1"),
        ("Condition", {"abatementDateTime": "2023"}, "con-4"),
        # fhirpathpy finds ref-1 broken here, HAPI does not
        ("Patient", {"link": [{"other": {"reference": "#"}, "type": "refer"}]}, None),
        (
            "AllergyIntolerance",
            {"patient": {"reference": "Patient/a"}, "code": {"text": "x"}},
            "ait-1",
        ),
        ("Appointment", {"participant": [{"status": "accepted"}]}, "app-1"),
        ("Immunization", {"education": [{"publicationDate": "2023"}]}, "imm-1"),
    ],
)
def test_what_breaks_an_invariant_is_found(resource_type: str, elements: dict[str, Any], key: str | None) -> None:
    keys = [message_id.partition("#")[2] for _, message_id in findings(resource_type, elements)]

    assert key in keys if key else not any(keys)


def test_the_paths_of_the_rules_are_known() -> None:
    for name in _read("structures.json"):
        for rule in structure(name).rules:
            assert rule.path and rule.names, name
