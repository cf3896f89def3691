"""Orders beside what is due, by value, and what is found of those that were written."""

from __future__ import annotations

from typing import Any

import pytest

from mab_gym.tasking._matching import assigned
from mab_gym.tasking.meaning._reading import read
from mab_gym.tasking.meaning._said import Refusal
from mab_gym.tasking.meaning.due import compared
from mab_gym.tasking.meaning.often import every
from mab_gym.tasking.meaning.units import amount, hours
from mab_gym.tasking.verdict import Code
from tests.tasking.judged import found, judge_of, write
from tests.tasking.meaning.people import GIVEN, HELD, NOW, TESTED, dosed, hold, medication, service, unmet

DOSE = {"value": 40, "unit": "mEq"}
ORAL = {"text": "oral"}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"status": "draft"}, ["MedicationRequest.status"]),
        ({"intent": "plan"}, ["MedicationRequest.intent"]),
        ({"authoredOn": "2023-11-13T10:16:00Z"}, ["MedicationRequest.authoredOn"]),
        ({"authoredOn": "2023-11-13T02:15:00-08:00"}, []),
        ({"subject": {"reference": "Patient/S2"}}, ["MedicationRequest.patient"]),
        ({"subject": {"reference": "http://h/fhir/Patient/S1/_history/3", "type": "Patient"}}, []),
        ({"subject": {"reference": "Patient/S1", "display": "Ada King"}}, []),
        ({"subject": {"reference": "Patient/S1", "display": "Bob Ross"}}, ["MedicationRequest.patient"]),
        ({"subject": {"reference": "Patient/S1", "identifier": {"value": "123-45-6789"}}}, []),
        ({"subject": {"reference": "Patient/S1", "identifier": {"value": "S2"}}}, ["MedicationRequest.patient"]),
        ({"encounter": {"reference": "Encounter/1"}}, []),
        ({"encounter": {"reference": "Encounter/2"}}, ["MedicationRequest.patient"]),
        ({"doNotPerform": False}, []),
        ({"doNotPerform": True}, ["MedicationRequest.understood"]),
        ({"implicitRules": "x"}, ["MedicationRequest.understood"]),
        ({"priorPrescription": {"reference": "MedicationRequest/1"}}, ["MedicationRequest.priorPrescription"]),
        ({"note": [{"text": "40 mEq PO once"}]}, []),
        ({"note": [{"text": "20 mEq"}]}, ["MedicationRequest.understood"]),
        ({"note": [{"text": "see S7654321"}]}, ["MedicationRequest.understood"]),
        ({"requester": {"display": "Dr. Who"}, "identifier": [{"value": "7"}]}, []),
    ],
)
def test_a_drug_order(changes: dict[str, Any], names: list[str]) -> None:
    assert unmet(medication(), {**GIVEN, **changes}) == names


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]}}, []),
        ({"route": {"text": "oral", "coding": [{"display": "IV"}]}}, ["dosage.route"]),
        ({"route": {"text": "somewhere"}}, ["dosage.route"]),
        ({"route": {}}, ["dosage.route"]),
        ({"doseAndRate": [{"doseQuantity": {"value": 40, "unit": "mmol"}}]}, []),
        ({"doseAndRate": [{"doseQuantity": {"value": 40, "unit": "mg"}}]}, ["dosage.dose"]),
        ({"doseAndRate": [{"doseQuantity": {**DOSE, "comparator": "<"}}]}, ["dosage.dose"]),
        ({"doseAndRate": [{"doseQuantity": DOSE}, {"doseQuantity": DOSE}]}, ["dosage.dose"]),
        ({"doseAndRate": [{"doseRange": {"low": DOSE, "high": DOSE}}]}, []),
        ({"doseAndRate": [{"doseQuantity": DOSE, "rateQuantity": {"value": 1, "unit": "h"}}]}, ["dosage.rate"]),
        ({"maxDosePerAdministration": {"value": 40, "unit": "mEq"}}, []),
        ({"maxDosePerAdministration": {"value": 20, "unit": "mEq"}}, ["dosage.dose"]),
        ({"timing": {"repeat": {"count": 1}}}, []),
        ({"timing": {"code": {"coding": [{"code": "BID"}]}}}, ["dosage.timing"]),
        ({"timing": {"event": ["2023-11-13T10:30:00Z"]}}, []),
        ({"timing": {"event": ["2024-11-13T10:30:00Z"]}}, ["dosage.timing"]),
        ({"timing": {"repeat": {"count": 1, "boundsPeriod": {"start": "2023-11-13T10:15:00Z"}}}}, []),
        ({"asNeededBoolean": True}, ["MedicationRequest.understood"]),
        ({"text": "40 mEq by mouth once"}, []),
        ({"text": "40 mEq IV once"}, ["MedicationRequest.understood"]),
        ({"patientInstruction": "do not take"}, ["MedicationRequest.understood"]),
        ({"site": {"text": "left arm"}}, ["dosage.route"]),
    ],
)
def test_a_dosage(changes: dict[str, Any], names: list[str]) -> None:
    assert unmet(medication(), dosed(**changes)) == names


