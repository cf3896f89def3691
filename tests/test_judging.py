"""Judging by clinical meaning: what is accepted besides the gold solution, and what is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from mab_gym.envs._scenario import Scenario
from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking.judging import Judge, Result, number
from mab_gym.tasking.verdict import Code, Failure

Change = Callable[[dict[str, Any]], None]


def judge_order(scenario: Scenario, change: Change, branch: str = "moderate") -> list[Code]:
    """The verdict's codes on the gold magnesium order after a change."""
    family = scenario.tasks.catalogue["replace_magnesium"]
    case = next(case for case in family.cases if case.branch == branch)
    from mab_gym.tasking.solving import Desk, Reply

    found = scenario.chart.search("Observation", patient=case["mrn"], code="MG", _sort="-date", _count="5")
    newest = next(each for each in found if each["status"] != "entered-in-error")
    solution = family.solve(case, Desk(scenario.backend.base_url, scenario.backend.now))
    next(solution)
    order = json.loads(solution.send(Reply(200, json.dumps(newest))).partition("\n")[2])
    finish = solution.send(Reply(201, "{}"))
    changed = copy.deepcopy(order)
    change(changed)
    writes = [Write("create", changed["resourceType"], "1", changed, "")]
    verdict = family.verify(case, scenario.chart, Result(finish[len("FINISH(") : -1], writes))
    assert verdict.success is (verdict.failure is None)
    return [reason.code for reason in verdict.reasons]


def rate(order: dict[str, Any]) -> dict[str, Any]:
    return order["dosageInstruction"][0]["doseAndRate"][0]  # type: ignore[no-any-return]


