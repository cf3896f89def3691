"""Potential-based reward shaping: a reward for progress that leaves the optimal policy as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gymnasium.utils import RecordConstructorArgs

from mab_gym.envs._scenario import Scenario
from mab_gym.episode import Episode, Step
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.tasking.judging import NOTHING_ELSE
from mab_gym.tasking.verdict import Code
from mab_gym.wrappers._gold import GoldRuns, resources_in
from mab_gym.wrappers._rewarding import Rewarding, TextEnv, judged_env


@dataclass(frozen=True, slots=True)
class ShapingState:
    """The state of an episode, as a potential sees it.

    Attributes:
        scenario: The scenario that it is played in.
        episode: The episode, with its case and its session, which holds the writes so far.
        returned: The resources that the agent has been shown, as in ``Observation/17``.
        steps: The number of actions so far.
    """

    scenario: Scenario
    episode: Episode
    returned: frozenset[str]
    steps: int


Potential = Callable[[ShapingState], float]


class Progress:
    """A potential: the share of the due reads and writes that are done, from 0 to 1.

    Each search and each write of the gold solution weighs the same. A search counts by the share of its resources that
    the agent has been shown, by any search. Writes count by the share of the judge's criteria that they meet. After an
    unsafe write the progress is 0.
    """

    def __init__(self) -> None:
        self._runs: tuple[Scenario, GoldRuns] | None = None

    def __call__(self, state: ShapingState) -> float:
        """Returns the progress of an episode."""
        if self._runs is None or self._runs[0] is not state.scenario:
            self._runs = (state.scenario, GoldRuns(state.scenario))
        gold = self._runs[1].of(state.episode)
        parts = len(gold.reads) + len(gold.posts)
        verdict = state.episode.judge_writes()
        if not parts or any(each.critical and each.code is not Code.WRITE_MISSING for each in verdict.reasons):
            return 0.0
        done = sum(len(needed & state.returned) / len(needed) for needed in gold.reads)
        due = [name for name in gold.criteria if not name.startswith("answer.") and not name.endswith(NOTHING_ELSE)]
        if due:
            met = {criterion.name for criterion in verdict.criteria if criterion.met}
            done += len(gold.posts) * sum(name in met for name in due) / len(due)
        return done / parts


class PotentialShaping(Rewarding, RecordConstructorArgs):
    """Adds ``gamma * potential(s') - potential(s)`` to each reward (Ng, Harada and Russell, ICML 1999).

    The potential of an ended episode is 0. So the discounted return of any episode changes by ``-potential(s0)``,
    whatever the agent does, and the best policy stays the best. This needs the learner's own ``gamma``.

    The step limit is part of the task (the prompt names it, and the state counts the steps), so an episode that it
    truncates has ended, and its potential is 0. A learner that bootstraps from the value of a truncated episode's last
    state needs ``bootstraps=True``: then the last state keeps its potential.

    Args:
        env: An environment of this package with text actions. A ``TimeLimit`` must be inside this wrapper.
        gamma: The learner's discount, from 0 to 1.
        potential: A function of a `ShapingState`; None for `Progress`.
        bootstraps: True if the learner bootstraps at truncation.

    Raises:
        UsageError: An argument is out of its range, or the environment does not fit.
    """

    def __init__(
        self, env: TextEnv, gamma: float = 1.0, potential: Potential | None = None, bootstraps: bool = False
    ) -> None:
        if isinstance(gamma, bool) or not isinstance(gamma, int | float) or not 0 <= gamma <= 1:
            raise UsageError(f"gamma is a number from 0 to 1, not {gamma!r}")
        RecordConstructorArgs.__init__(
            self, _disable_deepcopy=True, gamma=gamma, potential=potential, bootstraps=bootstraps
        )
        super().__init__(env)
        self._inner = judged_env(env, "PotentialShaping")
        self._gamma = gamma
        self._potential = Progress() if potential is None else potential
        self._bootstraps = bootstraps
        self._returned: frozenset[str] = frozenset()
        self._before = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begins a new episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._returned, self._before = frozenset(), 0.0
        self._before = self._value(0)
        return observation, info

    def pay(self, action: str | None, step: Step) -> float:
        """Returns the reward plus the change of the potential."""
        self._returned |= resources_in(step.observation["fhir"])
        ended = step.terminated or (step.truncated and not self._bootstraps)
        before, self._before = self._before, 0.0 if ended else self._value(step.info["step"])
        return step.reward + self._gamma * self._before - before

    def _value(self, steps: int) -> float:
        episode = self._inner.episode
        try:
            return float(self._potential(ShapingState(self._inner.scenario, episode, self._returned, steps)))
        except InfrastructureError:  # if the fault lasts, the episode itself will end with it
            return self._before
