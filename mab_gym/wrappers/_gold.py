"""Plays the gold solution of an episode's case in a second episode, to know what is due."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mab_gym.actions import ALL_VERBS, Get, Post, parse_action
from mab_gym.envs._scenario import Scenario
from mab_gym.episode import Episode, check_counts
from mab_gym.tasking._gold import MOST_ACTIONS, follow
from mab_gym.tasking.solving import Desk, Reply


@dataclass(frozen=True, slots=True)
class Gold:
    """The reads and writes of a case's gold solution.

    Attributes:
        reads: For each search with results, the resources that it returns, as in ``Observation/17``.
        posts: The JSON of each resource that it writes.
        criteria: The names of the judge's criteria when all is done.
    """

    reads: tuple[frozenset[str], ...]
    posts: tuple[str, ...]
    criteria: tuple[str, ...]


class GoldRuns:
    """Plays gold solutions; successive tries of one case play it once.

    Args:
        scenario: The scenario of the episodes.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._spare: Episode | None = None
        self._last: tuple[object, Gold] | None = None

    def of(self, episode: Episode) -> Gold:
        """Returns the gold run of an episode's case with its variants.

        Raises:
            ContentError: The gold solution does not end.
            InfrastructureError: The record system failed.
        """
        begun = episode.begun
        if self._last is None or self._last[0] != begun:
            self._last = (begun, self._play(episode))
        return self._last[1]

    def _play(self, episode: Episode) -> Gold:
        if self._spare is None:
            self._spare = self._scenario.new_episode(MOST_ACTIONS)  # what is due does not depend on the agent's time
        spare, begun = self._spare, episode.begun
        case = begun.case
        spare.reset(begun.family, case, begun.variants, begun.seed)
        solution = begun.family.solve(case, Desk(self._scenario.backend.base_url, self._scenario.backend.now))
        reads: list[frozenset[str]] = []
        posts: list[str] = []
        criteria: list[str] = []

        def act(action: str) -> Reply | None:
            step = spare.step(action)
            check_counts(step.info)
            if spare.over:
                criteria.extend(step.info["criteria"])
                return None
            match parse_action(action, ALL_VERBS):
                case Get():
                    reads.extend([found] if (found := resources_in(step.observation["fhir"])) else [])
                case Post(url, body) if "/$" not in url:
                    posts.append(body)
            return Reply(step.observation["status"], step.observation["fhir"])

        follow(solution, case, act)
        return Gold(tuple(reads), tuple(posts), tuple(criteria))


def resources_in(body: str) -> frozenset[str]:
    """Returns the resources of a response, as in ``Observation/17``: the entries of a Bundle, or the one resource."""
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