def test_infusions_run_over_their_time_however_it_is_said() -> None:
    due = medication(dose=amount(2, "g"), route="intravenous", over=hours(2))
    dose = {"value": 2, "unit": "g"}

    def order(**more: Any) -> dict[str, Any]:
        timing = more.pop("timing", {})
        rate = {"doseQuantity": dose, **more}
        return dosed(route={"text": "IV"}, doseAndRate=[rate], timing=timing)

    ratio = {"numerator": {"value": 1, "unit": "g"}, "denominator": {"value": 1, "unit": "h"}}
    for right in (
        order(rateQuantity={"value": 2, "unit": "h"}), order(rateQuantity={"value": 120, "unit": "min"}),
        order(rateQuantity={"value": 1, "unit": "g/h"}), order(rateRatio=ratio),
        order(timing={"repeat": {"duration": 2, "durationUnit": "h"}}),
    ):  # fmt: skip
        assert unmet(due, right) == []
    for wrong in (
        order(), order(rateQuantity={"value": 1, "unit": "h"}), order(rateQuantity={"value": 100, "unit": "mL/h"}),
        order(rateQuantity={"value": 2, "unit": "h"}, timing={"repeat": {"duration": 1, "durationUnit": "min"}}),
        order(rateQuantity={"value": 2, "unit": "h"}, rateRatio={**ratio, "numerator": dose}),
    ):  # fmt: skip
        assert unmet(due, wrong) == ["dosage.rate"]


def test_what_goes_on_has_no_end_and_may_run() -> None:
    due = medication(often=every(8), lasts=(hours(0.05), hours(3)))
    often = {"frequency": 1, "period": 8, "periodUnit": "h"}
    assert unmet(due, dosed(timing={"repeat": often})) == []
    assert unmet(due, dosed(timing={"repeat": {**often, "duration": 30, "durationUnit": "min"}})) == []
    assert unmet(due, dosed(timing={"repeat": {**often, "duration": 8, "durationUnit": "h"}})) == ["dosage.rate"]
    assert unmet(due, GIVEN) == ["dosage.timing"]
    week = {"boundsDuration": {"value": 7, "unit": "d"}}
    for more in ({"count": 3}, {"boundsPeriod": {"end": "2023-11-20"}}, week):
        assert unmet(due, dosed(timing={"repeat": {**often, **more}})) == ["dosage.timing"]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"occurrenceDateTime": "2023-11-13T11:00:00Z"}, []),
        ({"occurrenceDateTime": "2024-11-13T11:00:00Z"}, ["ServiceRequest.occurrence"]),
        ({"occurrencePeriod": {"start": "2023-11-13T10:15:00Z", "end": "2024-11-13"}}, ["ServiceRequest.occurrence"]),
        ({"occurrenceTiming": {"code": {"coding": [{"code": "QID"}]}}}, ["ServiceRequest.occurrence"]),
        ({"quantityQuantity": {"value": 2, "unit": "unit"}}, ["ServiceRequest.quantity"]),
        ({"category": [{"text": "Laboratory"}]}, []),
        ({"category": [{"text": "Imaging"}]}, ["ServiceRequest.category"]),
        ({"specimen": [{"display": "venous blood"}]}, []),
        ({"specimen": [{"reference": "Specimen/1"}]}, ["ServiceRequest.understood"]),
        ({"orderDetail": [{"text": "sodium"}]}, ["ServiceRequest.understood"]),
        ({"bodySite": [{"text": "left arm"}]}, []),
        ({"bodySite": [{"text": "left eye"}]}, ["ServiceRequest.category"]),
    ],
)
def test_a_service(changes: dict[str, Any], names: list[str]) -> None:
    assert unmet(service(), {**TESTED, **changes}) == names


