"""Partial credit, criterion by criterion."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gymnasium.utils import RecordConstructorArgs

from mab_gym.episode import Step
from mab_gym.errors import InfrastructureError
from mab_gym.tasking.judging import NOTHING_ELSE
from mab_gym.tasking.verdict import MOST_CREDIT
from mab_gym.wrappers._gold import GoldRuns
from mab_gym.wrappers._rewarding import Rewarding, TextEnv, amount, judged_env

DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType({NOTHING_ELSE: 0.0})
"""What whoever does nothing meets, too, is worth nothing; all the rest weighs 1."""


class PartialCredit(Rewarding, RecordConstructorArgs):
    """Pays at the end the weighted share of the judge's criteria that were met, and says which.

    It is the judge who finds them met or not; here they are only weighed. What is due is known from the gold solution,
    so that an order that was forgotten counts as all of its criteria unmet. (In ``Verdict.credit`` it counts as one.)
    A solved case earns 1. What is not solved earns 0.9 at most, and nothing where `Verdict.credit` is nothing: for
    anything unsafe, for doing nothing, for an answer without having read, and without FINISH.

    At the end ``info["criteria"]`` maps each criterion's name to whether it was met, and ``info["earned"]`` to its part
    of the reward.

    Args:
        env: An environment of this package, played by texts.
        weights: By a criterion's whole name (``ServiceRequest.priority``), else by its last part (``priority``), else
            by its first (``ServiceRequest``, ``answer``, ``dosage``): a number from 0. What is not named weighs 1, but
            ``nothing_else`` weighs 0.

    Raises:
        UsageError: A weight is no number from 0, or the environment has no verdicts by criteria.
    """

    def __init__(self, env: TextEnv, weights: Mapping[str, float] | None = None) -> None:
        given = {} if weights is None else dict(weights)
        RecordConstructorArgs.__init__(self, weights=given)
        super().__init__(env)
        self._inner = judged_env(env, "PartialCredit")
        self._weights = {**DEFAULT_WEIGHTS, **{name: amount(f"the weight of {name}", w) for name, w in given.items()}}
        self._gold = GoldRuns(self._inner.scenario)

    def pay(self, action: str | None, step: Step) -> float:
        """At the end the credit in place of what the environment pays for its verdict; nothing else is changed."""
        info, episode = step.info, self._inner.episode
        if "verdict" not in info or "infrastructure_error" in info:
            return step.reward
        try:
            gold = self._gold.of(episode)
        except InfrastructureError as error:  # without what was due there is no credit, and it does not count
            info["infrastructure_error"] = str(error)
            return step.reward
        verdict = info["verdict"]
        found: Mapping[str, bool] = info["criteria"]
        criteria = {**dict.fromkeys(gold.criteria, False), **found}
        weights = {name: self._weight(name) for name in criteria}
        total, allowed = sum(weights.values()), verdict["credit"] > 0
        earned = {name: weights[name] / total if total and allowed and met else 0.0 for name, met in criteria.items()}
        info["criteria"], info["earned"] = criteria, earned
        credit = 1.0 if verdict["success"] else min(sum(earned.values()), MOST_CREDIT)
        return step.reward + credit - episode.rules.paid(verdict)

    def _weight(self, name: str) -> float:
        whole = name.partition("#")[0]
        for known in (name, whole, whole.rpartition(".")[2], whole.partition(".")[0]):
            if known in self._weights:
                return self._weights[known]
        return 1.0
