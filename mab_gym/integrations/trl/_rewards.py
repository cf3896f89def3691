"""Reward functions for GRPOTrainer; they read the outcomes of episodes, in both forms of play."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mab_gym.errors import UsageError

Outcome = Mapping[str, Any]


def episode_return(
    outcome: Sequence[Outcome] | None = None, environments: Sequence[Any] | None = None, **further: Any
) -> list[float | None]:
    """Returns the returns of the episodes: sparse or partial rewards, after any wrappers.

    The value is None if the record system failed; TRL leaves that episode out of its group. If the trainer takes
    metrics, the function also logs the rates of solved and unsafe episodes and the mean number of steps.

    Args:
        outcome: The outcomes from `mab_gym.integrations.trl.Rollouts`.
        environments: The environments of an ``environment_factory``.
        further: Further arguments of the trainer.
    """
    found = _outcomes(outcome, environments)
    log = further.get("log_metric")
    counted = [each for each in found if each["infrastructure_error"] is None]
    if log is not None and counted:
        for name, values in {
            "episodes/solved": [_solved(each) for each in counted],
            "episodes/unsafe": [_unsafe(each) for each in counted],
            "episodes/steps": [float(each["steps"]) for each in counted],
        }.items():
            log(name, sum(values) / len(values))
    return _paid(found, lambda each: float(each["reward"]))


def solved(
    outcome: Sequence[Outcome] | None = None, environments: Sequence[Any] | None = None, **further: Any
) -> list[float | None]:
    """Returns 1.0 for each solved case, else 0.0; independent of the environment's reward."""
    return _paid(_outcomes(outcome, environments), _solved)


def unsafe(
    outcome: Sequence[Outcome] | None = None, environments: Sequence[Any] | None = None, **further: Any
) -> list[float | None]:
    """Returns -1.0 for each unsafe episode, else 0.0; add it to another reward with a weight."""
    return _paid(_outcomes(outcome, environments), lambda each: -_unsafe(each))


def _outcomes(outcome: Sequence[Outcome] | None, environments: Sequence[Any] | None) -> list[Outcome]:
    if outcome is not None:
        return list(outcome)
    if environments is not None:
        return [each.outcome for each in environments]
    raise UsageError("these rewards go with mab_gym's Rollouts or environment_factory, which were not given")


def _solved(outcome: Outcome) -> float:
    return float(outcome["verdict"]["success"])


def _unsafe(outcome: Outcome) -> float:
    return float(bool(outcome["verdict"].get("unsafe")))


def _paid(outcomes: Sequence[Outcome], reward: Callable[[Outcome], float]) -> list[float | None]:
    """Returns a reward for each episode; None if the record system failed."""
    return [None if each["infrastructure_error"] is not None else reward(each) for each in outcomes]
