"""The results desk: calls may be several or reach more people; calling for everything is over-deferral."""

from __future__ import annotations

import json

from mab_gym.actions import Post, parse_action, render
from mab_gym.casework import arrival_id
from mab_gym.tasking.case import Case
from tests.casework.playing import Played, family, plain, play, say, scenario

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NAME = "results_desk"


def cases() -> list[Case]:
    return list(family(NAME).cases)


def writes(run: Played) -> list[str]:
    return [each for each in run["sent"] if not each.startswith(("GET", "FINISH"))]


def test_a_call_may_be_made_to_each_alone_and_to_more() -> None:
    for case in map(plain, cases()):
        run = play(case)
        told: list[str] = []
        for each in writes(run):
            match parse_action(each, VERBS):
                case Post(url, body) if '"urgent"' in body:
                    call = json.loads(body)
                    told += [render(Post(url, json.dumps({**call, "recipient": [one]}))) for one in call["recipient"]]
                    told.append(
                        render(Post(url, json.dumps({**call, "recipient": [{"reference": "Practitioner/1001"}]})))
                    )
                case _:
                    told.append(each)
        whole = say(case, *told, run["sent"][-1])
        assert whole.solved, whole.told


def test_tasks_may_be_closed_and_a_specimen_drawn_again() -> None:
    base, found = scenario().backend.base_url, 0
    for case in cases()[:10]:
        run = play(case)
        more = []
        for place, result in enumerate(case["results"]):
            task = arrival_id(case, 5 * place)
            more.append(f'PATCH {base}/Task/{task}\n[{{"op": "replace", "path": "/status", "value": "completed"}}]')
            if result["kind"] == "hemolyzed":
                body = {
                    "resourceType": "ServiceRequest",
                    "status": "active",
                    "intent": "order",
                    "priority": "stat",
                    "code": {"text": "Potassium"},
                    "subject": {"reference": f"Patient/{result['mrn']}"},
                }
                more.append(render(Post(f"{base}/ServiceRequest", json.dumps(body))))
                found += 1
        whole = say(case, *writes(run), *more, run["sent"][-1])
        assert whole.solved, whole.told
    assert found


def call(result: dict[str, str], address: str) -> str:
    people = [result[name] for name in ("nurse", "orderer", "attending") if name in result]
    body = {
        "resourceType": "Communication",
        "status": "completed",
        "priority": "urgent",
        "subject": {"reference": f"Patient/{result['mrn']}"},
        "recipient": [{"reference": each} for each in people],
        "about": [{"reference": address}],
        "payload": [{"contentString": "Read back, please."}],
    }
    return render(Post(f"{scenario().backend.base_url}/Communication", json.dumps(body)))


def test_calling_for_everything_is_wrong_and_calling_for_nothing_earns_nothing() -> None:
    for case in cases():
        kinds = {"culture": "DiagnosticReport", "nodule": "DiagnosticReport"}
        calls = [
            call(each, f"{kinds.get(each['kind'], 'Observation')}/{arrival_id(case, 5 * place + 2)}")
            for place, each in enumerate(case["results"])
        ]
        run = say(case, *calls)
        assert not run.solved
        assert "without need" in run.told or "needs no call" in run.told
        quiet = say(case, f"FINISH({json.dumps(['nothing'] * len(case['results']))})")
        assert quiet["verdict"]["credit"] == 0


def test_limits_that_are_local_are_not_asked_where_no_protocol_stands() -> None:
    found = 0
    for case in cases():
        if not any(each["kind"] == "new_limit" for each in case["results"]):
            continue
        assert not play(case, careless="version").solved
        assert play(case, careless="version", knowledge="none").solved
        found += 1
    assert found
