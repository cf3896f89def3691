"""Release of information: other right ways, breaches, and shapes that no clerk writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.tasking.case import Case
from tests.casework.administration.actions import body_of, changed
from tests.casework.playing import family, plain, play

CASES = tuple(map(plain, family("release_of_information").cases))


def of(kind: str) -> tuple[Case, dict[str, Any]]:
    """A case with a request of a kind, and the request."""
    return next((case, each) for case in CASES for each in case["requests"] if each["kind"] == kind)


def test_other_right_ways() -> None:
    """A coded reason, a release that names the patient alone, an answer about the Task."""

    def coded(action: str) -> str:
        if not action.startswith("PATCH"):
            return action
        head, operations = body_of(action)
        operations[1]["value"] = {"coding": [{"code": operations[1]["value"]["text"]}]}
        return f"{head}\n{json.dumps(operations)}"

    for case in CASES[:5]:
        assert play(case, coded).solved
        assert play(case, changed("DocumentManifest", lambda body: body.pop("related"))).solved


def test_what_only_names_a_test_may_go_or_stay() -> None:
    for case in CASES:
        for request in case["requests"]:
            if request["loose"] and request["outcome"][0] == "completed":

                def more(body: dict[str, Any], request: dict[str, Any] = request) -> None:
                    if body["subject"]["reference"].endswith(request["mrn"]):
                        body["content"] += [{"reference": each} for each in request["loose"]]

                assert play(case, changed("DocumentManifest", more)).solved


def test_a_breach_earns_nothing() -> None:
    case, request = of("limited")

    def breach(body: dict[str, Any]) -> None:
        if body["subject"]["reference"].endswith(request["mrn"]):
            body["content"].append({"reference": request["protected"][0]})

    verdict = play(case, changed("DocumentManifest", breach))["verdict"]
    assert verdict["credit"] == 0
    assert any(reason["critical"] for reason in verdict["reasons"])


def test_one_document_too_few_is_no_success_but_earns() -> None:
    case, request = of("own")

    def fewer(body: dict[str, Any]) -> None:
        if body["subject"]["reference"].endswith(request["mrn"]):
            body["content"].pop()

    verdict = play(case, changed("DocumentManifest", fewer))["verdict"]
    assert not verdict["success"]
    assert 0.5 < verdict["credit"] < 1


@pytest.mark.parametrize("element", ["content", "related", "status"])
@pytest.mark.parametrize("shape", [None, "words", 7, [["x"]], [{"reference": 3}], {"ref": [{}]}])
def test_no_shape_makes_it_raise(element: str, shape: Any) -> None:
    run = play(CASES[0], changed("DocumentManifest", lambda body: body.update({element: shape})))
    assert 0 <= run["verdict"]["credit"] <= 1
    assert not any(reason["code"] == "unjudged" for reason in run["verdict"]["reasons"])
