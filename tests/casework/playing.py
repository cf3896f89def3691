"""Plays casework for tests: gold solutions, careless ones, and texts that no gold solution writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium

from mab_gym.envs._scenario import Scenario
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking._family import Family
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply

ENV = "mab_gym/Casework-v0"
FOLDER = Path(__file__).parents[2] / "tasks" / "casework"
FAMILIES = tuple(sorted(path.parent.name for path in FOLDER.glob("*/*/task.toml")))


@cache
def scenario(knowledge: str = "handbook") -> Scenario:
    """The environment, with the protocol in a place."""
    return unwrapped(gymnasium.make(ENV, knowledge=knowledge)).scenario


def family(name: str) -> Family:
    """A family by its name."""
    return scenario().tasks.catalogue[name]


def plain(case: Case) -> Case:
    """The case without flags on charts, for solutions that heed none."""
    params = {name: value for name, value in case.params.items() if not name.startswith("flag")}
    return replace(case, params=params)


class Played(dict[str, Any]):
    """The end's info of an episode, with ``actions`` (how many), ``sent`` (their texts), ``begun`` and ``rules``."""

    @property
    def solved(self) -> bool:
        """True if the case was solved."""
        return bool(self["verdict"]["success"])

    @property
    def told(self) -> str:
        """The reasons of the verdict, in words."""
        return " ".join(each["text"] for each in self["verdict"]["reasons"])


def play(
    case: Case, change: Callable[[str], str | None] = str, careless: str = "", knowledge: str = "handbook"
) -> Played:
    """Plays the gold solution of a case.

    Args:
        case: The case.
        change: Changes each action before it is sent; None leaves it out (the solution sees an empty reply).
        careless: The rule that is broken.
        knowledge: The place of the protocol.
    """
    found = scenario(knowledge)
    of = found.tasks.catalogue[case.family]
    episode = found.new_episode()
    observation, _ = episode.reset(of, case)
    desk = Desk(found.backend.base_url, found.backend.now, careless=careless)
    solution = of.solve(case, desk)
    sent: list[str] = []
    action = next(solution)
    while True:
        changed = change(action)
        if changed is None:
            reply = Reply(0, '{"resourceType": "Bundle"}')
        else:
            sent.append(changed)
            step = episode.step(changed)
            if episode.over:
                return Played(step.info, actions=len(sent), sent=sent, begun=observation["text"], rules=set(desk.rules))
            reply = Reply(step.observation["status"], step.observation["fhir"])
        try:
            action = solution.send(reply)
        except (StopIteration, RuntimeError, LookupError, ValueError, TypeError):  # a careless one cannot always go on
            action = "FINISH([])"


def say(case: Case, *actions: str) -> Played:
    """Plays texts, and FINISH([]) after them where they do not end the episode."""
    found = scenario()
    episode = found.new_episode()
    observation, _ = episode.reset(found.tasks.catalogue[case.family], case)
    for count, action in enumerate((*actions, "FINISH([])"), 1):
        step = episode.step(action)
        if episode.over:
            return Played(step.info, actions=count, sent=list(actions), begun=observation["text"], rules=set())
    raise AssertionError("FINISH ends an episode")


@cache
def gold(name: str) -> tuple[Played, ...]:
    """The gold runs of a family's frozen cases."""
    return tuple(play(case) for case in family(name).cases)
