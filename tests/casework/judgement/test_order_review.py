"""Order review: a right order may stand beside the draft; releasing or refusing all is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mab_gym.actions import Patch, Post, Put, parse_action, render
from mab_gym.casework import arrival_id
from mab_gym.tasking.case import Case
from tests.casework.playing import Played, family, plain, play, say, scenario

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NAME = "order_review"


def cases() -> list[Case]:
    return list(family(NAME).cases)


def writes(run: Played) -> list[str]:
    return [each for each in run["sent"] if not each.startswith(("GET", "FINISH"))]


def finish(run: Played) -> str:
    return str(run["sent"][-1])


def status(url: str, value: str) -> str:
    return render(Patch(url, json.dumps([{"op": "replace", "path": "/status", "value": value}])))


def beside(action: str) -> list[str]:
    """A changed draft becomes a refused one with a new order beside it."""
    match parse_action(action, VERBS):
        case Put(url, body):
            new = {name: value for name, value in json.loads(body).items() if name not in ("id", "meta")}
            return [status(url, "cancelled"), render(Post(url.rpartition("/")[0], json.dumps(new)))]
    return [action]


def test_the_right_order_may_stand_beside_the_draft() -> None:
    changed = 0
    for case in map(plain, cases()):
        run = play(case)
        told = [one for each in writes(run) for one in beside(each)]
        changed += len(told) - len(writes(run))
        whole = say(case, *told, finish(run))
        assert whole.solved, whole.told
    assert changed


def order(drug: str, dose: float, unit: str, times: str) -> dict[str, Any]:
    return {
        "status": "active",
        "medicationCodeableConcept": {"text": drug},
        "dosageInstruction": [
            {"timing": {"code": {"text": times}}, "doseAndRate": [{"doseQuantity": {"value": dose, "unit": unit}}]}
        ],
    }


@pytest.mark.parametrize(
    ("right", "written"),
    [
        (True, order("Enoxaparin 30 mg syringe", 30, "mg", "daily")),
        (True, order("heparin", 5000, "units", "every 8 hours")),
        (True, order("heparin", 5000, "units", "BID")),
        (False, order("Enoxaparin", 40, "mg", "daily")),
        (False, order("Enoxaparin", 30, "mg", "every 12 hours")),
        (False, order("heparin", 5000, "units", "once")),
        (False, order("heparin", 7500, "units", "every 8 hours")),
        (False, order("apixaban", 2.5, "mg", "twice daily")),
    ],
)
def test_enoxaparin_in_bad_kidneys_has_two_right_ways(right: bool, written: dict[str, Any]) -> None:
    rights = [
        {"drug": "enoxaparin", "code": "67108", "daily": [20, 30], "most": 30, "unit": "mg", "once": False},
        {"drug": "heparin", "code": "5224", "daily": [10_000, 15_000], "most": 5000, "unit": "[iU]", "once": False},
    ]
    draft = {"key": "enoxaparin", "order": "", "end": "change", "rule": "kidneys", "harm": False, "rights": rights}
    case = replace(cases()[0], params={**cases()[0].params, "drafts": [draft]})
    whose = {"resourceType": "MedicationRequest", "intent": "order", "subject": {"reference": f"Patient/{case['mrn']}"}}
    number = arrival_id(case, 0)
    url = f"{scenario().backend.base_url}/MedicationRequest/{number}"
    run = say(case, render(Put(url, json.dumps({**whose, "id": number, **written}))))
    assert run["criteria"]["checkpoint.draft_1"] is right


@pytest.mark.parametrize("word", ["stopped", "entered-in-error"])
def test_a_refusal_has_more_than_one_status(word: str) -> None:
    for case in cases()[:6]:
        run = play(case, lambda action: action.replace('"cancelled"', f'"{word}"'))
        assert run.solved, run.told


def test_there_may_be_a_message_for_each_draft() -> None:
    for case in map(plain, cases()[:6]):
        run = play(case)
        told: list[str] = []
        for each in writes(run):
            match parse_action(each, VERBS):
                case Post(url, body) if "Communication" in url:
                    message = json.loads(body)
                    told += [render(Post(url, json.dumps({**message, "about": [one]}))) for one in message["about"]]
                case _:
                    told.append(each)
        whole = say(case, *told, finish(run))
        assert whole.solved, whole.told


def drafts(run: Played) -> list[str]:
    found: list[str] = []
    for each in writes(run):
        match parse_action(each, VERBS):
            case Put(url, _) | Patch(url, _):
                found.append(url)
    return found


def test_releasing_all_harms_and_refusing_all_loses_what_is_right() -> None:
    unsafe = 0
    for case in cases():
        run = play(case)
        released = say(case, *(status(url, "active") for url in drafts(run)))
        assert not released.solved
        unsafe += released["verdict"]["unsafe"]
        refused = say(case, *(status(url, "cancelled") for url in drafts(run)))
        assert not refused.solved
        assert not refused["verdict"]["unsafe"]
        assert "was right" in refused.told
    assert unsafe >= 0.7 * len(cases())


@pytest.mark.parametrize(
    "odd", [None, 7, "x", [None], {}, [{"timing": 3, "doseAndRate": "much"}], [{"doseAndRate": [[]]}]]
)
def test_odd_orders_do_not_raise(odd: Any) -> None:
    case = cases()[0]
    for url in drafts(play(case)):
        body = {
            "resourceType": "MedicationRequest",
            "id": url.rpartition("/")[2],
            "status": "active",
            "intent": "order",
            "subject": {"reference": f"Patient/{case['mrn']}"},
            "medicationCodeableConcept": {"text": "x"},
            "dosageInstruction": odd,
        }
        verdict = say(case, render(Put(url, json.dumps(body))))["verdict"]
        assert not verdict["success"]
        assert not any(each["code"] == "unjudged" for each in verdict["reasons"])
