"""Rebooking: every time that fits is right, and what does not fit is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.tasking.case import Case
from tests.casework.administration.actions import body_of, changed
from tests.casework.playing import Played, family, play, scenario

CASES = family("rebooking").cases


def slot_of(number: str) -> dict[str, Any]:
    return next(iter(scenario().chart.search("Slot", _id=number)))


def moved(case: Case, mrn: str, number: str) -> Played:
    """Plays a case with another slot for a patient."""
    slot = slot_of(number)
    schedule = next(scenario().chart.search("Schedule", _id=slot["schedule"]["reference"].split("/")[1]))
    replaced: list[str] = []

    def change(action: str) -> str:
        head, body = body_of(action) if "\n" in action else (action, None)
        if (
            head.startswith("POST")
            and isinstance(body, dict)
            and body["resourceType"] == "Appointment"
            and mrn in json.dumps(body)
        ):
            replaced.append(body["slot"][0]["reference"])
            body |= {"slot": [{"reference": f"Slot/{number}"}], "start": slot["start"], "end": slot["end"]}
            body["participant"][1]["actor"] = {"reference": schedule["actor"][0]["reference"]}
            return f"{head}\n{json.dumps(body)}"
        if replaced and head.startswith("PATCH") and head.endswith(replaced[-1]):
            return action.replace(replaced[-1], f"Slot/{number}")
        return action

    return play(case, change)


def test_any_time_that_fits_is_right() -> None:
    seen = 0
    for case in CASES[:8]:
        used = set()
        for visit in case["visits"]:
            free = [each for each in visit["allowed"] if each not in used]
            used.update(visit["allowed"][:2])
            if len(free) > 3:
                run = moved(case, visit["mrn"], free[-1])
                assert run.solved, run.told
                seen += 1
    assert seen >= 8


def test_a_time_that_does_not_fit_earns_the_rest_alone() -> None:
    case = CASES[0]
    visit = next(each for each in case["visits"] if each["allowed"])
    others = scenario().chart.search("Slot", status="free", _count="50")
    wrong = next(str(each["id"]) for each in others if str(each["id"]) not in visit["allowed"])
    run = moved(case, visit["mrn"], wrong)
    assert not run.solved
    assert 0.5 < run["verdict"]["credit"] < 1


def test_two_in_one_slot_is_no_way() -> None:
    case = CASES[0]
    first: list[Any] = []

    def same(body: dict[str, Any]) -> None:
        first.append((body["slot"], body["start"], body["end"]))
        body["slot"], body["start"], body["end"] = first[0]

    run = play(case, changed("Appointment", same))
    assert not run.solved


@pytest.mark.parametrize("element", ["slot", "participant", "start", "status"])
@pytest.mark.parametrize("shape", [None, "words", 7, [["x"]], [{"reference": 3}], {"actor": {"reference": []}}])
def test_no_shape_makes_it_raise(element: str, shape: Any) -> None:
    run = play(CASES[0], changed("Appointment", lambda body: body.update({element: shape})))
    assert not run.solved
    assert not any(reason["code"] == "unjudged" for reason in run["verdict"]["reasons"])
