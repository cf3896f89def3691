"""Follow-up booking: a visit may be moved in place, blood ordered in parts; free slots alone are not enough."""

from __future__ import annotations

import json

import pytest

from mab_gym.actions import Patch, Post, Put, parse_action, render
from mab_gym.tasking.case import Case
from tests.casework.playing import family, plain, play, say, scenario

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NAME = "followup_booking"


def cases(branch: str = "") -> list[Case]:
    return [case for case in family(NAME).cases if branch in ("", case.branch)]


def test_a_visit_may_be_moved_by_put() -> None:
    """The booking that comes too late gets another slot in place of being cancelled."""
    for case in map(plain, cases("booked_late")):
        late: list[str] = []

        def change(action: str, case: Case = case, late: list[str] = late) -> str | None:
            match parse_action(action, VERBS):
                case Patch(url, _) if "/Appointment/" in url:
                    late.append(url.rpartition("/")[2])
                    return None
                case Post(url, body) if url.endswith("/Appointment") and case["specialist"] in body:
                    moved = {**json.loads(body), "id": late[0]}
                    return render(Put(f"{url}/{late[0]}", json.dumps(moved)))
            return action

        run = play(case, change)
        assert run.solved, run.told


def test_blood_may_be_ordered_in_two_requests() -> None:
    found = next(case for case in cases() if case["new_drug"] == "lisinopril")
    base = scenario().backend.base_url
    ordered: list[str] = []

    def change(action: str) -> str:
        if "51990-0" not in action:
            return action
        ordered.append(action)
        return action.replace("51990-0", "2160-0").replace("Basic metabolic panel", "Creatinine")

    run = play(found, change)
    assert not run.solved
    potassium = ordered[0].replace("51990-0", "2823-3").replace("Basic metabolic panel", "Potassium")
    writes = [each for each in run["sent"] if not each.startswith("GET") and not each.startswith("FINISH")]
    both = say(found, *writes, potassium)
    assert "Creatinine and potassium" in run.told
    assert "Creatinine and potassium" not in both.told, both.told
    assert base in potassium


@pytest.mark.parametrize("change", ["no status", "no slot", "another patient", "two patients"])
def test_odd_appointments_are_judged(change: str) -> None:
    case = cases("plain")[0]
    other = next(mrn for mrn in scenario().chart.profiles() if mrn != case["mrn"])

    def changed(action: str) -> str:
        match parse_action(action, VERBS):
            case Post(url, body) if url.endswith("/Appointment"):
                made = json.loads(body)
                match change:
                    case "no status":
                        made["status"] = "proposed"
                    case "no slot":
                        del made["slot"]
                    case "another patient":
                        made["participant"][0]["actor"]["reference"] = f"Patient/{other}"
                    case _:
                        made["participant"].append({"actor": {"reference": "Patient/nobody"}, "status": "accepted"})
                return render(Post(url, json.dumps(made)))
        return action

    run = play(case, changed)
    assert change == "two patients" or not run.solved
    assert run["verdict"]["unsafe"] == (change == "another patient")
