"""Nil by mouth: other right ways, insulin ordered twice, operations that must wait and those that need not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from mab_gym.actions import Patch, Post, parse_action, render
from mab_gym.casework import arrival_id
from mab_gym.tasking.case import Case
from tests.casework.playing import family, play, scenario

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def cases(*branches: str) -> list[Case]:
    found = [case for case in family("nil_by_mouth").cases if case.branch in branches]
    assert found
    return found


def body_of(action: str) -> dict[str, Any]:
    asked = parse_action(action, VERBS)
    return dict(json.loads(asked.body)) if isinstance(asked, Post) else {}


def posted(body: dict[str, Any]) -> str:
    return render(Post(f"{scenario().backend.base_url}/{body['resourceType']}", json.dumps(body)))


def test_orders_may_be_stopped_and_times_written_in_another_zone() -> None:
    def changed(action: str) -> str:
        body = body_of(action)
        if body.get("resourceType") == "NutritionOrder":
            period = body["oralDiet"]["schedule"][0]["repeat"]["boundsPeriod"]
            period["start"] = datetime.fromisoformat(period["start"]).astimezone(UTC).isoformat()
            return posted(body)
        return action.replace('"on-hold"', '"stopped"')

    for case in cases("plain", "sugar", "thin", "late"):
        run = play(case, changed)
        assert run.solved, run.told


def test_basal_insulin_may_be_ordered_anew_if_the_old_order_ends() -> None:
    some = [
        (case, place)
        for case in cases("sugar")
        for place, (drug, *_) in enumerate(case["ordered"])
        if drug == "insulin glargine"
    ]
    assert some
    for case, place in some:
        address, dose = f"MedicationRequest/{arrival_id(case, 5 + place)}", case["ordered"][place][1]
        new = {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": {"text": "Insulin glargine"},
            "subject": {"reference": f"Patient/{case['mrn']}"},
            "dosageInstruction": [
                {
                    "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                    "route": {"text": "subcutaneous"},
                    "doseAndRate": [{"doseQuantity": {"value": round(0.78 * dose), "unit": "units", "code": "[iU]"}}],
                }
            ],
        }

        def anew(action: str, **more: Any) -> str:
            asked = parse_action(action, VERBS)
            mine = isinstance(asked, Patch) and f"/{address}" in action  # noqa: B023
            return posted({**new, **more}) if mine else action  # noqa: B023

        run = play(case, lambda action: anew(action, priorPrescription={"reference": address}))  # noqa: B023
        assert run.solved, run.told
        assert not play(case, anew).solved


def test_fasting_for_an_operation_that_must_wait_is_unsafe() -> None:
    for case in cases("late"):
        run = play(case, careless="late")
        assert not run.solved
        assert run["verdict"]["credit"] == 0


def test_a_needless_page_is_over_deferral() -> None:
    for case in cases("plain", "thin"):
        page = {
            "resourceType": "Communication",
            "status": "completed",
            "priority": "urgent",
            "subject": {"reference": f"Patient/{case['mrn']}"},
            "recipient": [{"reference": case["surgeon"]}],
            "payload": [{"contentString": "Please call."}],
        }
        sent: list[str] = []

        def paged(action: str) -> str:
            first = action.startswith("GET") and "NutritionOrder" in action and not sent  # noqa: B023
            return posted(page) if first else action  # noqa: B023

        assert not play(case, paged).solved
