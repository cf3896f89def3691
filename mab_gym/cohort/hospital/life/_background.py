"""The person before anything happens: age, sex, race, habits, body and family history; then names and places.

The first half (`Background`) decides diseases and is drawn anew for each attempt to find a person who lies here now;
the second (`complete`) is drawn once.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Final

from mab_gym.cohort._spec import DAY
from mab_gym.cohort.hospital._history import NOW, RECORDS_FROM
from mab_gym.cohort.hospital.life._chance import YEAR, Chance, as_date, day_number, interpolate, sums

TODAY: Final = day_number(NOW)
FIRST_DAY: Final = day_number(RECORDS_FROM)
YOUNGEST, OLDEST = 18, 95
"""Ages that people have, or would have, now."""
_AGES: Final = tuple(range(YOUNGEST, OLDEST + 1))
_THOUSANDS: Final = (
    (8, 4100), (18, 4300), (25, 4350), (35, 4050), (45, 4150), (53, 4450), (60, 3850), (67, 3150), (72, 2150),
    (78, 1450), (85, 900),
)  # fmt: skip
"""US population by single years of age in thousands, at some ages in 2014: Census Bureau, Vintage 2014, rounded."""
_FEMALE: Final = (0.49, 0.50, 0.505, 0.515, 0.53, 0.57, 0.64)
"""Share of women at 20, 30, … 80 years (the same estimates)."""


def _pyramid(age: int) -> float:
    """Returns the weight of an age ten years before now."""
    for (low, few), (high, many) in itertools.pairwise(_THOUSANDS):
        if low <= age <= high:
            return few + (many - few) * (age - low) / (high - low)
    return float(_THOUSANDS[-1][1])


_PYRAMID: Final = sums([_pyramid(age - 10) for age in _AGES])
RACES: Final = (
    # code, display, hispanic, place of the names in ANCESTRIES, weight
    ("2106-3", "White", False, 0, 600),
    ("2054-5", "Black or African American", False, 1, 121),
    ("2131-1", "Other Race", True, 2, 70),
    ("2106-3", "White", True, 3, 110),
    ("2028-9", "Asian", False, 4, 26),
    ("2028-9", "Asian", False, 5, 20),
    ("2028-9", "Asian", False, 6, 13),
    ("2076-8", "Native Hawaiian or Other Pacific Islander", False, 7, 3),
    ("1002-5", "American Indian or Alaska Native", False, 0, 9),
)
"""Races with their names; weights by the US Census 2020 (adults: 61 % White alone and not Hispanic, 17 % Hispanic, 12 %
Black, 6 % Asian)."""
_RACES: Final = sums([race[4] for race in RACES])
BLACK: Final = 1
_ASIAN: Final = frozenset({4, 5, 6})
_EVER: Final = ((0.10, 0.08), (0.30, 0.23), (0.38, 0.31), (0.42, 0.34), (0.47, 0.37), (0.55, 0.39), (0.58, 0.36))
"""Share of men and women who have ever smoked, at 20, 30, … 80 years now."""
_STILL: Final = (0.75, 0.42, 0.39, 0.37, 0.34, 0.23, 0.12)
"""Share of them who still smoke. Both by NHIS 2021: Cornelius et al., MMWR 2023;72:475 (11.5 % smoke now; 5.3, 12.6,
14.9 and 8.3 % at 18, 25, 45 and 65 years and over; men 13.1, women 10.1)."""
FAMILY: Final = {
    # condition: chance in the mother, in the father, in a sibling, mean age at onset
    "hypertension": (0.42, 0.42, 0.15, 52), "type2_diabetes": (0.18, 0.2, 0.07, 55), "coronary": (0.12, 0.24, 0.05, 60),
    "breast_cancer": (0.09, 0.0, 0.03, 58), "colon_cancer": (0.04, 0.045, 0.01, 66),
    "prostate_cancer": (0.0, 0.11, 0.02, 68),
    "hyperlipidemia": (0.25, 0.27, 0.1, 50), "asthma": (0.09, 0.07, 0.08, 15), "depression": (0.14, 0.07, 0.1, 35),
    "migraine": (0.16, 0.06, 0.08, 25), "hypothyroidism": (0.12, 0.03, 0.04, 48), "glaucoma": (0.035, 0.03, 0.01, 63),
    "prior_stroke": (0.1, 0.11, 0.02, 70), "dementia": (0.16, 0.1, 0.0, 79), "lung_cancer": (0.03, 0.05, 0.01, 66),
    "alcohol": (0.03, 0.08, 0.04, 32),
}  # fmt: skip
"""Our estimate; in women and men of the parents' age about the prevalences of ``onsets.csv``."""


