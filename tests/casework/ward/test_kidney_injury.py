"""Kidney injury: other right ways, two heparins at once, needless consults, and kidneys that are well."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.actions import Patch, Post, parse_action, render
from mab_gym.tasking.case import Case
from tests.casework.playing import family, plain, play, say, scenario

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def cases(*branches: str) -> list[Case]:
    found = [case for case in family("kidney_injury").cases if case.branch in branches]
    assert found
    return found


def body_of(action: str) -> dict[str, Any]:
    asked = parse_action(action, VERBS)
    return dict(json.loads(asked.body)) if isinstance(asked, Post) else {}


def test_orders_may_be_held_and_tests_named_in_words() -> None:
    names = {"24356-8": "Urinalysis with microscopy", "2955-3": "Sodium, urine", "2161-8": "Urine creatinine"}

    def changed(action: str) -> str:
        body = body_of(action)
        code = next((each for each in names if f'"{each}"' in action), "")
        if body.get("resourceType") == "ServiceRequest" and code:
            asked = parse_action(action, VERBS)
            assert isinstance(asked, Post)
            return render(Post(asked.url, json.dumps({**body, "code": {"text": names[code]}})))
        return action.replace('"stopped"', '"on-hold"')

    for case in cases("small", "second", "third"):
        run = play(case, changed)
        assert run.solved, run.told


def test_a_test_of_every_morning_is_one_for_tomorrow() -> None:
    def daily(action: str) -> str:
        body = body_of(action)
        if "occurrenceDateTime" not in body:
            return action
        del body["occurrenceDateTime"]
        body["occurrenceTiming"] = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
        return render(Post(f"{scenario().backend.base_url}/ServiceRequest", json.dumps(body)))

    for case in cases("second")[:3]:
        run = play(case, daily)
        assert run.solved, run.told


def test_enoxaparin_may_become_30_mg_and_never_stands_beside_heparin() -> None:
    some = [case for case in cases("second", "third") if case["enoxaparin"]]
    assert some
    for case in some:
        order = case["enoxaparin"][0]

        def reduced(action: str, order: str = order) -> str | None:
            asked = parse_action(action, VERBS)
            if isinstance(asked, Patch) and asked.url.endswith(order):
                path = "/dosageInstruction/0/doseAndRate/0/doseQuantity/value"
                return render(Patch(asked.url, json.dumps([{"op": "replace", "path": path, "value": 30}])))
            return None if '"5224"' in action else action

        def doubled(action: str, order: str = order) -> str | None:
            asked = parse_action(action, VERBS)
            return None if isinstance(asked, Patch) and asked.url.endswith(order) else action

        run = play(case, reduced)
        assert run.solved, run.told
        run = play(case, doubled)
        assert run["verdict"]["unsafe"], run.told


def test_consults_are_asked_for_where_they_are_due() -> None:
    told = {
        play(case, careless=rule)["verdict"]["deferral"]
        for rule, case in [("consult", each) for each in cases("third")] + [("no_consult", cases("small")[0])]
    }
    assert told <= {"under", "over", "deferred"}
    assert "under" in told


def test_where_kidneys_are_well_a_change_of_an_order_is_too_much() -> None:
    case = cases("none")[0]
    base = scenario().backend.base_url
    orders = [*case["angiotensin"], *case["enoxaparin"]] or ["MedicationRequest/1"]
    stop = [{"op": "replace", "path": "/status", "value": "stopped"}]
    run = say(case, render(Patch(f"{base}/{orders[0]}", json.dumps(stop))))
    assert not run.solved
    assert run["verdict"]["credit"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"priority": "routine"},
        {"reasonReference": None},
        {"supportingInfo": None},
        {"supportingInfo": "swapped"},
    ],
    ids=str,
)
def test_a_consult_carries_how_soon_why_and_the_baseline(change: dict[str, Any]) -> None:
    case = cases("third")[0]

    def changed(action: str) -> str:
        body = body_of(action)
        if "Nephrology" not in str(body.get("code")):
            return action
        for name, value in change.items():
            body[name] = body["reasonReference"] if value == "swapped" else value
        told = {name: value for name, value in body.items() if value is not None}
        return render(Post(f"{scenario().backend.base_url}/ServiceRequest", json.dumps(told)))

    assert play(case).solved
    run = play(case, changed)
    assert not run.solved
    assert "consult of nephrology" in run.told


def test_what_others_have_ordered_already_need_not_be_ordered_again() -> None:
    """A urinalysis stands in one patient's chart since 07:20."""
    asked = {}
    for case in cases("small", "second", "third"):
        if case["urine"]:
            continue
        run = play(plain(case), lambda action: None if '"24356-8"' in action else action)
        orders = scenario().chart.search("ServiceRequest", patient=case["mrn"], status="active", _count="200")
        asked[case.id] = any(each["code"].get("text") == "UA" for each in orders)
        assert run.solved == asked[case.id], run.told
    assert set(asked.values()) == {True, False}


def test_every_careful_reading_of_the_baseline_is_right_where_it_leads_to_one_stage() -> None:
    """Results of this stay may count or not; without others the median of a year does."""
    case = next(each for each in family("kidney_injury").cases if each["mrn"] == "H7002500")
    gold = play(plain(case))
    assert gold.solved
    for value, right in ((1.05, True), (1.16, True), (0.95, True), (1.4, False)):
        run = play(plain(case), lambda action, told=value: action.replace("FINISH([1.05,", f"FINISH([{told},"))  # type: ignore[misc]
        assert run.solved == right, run.told


def test_a_laxative_may_be_held_where_stools_are_loose_and_only_there() -> None:
    judged: set[bool] = set()
    chart = scenario().chart
    for case in map(plain, family("kidney_injury").cases):
        orders = chart.search("MedicationRequest", patient=case["mrn"], status="active", _count="300")
        here = [each for each in orders if "inpatient" in str(each.get("category"))]
        laxative = next((each["id"] for each in here if "enna" in str(each["medicationCodeableConcept"])), None)
        if laxative is None or case["stools"] in judged:
            continue
        judged.add(case["stools"])
        hold = Patch(
            f"{scenario().backend.base_url}/MedicationRequest/{laxative}",
            json.dumps([{"op": "replace", "path": "/status", "value": "on-hold"}]),
        )
        *work, finish = play(case)["sent"]
        run = say(case, *work, render(hold), finish)
        assert run.solved == case["stools"], run.told
    assert judged == {True, False}


def test_three_months_may_be_counted_by_the_calendar() -> None:
    """On November 12 a result of the afternoon of August 12 is 92 days old, and of the last three months."""
    case = family("kidney_injury").cases[12]
    for baseline, right in ((0.98, True), (case["baseline"], True), (0.96, False)):
        run = play(case, lambda action, value=baseline: f"FINISH([{value}, 1])" if "FINISH" in action else action)  # type: ignore[misc]
        assert run.solved == right, run.told
