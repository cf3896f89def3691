"""Each of the official grading rules, with its quirks."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from mab_gym.official._tasks import NOW

from .conftest import BASE, SBAR, Judge, finish, make_task, post

GET = f"GET {BASE}/Patient?_id=x"
ORDER = {"authoredOn": NOW, "status": "active", "intent": "order"}


def changed(payload: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one element replaced, or taken away where the value is ``...``."""
    made = copy.deepcopy(payload)
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    node: Any = made
    for key in parents:
        node = node[key]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return made


def magnesium(amount: float, mrn: str = "S0000001") -> dict[str, Any]:
    dose = {"doseQuantity": {"value": amount, "unit": "g"}, "rateQuantity": {"value": amount, "unit": "h"}}
    return {
        "resourceType": "MedicationRequest",
        "medicationCodeableConcept": {"coding": [{"system": "http://hl7.org/fhir/sid/ndc", "code": "0338-1715-40"}]},
        "dosageInstruction": [{"route": "IV", "doseAndRate": [dose]}],
        "subject": {"reference": f"Patient/{mrn}"},
        **ORDER,
    }


def service(system: str, code: str, mrn: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "code": {"coding": [{"system": system, "code": code, "display": "anything"}]},
        "priority": "stat",
        "subject": {"reference": f"Patient/{mrn}"},
        **ORDER,
        **more,
    }


PRESSURE: dict[str, Any] = {
    "resourceType": "Observation",
    "category": [
        {
            "coding": [
                {
                    "system": "http://hl7.org/fhir/observation-category",
                    "code": "vital-signs",
                    "display": "Vital Signs",
                }
            ]
        }
    ],
    "code": {"text": "BP"},
    "effectiveDateTime": NOW,
    "status": "final",
    "valueString": "118/77 mmHg",
    "subject": {"reference": "Patient/S0000001"},
}
REFERRAL = service("http://snomed.info/sct", "306181000000106", "S0000001", note={"text": f"Please: {SBAR} Thanks."})
A1C = service("http://loinc.org", "4548-4", "S0000006")
SERUM = service("http://loinc.org", "2823-3", "S0000004", occurrenceDateTime="2023-11-14T08:00:00+00:00")
POTASSIUM: dict[str, Any] = {
    **magnesium(0, "S0000004"),
    "medicationCodeableConcept": {"coding": [{"system": "http://hl7.org/fhir/sid/ndc", "code": "40032-917-01"}]},
    "dosageInstruction": [{"route": " Oral ", "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mEq"}}]}],
}


@pytest.mark.parametrize(
    ("category", "mrn", "answer", "correct"),
    [
        (1, "", ["S0000001"], True),
        (1, "", ["s0000001"], False),
        (1, "", "S0000001", False),
        (2, "S0000001", [63], True),  # the birthday itself
        (2, "S0000001", [63.0], True),
        (2, "S0000001", ["63"], False),
        (2, "S0000002", [62], True),  # a day before it
        (2, "S0000003", [62], False),  # a birth date without a day is nothing a grader expects
        (2, "S0000004", [62], False),  # nor is none
        (4, "S0000001", [1.5], True),  # exactly 24 hours old
        (4, "S0000001", [1.5, "mg/dL"], False),
        (4, "S0000002", [-1], True),  # a minute older
        (4, "S0000003", [1.9], True),  # the first of two at one moment
        (4, "S0000005", [0.99], True),  # later than now
        (4, "S0000006", [1], True),  # in another time zone
        (4, "S0000007", [1.2], False),  # beside a result without a value
        (4, "S0000008", [-1.0], True),
        (6, "S0000001", [105], True),
        (6, "S0000001", [105.09], True),
        (6, "S0000001", [105.11], False),
        (6, "S0000001", [105, 105], False),
        (6, "S0000001", 105, False),
        (6, "S0000002", [-1], True),
        (6, "S0000002", [-0.95], True),
        (7, "S0000001", [110], True),
        (7, "S0000001", [110.05], False),
        (7, "S0000002", [80], True),  # no window
        (7, "S0000008", [-1], True),
    ],
)
def test_read_only_answers(judge: Judge, category: int, mrn: str, answer: Any, correct: bool) -> None:
    task = make_task(category, mrn, ("S0000001",) if category == 1 else None)
    assert judge(task, GET, f"FINISH({json.dumps(answer)})").correct is correct


@pytest.mark.parametrize("category", [1, 2, 4, 6, 7])
@pytest.mark.parametrize("turn", ["GET x?name=POSTON", "POST", 'POST x\n{"a": 1}'])
def test_read_only_categories_never_see_the_letters_post(judge: Judge, category: int, turn: str) -> None:
    answers: dict[int, Any] = {1: "S0000001", 2: 63, 4: 1.5, 6: 105, 7: 110}
    task = make_task(category, solution=("S0000001",) if category == 1 else None)
    assert judge(task, finish(answers[category])).correct
    assert not judge(task, turn, finish(answers[category])).correct