def ages_by(tables: tuple[tuple[float, ...], tuple[float, ...]]) -> tuple[list[tuple[int, bool]], tuple[float, ...]]:
    """Returns ages and sexes, with rising sums of weights: the population's times a hazard.

    Args:
        tables: Hazards of men and of women by completed years.
    """
    pairs = [(age, female) for age in _AGES for female in (False, True)]
    weights = []
    for age, female in pairs:
        share = interpolate(_FEMALE, age - 10, step=10.0)
        weights.append(_pyramid(age - 10) * (share if female else 1.0 - share) * tables[female][age])
    return pairs, sums(weights)


@dataclass(slots=True)
class Background:
    """The traits that decide a person's diseases.

    Attributes:
        female: Sex.
        born: Days since 1970-01-01.
        race: Place in `RACES`.
        height: In cm.
        index: Body mass index, as an adult.
        smoked_from: Year; 0 if never.
        smoked_until: Year; 0 if never or still.
        packs: Packs a day.
        parents: Conditions of mother, father and a sibling, with the age at onset.
        care: How readily this one goes to a doctor: 1 for most, from 0.4 to 2.
        trust: How readily this one is vaccinated and screened, from 0 to 1.
        birth: The moment of birth.
    """

    female: bool
    born: int
    race: int
    height: float
    index: float
    smoked_from: int
    smoked_until: int
    packs: float
    parents: tuple[tuple[tuple[str, int], ...], ...]
    care: float
    trust: float

    birth: int = field(init=False)

    def __post_init__(self) -> None:
        self.birth = self.born * DAY + DAY // 2

    def age(self, moment: int) -> float:
        """Returns the exact age in years."""
        return (moment - self.birth) / YEAR

    @property
    def family(self) -> frozenset[str]:
        """Conditions of a parent or a sibling."""
        return frozenset(key for relative in self.parents for key, _ in relative)


def draw_background(chance: Chance, who: tuple[int, bool] | None = None) -> Background:
    """Draws the background of a person.

    Args:
        chance: Draws.
        who: The age that the person has, or would have, now, and if it is a woman; drawn from the population if None.
    """
    if who is None:
        years = _AGES[chance.weighted(_PYRAMID)]
        female = chance.hit(interpolate(_FEMALE, years - 10, step=10.0))
    else:
        years, female = who
    # Birthdays of the ages are those of completed years today.
    born = TODAY - int(years * 365.2425) - chance.whole(0, 364)
    today = (TODAY - born) / 365.2425
    race = chance.weighted(_RACES)
    height = (
        (161.8 if female else 175.6) + chance.normal() * (6.6 if female else 7.0) - (5.0 if race in _ASIAN else 0.0)
    )
    index = _index(chance, female, years, race)
    place = min(6.0, max(0.0, (years - 20) / 10))
    low = int(place)
    ever = _EVER[low][female] + (place - low) * (_EVER[min(6, low + 1)][female] - _EVER[low][female])
    smoked_from = smoked_until = 0
    packs = 0.0
    if chance.hit(ever):
        begun = born + int(365.25 * min(chance.between(14.5, 20), today - 0.6))
        smoked_from = as_date(begun).year
        packs = (0.25, 0.5, 0.5, 1.0, 1.0, 1.5)[int(chance.next() * 6)]
        if not chance.hit(interpolate(_STILL, years, step=10.0)):
            quit_at = chance.between(0.15, 1.0) * (today - 19.0)
            smoked_until = min(2024, max(smoked_from + 1, as_date(born + int(365.25 * (19.0 + quit_at))).year))
    family = tuple(
        tuple(
            (key, max(2, min(95, int(row[3] + 11 * chance.normal()))))
            for key, row in FAMILY.items()
            if row[who] and chance.next() < row[who]
        )
        for who in range(3)
    )
    care = math.exp(0.32 * chance.normal() + (0.1 if female else -0.12))
    return Background(
        female, born, race, round(min(205.0, max(142.0, height)), 0), index, smoked_from, smoked_until, packs, family,
        min(2.0, max(0.4, care)), chance.next(),
    )  # fmt: skip


def _index(chance: Chance, female: bool, years: int, race: int) -> float:
    """Draws a body mass index, log-normal.

    It is fitted to NCHS Data Brief 508: obesity in 35.5, 46.4 and 38.9 % of people of 20, 40 and 60 years and over (men
    39.2, women 41.3); severe obesity in 6.7 % of men and 12.1 % of women.
    """
    middle = 27.3 if years < 40 else 29.1 if years < 60 else 28.3 if years < 75 else 27.0
    if race in _ASIAN:
        middle -= 3.0
    elif race == BLACK and female:
        middle += 1.6
    spread = 0.235 if female else 0.195
    return min(62.0, max(16.5, middle * math.exp(spread * chance.normal())))


def first_of_age(background: Background) -> int:
    """Returns the moment from which on this one can have visits here: the records' begin, or the 18th birthday."""
    grown = background.birth + int(18.02 * YEAR)
    return max(RECORDS_FROM, grown)
