"""How hard a case is: the steps that its gold solution takes.

A step is a request to the record system, or a decision or computation that the solution notes with `Desk.decide`.
FINISH is none. MedAgentBench calls one step easy, two medium and three or more hard; a family is as hard as the
longest of its frozen cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from mab_gym.actions import Get, Post, parse_action, resolve
from mab_gym.backends import RecordSession
from mab_gym.errors import ContentError
from mab_gym.fhir.exchange import FHIR_JSON
from mab_gym.fhir.server import Request
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

DIFFICULTIES: Final = ("easy", "medium", "hard")
UNRATED: Final = "unrated"
"""The difficulty of a family without frozen cases whose ``task.toml`` states none."""
_MOST_ACTIONS: Final = 50


def rated(steps: int) -> str:
    """The difficulty of something that takes so many steps."""
    return DIFFICULTIES[min(max(steps, 1), len(DIFFICULTIES)) - 1]


def rated_by(cases: Iterable[Case]) -> str:
    """The difficulty of a family with these frozen cases; `UNRATED` where nobody counted their steps."""
    counted = [case.steps for case in cases if case.steps is not None]
    return rated(max(counted)) if counted else UNRATED


def count_steps(solve: Callable[[Case, Desk], Solution], case: Case, desk: Desk, session: RecordSession) -> int:
    """Plays a case's gold solution and counts its steps.

    Args:
        solve: The family's gold solution.
        case: Which case.
        desk: A new one.
        session: A session at the case's snapshot; it is reset afterwards.

    Raises:
        ContentError: The solution writes something that is no action, or does not come to an end.
    """
    solution, requests = solve(case, desk), 0
    try:
        text = next(solution)
        for _ in range(_MOST_ACTIONS):
            action = parse_action(text)
            if isinstance(action, Get):
                request = Request("GET", resolve(action.url, desk.base_url))
            elif isinstance(action, Post):
                request = Request("POST", resolve(action.url, desk.base_url), {"content-type": FHIR_JSON}, action.body)
            else:
                return requests + len(desk.decisions)
            response = session.handle(request)
            requests += 1
            text = solution.send(Reply(response.status, response.body))
    except StopIteration:
        raise ContentError(f"the gold solution of {case.id} ends without FINISH") from None
    finally:
        session.reset()
    raise ContentError(f"the gold solution of {case.id} does not come to an end")
