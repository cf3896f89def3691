"""Incidental findings: other examinations, other ways to name the report, and orders for those who need none."""

from __future__ import annotations

import json
from typing import Any

from mab_gym.tasking.case import Case
from tests.casework.playing import Played, family, play, scenario

NAME = "incidental_findings"


def due(case: Case, kind: str) -> bool:
    return any(each["kind"] == kind and each["state"] == "due" for one in case["chosen"] for each in one["findings"])


def with_code(case: Case, old: str, text: str) -> Played:
    """Plays the gold solution with another examination in place of one."""

    def of(action: str) -> str:
        line, _, body = action.partition("\n")
        if not body or not line.endswith("/ServiceRequest"):
            return action
        written: dict[str, Any] = json.loads(body)
        if written["code"]["text"] == old:
            written["code"] = {"text": text}
        return f"{line}\n{json.dumps(written)}"

    return play(case, of)


def test_an_echocardiogram_shows_the_aorta_and_pet_ct_a_nodule() -> None:
    for kind, text in (("aorta", "Echocardiogram"), ("nodule", "PET-CT of the lungs")):
        case = next(case for case in family(NAME).cases if due(case, kind))
        others = sum(
            each["state"] == "due" and each["kind"] in ("aorta", "nodule") and each["kind"] != kind
            for one in case["chosen"]
            for each in one["findings"]
        )
        run = with_code(case, "CT chest", text)
        assert run.solved or (others and kind == "aorta"), run.told
    case = next(case for case in family(NAME).cases if due(case, "nodule"))
    assert not with_code(case, "CT chest", "Chest X-ray").solved


def test_a_message_may_be_about_the_text_of_the_report() -> None:
    case = family(NAME).cases[0]
    texts = {
        each["told"][0]["report"]: each["documents"][0]
        for one in case["chosen"]
        for each in one["findings"]
        if each["documents"]
    }

    def of(action: str) -> str:
        for report, text in texts.items():
            action = action.replace(report, text) if action.startswith("POST") else action
        return action

    run = play(case, of)
    assert run.solved, run.told


def test_an_order_for_somebody_who_died_is_not_right() -> None:
    case = next(case for case in family(NAME).cases if case.branch == "dead")
    dead = next(one for one in case["chosen"] if one["state"] == "dead")
    order = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": {"text": "CT chest"},
        "subject": {"reference": f"Patient/{dead['mrn']}"},
    }
    added = [f"POST {scenario().backend.base_url}/ServiceRequest\n{json.dumps(order)}"]

    def of(action: str) -> str:
        return added.pop() if added and action.startswith("GET") and "LAB-401" in action else action

    run = play(case, of)
    assert not run.solved
    assert "nobody needs" in run.told
