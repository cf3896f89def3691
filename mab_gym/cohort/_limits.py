"""What can be together: ages, sexes, numbers and reasons of procedures and diagnoses.

A record that breaks its limits is not written; another one, which everybody can have, stands in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mab_gym.cohort._conditions import Traits
from mab_gym.cohort._spec import DAY
from mab_gym.cohort._streams import Bools, Ints

_YEAR = 365.25 * DAY


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for one kind of procedure or diagnosis.

    Attributes:
        least_age: Completed years from which on it occurs.
        greatest_age: Completed years until which it occurs.
        most: How often one person has it within the chart at most; 0 where that is open.
        apart: Least number of days between two of them.
        episode: Days within which further records count as the same one.
        needs: Long-term conditions or drugs of which it needs one.
    """

    least_age: int = 0
    greatest_age: int = 120
    most: int = 0
    apart: int = 0
    episode: int = 0
    needs: tuple[str, ...] = ()


PROCEDURES: Final[Mapping[str, Limits]] = {
    # USPSTF, Breast Cancer: Screening, JAMA 2024;331:1918-30: 40 to 74 years; not more often than yearly.
    "77067": Limits(40, 74, 5, 330),
    # USPSTF, Colorectal Cancer: Screening, JAMA 2021;325:1965-77: from 45 years, selectively from 76 to 85. Repeated
    # after a year at the earliest (US Multi-Society Task Force, Gastroenterology 2020;158:1131-53).
    "45378": Limits(45, 85, 2, 365),
    # USPSTF, Osteoporosis: Screening, JAMA 2018;319:2521-31: women from 65 years, younger ones after the menopause;
    # repeated after two years (Medicare, 42 CFR 410.31).
    "77080": Limits(50, 120, 3, 23 * 30),
    # A person has two knees and two femoral necks. Ages: AAOS, American Joint Replacement Registry, 2023 report.
    "27447": Limits(45, 90, 2, 90, 0, ("osteoarthritis",)),
    "27236": Limits(60, 120, 2, 90),
    # A gallbladder is taken out once.
    "47562": Limits(18, 120, 1),
    # Two lenses; cataracts of age (AAO, Cataract in the Adult Eye Preferred Practice Pattern, 2021).
    "66984": Limits(50, 120, 2, 14),
    # Coronary procedures: coronary artery disease below 30 years is a rarity (ACC/AHA/SCAI, Circulation 2022;145:e18).
    "93458": Limits(30, 120, 3, 60),
    "92928": Limits(30, 120, 3, 60),
    "92960": Limits(25, 120, 4, 30),
    "43239": Limits(18, 120, 4, 60),
    "95811": Limits(18, 120, 2, 365),
    # Not more than every three months (ACR/AF osteoarthritis guideline, Arthritis Care Res 2020;72:149-62).
    "20610": Limits(30, 120, 10, 85),
    "99497": Limits(18, 120, 4, 180),
    "94010": Limits(12, 120, 10, 60),
    "93306": Limits(0, 120, 0, 5),
    "92014": Limits(0, 120, 0, 120),
    "94002": Limits(0, 120, 0, 2),
    "31500": Limits(0, 120, 0, 2),
    "90935": Limits(0, 120, 0, 1),
    "96413": Limits(0, 120, 0, 6),
    "77385": Limits(0, 120, 35, 1),
}
"""By CPT code."""

DIAGNOSES: Final[Mapping[str, Limits]] = {
    "H52.4": Limits(40),  # AAO, Refractive Errors Preferred Practice Pattern, 2022
    "Z12.11": Limits(45, 85, 3, 365),  # USPSTF, JAMA 2021;325:1965-77
    "Z00.00": Limits(16, 120, 0, 330),  # once a year: Medicare, 42 CFR 410.15
    "I21.4": Limits(30, 120, 3, 60, 14, ("coronary",)),
    "I50.23": Limits(18, needs=("heart_failure",)),
    "J81.0": Limits(18, needs=("heart_failure", "coronary")),
    "J44.1": Limits(35, needs=("copd",)),
    "D68.32": Limits(18, needs=("warfarin", "apixaban")),
    "S72.001A": Limits(60, 120, 1, 0, 30),  # of low energy: Veronese and Maggi, Injury 2018;49:1458-60
    "Z47.1": Limits(45, 120, 2, 90, 60, ("osteoarthritis",)),
    "K80.20": Limits(18, 120, 1, 0, 60),
    "K56.609": Limits(18, 120, 2, 60, 30),
}
"""By ICD-10-CM code."""


def beyond_limits(
    table: Mapping[str, Limits],
    codes: Sequence[str],
    *,
    kind: Ints,
    patient: Ints,
    time: Ints,
    births: Ints,
    traits: Traits,
) -> Bools:
    """Tells which records break their limits.

    Args:
        table: The limits by code.
        codes: The code of each kind.
        kind: Shape ``(rows,)``; index into ``codes``.
        patient: Shape ``(rows,)``; whose it is.
        time: Shape ``(rows,)``; seconds since 1970.
        births: Shape ``(patients,)``; seconds since 1970.
        traits: Long-term conditions and drugs.

    Returns:
        Shape ``(rows,)``.
    """
    broken = np.zeros(len(kind), dtype=np.bool_)
    for number, code in enumerate(codes):
        limits = table.get(code)
        if limits is None:
            continue
        rows = np.flatnonzero(kind == number)
        years = (time[rows] - births[patient[rows]]) / _YEAR
        bad = (years < limits.least_age + 0.01) | (years >= limits.greatest_age + 0.99)
        if limits.needs:
            has = np.any([traits[key] for key in limits.needs], axis=0)
            bad |= ~has[patient[rows]]
        broken[rows[bad]] = True
        if limits.most or limits.apart:
            broken[list(_too_many(limits, rows[~bad], patient, time))] = True
    return broken


def _too_many(limits: Limits, rows: Ints, patient: Ints, time: Ints) -> Iterator[int]:
    """The rows that come too often or too soon, of those of one kind."""
    order = rows[np.lexsort((time[rows], patient[rows]))]
    who, begun, last, count = -1, 0, 0, 0
    for row, owner, moment in zip(order.tolist(), patient[order].tolist(), time[order].tolist(), strict=True):
        if owner != who:
            who, count = owner, 0
        if count and moment - begun < limits.episode * DAY:
            last = moment
        elif count and (moment - last < limits.apart * DAY or (limits.most and count >= limits.most)):
            yield row
        else:
            begun = last = moment
            count += 1
