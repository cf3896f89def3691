"""Reward functions for GRPOTrainer; they read what the episodes came to, in both forms of play."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mab_gym.errors import UsageError

Outcome = Mapping[str, Any]


def episode_return(
    outcome: Sequence[Outcome] | None = None, environments: Sequence[Any] | None = None, **further: Any
) -> list[float | None]:
    """What the environments paid: sparse or partial, and whatever their wrappers made of it.

    None, which TRL leaves out of the group, where the record system failed. Where the trainer takes metrics, the rates
    of solved and unsafe episodes and their steps are told, too.

    Args:
        outcome: What `mab_gym.integrations.trl.Rollouts` gave.
        environments: Those of an ``environment_factory``.
        further: What else a trainer hands over.
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
    """1.0 where the case was solved, whatever the environment pays."""
    return _paid(_outcomes(outcome, environments), _solved)


def unsafe(
    outcome: Sequence[Outcome] | None = None, environments: Sequence[Any] | None = None, **further: Any
) -> list[float | None]:
    """-1.0 where anything unsafe was done or left undone, else 0.0: to be added to another reward, with a weight."""
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
    """A reward for each episode; None for what the record system has spoiled."""
    return [None if each["infrastructure_error"] is not None else reward(each) for each in outcomes]
