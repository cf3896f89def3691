"""The difficulty of a case: the number of steps of its gold solution.

A step is a request to the record system, or a decision or computation that the solution notes with `Desk.decide`.
FINISH is not a step. MedAgentBench calls one step easy, two medium and three or more hard. A family is as hard as
the longest of its frozen cases.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mab_gym.tasking.case import Case

DIFFICULTIES: Final = ("easy", "medium", "hard")
UNRATED: Final = "unrated"
"""The difficulty of a family without frozen cases whose ``task.toml`` states none."""


def rated(steps: int) -> str:
    """Returns the difficulty that belongs to a number of steps."""
    return DIFFICULTIES[min(max(steps, 1), len(DIFFICULTIES)) - 1]


def rated_by(cases: Iterable[Case]) -> str:
    """Returns the difficulty of a family with these frozen cases; `UNRATED` if no case has its steps counted."""
    counted = [case.steps for case in cases if case.steps is not None]
    return rated(max(counted)) if counted else UNRATED
