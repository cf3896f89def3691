"""Recording a blood pressure: what else names the category and the measurement, what may stand beside, and what not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mab_gym.envs._scenario import Scenario
from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking.judging import Result
from mab_gym.tasking.verdict import Verdict
from tests.conftest import ROOT

NAME = "record_blood_pressure"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/observation-category"


def judged(scenario: Scenario, reading: str = "", **changes: Any) -> Verdict:
    """The verdict on the first case's gold Observation with other elements; the case may be of another reading."""
    line = (ROOT / "tasks" / NAME / "gold.jsonl").read_text(encoding="utf-8").partition("\n")[0]
    (observation,) = json.loads(line)["writes"]
    changed = {**observation, **changes}
    family = scenario.tasks.catalogue[NAME]
    case = family.cases[0]
    if reading:
        case = replace(case, params={**case.params, "reading": reading})
    return family.verify(case, scenario.chart, Result("[]", [Write("create", "Observation", "1", changed, "")]))


@pytest.mark.parametrize(
    ("category", "right"),
    [
        ([{"coding": [{"system": TERMINOLOGY, "code": "vital-signs"}]}], True),
        ([{"coding": [{"system": "http://hl7.org/fhir/observation-category", "code": "vital-signs"}]}], True),
        ([{"coding": [{"system": "x", "code": "y"}, {"system": TERMINOLOGY, "code": "vital-signs"}]}], True),
        ([{"text": "bedside"}, {"coding": [{"system": TERMINOLOGY, "code": "vital-signs"}]}], True),
        ([{"coding": [{"system": TERMINOLOGY, "code": "laboratory"}]}], False),
        ([{"coding": [{"system": "http://loinc.org", "code": "vital-signs"}]}], False),
        ([{"coding": [{"code": "vital-signs"}]}], False),
        ([{"text": "vital-signs"}], False),
        ([], False),
    ],
)
def test_the_category(scenario: Scenario, category: list[dict[str, Any]], right: bool) -> None:
    verdict = judged(scenario, category=category)
    assert [(r.code.value, r.critical) for r in verdict.reasons] == [("solved" if right else "wrong_category", False)]
    assert ("Observation.category", right) in verdict.criteria