@pytest.mark.parametrize(
    ("code", "right"),
    [
        ({"text": "Serum potassium"}, True),
        ({"text": "as ordered"}, True),
        ({"text": "sodium"}, False),
        ({"text": "no potassium"}, False),
        ({"display": "Potassium"}, True),
        ({"display": "Potassium, urine"}, False),
        ({"more": {"system": "http://snomed.info/sct", "code": "1"}}, False),
        ({"more": {"system": "http://snomed.info/sct", "code": "1", "display": "Potassium"}}, True),
        ({"more": {"system": "http://a.example/local", "code": "L1"}}, True),
        ({"more": {"system": "http://a.example/local", "code": "L1", "display": "Heparin"}}, False),
        ({"more": {"system": "http://loinc.org", "code": "2951-2"}}, False),
        ({"system": "urn:oid:2.16.840.1.113883.6.1"}, True),
        ({"system": "http://a.example"}, False),
    ],
)
def test_a_code(code: dict[str, Any], right: bool) -> None:
    (coding,) = TESTED["code"]["coding"]
    first = {**coding, **{name: value for name, value in code.items() if name in ("display", "system")}}
    concept = {"coding": [first, *([code["more"]] if "more" in code else [])]}
    if "text" in code:
        concept["text"] = code["text"]
    assert (unmet(service(), {**TESTED, "code": concept}) == []) is right


def test_when_a_later_service_is_due() -> None:
    at = NOW.replace(day=14, hour=8, minute=0)
    due = service(at=at)
    right = ({"occurrenceDateTime": at.isoformat()}, {"occurrencePeriod": {"start": at.isoformat()}})
    for when in right:
        assert unmet(due, {**TESTED, **when}) == []
        assert unmet(due, {**TESTED, **when, "note": [{"text": "draw tomorrow"}]}) == []
        assert unmet(due, {**TESTED, **when, "note": [{"text": "draw next month"}]}) == ["ServiceRequest.understood"]
    for when in ({}, {"occurrenceDateTime": "2023-11-14T08:01:00Z"}, {"occurrenceDateTime": "2023-11-14"}):
        assert unmet(due, {**TESTED, **when}) == ["ServiceRequest.occurrence"]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"description": "Hold warfarin"}, []),
        ({"description": "Hold the order 77777"}, []),
        ({"description": "Hold 88888"}, ["Task.understood"]),
        ({"description": "continue it"}, ["Task.understood"]),
        ({"focus": {"reference": "MedicationRequest/8"}}, ["Task.focus"]),
        ({"for": {"reference": "Patient/S2"}}, ["Task.patient"]),
        ({"executionPeriod": {"start": "2023-11-13T10:15:00Z"}}, []),
        ({"executionPeriod": {"start": "2024-11-13"}}, ["Task.period"]),
        ({"restriction": {"repetitions": 1}}, []),
        ({"restriction": {"period": {"start": "2024-11-13"}}}, ["Task.period"]),
        ({"input": [{"valueString": "x"}]}, ["Task.understood"]),
    ],
)
def test_a_task(changes: dict[str, Any], names: list[str]) -> None:
    assert unmet(hold(), {**HELD, **changes}) == names


def test_orders_are_matched_by_meaning_and_not_by_their_order() -> None:
    first, second = medication(), medication(dose=amount(20, "meq"))
    small = dosed(doseAndRate=[{"doseQuantity": {"value": 20, "unit": "mEq"}}])
    for orders in ([GIVEN, small], [small, GIVEN]):
        places = assigned([first, second], [read(each) for each in orders])
        assert all(checks and all(check.met for check in checks) for _, checks in places)
        assert [orders[place or 0] for place, _ in places] == [GIVEN, small]
    ((one, _), (other, checks)) = assigned([first, second], [read(small)])
    assert (one, other) == (None, 0)
    assert all(check.met for check in checks)
    many = [medication(dose=amount(10 * each, "meq")) for each in range(1, 15)]
    written = [
        read(dosed(doseAndRate=[{"doseQuantity": {"value": 10 * each, "unit": "mEq"}}])) for each in range(14, 0, -1)
    ]
    assert [place for place, _ in assigned(many, written)] == list(range(13, -1, -1))


