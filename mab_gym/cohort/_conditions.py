"""The conditions of people: long-term ones, and the diagnoses of visits and of stays in hospital.

The figures stand in ``tables/conditions.csv`` with their sources, the diagnoses in ``tables/diagnoses.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._data import read_table
from mab_gym.cohort._encounters import REASONS
from mab_gym.cohort._spec import DAY, HOUR, NOW
from mab_gym.cohort._streams import Bools, Floats, Ints

Traits = Mapping[str, Bools]
"""By key of a long-term condition or drug, the people who have it; shape ``(patients,)``."""


@dataclass(frozen=True, slots=True)
class LongTerm:
    """A condition that stays.

    Attributes:
        key: What other files call it.
        code: ICD-10-CM.
        display: Its name.
        odds: Odds of having it at 58 years.
        per_decade: Factor on the odds for each further ten years of age.
        factors: Factors on the odds for those who have another condition that stands earlier in the list.
        only: "F" or "M" where one sex alone can have it.
        least_age: Completed years before which it does not begin here.
    """

    key: str
    code: str
    display: str
    odds: float
    per_decade: float = 1.0
    factors: Mapping[str, float] = field(default_factory=dict)
    only: str = ""
    least_age: int = 2


LONG_TERM: Final = read_table("conditions.csv", LongTerm)
"""The long-term conditions; each depends on earlier ones alone."""


class Diagnosis(NamedTuple):
    """A diagnosis of encounters.

    Attributes:
        of: ``visit``, for visits and emergencies, or the reason of a stay.
        code: ICD-10-CM.
        display: Its name.
    """

    of: str
    code: str
    display: str


DIAGNOSES: Final = read_table("diagnoses.csv", Diagnosis)
"""The diagnoses of visits, then those of stays in the order of `REASONS`."""

REASON_FACTORS: Final[Mapping[str, Mapping[str, float]]] = {
    "infection": {"diabetes": 1.5, "cancer": 1.5, "cirrhosis": 1.4, "esrd": 1.3},
    "renal": {"ckd3": 2.0, "ckd4": 3.0, "heart_failure": 1.5},
    "cardiac": {"heart_failure": 4.0, "coronary": 2.5, "fibrillation": 2.0, "hypertension": 1.3},
    "bleeding": {"cirrhosis": 4.0, "anemia": 1.5, "fibrillation": 1.4},
    "surgery": {"osteoarthritis": 1.8, "cancer": 1.6, "osteoporosis": 1.5},
    "respiratory": {"copd": 5.0, "asthma": 2.5, "smoking": 1.4, "heart_failure": 1.3},
}
"""Factors by which a long-term condition makes each reason for a stay likelier; our estimate."""


def draw_long_term(rng: RandomState, ages: Ints, female: Bools) -> dict[str, Bools]:
    """Draws the long-term conditions of people."""
    traits: dict[str, Bools] = {}
    decades = (ages - 58.0) / 10.0
    for condition in LONG_TERM:
        odds = condition.odds * condition.per_decade**decades
        for other, factor in condition.factors.items():
            odds = np.where(traits[other], odds * factor, odds)
        has: Bools = rng.random_sample(len(ages)) * (1.0 + odds) < odds
        if condition.only:
            has &= female == (condition.only == "F")
        has &= ages > condition.least_age
        traits[condition.key] = has
    return traits


def reason_weights(traits: Traits, patients: int) -> Floats:
    """The weights of the reasons for a stay; shape ``(patients, len(REASONS))``."""
    weights = np.ones((patients, len(REASONS)))
    for number, reason in enumerate(REASONS):
        for trait, factor in REASON_FACTORS.get(reason, {}).items():
            weights[:, number] *= np.where(traits[trait], factor, 1.0)
    return weights


def draw_onsets(rng: RandomState, births: Ints) -> Ints:
    """Draws when each long-term condition began: mostly years before the chart, never before its least age.

    Complications of diabetes begin after it.

    Args:
        rng: The stream to draw from.
        births: Shape ``(patients,)``; seconds since 1970.

    Returns:
        Shape ``(patients, conditions)``, in seconds since 1970; also for conditions that a person does not have.
    """
    shape = (len(births), len(LONG_TERM))
    long_ago, lately = 5.0 + 12.0 * rng.random_sample(shape) ** 2, 0.2 + 4.5 * rng.random_sample(shape)
    years = np.where(rng.random_sample(shape) < 0.75, long_ago, lately)
    began = NOW - np.floor(years * 365.25).astype(np.int64) * DAY - 3 * HOUR
    least = np.array([condition.least_age for condition in LONG_TERM], dtype=np.float64)
    earliest = births[:, None] + np.ceil(least * 365.25).astype(np.int64) * DAY
    # People who have a condition have had it for some months; those too young for it do not have it.
    began = np.minimum(np.maximum(began, earliest), NOW - 80 * DAY)
    place = {condition.key: number for number, condition in enumerate(LONG_TERM)}
    for key in ("hyperglycemia", "neuropathy", "retinopathy"):
        began[:, place[key]] = np.maximum(began[:, place[key]], began[:, place["diabetes"]])
    onsets: Ints = began
    return onsets
