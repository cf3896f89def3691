"""The reference agents: a perfect, a lazy, a random and a blind one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mab_gym.agents._reading import Reading
from mab_gym.envs._random_actions import plausible_action
from mab_gym.envs._scenario import Scenario
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

Template = tuple[str, ...]
"""Actions in order, with ``{{name}}`` as the placeholder of a case's parameter."""


class Oracle:
    """Plays each family's gold solution through the environment, like any agent.

    It needs whole replies: after one that was cut off (``max_obs_chars``) it gives up.

    Args:
        slips: Tells each time if a rule is broken, for players of graded skill.
    """

    name = "oracle"

    def __init__(self, slips: Callable[[str], bool] | None = None) -> None:
        self._slips = slips
        self._solution: Solution | None = None
        self._begun = False
        self._desk: Desk | None = None

    def brief(self, scenario: Scenario, case: Case) -> None:
        """Opens the case's gold solution."""
        self._desk = Desk(scenario.backend.base_url, scenario.backend.now, slips=self._slips)
        self._solution = scenario.tasks.catalogue[case.family].solve(case, self._desk)
        self._begun = False

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Does nothing: `brief` has opened the gold solution."""

    def act(self, observation: Mapping[str, Any]) -> str:
        """Returns the solution's next action; a FINISH without answer once it has ended."""
        if self._solution is None:
            raise RuntimeError("the oracle has to be briefed before it plays")
        try:
            if self._begun:
                return self._solution.send(Reply(int(observation["status"]), str(observation["fhir"])))
            self._begun = True
            return next(self._solution)
        except (StopIteration, json.JSONDecodeError):
            return "FINISH([])"


class ThinkingOracle:
    """Plays as `Oracle` does, and says before each action by which rules the gold solution chose it, and what it found.

    The words of a rule are those of the family's ``task.toml``.
    """

    name = "oracle"

    def __init__(self) -> None:
        self._oracle = Oracle()
        self._rules: Mapping[str, str] = {}
        self._followed = self._told = 0

    def brief(self, scenario: Scenario, case: Case) -> None:
        """Opens the case's gold solution."""
        self._oracle.brief(scenario, case)
        self._rules = scenario.tasks.catalogue[case.family].rules
        self._followed = self._told = 0

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Does nothing: `brief` has opened the gold solution."""

    def act(self, observation: Mapping[str, Any]) -> Reading:
        """Returns the solution's next action with its thoughts."""
        action = self._oracle.act(observation)
        desk = self._oracle._desk
        if desk is None:
            return Reading(action, action)
        followed, told = desk.rules[self._followed :], desk.thoughts[self._told :]
        self._followed, self._told = len(desk.rules), len(desk.thoughts)
        thoughts = [*(self._rules[name] for name in followed if name in self._rules), *told]
        return Reading(action, action, thoughts="\n".join(dict.fromkeys(thoughts)))


class InstantFinish:
    """Answers FINISH([]) at once."""

    name = "instant FINISH([])"

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Does nothing."""

    def act(self, observation: Mapping[str, Any]) -> str:
        """Returns FINISH([])."""
        return "FINISH([])"


class RandomPlausible:
    """Writes plausible actions at random, about the case's patient if it has one."""

    name = "random plausible"

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._base_url = ""
        self._mrn: str | None = None

    def brief(self, scenario: Scenario, case: Case) -> None:
        """Takes the base URL and the patient, which the prompt names, too."""
        self._base_url = scenario.backend.base_url
        self._mrn = case.params.get("mrn")

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Seeds the random choices."""
        self._random = np.random.default_rng(seed)

    def act(self, observation: Mapping[str, Any]) -> str:
        """Returns a random action."""
        return plausible_action(self._random, self._base_url, self._mrn)


class BlindConstant:
    """Plays fixed actions for each family, with the prompt's own parameters filled in; it never reads the chart.

    `mab_gym.runs._scores.best_constants` finds the best such actions, so this is the most that an agent can earn
    without reading.
    """

    name = "blind constant"

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self._templates = templates
        self._actions: list[str] = []

    def brief(self, scenario: Scenario, case: Case) -> None:
        """Fills in the case's parameters."""
        self._actions = [fill_in(action, case) for action in self._templates[case.family]]

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Does nothing: `brief` has made the actions."""

    def act(self, observation: Mapping[str, Any]) -> str:
        """Returns the next of the fixed actions."""
        return self._actions.pop(0) if self._actions else "FINISH([])"


def abstract(actions: Sequence[str], case: Case) -> Template:
    """Returns a solution without its GETs, with placeholders for the case's parameters."""
    kept = [action for action in actions if not action.startswith("GET")]
    for name, value in sorted(case.params.items(), key=lambda item: -len(str(item[1]))):
        kept = [action.replace(str(value), f"{{{{{name}}}}}") for action in kept]
    return tuple(kept)


def fill_in(action: str, case: Case) -> str:
    """Fills the parameters of a case into an action of a template."""
    for name, value in case.params.items():
        action = action.replace(f"{{{{{name}}}}}", str(value))
    return action


def most_common(templates: Sequence[Template], count: int | None) -> list[Template]:
    """Returns the ``count`` most frequent templates (None for all), and the empty answer."""
    return [template for template, _ in Counter(templates).most_common(count)] + [("FINISH([])",)]