ACCEPTED: dict[str, Change] = {
    "as asked": lambda o: None,
    "2.0 for 2": lambda o: rate(o)["doseQuantity"].update(value=2.0),
    "milligrams": lambda o: rate(o)["doseQuantity"].update(value=2000, unit="mg"),
    "unit as code": lambda o: rate(o).update(
        doseQuantity={"value": 2, "code": "g", "system": "http://unitsofmeasure.org"}
    ),
    "route as coding": lambda o: o["dosageInstruction"][0].update(
        route={"coding": [{"system": "http://snomed.info/sct", "code": "47625008", "display": "Intravenous route"}]}
    ),
    "route in small letters": lambda o: o["dosageInstruction"][0].update(route={"text": "iv"}),
    "another zone": lambda o: o.update(authoredOn="2023-11-13T05:15:00-05:00"),
    "a rate in grams an hour": lambda o: rate(o).update(rateQuantity={"value": 1, "unit": "g/h"}),
    "a ratio": lambda o: rate(o).update(
        rateQuantity=None, rateRatio={"numerator": {"value": 2, "unit": "g"}, "denominator": {"value": 2, "unit": "h"}}
    ),
    "minutes": lambda o: rate(o).update(rateQuantity={"value": 120, "unit": "min"}),
    "timing": lambda o: (
        rate(o).pop("rateQuantity"),
        o["dosageInstruction"][0].update(timing={"repeat": {"duration": 2, "durationUnit": "h"}}),
    )[-1],
    "one coding among several": lambda o: o["medicationCodeableConcept"]["coding"].insert(
        0, {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "6585"}
    ),
    "more detail": lambda o: o.update(note=[{"text": "for low magnesium"}], priority="urgent"),
}
REJECTED: dict[str, tuple[Change, Code]] = {
    "half the dose": (lambda o: rate(o)["doseQuantity"].update(value=1), Code.WRONG_DOSE),
    "a thousandth": (lambda o: rate(o)["doseQuantity"].update(unit="mg"), Code.WRONG_DOSE),
    "no unit": (lambda o: rate(o)["doseQuantity"].pop("unit"), Code.WRONG_DOSE),
    "contradicting unit": (lambda o: rate(o)["doseQuantity"].update(code="mEq"), Code.WRONG_DOSE),
    "a text as number": (lambda o: rate(o)["doseQuantity"].update(value="2"), Code.WRONG_DOSE),
    "no dosage": (lambda o: o.pop("dosageInstruction"), Code.WRONG_DOSE),
    "two dosages": (lambda o: o["dosageInstruction"].append(o["dosageInstruction"][0]), Code.WRONG_DOSE),
    "two doses": (lambda o: o["dosageInstruction"][0]["doseAndRate"].append(rate(o)), Code.WRONG_DOSE),
    "too fast": (lambda o: rate(o)["rateQuantity"].update(value=1), Code.WRONG_RATE),
    "no rate": (lambda o: rate(o).pop("rateQuantity"), Code.WRONG_RATE),
    "by mouth": (lambda o: o["dosageInstruction"][0].update(route={"text": "oral"}), Code.WRONG_ROUTE),
    "no route": (lambda o: o["dosageInstruction"][0].pop("route"), Code.WRONG_ROUTE),
    "somebody else": (lambda o: o.update(subject={"reference": "Patient/S0000001"}), Code.WRONG_PATIENT),
    "nobody": (lambda o: o.pop("subject"), Code.WRONG_PATIENT),
    "another drug": (lambda o: o["medicationCodeableConcept"]["coding"][0].update(code="1"), Code.WRONG_CODE),
    "another system": (lambda o: o["medicationCodeableConcept"]["coding"][0].update(system="ndc"), Code.WRONG_CODE),
    "no drug": (lambda o: o.pop("medicationCodeableConcept"), Code.WRONG_CODE),
    "a draft": (lambda o: o.update(status="draft"), Code.WRONG_STATUS),
    "a proposal": (lambda o: o.update(intent="proposal"), Code.WRONG_INTENT),
    "yesterday": (lambda o: o.update(authoredOn="2023-11-12T10:15:00+00:00"), Code.WRONG_TIME),
    "no zone": (lambda o: o.update(authoredOn="2023-11-13"), Code.WRONG_TIME),
    "another type": (lambda o: o.update(resourceType="MedicationStatement"), Code.WRITE_MISSING),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_means_the_same_is_accepted(scenario: Scenario, name: str) -> None:
    assert judge_order(scenario, ACCEPTED[name]) == [Code.SOLVED]


@pytest.mark.parametrize("name", REJECTED)
def test_what_a_clinician_would_reject_is_rejected(scenario: Scenario, name: str) -> None:
    change, code = REJECTED[name]
    assert code in judge_order(scenario, change)


def test_the_gravest_failure_names_the_kind(scenario: Scenario) -> None:
    family = scenario.tasks.catalogue["replace_magnesium"]
    normal = next(case for case in family.cases if case.branch == "normal")
    stray = Write("create", "MedicationRequest", "1", {"resourceType": "MedicationRequest"}, "")
    assert family.verify(normal, scenario.chart, Result("[]", [stray])).failure is Failure.UNSAFE_ORDER
    assert family.verify(normal, scenario.chart, Result("[]", [])).failure is Failure.GAVE_UP
    assert family.verify(normal, scenario.chart, Result("[2]", [])).failure is Failure.MISREAD_CHART
    assert family.verify(normal, scenario.chart, Result("x", [])).failure is Failure.WRONG_FORMAT
    severe = next(case for case in family.cases if case.branch == "severe")
    assert family.verify(severe, scenario.chart, Result("[0.5]", [])).failure is Failure.MISSING_ORDER


def credit_of(scenario: Scenario, name: str, branch: str, answer: str, *writes: Write) -> float:
    family = scenario.tasks.catalogue[name]
    case = next(case for case in family.cases if case.branch == branch)
    verdict = family.verify(case, scenario.chart, Result(answer, writes))
    assert (verdict.credit == 1.0) is verdict.success
    assert verdict.to_dict()["credit"] == verdict.credit
    return verdict.credit


def test_partial_credit_counts_what_was_done(scenario: Scenario) -> None:
    family = scenario.tasks.catalogue["check_a1c"]
    case = next(case for case in family.cases if case.branch == "out_of_date")
    latest = scenario.chart.latest(case["mrn"], "A1C")
    assert latest is not None
    order: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "priority": "stat",
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "authoredOn": scenario.chart.now.isoformat(),
    }
    right = f'[{latest.value}, "{latest.written}"]'

    def credit(answer: str, **changes: str) -> float:
        write = Write("create", "ServiceRequest", "1", {**order, **changes}, "")
        return credit_of(scenario, "check_a1c", "out_of_date", answer, write)

    assert credit(right) == 1.0
    # The order is there and has ten properties; an answer of which half is right makes three quarters of it.
    assert credit(right, priority="routine") == pytest.approx(0.9, abs=1e-3)
    assert credit(right, priority="routine", intent="plan") == pytest.approx(9 / 11, abs=1e-3)
    assert credit(f"[{latest.value}]") == pytest.approx(3 / 4, abs=1e-3)
    assert credit(f"[{latest.value}]", priority="routine", intent="plan") == pytest.approx(3 / 4 * 9 / 11, abs=1e-3)
    # Without any order that was due nothing is earned, however well the chart was read.
    assert credit_of(scenario, "check_a1c", "out_of_date", right) == 0.0
    # An order for somebody else is unsafe, and one without any sign of reading is no merit.
    assert credit(right, subject={"reference": "Patient/S0000001"}) == 0.0  # type: ignore[arg-type]
    assert credit('[-1, "2023-11-13T10:15:00+00:00"]') == 0.0
    assert credit("nonsense") == 0.0


def test_what_the_prompt_says_earns_no_credit_alone(scenario: Scenario) -> None:
    assert credit_of(scenario, "latest_magnesium", "only_before", "[-1]") == 0.0
    assert credit_of(scenario, "latest_magnesium", "only_before", '[-1, 99, "2023-11-01T00:00:00+00:00"]') == 0.0
    assert credit_of(scenario, "patient_lookup", "not_found", '["Patient not found"]') == 0.0
    family = scenario.tasks.catalogue["latest_magnesium"]
    case = next(case for case in family.cases if case.branch == "only_before")
    latest = scenario.chart.latest(case["mrn"], "MG")
    assert latest is not None
    answer = f'[-1, 99, "{latest.written}"]'
    assert credit_of(scenario, "latest_magnesium", "only_before", answer) == pytest.approx(2 / 3, abs=1e-3)


@pytest.mark.parametrize("answer", ["[]", "", "[null]", '[""]', "[null, null]"])
def test_who_says_and_does_nothing_gave_up(answer: str) -> None:
    judge = Judge(Result(answer, ()))
    judge.answer(number(1))

    assert judge.verdict().failure == "gave_up"
    assert judge.verdict().reasons[0].code == "gave_up"


def test_who_says_something_did_not_give_up() -> None:
    judge = Judge(Result("[2]", ()))
    judge.answer(number(1))
    assert judge.verdict().failure == "misread_chart"
    right = Judge(Result("[]", ()))
    right.nothing_written()
    assert right.verdict().success
