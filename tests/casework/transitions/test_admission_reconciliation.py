"""Reconciliation at admission: statements may be written anew, and changed orders, too; nothing odd raises."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.actions import Patch, Post, Put, parse_action, render
from mab_gym.tasking.case import Case
from tests.casework.playing import Played, family, plain, play, say, scenario

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NAME = "admission_reconciliation"


def cases() -> list[Case]:
    return list(family(NAME).cases)


def writes(run: Played) -> list[str]:
    return [each for each in run["sent"] if not each.startswith(("GET", "FINISH"))]


def ended(url: str, status: str) -> str:
    return render(Patch(url, json.dumps([{"op": "replace", "path": "/status", "value": status}])))


def anew(kind: str, urls: list[str]) -> Any:
    """Returns a change that creates what a gold solution replaces, and notes the addresses of the old ones."""

    def change(action: str) -> str:
        match parse_action(action, VERBS):
            case Put(url, body) if f"/{kind}/" in url:
                urls.append(url)
                made = json.loads(body)
                del made["id"]
                return render(Post(url.rpartition("/")[0], json.dumps(made)))
        return action

    return change


def test_the_list_may_be_written_anew() -> None:
    """Copied statements are entered in error, and true ones stand beside them; none stands beside a copy that stays."""
    for case in map(plain, cases()[:8]):
        copied: list[str] = []
        run = play(case, anew("MedicationStatement", copied))
        assert not run.solved
        whole = say(case, *(ended(url, "entered-in-error") for url in copied), *writes(run))
        assert whole.solved, whole.told


def test_a_dose_may_be_changed_by_a_new_order() -> None:
    found = 0
    for case in map(plain, cases()):
        old: list[str] = []
        run = play(case, anew("MedicationRequest", old))
        if old:
            found += not run.solved  # about some drugs readers may differ, and their orders are not judged
            whole = say(case, *(ended(url, "stopped") for url in old), *writes(run))
            assert whole.solved, whole.told
    assert found


def test_a_drug_may_be_stopped_where_it_may_be_held() -> None:
    for case in cases()[:8]:
        assert play(case, lambda action: action.replace('"on-hold"', '"stopped"')).solved


@pytest.mark.parametrize(
    "odd", [None, 7, "x", [], [None], {}, [{"doseAndRate": 3}], [{"doseAndRate": [{"doseQuantity": []}]}]]
)
def test_odd_statements_do_not_raise(odd: Any) -> None:
    case = cases()[0]

    def change(action: str) -> str:
        match parse_action(action, VERBS):
            case Put(url, body) if "/MedicationStatement/" in url:
                return render(Put(url, json.dumps({**json.loads(body), "dosage": odd, "derivedFrom": odd})))
        return action

    run = play(case, change)
    assert not run.solved
    assert not any(each["code"] == "unjudged" for each in run["verdict"]["reasons"])


def test_beginning_a_home_drug_by_oneself_is_unsafe() -> None:
    case = cases()[0]
    order = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "medicationCodeableConcept": {"text": "aspirin"},
    }
    begun = render(Post(f"{scenario().backend.base_url}/MedicationRequest", json.dumps(order)))
    assert say(case, *writes(play(case)), begun)["verdict"]["unsafe"]
