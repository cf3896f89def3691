"""Shared by tests of judging: a judge of some writes and an answer, and what it says."""

from __future__ import annotations

from typing import Any

from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking.judging import Judge, Result

NOW = "2023-11-13T10:15:00+00:00"


def write(resource_type: str, interaction: str = "create", **content: Any) -> Write:
    """A write of the record system."""
    return Write(interaction, resource_type, "1", {"resourceType": resource_type, **content}, "")


def judge_of(*writes: Write, answer: str = '["something"]') -> Judge:
    """A judge of what an agent left behind."""
    return Judge(Result(answer, writes))


def found(judge: Judge) -> list[tuple[str, bool]]:
    """Code and criticality of each reason; every reason is a sentence."""
    reasons = judge.verdict().reasons
    assert all(reason.text.endswith(".") and " " in reason.text for reason in reasons)
    return [(reason.code.value, reason.critical) for reason in reasons]


def met(judge: Judge) -> dict[str, bool]:
    """The criteria, by name."""
    return dict(judge.verdict().criteria)


SOLVED = [("solved", False)]
