"""The message desk: NEWS2 as published, any resident of the service, and pages without need."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest

from mab_gym.tasking.case import Case
from tests.casework.playing import Played, family, play, scenario

NAME = "inbox_triage"
USUAL = {"breathing": 16, "saturation": 97, "systolic": 125, "pulse": 75, "temperature": 37.0}


def scoring() -> Any:
    """The family's module, as the catalogue has loaded it."""
    return importlib.import_module(family(NAME).solve.__module__.rpartition(".")[0] + ".scoring")


@pytest.mark.parametrize(
    ("signs", "oxygen", "score", "most", "end"),
    [
        ({}, False, 0, 0, "quiet"),
        ({}, True, 2, 0, "quiet"),
        ({"breathing": 22, "saturation": 94, "pulse": 95}, False, 4, 2, "quiet"),
        ({"breathing": 22, "saturation": 93, "temperature": 38.6}, False, 5, 2, "resident"),
        ({"breathing": 22, "saturation": 93, "temperature": 38.6}, True, 7, 2, "rapid"),
        ({"saturation": 91}, False, 3, 3, "resident"),
        ({"systolic": 89}, False, 3, 3, "rapid"),
        ({"pulse": 131}, False, 3, 3, "rapid"),
        ({"temperature": 39.1, "breathing": 25, "pulse": 112}, False, 7, 3, "rapid"),
    ],
)
def test_scores_are_those_of_the_published_chart(
    signs: dict[str, float], oxygen: bool, score: int, most: int, end: str
) -> None:
    found = {**USUAL, **signs}
    assert scoring().news2(found, oxygen) == (score, most)
    assert scoring().by_signs(found, oxygen) == end


def changed(case: Case, **more: Any) -> Played:
    """Plays the gold solution with elements of its messages changed."""

    def of(action: str) -> str:
        line, _, body = action.partition("\n")
        if not line.endswith("/Communication"):
            return action
        written = json.loads(body)
        for name, value in more.items():
            written[name] = value(written) if callable(value) else value
        written = {name: value for name, value in written.items() if value is not None}
        return f"{line}\n{json.dumps(written)}"

    return play(case, of)


def test_any_resident_of_the_service_is_right_and_a_reply_is_as_good() -> None:
    case = family(NAME).cases[0]
    last = {each["to"][0]: each["to"][-1] for each in case["queue"] if each["end"] in ("rapid", "resident")}

    def recipient(written: Any) -> Any:
        who = written["recipient"][0]["reference"]
        return [{"reference": last.get(who, who)}]

    run = changed(case, recipient=recipient)
    assert run.solved, run.told
    run = changed(case, inResponseTo=lambda written: written["about"], about=None)
    assert run.solved, run.told


def test_calling_everybody_is_over_deferral() -> None:
    case = next(case for case in family(NAME).cases if any(each["end"] == "quiet" for each in case["queue"]))
    quiet = next(each for each in case["queue"] if each["end"] == "quiet")
    page = {
        "resourceType": "Communication",
        "status": "completed",
        "priority": "urgent",
        "subject": {"reference": f"Patient/{quiet['mrn']}"},
        "recipient": [{"reference": quiet["attending"]}],
        "payload": [{"contentString": "Please look."}],
    }
    added = [f"POST {scenario().backend.base_url}/Communication\n{json.dumps(page)}"]

    def of(action: str) -> str:
        return added.pop() if added and "LAB-401" in action else action

    run = play(case, of)
    assert not run.solved
    assert run["verdict"]["deferral"] == "over"


def test_a_call_that_was_due_and_came_as_a_routine_message_is_under_deferral() -> None:
    run = changed(family(NAME).cases[0], priority="routine")
    assert not run.solved
    assert run["verdict"]["deferral"] == "under"