@pytest.mark.parametrize(
    ("code", "right"),
    [
        ({"text": "BP"}, True),
        ({"text": "Blood pressure", "coding": [{"system": "http://loinc.org", "code": "85354-9"}]}, True),
        ({"coding": [{"system": "http://loinc.org", "code": "55284-4"}]}, True),
        ({"coding": [{"system": "http://hospital.example/flowsheet", "code": "BP"}]}, True),
        ({"coding": [{"system": "x", "code": "y"}, {"code": "BP"}]}, True),
        ({"coding": [{"system": "http://hospital.example", "code": "85354-9"}]}, False),
        ({"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}, False),
        ({"text": "BP", "coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "BP"}]}, False),
        ({"coding": [{"system": "BP", "code": "x"}]}, False),
        ({"text": "bp"}, False),
        ({}, False),
    ],
)
def test_the_code(scenario: Scenario, code: dict[str, Any], right: bool) -> None:
    verdict = judged(scenario, code=code)
    assert [(r.code.value, r.critical) for r in verdict.reasons] == [("solved" if right else "wrong_code", False)]
    assert ("Observation.code", right) in verdict.criteria


@pytest.mark.parametrize(
    ("reading", "right"),
    [("94/59 mmHg", True), ("94/59mmHg", True), (" 94 / 59  mmHg", True), ("94/59", False), ("94/59 mmhg", False),
     ("95/59 mmHg", False), ("", False), (94, False), (None, False)],
)  # fmt: skip
def test_the_reading(scenario: Scenario, reading: Any, right: bool) -> None:
    verdict = judged(scenario, valueString=reading)
    assert [(r.code.value, r.critical) for r in verdict.reasons] == [("solved" if right else "wrong_value", False)]
    assert ("Observation.value", right) in verdict.criteria


@pytest.mark.parametrize(
    ("interpretation", "right"),
    [
        ({"code": "L", "display": "Low"}, True), ({"code": "LL", "display": "Critical low"}, True),
        ({"code": "L", "display": "High"}, False), ({"display": "Low"}, True),
        ({"display": "Normal"}, False), ({}, False),
    ],
)  # fmt: skip
def test_an_interpretations_code_and_words_agree(
    scenario: Scenario, interpretation: dict[str, Any], right: bool
) -> None:
    reading = "85/50 mmHg"
    verdict = judged(scenario, reading, valueString=reading, interpretation=[{"coding": [interpretation]}])
    assert verdict.success == right


@pytest.mark.parametrize(
    ("words", "right"),
    [("Systolic blood pressure", True), (None, True), ("Diastolic blood pressure", False), ("diastolic", False)],
)
def test_a_parts_code_and_words_agree(scenario: Scenario, words: str | None, right: bool) -> None:
    quantity = {"value": 85, "unit": "mmHg"}
    coding = {"system": "http://loinc.org", "code": "8480-6"} | ({"display": words} if words else {})
    part = {"code": {"coding": [coding]}, "valueQuantity": quantity}
    assert judged(scenario, "85/50 mmHg", valueString="85/50 mmHg", component=[part]).success == right


RAISED = {"H", "HH", "A", "high", "abnormal"}
LOW = {"L", "LL", "A", "low", "abnormal"}
NORMAL = {"N", "normal"}
HIGH_NORMAL = {"N", "H", "A", "normal", "high", "abnormal"}


@pytest.mark.parametrize(
    ("reading", "fitting"),
    [
        ("140/60", RAISED), ("120/90", RAISED), ("180/110", RAISED), ("85/90", RAISED),
        ("89/60", LOW), ("90/60", NORMAL), ("89/89", LOW),
        ("129/84", NORMAL), ("130/84", HIGH_NORMAL), ("129/85", HIGH_NORMAL), ("139/89", HIGH_NORMAL),
    ],
)  # fmt: skip
def test_the_interpretation_fits_the_reading(scenario: Scenario, reading: str, fitting: set[str]) -> None:
    def right(interpretation: str) -> bool:
        said = {"text": interpretation} if interpretation.islower() else {"coding": [{"code": interpretation}]}
        return judged(scenario, f"{reading} mmHg", valueString=f"{reading} mmHg", interpretation=[said]).success

    assert {each for each in RAISED | LOW | NORMAL | {"U"} if right(each)} == fitting


@pytest.mark.parametrize(
    ("parts", "right"),
    [
        ({"8480-6": 94, "8462-4": 59}, True),
        ({"8462-4": 59}, True),
        ({"8480-6": 94}, True),
        ({"8480-6": 59, "8462-4": 94}, False),
        ({"8480-6": 95}, False),
        ({"8462-4": 60}, False),
        ({"8867-4": 94}, False),
    ],
)
def test_components_are_parts_of_the_reading(scenario: Scenario, parts: dict[str, int], right: bool) -> None:
    components = [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": value, "unit": "mmHg"},
        }
        for code, value in parts.items()
    ]
    assert judged(scenario, component=components).success is right


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "preliminary"}, ("wrong_status", False)),
        ({"effectiveDateTime": "2023-11-13T10:16:00Z"}, ("wrong_time", False)),
        ({"subject": {"reference": "Patient/S0000001"}}, ("wrong_patient", True)),
        ({"modifierExtension": [{"url": "http://a.example/not"}]}, ("wrong_intent", True)),
    ],
)
def test_the_rest(scenario: Scenario, changes: dict[str, Any], reason: tuple[str, bool]) -> None:
    verdict = judged(scenario, **changes)
    assert [(r.code.value, r.critical) for r in verdict.reasons] == [reason]
    assert len(verdict.criteria) == 9


def test_what_is_left_out_is_missed(scenario: Scenario) -> None:
    nothing = Write("create", "Observation", "1", {"resourceType": "Observation"}, "")
    family = scenario.tasks.catalogue[NAME]
    verdict = family.verify(family.cases[0], scenario.chart, Result("[]", [nothing]))
    codes = [reason.code.value for reason in verdict.reasons]
    assert codes == ["wrong_patient", "wrong_status", "wrong_time", "wrong_category", "wrong_code", "wrong_value"]
    assert all(reason.text.endswith(".") for reason in verdict.reasons)
