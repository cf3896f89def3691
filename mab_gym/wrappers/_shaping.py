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
class Situation:
    """An episode's state, as a potential sees it.

    Attributes:
        scenario: Where it is played.
        episode: The episode: its case, and its session with what has been written.
        returned: Which resources the agent has been shown, as in ``Observation/17``.
        steps: How many actions were taken.
    """

    scenario: Scenario
    episode: Episode
    returned: frozenset[str]
    steps: int


Potential = Callable[[Situation], float]


class Progress:
    """How much of what is due was done, from 0 to 1: of what is to be read, shown; of what is to be written, stored.

    Each of the gold solution's searches and writes weighs the same. A search counts by the share of what it shows that
    the agent has been shown, by whatever search; writes count by the share of the judge's criteria that they meet, and
    not at all where anything unsafe was written.
    """

    def __init__(self) -> None:
        self._runs: tuple[Scenario, GoldRuns] | None = None

    def __call__(self, situation: Situation) -> float:
        """The progress of an episode."""
        if self._runs is None or self._runs[0] is not situation.scenario:
            self._runs = (situation.scenario, GoldRuns(situation.scenario))
        gold = self._runs[1].of(situation.episode)
        parts = len(gold.reads) + gold.writes
        verdict = situation.episode.judge_writes()
        if not parts or any(each.critical and each.code is not Code.WRITE_MISSING for each in verdict.reasons):
            return 0.0
        done = sum(len(needed & situation.returned) / len(needed) for needed in gold.reads)
        due = [name for name in gold.criteria if not name.startswith("answer.") and not name.endswith(NOTHING_ELSE)]
        if due:
            met = {criterion.name for criterion in verdict.criteria if criterion.met}
            done += gold.writes * sum(name in met for name in due) / len(due)
        return done / parts


class PotentialShaping(Rewarding, RecordConstructorArgs):
    """Adds ``gamma * potential(s') - potential(s)`` to each reward (Ng, Harada and Russell, ICML 1999).

    The potential of an ended episode is 0, so that over a whole episode the discounted rewards change by
    ``-potential(s0)``, whatever was done, and no policy becomes better than another by it. That needs the ``gamma`` of
    the learner.

    The step limit belongs to the task (the prompt names it, and the state counts the steps), so an episode that it
    truncates has ended, too, and its potential is 0. A learner that takes a truncated episode for one that would have
    gone on, and bootstraps from the value of its last state, needs ``bootstraps=True``: the last state keeps its
    potential then.

    Args:
        env: An environment of this package, played by texts. A ``TimeLimit`` belongs inside.
        gamma: The learner's discount, from 0 to 1.
        potential: A function of a `Situation`; `Progress` where None.
        bootstraps: Whether the learner bootstraps where an episode is truncated.

    Raises:
        UsageError: An argument is not as it should be.
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
        """The reward and what the change of the potential adds to it."""
        self._returned |= resources_in(step.observation["fhir"])
        ended = step.terminated or (step.truncated and not self._bootstraps)
        before, self._before = self._before, 0.0 if ended else self._value(step.info["step"])
        return step.reward + self._gamma * self._before - before

    def _value(self, steps: int) -> float:
        episode = self._inner.episode
        try:
            return float(self._potential(Situation(self._inner.scenario, episode, self._returned, steps)))
        except InfrastructureError:  # if it lasts, the episode will end with it
            return self._before
