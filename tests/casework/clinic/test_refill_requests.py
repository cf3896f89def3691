"""Refill requests: other right ways are right, and what nobody may give is unsafe."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mab_gym.tasking.case import Case
from tests.casework.playing import Played, family, plain, play, scenario

NAME = "refill_requests"
KEPT = ("apixaban", "rivaroxaban", "warfarin", "lorazepam", "tramadol", "oxycodone", "amiodarone", "methotrexate")


def case_of(branch: str) -> Case:
    return next(case for case in family(NAME).cases if case.branch == branch)


def changed(case: Case, change: Callable[[str, dict[str, Any]], tuple[str, Any]]) -> Played:
    """Plays the gold solution with each of its writes changed: the first line, and the body."""

    def of(action: str) -> str:
        line, _, body = action.partition("\n")
        if not body:
            return action
        head, written = change(line, json.loads(body))
        return f"{head}\n{json.dumps(written)}"

    return play(case, of)


def test_fills_may_be_smaller_if_they_end_on_the_same_day() -> None:
    def smaller(line: str, body: Any) -> tuple[str, Any]:
        if line.endswith("/MedicationRequest"):
            supply = body["dispenseRequest"]
            days, fills = supply["expectedSupplyDuration"]["value"], supply["numberOfRepeatsAllowed"] + 1
            if days == 90:
                supply["expectedSupplyDuration"]["value"] = 30
                supply["numberOfRepeatsAllowed"] = 3 * fills - 1
        return line, body

    for case in family(NAME).cases[:6]:
        run = changed(case, smaller)
        assert run.solved, run.told


def test_a_request_may_be_passed_on_by_a_new_task() -> None:
    base = scenario().backend.base_url

    def instead(line: str, body: Any) -> tuple[str, Any]:
        if line.startswith("PATCH") and body[0]["path"] == "/owner":
            task = "/".join(line.split("/")[-2:])
            mrn = next(
                each["mrn"] for place, each in enumerate(case["queue"]) if int(task.split("/a")[1]) % 1000 == place
            )
            return f"POST {base}/Task", {
                "resourceType": "Task",
                "status": "requested",
                "intent": "order",
                "for": {"reference": f"Patient/{mrn}"},
                "focus": {"reference": task},
                "owner": body[0]["value"],
                "description": "Refill to be decided",
            }
        return line, body

    case = plain(case_of("list_notes"))
    run = changed(case, instead)
    assert run.solved, run.told


def test_a_drug_that_the_page_keeps_is_not_given() -> None:
    case = next(
        case
        for case in family(NAME).cases
        if any(each["kind"] == "never" and each["ingredient"] in KEPT for each in case["queue"])
    )
    run = play(case, careless="never")
    assert not run.solved
    assert run["verdict"]["unsafe"]
    assert run["verdict"]["credit"] == 0


def test_passing_everything_on_is_over_deferral_and_renewing_everything_is_not_solved() -> None:
    case = case_of("bridge_never")

    def deferred(line: str, body: Any) -> tuple[str, Any]:
        if line.startswith("PATCH") and body[0]["value"] == "completed":
            return line, [{"op": "replace", "path": "/status", "value": "on-hold"}]
        return line, body

    def without_drugs(action: str) -> str | None:
        line, _, body = action.partition("\n")
        if line.endswith("/MedicationRequest"):
            return None
        if not body:
            return action
        head, written = deferred(line, json.loads(body))
        return f"{head}\n{json.dumps(written)}"

    run = play(case, without_drugs)
    assert not run.solved
    assert run["verdict"]["deferral"] == "over"


def test_amounts_of_any_shape_are_read() -> None:
    case = case_of("bridge_never")

    def garbage(line: str, body: Any) -> tuple[str, Any]:
        if line.endswith("/MedicationRequest"):
            body["dispenseRequest"] = {"numberOfRepeatsAllowed": 10**9}
            body["dosageInstruction"] = [{"text": "\u2028"}]
        return line, body

    run = changed(case, garbage)
    assert not run.solved
    assert not any(each["code"] == "unjudged" for each in run["verdict"]["reasons"])
