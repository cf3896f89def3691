"""A misfiled letter: other right ways, what may not be touched, and shapes that nobody expects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.tasking.case import Case
from tests.casework.administration.actions import body_of, changed
from tests.casework.playing import Played, family, play, scenario

CASES = family("misfiled_letter").cases


def of(branch: str) -> Case:
    return next(case for case in CASES if case.branch == branch)


def patched(case: Case, old: str, new: str) -> Played:
    """Plays a case with another value in each patch."""

    def change(action: str) -> str:
        return action.replace(f'"value": "{old}"', f'"value": "{new}"') if action.startswith("PATCH") else action

    return play(case, change)


@pytest.mark.parametrize("old", ["stopped", "revoked"])
@pytest.mark.parametrize("new", ["entered-in-error", "cancelled"])
def test_any_status_that_ends_an_order_is_right(old: str, new: str) -> None:
    if (old, new) != ("revoked", "cancelled"):  # no status of a ServiceRequest
        assert patched(of("reached"), old, new).solved


def test_a_new_order_of_what_was_stopped_is_right() -> None:
    case = of("caught")
    _, number = case["stopped"].split("/")
    order = next(scenario().chart.search("MedicationRequest", _id=number))
    again = {name: order[name] for name in order if name not in ("id", "meta")}
    base = scenario().backend.base_url

    def change(action: str) -> str:
        if action.startswith("PATCH") and action.splitlines()[0].endswith(case["stopped"]):
            return f"POST {base}/MedicationRequest\n{json.dumps(again)}"
        return action

    run = play(case, change)
    assert run.solved, run.told


def test_the_person_is_not_treated_by_the_letter() -> None:
    """An order for the right person is the physician's to give."""
    case = of("caught")
    base = scenario().backend.base_url

    def change(action: str) -> str:
        _, body = body_of(action) if action.startswith("POST") else ("", None)
        if body is None or body["resourceType"] != "Task":
            return action
        drug = {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": body["for"]}
        drug["medicationCodeableConcept"] = {"text": "apixaban"}
        return f"POST {base}/MedicationRequest\n{json.dumps(drug)}"

    verdict = play(case, change)["verdict"]
    assert verdict["credit"] == 0


def test_a_letter_about_nobody_is_filed_nowhere() -> None:
    case = of("nobody")

    def change(action: str) -> str:
        head, body = body_of(action) if action.startswith("POST") else ("", None)
        if body is None or "subject" in body:
            return action
        return f"{head.replace('Communication', 'DocumentReference')}\n" + json.dumps(
            {
                "resourceType": "DocumentReference",
                "status": "current",
                "subject": {"reference": f"Patient/{case['mrn']}"},
                "content": [{"attachment": {"title": "letter"}}],
            }
        )

    verdict = play(case, change)["verdict"]
    assert verdict["credit"] == 0


@pytest.mark.parametrize(
    ("branch", "element", "value"),
    [
        ("reached", "actuality", "potential"),
        ("caught", "actuality", "actual"),
        ("nobody", "subject", {"reference": "Patient/{whose}"}),
        ("reached", "recorder", {"reference": "{author}"}),
        ("caught", "referenceDocument", []),
        ("reached", "date", "2024-11-12"),
    ],
)
def test_an_incident_report_says_what_happened_to_whom(branch: str, element: str, value: Any) -> None:
    case = of(branch)
    told = json.loads(json.dumps(value).replace("{author}", case["author"]).replace("{whose}", case["mrn"][::-1]))
    run = play(case, changed("AdverseEvent", lambda body: body.update({element: told})))
    assert not run.solved
    assert play(case).solved


def test_an_incident_may_be_told_to_the_minute_and_in_any_words() -> None:
    def change(body: dict[str, Any]) -> None:
        body.update(
            date=f"{body['date']}T09:30:00-05:00", event={"text": "Wrong patient"}, seriousness={"text": "none"}
        )

    run = play(of("reached"), changed("AdverseEvent", change))
    assert run.solved, run.told


@pytest.mark.parametrize("element", ["content", "date", "type", "status"])
@pytest.mark.parametrize("shape", [None, "words", 7, [["x"]], [{"attachment": {"data": "%%"}}], {"coding": 3}])
def test_no_shape_of_the_filed_letter_makes_it_raise(element: str, shape: Any) -> None:
    run = play(of("reached"), changed("DocumentReference", lambda body: body.update({element: shape})))
    assert not run.solved
    assert not any(reason["code"] == "unjudged" for reason in run["verdict"]["reasons"])
