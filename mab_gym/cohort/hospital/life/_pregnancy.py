"""Pregnancies: when they begin and end, by the age of the mother, and what may go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mab_gym.cohort._spec import DAY
from mab_gym.cohort.hospital._catalogue import PROCEDURES
from mab_gym.cohort.hospital.life._background import Background
from mab_gym.cohort.hospital.life._chance import YEAR, Chance

_RATES: Final = ((18, 0.035), (20, 0.067), (25, 0.094), (30, 0.098), (35, 0.053), (40, 0.012), (45, 0.0))
"""Births a woman and year from an age on: Martin et al., Final Data for 2019, NVSR 70-2 (66.6, 93.7, 98.3, 52.8,
12.0 per 1,000 women at 20, 25, 30, 35, 40)."""
CAESAREAN: Final = 0.317
"""Share of births by caesarean, the same source (31.7 %)."""
DIABETES: Final = 0.078
"""Gregory and Ely, Trends in Gestational Diabetes 2016-2020, NVSR 71-3 (7.8 % in 2020)."""
PREECLAMPSIA: Final = 0.05
"""Ananth et al., BMJ 2013;347:f6564 (3 to 5 %)."""


@dataclass(slots=True)
class Pregnancy:
    """One pregnancy.

    Attributes:
        begins: Day of the last menstrual period, in days since 1970.
        ends: Day of the birth; the expected one if it goes on now.
        diabetes: True with gestational diabetes.
        preeclampsia: True with pre-eclampsia.
        caesarean: True if born by caesarean.
    """

    begins: int
    ends: int
    diabetes: bool
    preeclampsia: bool
    caesarean: bool


def draw_pregnancies(chance: Chance, person: Background, until: int) -> list[Pregnancy]:
    """Draws all pregnancies that end in a birth, from 18 years until a moment."""
    found: list[Pregnancy] = []
    if not person.female:
        return found
    before = False
    oldest = min(45, int(person.age(until)))
    free = 0
    for age in range(18, oldest + 1):
        rate = next(rate for low, rate in reversed(_RATES) if age >= low)
        if chance.next() >= rate * 1.12:
            continue
        begins = person.born + int((age + chance.next()) * YEAR / DAY)
        if begins < free or begins * DAY > until - 45 * DAY:
            continue
        diabetes = chance.hit(DIABETES * (1.8 if person.index >= 30 else 0.8))
        preeclampsia = chance.hit(PREECLAMPSIA)
        days = chance.whole(252, 268) if preeclampsia else chance.whole(266, 289)
        caesarean = before or chance.hit(0.24 * (1.7 if preeclampsia else 1.0))
        before = before or caesarean
        if sum(each.caesarean for each in found) < PROCEDURES["caesarean"].most:
            found.append(Pregnancy(begins, begins + days, diabetes, preeclampsia, caesarean))
        free = begins + days + 240
    return found
