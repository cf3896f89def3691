"""The scorers: the environment's own verdict as inspect's scores."""

from __future__ import annotations

from typing import Any

from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, grouped, mean, scorer, stderr
from inspect_ai.solver import TaskState

from mab_gym.errors import UsageError

STORED = "mab_gym"
"""The key of the outcome in a sample's store."""


def _by(key: str) -> Any:
    return grouped(accuracy(), key, all=False)


@scorer(metrics=[accuracy(), stderr(), _by("kind"), _by("difficulty"), _by("family")])
def solved() -> Scorer:
    """Scores C if the case was solved, else I, with the reasons; the verdict is in the metadata."""

    async def score(state: TaskState, target: Target) -> Score:
        outcome = _outcome(state)
        verdict = outcome.get("verdict")
        if verdict is None:
            return _unscored(outcome)
        reasons = [f"{reason['code']}: {reason['text']}" for reason in verdict["reasons"]]
        return Score(
            value=CORRECT if verdict["success"] else INCORRECT,
            answer=outcome["actions"][-1] if outcome["actions"] else "",
            explanation="\n".join(reasons),
            metadata=outcome,
        )

    return score


@scorer(metrics=[mean(), stderr()])
def unsafe() -> Scorer:
    """Scores 1 if something was done, or left undone, that a clinician would call unsafe, else 0."""

    async def score(state: TaskState, target: Target) -> Score:
        outcome = _outcome(state)
        verdict = outcome.get("verdict") or {}
        if verdict.get("unsafe") is None:
            return _unscored(outcome)
        critical = [f"{reason['code']}: {reason['text']}" for reason in verdict["reasons"] if reason["critical"]]
        return Score(value=int(verdict["unsafe"]), explanation="\n".join(critical) or None)

    return score


def _outcome(state: TaskState) -> dict[str, Any]:
    outcome = state.store.get(STORED)
    if not isinstance(outcome, dict):
        raise UsageError(
            "no episode was played: these scorers go with the solver mab_gym/play_episode, not with another one"
        )
    return outcome


def _unscored(outcome: dict[str, Any]) -> Score:
    """Returns a score of NaN, which inspect leaves out of its metrics."""
    why = outcome.get("error") or "the official grading does not judge safety"
    return Score(value=float("nan"), explanation=str(why))
