"""What there is to do in an episode, known by playing its gold solution in a second episode beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mab_gym.actions import Get, Post, parse_action
from mab_gym.envs._scenario import Scenario
from mab_gym.episode import Episode, check_counts
from mab_gym.errors import ContentError
from mab_gym.tasking.solving import Desk, Reply

_MOST_STEPS = 50


@dataclass(frozen=True, slots=True)
class Gold:
    """What the gold solution of a case does.

    Attributes:
        reads: For each of its searches that finds something, what it is shown, as in ``Observation/17``.
        writes: How many resources it writes.
        criteria: The names of what the judge looks at when all is done.
    """

    reads: tuple[frozenset[str], ...]
    writes: int
    criteria: tuple[str, ...]


class GoldRuns:
    """Plays gold solutions, each once for the tries of one case that follow one another.

    Args:
        place: Where.
    """

    def __init__(self, place: Scenario) -> None:
        self._place = place
        self._spare: Episode | None = None
        self._last: tuple[object, Gold] | None = None

    def of(self, episode: Episode) -> Gold:
        """The gold run of the case, with the variants, that an episode plays or has just played.

        Raises:
            ContentError: The gold solution does not come to an end.
            InfrastructureError: The record system failed.
        """
        begun = episode.begun
        if self._last is None or self._last[0] != begun:
            self._last = (begun, self._play(episode))
        return self._last[1]

    def _play(self, episode: Episode) -> Gold:
        if self._spare is None:
            self._spare = self._place.new_episode()
            self._spare.max_steps = _MOST_STEPS  # what is due does not depend on how long the agent has
        spare, begun = self._spare, episode.begun
        case = begun.case
        spare.reset(begun.family, case, begun.variants, begun.seed)
        solution = begun.family.solve(case, Desk(self._place.backend.base_url, self._place.backend.now))
        reads: list[frozenset[str]] = []
        writes = 0
        action = next(solution)
        for _ in range(_MOST_STEPS):
            step = spare.step(action)
            check_counts(step.info)
            if spare.over:
                return Gold(tuple(reads), writes, tuple(step.info["criteria"]))
            match parse_action(action):
                case Get():
                    reads += [found] if (found := resources_in(step.observation["fhir"])) else []
                case Post():
                    writes += 1
            action = solution.send(Reply(step.observation["status"], step.observation["fhir"]))
        raise ContentError(f"the gold solution of {case.id} ({case.branch}) does not come to an end")


def resources_in(body: str) -> frozenset[str]:
    """What a response shows, as in ``Observation/17``: the entries of a Bundle, or the one resource."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return frozenset()
    shown = data if isinstance(data, dict) else {}
    inside = [entry.get("resource") for entry in shown.get("entry", ()) if isinstance(entry, dict)]
    found = inside if shown.get("resourceType") == "Bundle" else [shown]
    return frozenset(
        f"{each['resourceType']}/{each['id']}" for each in found if isinstance(each, dict) and "id" in each
    )