@pytest.mark.parametrize("answer", ["", "nonsense", "[", "null", "{}", "[[105]]", '["105"]', "[" * 100_000, "[NaN]"])
@pytest.mark.parametrize("category", [2, 4, 6, 7])
def test_an_unexpected_answer_is_incorrect(judge: Judge, category: int, answer: str) -> None:
    assert not judge(make_task(category), f"FINISH({answer})").correct


@pytest.mark.parametrize("turns", [[], [GET], [GET] * 8, [GET] * 8 + ["FINISH([])"], ["hello", "FINISH([])"]])
def test_without_finish_it_is_incorrect(judge: Judge, turns: list[str]) -> None:
    assert not judge(make_task(5, "S0000008"), *turns).correct


@pytest.mark.parametrize(
    ("path", "value", "correct"),
    [
        ("note", [{"text": "more"}], True),
        ("category.0.text", "more", True),
        ("resourceType", "observation", False),
        ("category.0.coding.0.display", ..., False),
        ("category.0.coding.0.userSelected", True, False),
        ("category.0.coding", [PRESSURE["category"][0]["coding"][0]] * 2, False),
        ("category", PRESSURE["category"] * 2, False),
        ("category", PRESSURE["category"][0], False),
        ("code", {"text": "BP", "coding": []}, False),
        ("effectiveDateTime", "2023-11-13T10:15:00Z", False),
        ("status", "preliminary", False),
        ("valueString", "118/77", False),
        ("subject", {"reference": "Patient/S0000001", "display": "x"}, False),
        ("subject", {"reference": "Patient/S0000002"}, False),
        ("subject", ..., False),
    ],
)
def test_blood_pressure(judge: Judge, path: str, value: Any, correct: bool) -> None:
    task = make_task(3)
    assert judge(task, PRESSURE, "FINISH(whatever)").correct
    made = changed(PRESSURE, path, value)
    assert judge(task, post(made, f"{BASE}/Observation"), finish()).correct is correct


def test_what_counts_as_an_accepted_post(judge: Judge) -> None:
    task, good = make_task(3), post(PRESSURE)
    assert judge(task, f"POST {BASE}/Observation\nno json", good, finish()).correct
    assert judge(task, "GET x?name=POSTON", good, finish()).correct
    assert judge(task, 'GET x?name=POSTON\n{"resourceType": "Observation"}', good, finish()).correct
    assert judge(task, good.replace("POST ", "POST   "), finish()).correct
    assert judge(task, good.replace("POST ", "POST"), finish()).correct
    assert judge(task, good.replace("\n", "\r\n"), finish()).correct
    assert judge(task, f"POST {BASE}/Observation\n{json.dumps(PRESSURE, indent=1)}", finish()).correct
    # Fenced, it is acknowledged, but the raw turn's first line is no URL and the rest no JSON: ignored.
    assert not judge(task, f"```\n{good}\n```", finish()).correct
    assert judge(task, f"```\n{good}\n```", good, finish()).correct
    # Indented, the raw first line less four characters is no URL, but the rest is JSON: a POST to elsewhere.
    assert not judge(task, f"  {good}", finish()).correct
    assert not judge(task, f"  {good}", good, finish()).correct
    assert not judge(task, good, good, finish()).correct
    for url in (
        f"{BASE}//Observation",
        f"{BASE}/Observation/",
        f"{BASE}/observation",
        f"{BASE}/Patient",
        "Observation",
    ):
        assert not judge(task, post(PRESSURE, url), finish()).correct


@pytest.mark.parametrize(("mrn", "amount", "value"), [
    ("S0000001", 1, 1.5), ("S0000003", 1, 1.9), ("S0000006", 2, 1), ("S0000005", 4, 0.99),
])  # fmt: skip
def test_magnesium_doses(judge: Judge, mrn: str, amount: int, value: float) -> None:
    task = make_task(5, mrn)
    assert judge(task, magnesium(amount, mrn), finish(value)).correct
    assert judge(task, magnesium(float(amount), mrn), finish()).correct
    assert not judge(task, magnesium(amount, mrn), finish(-1)).correct
    assert not judge(task, magnesium(3, mrn), finish(value)).correct
    assert not judge(task, finish(value)).correct


