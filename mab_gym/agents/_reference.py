"""The reference agents: what a perfect, a lazy, a random and a blind player score."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mab_gym.envs._random_actions import plausible_action
from mab_gym.envs._scenario import Scenario
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

Template = tuple[str, ...]
"""Actions in order, with ``{{name}}`` where a case's parameter stands."""


class Oracle:
    """Plays each family's gold solution, through the environment like anybody else.

    It reads whole replies: one that was cut off (``max_obs_chars``) ends its work.
    """

    name = "oracle"

    def __init__(self) -> None:
        self._solution: Solution | None = None
        self._begun = False

    def brief(self, scenario: Scenario, case: Case) -> None:
        """Opens the case's gold solution."""
        desk = Desk(scenario.backend.base_url, scenario.backend.now)
        self._solution = scenario.tasks.catalogue[case.family].solve(case, desk)
        self._begun = False

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """The gold solution was opened by `brief`."""

    def act(self, observation: Mapping[str, Any]) -> str:
        """The solution's next action; a FINISH without answer where it has none left."""
        if self._solution is None:
            raise RuntimeError("the oracle has to be briefed before it plays")
        try:
            if self._begun:
                return self._solution.send(Reply(int(observation["status"]), str(observation["fhir"])))
            self._begun = True
            return next(self._solution)
        except (StopIteration, json.JSONDecodeError):
            return "FINISH([])"


class InstantFinish:
    """Answers FINISH([]) at once."""

    name = "instant FINISH([])"

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Nothing to prepare."""

    def act(self, observation: Mapping[str, Any]) -> str:
        """Always the same."""
        return "FINISH([])"


class RandomPlausible:
    """Writes actions that look right, by chance, about the right patient where the case names one."""

    name = "random plausible"

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._base_url = ""
        self._mrn: str | None = None

    def brief(self, scenario: Scenario, case: Case) -> None:
        """Learns the address and the patient, both of which the prompt names too."""
        self._base_url = scenario.backend.base_url
        self._mrn = case.params.get("mrn")

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Throws the dice anew."""
        self._random = np.random.default_rng(seed)

    def act(self, observation: Mapping[str, Any]) -> str:
        """The next throw."""
        return plausible_action(self._random, self._base_url, self._mrn)


class BlindConstant:
    """Plays one fixed text a family, with what the prompt itself says filled in; it never reads the chart.

    `mab_gym.runs._scores.best_constants` finds the text that does best, so this is the most that not reading can earn.
    """

    name = "blind constant"

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self._templates = templates
        self._actions: list[str] = []

    def brief(self, scenario: Scenario, case: Case) -> None:
        """Fills in what the prompt says."""
        self._actions = [fill_in(action, case) for action in self._templates[case.family]]

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """The text was made by `brief`."""

    def act(self, observation: Mapping[str, Any]) -> str:
        """The next of the fixed actions."""
        return self._actions.pop(0) if self._actions else "FINISH([])"


def abstract(actions: Sequence[str], case: Case) -> Template:
    """What remains of a solution for somebody who does not read: no GETs, and the prompt's own words as blanks."""
    kept = [action for action in actions if not action.startswith("GET")]
    for name, value in sorted(case.params.items(), key=lambda item: -len(str(item[1]))):
        kept = [action.replace(str(value), f"{{{{{name}}}}}") for action in kept]
    return tuple(kept)


def fill_in(action: str, case: Case) -> str:
    """The inverse of `abstract` for one action and another case."""
    for name, value in case.params.items():
        action = action.replace(f"{{{{{name}}}}}", str(value))
    return action


def most_common(templates: Sequence[Template], count: int | None) -> list[Template]:
    """The ``count`` templates (None for all) that occur most often, and the empty answer."""
    return [template for template, _ in Counter(templates).most_common(count)] + [("FINISH([])",)]
