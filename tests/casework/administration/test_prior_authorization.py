"""Prior authorization: other right ways, what goes too far, and shapes that no plan has seen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.tasking.case import Case
from tests.casework.administration.actions import body_of, changed
from tests.casework.playing import Played, family, plain, play

CASES = tuple(map(plain, family("prior_authorization").cases))


def of(decision: str) -> Case:
    """A case with a request that comes to this."""
    return next(case for case in CASES if any(each["decision"] == decision for each in case["requests"]))


def test_other_right_ways() -> None:
    """The Task as a whole, messages about the prescription, another way that the record shows, and other words."""

    def put(action: str) -> str:
        if not action.startswith("PATCH"):
            return action
        head, body = body_of(action)
        return f"{head}\n{json.dumps([*body, {'op': 'add', 'path': '/businessStatus', 'value': {'text': 'done'}}])}"

    def worded(body: dict[str, Any]) -> None:
        body["item"][0]["productOrService"] = {"text": body["item"][0]["productOrService"]["text"].upper()}

    for case in CASES[:6]:
        assert play(case, put).solved
        assert play(case, changed("Claim", worded)).solved


def test_each_way_that_the_record_shows_is_right() -> None:
    found = [(case, each) for case in CASES for each in case["requests"] if len(each["ways"]) > 1]
    assert found
    for case, request in found[:5]:
        for way, proof in request["ways"].items():

            def change(body: dict[str, Any], way: str = way, proof: Any = proof, mrn: str = request["mrn"]) -> None:
                if body["subject"]["reference"] != f"Patient/{mrn}":
                    return
                for item in body["item"]:
                    if item["linkId"] == "metformin-rule":
                        item["answer"] = [{"valueCoding": {"code": way}}]
                    if item["linkId"] == "metformin-evidence":
                        item["answer"] = [{"valueReference": {"reference": each}} for each in proof]

            run = play(case, changed("QuestionnaireResponse", change))
            assert run.solved, run.told


@pytest.mark.parametrize("element", ["supportingInfo", "insurance", "item", "provider"])
@pytest.mark.parametrize(
    "shape", [None, "words", 7, [["x"]], [{"valueReference": {"reference": 3}}], {"reference": []}]
)
def test_no_shape_of_a_claim_makes_it_raise(element: str, shape: Any) -> None:
    run = play(of("send"), changed("Claim", lambda body: body.update({element: shape})))
    assert not run.solved
    assert 0 <= run["verdict"]["credit"] < 1


def released(case: Case) -> Played:
    """Plays a case, and releases the first prescription at the end."""

    def change(action: str) -> str:
        return action.replace('"value": "rejected"', '"value": "completed"')

    return play(case, change)


def test_what_is_declined_is_not_completed() -> None:
    run = released(of("decline"))
    assert not run.solved
    assert run["verdict"]["credit"] > 0.5
