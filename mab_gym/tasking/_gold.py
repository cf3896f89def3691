"""Gold runs: play a case's gold solution on a session of the record system and keep its answer and writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mab_gym.actions import (
    VERBS,
    Finish,
    Invalid,
    parse_action,
    read_answer,
    resolve,
    sent,
)
from mab_gym.backends import RecordSession
from mab_gym.errors import ContentError
from mab_gym.fhir.http._server import Request
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

MOST_ACTIONS: Final = 200
"""The most actions of a gold solution; one that goes on does not end."""


@dataclass(frozen=True, slots=True)
class GoldRun:
    """The steps, answer and writes of one gold solution.

    Attributes:
        steps: The number of its requests and decisions; see `mab_gym.tasking._difficulty`.
        answer: The text between the brackets of its ``FINISH(...)``.
        writes: The resources that it posted, as sent, without what it posted to operations.
    """

    steps: int
    answer: str
    writes: Sequence[Mapping[str, Any]]

    def to_json(self, case: Case) -> str:
        """Returns the run as one line of a ``gold.jsonl``.

        Raises:
            ContentError: The answer is not a JSON list.
        """
        try:
            answer = read_answer(self.answer)
        except ValueError as error:
            raise ContentError(f"the gold solution of {case.id}: {error}") from None
        data = {"number": case.number, "answer": answer, "writes": list(self.writes)}
        return json.dumps(data, ensure_ascii=False)


def play_gold(
    solve: Callable[[Case, Desk], Solution],
    case: Case,
    desk: Desk,
    session: RecordSession,
    change: Callable[[str], str] = str,
    verbs: Sequence[str] = VERBS,
) -> GoldRun:
    """Plays a case's gold solution.

    Args:
        solve: The family's gold solution.
        case: The case to play.
        desk: A new desk.
        session: A session on the case's snapshot; it is reset afterwards. Where the family has a clock, a stay
            (`mab_gym.tasking.stay.attended`).
        change: Changes each URL that is read; by default they stay as they are.
        verbs: The verbs of its requests, of `mab_gym.actions.ALL_VERBS`.

    Raises:
        ContentError: The solution writes something that is not an action, or does not end.
    """
    requests, writes = 0, []
    last = ""

    def act(action: str) -> Reply | None:
        nonlocal requests, last
        match parse_action(action, verbs):
            case Finish(answer):
                last = answer
                return None
            case Invalid(reason):
                raise ContentError(f"the gold solution of {case.id}: {reason}")
            case request:
                asked = sent(request)
        target = resolve(change(asked.url) if asked.verb == "GET" else asked.url, desk.base_url)
        if asked.verb == "POST" and not target.startswith("$"):
            writes.append(json.loads(asked.body))
        response = session.handle(Request(asked.verb, target, asked.headers, asked.body))
        requests += 1
        return Reply(response.status, response.body)

    try:
        follow(solve(case, desk), case, act)
    finally:
        session.reset()
    return GoldRun(requests + len(desk.decisions), last, writes)


def follow(solution: Solution, case: Case, act: Callable[[str], Reply | None]) -> None:
    """Plays a gold solution to its FINISH: the one loop in which gold solutions are played.

    Args:
        solution: The gold solution, not begun.
        case: The case, for errors.
        act: Takes one action and gives its reply; None once the episode has ended.

    Raises:
        ContentError: The solution does not end, or ends without FINISH.
    """
    try:
        action = next(solution)
        for _ in range(MOST_ACTIONS):
            reply = act(action)
            if reply is None:
                return
            action = solution.send(reply)
    except StopIteration:
        raise ContentError(f"the gold solution of {case.id} ends without FINISH") from None
    raise ContentError(f"the gold solution of {case.id} does not come to an end")
