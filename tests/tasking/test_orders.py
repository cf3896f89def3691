"""Orders looked at closely: codes, references, repetitions, and what turns an order into its opposite."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mab_gym.tasking import orders
from mab_gym.tasking.orders import coded_alone, dose_of, firm_order, laboratory_order, not_plain, once, refers, task
from tests.tasking.judged import NOW, SOLVED, found, judge_of, met

AT = datetime(2023, 11, 13, 10, 15, tzinfo=UTC)
ORDER: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "subject": {"reference": "Patient/S1"},
    "status": "active",
    "intent": "order",
    "authoredOn": NOW,
    "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
}
TASK: dict[str, Any] = {
    "resourceType": "Task",
    "status": "requested",
    "intent": "order",
    "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]},
    "focus": {"reference": "MedicationRequest/7"},
    "for": {"reference": "Patient/S1"},
    "authoredOn": NOW,
}


def test_code_systems_and_routes_are_these() -> None:
    assert orders.RXNORM == "http://www.nlm.nih.gov/research/umls/rxnorm"
    assert orders.LOINC == "http://loinc.org"
    assert orders.SNOMED == "http://snomed.info/sct"
    assert orders.NDC == "http://hl7.org/fhir/sid/ndc"
    assert orders.TASK_CODE == "http://hl7.org/fhir/CodeSystem/task-code"
    assert orders.ORAL == ("oral", "PO", "by mouth", "26643006")
    assert orders.INTRAVENOUS == ("IV", "intravenous", "47625008")


@pytest.mark.parametrize(
    ("codings", "right"),
    [
        ([{"system": "S", "code": "1"}], True),
        ([{"system": "S", "code": "1"}] * 2, True),
        ([{"system": "T", "code": "9"}, {"system": "S", "code": "1", "display": "one"}], True),
        ({"system": "S", "code": "1"}, True),
        ([{"system": "S", "code": "1"}, {"system": "S", "code": "2"}], False),
        ([{"system": "S", "code": "2"}], False),
        ([{"system": "S"}], False),
        ([{"system": "T", "code": "1"}], False),
        ([{"code": "1"}], False),
        (["1"], False),
        ([], False),
        (None, False),
    ],
)
def test_one_code_and_no_other_of_its_system(codings: Any, right: bool) -> None:
    for critical in (True, False):
        judge = judge_of()
        coded_alone(judge, {"coding": codings}, "S", "1", "laboratory order", critical=critical)
        assert found(judge) == (SOLVED if right else [("wrong_code", critical)])
        assert met(judge) == {"laboratory_order.code": right}
    judge = judge_of()
    coded_alone(judge, {"coding": codings}, "S", "1", "substance")
    assert found(judge) == (SOLVED if right else [("wrong_code", True)])


def test_a_wrong_code_is_told_as_it_is_and_should_be() -> None:
    judge = judge_of()
    coded_alone(judge, {"coding": [{"system": "S", "code": c} for c in "32"]}, "S", "1", "substance")
    assert judge.verdict().reasons[0].text == "The substance should be coded 1 of S; it is ['2', '3']."


@pytest.mark.parametrize("name", ["doNotPerform", "asNeededBoolean", "asNeededCodeableConcept", "modifierExtension"])
def test_what_turns_an_order_into_its_opposite(name: str) -> None:
    for value, plain in ((True, False), ([{"url": "x"}], False), (False, True), (None, True), ([], True)):
        judge = judge_of()
        not_plain(judge, {name: value})
        assert found(judge) == (SOLVED if plain else [("wrong_intent", True)])
        whole = judge_of()
        firm_order(whole, {**ORDER, name: value}, "S1", AT)
        assert found(whole) == (SOLVED if plain else [("wrong_intent", True)])
    judge = judge_of()
    not_plain(judge, None)
    assert found(judge) == SOLVED


def test_a_firm_order() -> None:
    for change, reason in (
        ({}, SOLVED[0]),
        ({"subject": {"reference": "Patient/S2"}}, ("wrong_patient", True)),
        ({"status": "on-hold"}, ("wrong_status", False)),
        ({"intent": "proposal"}, ("wrong_intent", False)),
        ({"authoredOn": "2023-11-13T10:16:00Z"}, ("wrong_time", False)),
        ({"priorPrescription": {"reference": "MedicationRequest/7"}}, ("wrong_value", True)),
        ({"priorPrescription": {}}, ("wrong_value", True)),
        ({"priorPrescription": None}, SOLVED[0]),
    ):
        judge = judge_of()
        firm_order(judge, {**ORDER, **change}, "S1", AT)
        assert found(judge) == [reason]
    judge = judge_of()
    firm_order(judge, {**ORDER, "priorPrescription": {"reference": "MedicationRequest/7"}}, "S1", AT, replaces=True)
    assert found(judge) == SOLVED


def test_a_laboratory_order() -> None:
    judge = judge_of()
    laboratory_order(judge, ORDER, "2823-3", "S1", AT)
    assert found(judge) == SOLVED
    assert set(met(judge)) == {
        "ServiceRequest.patient", "ServiceRequest.status", "ServiceRequest.intent", "ServiceRequest.authoredOn",
        "laboratory_order.code",
    }  # fmt: skip
    for change in ({"status": "draft"}, {"subject": None}, {"authoredOn": None}, {"code": None}):
        judge = judge_of()
        laboratory_order(judge, {**ORDER, **change}, "2823-3", "S1", AT)
        assert len(found(judge)) == 1 and found(judge) != SOLVED
    judge = judge_of()
    laboratory_order(judge, ORDER, "718-7", "S1", AT)
    assert found(judge) == [("wrong_code", False)]


@pytest.mark.parametrize(
    ("change", "reason", "unmet"),
    [
        ({}, SOLVED[0], set()),
        ({"status": "draft"}, ("wrong_status", False), {"Task.status"}),
        ({"intent": "plan"}, ("wrong_intent", False), {"Task.intent"}),
        ({"modifierExtension": [{"url": "x"}]}, ("wrong_intent", True), set()),
        ({"doNotPerform": True}, ("wrong_intent", True), set()),
        ({"code": {"coding": []}}, ("wrong_code", True), {"task.code"}),
        ({"focus": {"reference": "MedicationRequest/8"}}, ("wrong_value", True), {"Task.focus"}),
        ({"for": {"reference": "Patient/S2"}}, ("wrong_patient", True), {"patient"}),
        ({"authoredOn": "2023-11-13T10:14:00Z"}, ("wrong_time", False), {"Task.authoredOn"}),
    ],
)
def test_a_task(change: dict[str, Any], reason: tuple[str, bool], unmet: set[str]) -> None:
    judge = judge_of()
    task(judge, {**TASK, **change}, "abort", "MedicationRequest/7", "S1", AT)
    assert found(judge) == [reason]
    assert {name for name, so in met(judge).items() if not so} == unmet
    assert len(met(judge)) == 6


def test_a_task_with_another_code() -> None:
    judge = judge_of()
    task(judge, TASK, "suspend", "MedicationRequest/7", "S1", AT)
    assert found(judge) == [("wrong_code", True)]


@pytest.mark.parametrize(
    ("reference", "right"),
    [
        ({"reference": "MedicationRequest/7"}, True),
        ({"reference": "MedicationRequest/7/_history/2", "display": "it"}, True),
        ({"reference": "MedicationRequest/77"}, False),
        ({"reference": "MedicationRequest/7/_history"}, False),
        ({"reference": "7"}, False),
        ("MedicationRequest/7", False),
        (None, False),
    ],
)
def test_a_reference(reference: Any, right: bool) -> None:
    judge = judge_of()
    refers(judge, {"resourceType": "Task", "focus": reference}, "focus", "MedicationRequest/7")
    assert found(judge) == (SOLVED if right else [("wrong_value", True)])
    assert met(judge) == {"Task.focus": right}


ONE = [
    {},
    {"repeat": {"count": 1}},
    {"repeat": {}},
    {"event": ["2023-11-13T11:00:00Z"]},
    {"event": []},
    {"event": "now"},
    {"repeat": {"duration": 2, "durationUnit": "h"}},
    {"repeat": {"count": 1, "duration": 2, "durationUnit": "h"}},
    {"code": {"text": "once"}},
    {"code": {"coding": [{"code": "AM"}]}},
]
MORE: list[Any] = [
    {"repeat": {"count": 2}},
    {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
    {"repeat": {"boundsPeriod": {}}},
    {"repeat": {"count": 1, "periodUnit": "d"}},
    {"repeat": "daily"},
    {"event": ["2023-11-13", "2023-11-14"]},
    {"code": {"coding": [{"code": "AM"}, {"code": "bid"}]}},
    *(
        {"code": {"coding": [{"code": code}]}}
        for code in ("QD", "BID", "TID", "QID", "QOD", "Q4H", "Q6H", "Q8H", "Q12H", "Q24H")
    ),
]


@pytest.mark.parametrize("timing", [*ONE, None])
def test_once(timing: Any) -> None:
    judge = judge_of()
    once(judge, {"timing": timing})
    assert found(judge) == SOLVED
    assert met(judge) == {}


@pytest.mark.parametrize("timing", MORE)
def test_more_than_once(timing: Any) -> None:
    judge = judge_of()
    once(judge, {"timing": timing})
    assert found(judge) == [("wrong_time", True)]


DOSAGE: dict[str, Any] = {"route": {"text": "PO"}, "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}]}


@pytest.mark.parametrize(
    ("dosages", "reasons"),
    [
        ([DOSAGE], SOLVED),
        ([{**DOSAGE, "route": {"text": "IV"}}], [("wrong_route", True)]),
        ([{**DOSAGE, "asNeededBoolean": True}], [("wrong_intent", True)]),
        ([{**DOSAGE, "doseAndRate": []}], [("wrong_dose", True)]),
        ([{**DOSAGE, "doseAndRate": [{"doseQuantity": {"value": 6, "unit": "mg"}}]}], [("wrong_dose", True)]),
        ([], [("wrong_dose", True), ("wrong_route", True), ("wrong_dose", True)]),
        (["5 mg"], [("wrong_dose", True)]),
    ],
)
def test_one_dosage_by_a_route(dosages: Any, reasons: list[tuple[str, bool]]) -> None:
    judge = judge_of()
    dosage = dose_of(judge, {"dosageInstruction": dosages}, 5, orders.ORAL)
    assert found(judge) == reasons
    assert dosage == (dosages[0] if dosages and isinstance(dosages[0], dict) else {})
    if reasons == SOLVED:
        assert met(judge) == {"dosage.route": True, "dosage.dose": True}
