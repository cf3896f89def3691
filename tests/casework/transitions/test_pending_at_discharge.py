"""Pending results at discharge: reports in place of requests, times in place of dates, the old order ended as well."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mab_gym.actions import Patch, Post, parse_action, render
from mab_gym.tasking.case import Case
from tests.casework.playing import family, plain, play, say, scenario

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NAME = "pending_at_discharge"


def cases() -> list[Case]:
    return list(family(NAME).cases)


def changing(change: Callable[[dict[str, Any]], dict[str, Any]], kind: str = "Task") -> Callable[[str], str]:
    """Returns a change of actions that changes resources of a type alone."""

    def changed(action: str) -> str:
        match parse_action(action, VERBS):
            case Post(url, body) if url.endswith(f"/{kind}"):
                return render(Post(url, json.dumps(change(json.loads(body)))))
        return action

    return changed


def test_a_task_may_be_about_the_report_and_due_at_an_hour() -> None:
    found = 0
    for case in cases():
        reports = {pair[0]: pair[1] for one in case["patients"] for pair in one["pending"] if len(pair) > 1}

        def change(task: dict[str, Any], reports: dict[str, str] = reports) -> dict[str, Any]:
            focus = task["focus"]["reference"]
            end = f"{task['restriction']['period']['end']}T16:00:00-05:00"
            return {
                **task,
                "focus": {"reference": reports.get(focus, focus)},
                "restriction": {"period": {"end": end}},
            }

        found += bool(reports)
        run = play(case, changing(change))
        assert run.solved, run.told
    assert found


def test_the_order_that_was_not_done_may_be_ended() -> None:
    base = scenario().backend.base_url
    for case in map(plain, cases()[:5]):
        run = play(case)
        again = next(each for each in run["sent"] if each.startswith(f"POST {base}/ServiceRequest"))
        coded = json.loads(again.partition("\n")[2])["code"]["coding"][0]["code"]
        rejected = next(one for one in case["patients"] if one["role"] == "rejected")
        assert coded == rejected["other"][0]
        old = [
            each for each in arrivals(case) if each["resourceType"] == "ServiceRequest" and coded in str(each["code"])
        ]
        ended = json.dumps([{"op": "replace", "path": "/status", "value": "revoked"}])
        mine = next(each for each in old if rejected["mrn"] in str(each["subject"]))
        writes = [each for each in run["sent"] if each.startswith("POST")]
        assert say(case, *writes, render(Patch(f"{base}/ServiceRequest/{mine['id']}", ended))).solved


def arrivals(case: Case) -> list[Any]:
    arrive = family(NAME).arrive
    assert arrive is not None
    return list(arrive(case, scenario().chart))


def test_a_page_in_vain_counts_as_deferral() -> None:
    case = next(case for case in cases() if case.branch == "normal")
    result = next(each for each in arrivals(case) if each["resourceType"] == "Observation")
    one = next(one for one in case["patients"] if one["role"] == "answered")
    page = {
        "resourceType": "Communication",
        "status": "completed",
        "priority": "urgent",
        "subject": {"reference": f"Patient/{one['mrn']}"},
        "recipient": [{"reference": one["attending"]}],
        "about": [{"reference": f"Observation/{result['id']}"}],
        "payload": [{"contentString": "please look"}],
    }
    writes = [each for each in play(case)["sent"] if each.startswith("POST")]
    run = say(case, *writes, render(Post(f"{scenario().backend.base_url}/Communication", json.dumps(page))))
    assert not run.solved
    assert "not critical" in run.told


@pytest.mark.parametrize("odd", [None, 7, "soon", [], {"period": 3}, {"period": {"end": "2024-99-99"}}])
def test_odd_times_do_not_raise(odd: Any) -> None:
    run = play(cases()[0], changing(lambda task: {**task, "restriction": odd}))
    assert not run.solved
    assert not any(each["code"] == "unjudged" for each in run["verdict"]["reasons"])