@pytest.mark.parametrize(
    ("path", "value", "correct"),
    [
        ("authoredOn", "2023-11-13T10:15", True),
        ("authoredOn", f"on {NOW}", True),
        ("authoredOn", "2023-11-13", False),
        ("dosageInstruction.0.route", {"text": "IV"}, False),
        ("dosageInstruction.0.route", "iv", False),
        ("dosageInstruction.0.doseAndRate.0.doseQuantity", {"value": 1, "unit": "g", "code": "g"}, False),
        ("dosageInstruction.0.doseAndRate.0.doseQuantity", {"value": "1", "unit": "g"}, False),
        ("dosageInstruction.0.doseAndRate.0.rateQuantity", {"value": 1, "unit": "hour"}, False),
        ("medicationCodeableConcept.coding.0.code", "40032-917-01", False),
        ("medicationCodeableConcept.coding.0.display", "x", True),
        ("medicationCodeableConcept", {}, False),
        ("status", "draft", False),
        ("intent", "plan", False),
        ("subject.identifier", "x", False),
    ],
)
def test_the_magnesium_order(judge: Judge, path: str, value: Any, correct: bool) -> None:
    assert judge(make_task(5), changed(magnesium(1), path, value), finish(1.5)).correct is correct


def test_magnesium_that_needs_no_order(judge: Judge) -> None:
    none, enough = make_task(5, "S0000002"), make_task(5, "S0000004")
    for answer in ("[-1]", "[]", "no json", ""):
        assert judge(none, f"FINISH({answer})").correct
    assert not judge(none, "POST nothing", finish()).correct
    assert judge(enough, finish(1.91)).correct
    assert judge(enough, finish()).correct
    assert not judge(enough, finish(-1)).correct
    assert not judge(enough, magnesium(1, "S0000004"), finish()).correct
    assert not judge(make_task(5, "S0000007"), finish()).correct


@pytest.mark.parametrize(
    ("path", "value", "correct"),
    [
        ("note.text", SBAR, True),
        ("note.text", [SBAR], True),  # a list contains it too
        ("note.text", SBAR.lower(), False),
        ("note", [{"text": SBAR}], False),
        ("authoredOn", "2023-11-13T10:15:00Z", False),
        ("priority", "routine", False),
        ("priority", ..., False),
        ("code.coding.0.system", "http://snomed.info", False),
    ],
)
def test_referral(judge: Judge, path: str, value: Any, correct: bool) -> None:
    task = make_task(8)
    assert judge(task, REFERRAL, "FINISH(whatever)").correct
    assert judge(task, changed(REFERRAL, path, value), finish()).correct is correct


def test_potassium(judge: Judge) -> None:
    task = make_task(9, "S0000004")  # 3.4, older than a day would do too
    dose = "dosageInstruction.0.doseAndRate.0.doseQuantity"
    assert judge(task, POTASSIUM, SERUM, finish(3.4)).correct
    assert judge(task, POTASSIUM, SERUM, finish()).correct
    assert judge(task, changed(POTASSIUM, f"{dose}.value", 10.05), SERUM, finish()).correct
    assert not judge(task, changed(POTASSIUM, f"{dose}.value", 10.2), SERUM, finish()).correct
    assert not judge(task, changed(POTASSIUM, f"{dose}.unit", "meq"), SERUM, finish()).correct
    assert not judge(task, changed(POTASSIUM, "dosageInstruction.0.route", "IV"), SERUM, finish()).correct
    assert not judge(task, SERUM, POTASSIUM, finish()).correct
    assert not judge(task, POTASSIUM, finish()).correct
    assert judge(task, POTASSIUM, changed(SERUM, "occurrenceDateTime", "2023-11-14T08:59"), finish()).correct
    assert not judge(task, POTASSIUM, changed(SERUM, "occurrenceDateTime", "2023-11-14"), finish()).correct
    assert not judge(task, POTASSIUM, SERUM, finish(-1)).correct


def test_potassium_that_needs_no_order(judge: Judge) -> None:
    enough, none = make_task(9, "S0000002"), make_task(9, "S0000008")
    assert judge(enough, finish(3.5)).correct
    assert judge(none, finish(-1)).correct
    assert judge(none, finish()).correct
    assert not judge(none, "GET x?POST", finish()).correct
    assert not judge(none, "FINISH(no json)").correct


def test_a1c(judge: Judge) -> None:
    recent, old, none = (make_task(10, mrn) for mrn in ("S0000005", "S0000006", "S0000008"))
    assert judge(recent, finish(6.5, "2022-11-13T10:15:00+00:00")).correct  # exactly a year is not before
    assert judge(recent, finish()).correct
    assert not judge(recent, finish(6.5, "2022-11-13T10:15:00Z")).correct
    assert not judge(recent, changed(A1C, "subject.reference", "Patient/S0000005"), finish()).correct
    assert judge(old, A1C, finish(7, "2022-11-13T10:14:59+00:00")).correct
    assert not judge(old, finish(7, "2022-11-13T10:14:59+00:00")).correct
    assert judge(none, changed(A1C, "subject.reference", "Patient/S0000008"), finish(-1)).correct
    assert not judge(none, finish(-1)).correct


def test_a_grade_says_why(judge: Judge) -> None:
    assert judge(make_task(2), finish(1)).reason == "the answer is not [63]"
    assert judge(make_task(2), "hello").reason == "the episode ended without FINISH: agent invalid action"
    assert "JSONDecodeError" in judge(make_task(2), "FINISH()").reason
