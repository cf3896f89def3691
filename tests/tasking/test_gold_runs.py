"""Gold runs: what is taken down of a solution, and what is said of one that is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mab_gym.envs._scenario import Scenario
from mab_gym.errors import ContentError
from mab_gym.tasking._gold import GoldRun, play_gold
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

CASE = Case("my_family", 3, "any", {"mrn": "S1"})
TASK = {"resourceType": "Task", "status": "requested", "intent": "order"}


def run(scenario: Scenario, *actions: str) -> GoldRun:
    """Plays a solution that writes these actions, whatever comes back."""

    def solve(case: Case, desk: Desk) -> Solution:
        desk.decide("what to write", case.number)
        yield from (action for action in actions)  # a tuple takes no replies

    desk = Desk(scenario.backend.base_url, datetime(2023, 11, 13, 10, 15, tzinfo=UTC))
    return play_gold(solve, CASE, desk, scenario.backend.open())


def test_steps_writes_and_answer(scenario: Scenario) -> None:
    base = scenario.backend.base_url
    posted = f"POST {base}/Task\n{json.dumps(TASK)}"
    found = run(scenario, f"GET {base}/Patient?_count=1", posted, 'FINISH([1, "é"])', "never reached")
    assert found == GoldRun(3, '[1, "é"]', [TASK])
    assert json.loads(found.to_json(CASE)) == {"number": 3, "answer": [1, "é"], "writes": [TASK]}
    assert "é" in found.to_json(CASE)


def test_replies_reach_the_solution_and_nothing_is_kept(scenario: Scenario) -> None:
    statuses: list[int] = []

    def solve(case: Case, desk: Desk) -> Solution:
        reply = yield desk.post(TASK)
        statuses.append(reply.status)
        reply = yield desk.get("Task", status="requested")
        statuses.append(json.loads(reply.body)["total"])
        yield desk.finish([])

    session = scenario.backend.open()
    for _ in range(2):
        play_gold(solve, CASE, Desk(scenario.backend.base_url, scenario.backend.now), session)
    assert statuses == [201, 1, 201, 1]


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ([], "the gold solution of my_family/03 ends without FINISH"),
        (["GET {base}/Patient?_count=1"], "the gold solution of my_family/03 ends without FINISH"),
        (["GET {base}/Patient?_count=1"] * 250, "the gold solution of my_family/03 does not come to an end"),
        (["PUT {base}/Patient"], "the gold solution of my_family/03: an action begins with GET, POST or FINISH"),
    ],
)
def test_what_is_no_solution(actions: list[str], words: str, scenario: Scenario) -> None:
    with pytest.raises(ContentError, match=words):
        run(scenario, *[each.format(base=scenario.backend.base_url) for each in actions])


def test_an_answer_that_is_no_list_cannot_be_frozen() -> None:
    with pytest.raises(ContentError, match="my_family/03: the answer is not a list"):
        GoldRun(1, "7", []).to_json(CASE)
