"""Recording a blood pressure: what else names the category and the measurement, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.fhir.overlay import Write
from mab_gym.tasking.judging import Result
from mab_gym.tasking.verdict import Verdict
from mab_gym.workplace import Workplace
from tests.conftest import ROOT

NAME = "record_blood_pressure"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/observation-category"


def judged(workplace: Workplace, **changes: Any) -> Verdict:
    """The verdict on the first case's gold Observation with other elements."""
    line = (ROOT / "tasks" / NAME / "gold.jsonl").read_text(encoding="utf-8").partition("\n")[0]
    (observation,) = json.loads(line)["writes"]
    changed = {**observation, **changes}
    family = workplace.tasks.catalogue[NAME]
    return family.verify(
        family.cases[0], workplace.chart, Result("[]", [Write("create", "Observation", "1", changed, "")])
    )


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
def test_the_category(workplace: Workplace, category: list[dict[str, Any]], right: bool) -> None:
    verdict = judged(workplace, category=category)
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
        ({"coding": [{"system": "BP", "code": "x"}]}, False),
        ({"text": "bp"}, False),
        ({}, False),
    ],
)
def test_the_code(workplace: Workplace, code: dict[str, Any], right: bool) -> None:
    verdict = judged(workplace, code=code)
    assert [(r.code.value, r.critical) for r in verdict.reasons] == [("solved" if right else "wrong_code", False)]
    assert ("Observation.code", right) in verdict.criteria


@pytest.mark.parametrize(
    ("reading", "right"),
    [("94/59 mmHg", True), ("94/59mmHg", True), (" 94 / 59  mmHg", True), ("94/59", False), ("94/59 mmhg", False),
     ("95/59 mmHg", False), ("", False), (94, False), (None, False)],
)  # fmt: skip
def test_the_reading(workplace: Workplace, reading: Any, right: bool) -> None:
    verdict = judged(workplace, valueString=reading)
    assert [(r.code.value, r.critical) for r in verdict.reasons] == [("solved" if right else "wrong_value", False)]
    assert ("Observation.value", right) in verdict.criteria


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "preliminary"}, ("wrong_status", False)),
        ({"effectiveDateTime": "2023-11-13T10:16:00Z"}, ("wrong_time", False)),
        ({"subject": {"reference": "Patient/S0000001"}}, ("wrong_patient", True)),
        ({"modifierExtension": [{"url": "http://a.example/not"}]}, ("wrong_intent", True)),
    ],
)
def test_the_rest(workplace: Workplace, changes: dict[str, Any], reason: tuple[str, bool]) -> None:
    verdict = judged(workplace, **changes)
    assert [(r.code.value, r.critical) for r in verdict.reasons] == [reason]
    assert len(verdict.criteria) == 9


def test_what_is_left_out_is_missed(workplace: Workplace) -> None:
    nothing = Write("create", "Observation", "1", {"resourceType": "Observation"}, "")
    family = workplace.tasks.catalogue[NAME]
    verdict = family.verify(family.cases[0], workplace.chart, Result("[]", [nothing]))
    codes = [reason.code.value for reason in verdict.reasons]
    assert codes == ["wrong_patient", "wrong_status", "wrong_time", "wrong_category", "wrong_code", "wrong_value"]
    assert all(reason.text.endswith(".") for reason in verdict.reasons)
