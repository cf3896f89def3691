"""Partial credit by criteria."""

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
"""Criteria that doing nothing meets weigh 0; all others weigh 1."""


class PartialCredit(Rewarding, RecordConstructorArgs):
    """Pays at the end the weighted share of the judge's criteria that were met.

    The criteria that are due are known from the gold solution, so all criteria of a missing order count as unmet. (In
    ``Verdict.credit`` it counts as one.) A solved case earns 1. An unsolved case earns 0.9 at most. It earns 0 if
    `Verdict.credit` is 0: for anything unsafe, for doing nothing, for an answer without reading, and without FINISH.

    At the end ``info["criteria"]`` maps each criterion's name to True if it was met, and ``info["earned"]`` to its part
    of the reward.

    Args:
        env: An environment of this package with text actions.
        weights: Numbers from 0, by a criterion's whole name (``ServiceRequest.priority``), else by its last part
            (``priority``), else by its first part (``ServiceRequest``, ``answer``, ``dosage``). Others weigh 1, except
            ``nothing_else``, which weighs 0.

    Raises:
        UsageError: A weight is not a number from 0, or the environment has no verdicts by criteria.
    """

    def __init__(self, env: TextEnv, weights: Mapping[str, float] | None = None) -> None:
        given = {} if weights is None else dict(weights)
        RecordConstructorArgs.__init__(self, weights=given)
        super().__init__(env)
        self._inner = judged_env(env, "PartialCredit")
        self._weights = {**DEFAULT_WEIGHTS, **{name: amount(f"the weight of {name}", w) for name, w in given.items()}}
        self._gold = GoldRuns(self._inner.scenario)

    def pay(self, action: str | None, step: Step) -> float:
        """Returns the reward; at the end, with the credit in place of the environment's pay for the verdict."""
        info, episode = step.info, self._inner.episode
        if "verdict" not in info or "infrastructure_error" in info:
            return step.reward
        try:
            gold = self._gold.of(episode)
        except InfrastructureError as error:  # without the gold run there is no credit, so the episode does not count
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
