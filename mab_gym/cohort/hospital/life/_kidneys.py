"""Kidney function over a life, from age and the stage of chronic kidney disease: one answer for all who ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mab_gym.cohort.hospital._history import Person, Problem
from mab_gym.cohort.hospital.life._chance import YEAR, noon

STAGES: Final = {"ckd3": (59.0, 31.0), "ckd4": (29.5, 16.0), "esrd": (9.0, 7.0)}
"""Filtration rate at the best and the worst of a stage (KDIGO 2024)."""


def baseline_egfr(person: Person, problems: Iterable[Problem], moment: int) -> float:
    """Returns the estimated filtration rate that a person has when no acute illness moves it.

    Without kidney disease it is 113 at 20 years and falls by 0.75 a year, as the healthy adults' medians of Wetzels et
    al., Kidney Int 2007;72:632-7 do; people differ by 9 either way. Within a stage it falls with severity.

    Args:
        person: Whose.
        problems: Known or not.
        moment: When.

    Returns:
        In mL/min/1.73 m2.
    """
    return egfr_of((moment - noon(person.born)) / YEAR, person.number, problems, moment)


def egfr_of(age: float, number: int, problems: Iterable[Problem], moment: int) -> float:
    """Returns the same from an age in years and the person's number."""
    found = max(63.0, 128.0 - 0.75 * age + 18.0 * ((number * 2_654_435_761) % 1000 / 1000.0 - 0.5))
    for problem in problems:
        stage = STAGES.get(problem.key)
        if stage and problem.onset <= moment and (problem.abated is None or moment < problem.abated):
            best, worst = stage
            # Within a stage it goes down over about eight years.
            down = min(1.0, 0.6 * problem.severity + 0.05 * (moment - problem.onset) / YEAR)
            found = min(found, best + (worst - best) * down)
    return found
