"""Chronic diseases over a life: when each begins, by cumulative hazards of age and sex and by what is there already."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mab_gym.cohort._spec import DAY
from mab_gym.cohort.hospital._history import NOW
from mab_gym.cohort.hospital.life._background import BLACK, Background
from mab_gym.cohort.hospital.life._chance import YEAR, Chance
from mab_gym.cohort.hospital.life._tables import AGES, ONSETS

NEVER: Final = math.inf
_MENOPAUSE: Final = 49.5
_UNTIL_MENOPAUSE: Final = frozenset({"endometriosis", "polycystic_ovary"})
"""Diseases that end at about the menopause."""


@dataclass(slots=True)
class Course:
    """One disease's course.

    Attributes:
        onset: When it began.
        end: When it ended; None if never.
        severity: From 0 to 1.
    """

    onset: int
    end: int | None
    severity: float


def draw_courses(chance: Chance, person: Background, given: frozenset[str] = frozenset()) -> dict[str, Course] | None:
    """Draws the onsets of all chronic diseases until now, as if nobody died.

    Args:
        chance: Draws.
        person: Whose.
        given: Diseases that the person is to have. Their onsets are drawn on that condition, and the whole is kept in
            proportion to how likely they were, so that it is as if one drew until somebody has them, but sooner.

    Returns:
        Courses by key; None if this one is not kept.
    """
    courses: dict[str, Course] = {}
    until = person.age(NOW)
    birth, female = person.birth, person.female
    ages = _special(person)
    low = min(len(AGES) - 2, max(0, bisect_right(AGES, until) - 1))
    share = (until - AGES[low]) / (AGES[low + 1] - AGES[low])
    for row in ONSETS:
        if row.after:
            age = _after(chance, row.after, row.factors, ages)
        else:
            hazards = row.by_sex[female]
            if not hazards:
                continue
            if row.key in given:
                total = _total(hazards, row.factors, ages, until)
                likely = 1.0 - math.exp(-total)
                usual = 1.0 - math.exp(-_cumulative(hazards, until) * min(row.most, 4.0))
                if likely <= 0.0 or not chance.hit(likely / usual):
                    return None
                wait = -math.log(1.0 - chance.next() * likely)
            else:
                wait = chance.waits()
            if wait > (hazards[low] + share * (hazards[low + 1] - hazards[low])) * row.most:
                continue
            age = _inverse(wait, hazards, row.factors, ages, until)
        if age >= until or any(key in courses for key in row.excludes):
            continue
        age = max(age, row.condition.least_age + 0.1 * chance.next() if row.condition.least_age else 0.02)
        if age >= until:
            continue
        onset = birth + int(age * YEAR)
        severity = min(
            0.999, max(0.0, chance.next() * 0.6 + min(0.4, 0.02 * (until - age)) + 0.1 * (chance.next() - 0.5))
        )
        end = birth + int((_MENOPAUSE + 0.01 * (onset % 300)) * YEAR) if row.key in _UNTIL_MENOPAUSE else None
        if end is not None and end <= onset + YEAR:
            continue
        courses[row.key] = Course(onset, end if end is not None and end < NOW else None, severity)
        ages[row.key] = age
        for key in row.replaces:
            replaced = courses.get(key)
            if replaced is not None and replaced.end is None:
                if replaced.onset >= onset:
                    del courses[key]
                else:
                    replaced.end = onset
    _smoking(chance, person, courses)
    return courses


def _special(person: Background) -> dict[str, float]:
    """Returns ages from which on the factors count that are no diseases."""
    ages = {key: 0.0 for key in ("black",) if person.race == BLACK}
    if person.index >= 30.0:
        ages["obese"] = 22.0
    if person.smoked_from:
        years = (person.smoked_until or 2024) - person.smoked_from
        if years >= 10:
            ages["smoker"] = person.smoked_from + 10 - (1970 + person.born / 365.2425)
    for key in person.family:
        ages[f"family {key}"] = 0.0
    return ages


def _after(
    chance: Chance, after: Mapping[str, float], factors: Mapping[str, float], ages: Mapping[str, float]
) -> float:
    """Draws an age at onset, of a disease that follows from others."""
    soonest = NEVER
    for key, rate in after.items():
        if key in ages:
            ratio = math.prod(factor for other, factor in factors.items() if ages.get(other, NEVER) <= ages[key])
            soonest = min(soonest, ages[key] + chance.waits() / (rate * ratio))
    return soonest


def _inverse(
    wait: float, hazards: tuple[float, ...], factors: Mapping[str, float], ages: Mapping[str, float], until: float
) -> float:
    """Returns the age at which the cumulative hazard, moved by factors, reaches a draw."""
    steps = sorted((ages[key], factor) for key, factor in factors.items() if key in ages)
    ratio, spent, begun = 1.0, 0.0, 0.0
    for age, factor in [*steps, (until, 1.0)]:
        reached = _cumulative(hazards, min(age, until))
        gain = (reached - begun) * ratio
        if gain >= wait - spent:
            return _age_at(hazards, begun + (wait - spent) / ratio)
        spent += max(0.0, gain)
        begun = max(begun, reached)
        ratio *= factor
    return NEVER


def _total(hazards: tuple[float, ...], factors: Mapping[str, float], ages: Mapping[str, float], until: float) -> float:
    """Returns the cumulative hazard until an age, moved by factors."""
    ratio, begun, total = 1.0, 0.0, 0.0
    for age, factor in [*sorted((ages[key], factor) for key, factor in factors.items() if key in ages), (until, 1.0)]:
        reached = _cumulative(hazards, min(age, until))
        total += max(0.0, reached - begun) * ratio
        begun = max(begun, reached)
        ratio *= factor
    return total


def _cumulative(hazards: tuple[float, ...], age: float) -> float:
    low = min(len(AGES) - 2, max(0, bisect_right(AGES, age) - 1))
    share = min(1.0, max(0.0, (age - AGES[low]) / (AGES[low + 1] - AGES[low])))
    return hazards[low] + share * (hazards[low + 1] - hazards[low])


def _age_at(hazards: tuple[float, ...], value: float) -> float:
    low = min(len(AGES) - 2, max(0, bisect_right(hazards, value) - 1))
    step = hazards[low + 1] - hazards[low]
    return AGES[low] + (AGES[low + 1] - AGES[low]) * ((value - hazards[low]) / step if step > 0 else 0.0)


def _smoking(chance: Chance, person: Background, courses: dict[str, Course]) -> None:
    """Adds obesity and dependence on tobacco, which the background has decided."""
    if person.index >= 30.0:
        age = min(chance.between(16.0, 42.0), person.age(NOW) - 0.1)
        courses["obesity"] = Course(person.birth + int(age * YEAR), None, min(0.99, (person.index - 30.0) / 20.0))
    if person.smoked_from and (person.smoked_until == 0 or person.smoked_until > person.smoked_from + 1):
        begun = max(int((person.smoked_from + 1 - 1970) * YEAR), person.birth + int(15.2 * YEAR))
        if begun < NOW - YEAR:
            end = int((person.smoked_until - 1970 + 0.5) * YEAR) if person.smoked_until else None
            if end is not None:
                end = min(max(end, begun + YEAR // 2), NOW - 90 * DAY)
            courses["tobacco"] = Course(begun, end, min(0.99, person.packs / 2 + 0.1))