def test_each_write_is_judged_whatever_is_missing() -> None:
    other = {**GIVEN, "subject": {"reference": "Patient/S2"}}
    made = {name: value for name, value in other.items() if name != "resourceType"}
    judge = judge_of(write("MedicationRequest", **made))
    judge.orders(medication(), service())
    assert found(judge) == [("wrong_patient", True), ("write_missing", False)]
    assert judge.verdict().credit == 0.0


def test_what_is_missing_twice_or_not_asked_for() -> None:
    made = {name: value for name, value in GIVEN.items() if name != "resourceType"}
    order = write("MedicationRequest", **made)

    def codes(*writes: Any, harm: str = "") -> list[tuple[str, bool]]:
        judge = judge_of(*writes)
        judge.orders(medication(harm=harm))
        return found(judge)

    assert codes(order) == [("solved", False)]
    assert codes() == [("write_missing", False)]
    assert codes(harm="It was left undone.") == [("write_missing", False), ("write_missing", True)]
    assert codes(order, order) == [("write_duplicate", True)]
    assert codes(order, write("Task")) == [("write_unexpected", True)]
    assert codes(order, write("MedicationRequest", "delete", **made)) == [("write_unexpected", True)]
    assert codes(order, write("MedicationRequest", **{**made, "subject": {"reference": "Patient/S2"}})) == [
        ("write_unexpected", True)
    ]


def test_half_of_what_is_due_is_half_the_credit() -> None:
    made = {name: value for name, value in GIVEN.items() if name != "resourceType"}
    judge = judge_of(write("MedicationRequest", **made))
    judge.orders(medication(), service())
    assert judge.verdict().credit == 0.5
    nothing = judge_of()
    nothing.orders(medication(), service())
    assert nothing.verdict().credit == 0.0


def test_texts_that_were_not_read_are_named() -> None:
    made = {name: value for name, value in GIVEN.items() if name != "resourceType"}
    judge = judge_of(write("MedicationRequest", **made, note=[{"text": "Thank you."}]))
    judge.orders(medication())
    assert judge.verdict().reasons[0].text == (
        "Everything asked for was done, and nothing else. Not read: note[0].text."
    )


def test_a_check_says_what_is_wrong_in_one_sentence() -> None:
    refusals = [Refusal("a.b", 7, "it is odd"), Refusal("", None, "it is not stated")]
    check = compared("x", refusals, Code.WRONG_DOSE, "The dose should be 1 g")
    assert check.sentence == "The dose should be 1 g, but a.b is 7: it is odd; it is not stated."
    assert compared("x", [], Code.WRONG_DOSE, "It is 1 g").met


def test_what_is_too_much_to_be_read_is_refused_and_costs_little() -> None:
    long = {**GIVEN, "note": [{"text": "bid 1 mg " * 20_000}]}
    assert unmet(medication(), long)[-1] == "MedicationRequest.understood"
    order = read(long)
    assert [refusal.element for refusal in order.refused] == ["resource"]
    made = {name: value for name, value in GIVEN.items() if name != "resourceType"}
    many = [
        write("MedicationRequest", **made, note=[{"text": f"{place} " + "thank you " * 150}]) for place in range(60)
    ]
    judge = judge_of(*many)
    judge.orders(medication())
    codes = [code for code, _ in found(judge)]
    assert codes.count("write_unexpected") > 30
    assert "write_duplicate" in codes
    assert not judge.verdict().success


def test_no_more_than_five_problems_of_a_comparison_are_told() -> None:
    refusals = [Refusal(f"a[{place}]", place, "it is odd") for place in range(8)]
    told = compared("x", refusals, Code.WRONG_DOSE, "The dose should be 1 g").sentence
    assert told.endswith("a[4] is 4: it is odd; and 3 more.")
    told = compared("x", refusals[:5], Code.WRONG_DOSE, "The dose should be 1 g").sentence
    assert told.endswith("a[4] is 4: it is odd.")
