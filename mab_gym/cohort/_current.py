"""The state of each chart at the benchmark's present: the newest readings of what its tasks ask for.

Whatever a task can ask must be answered differently for different people, at every threshold and on both sides of
it. So the newest magnesium, glucose, potassium and HbA1c readings are not left to chance: each profile is dealt one
situation from each table below. Who is dealt what follows the person: low levels go rather to those whose usual level
is low, frequent glucose readings and recent HbA1c results to diabetics. The dealt readings replace what the ordinary
chart (`mab_gym.cohort._observations`) would hold from the oldest of them on.

Every third of the newest readings was entered in error, and a valid one lies before it; a few others were amended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._conditions import Traits
from mab_gym.cohort._measurement import MEASUREMENTS, NUMBER
from mab_gym.cohort._series import rounded_level
from mab_gym.cohort._streams import SITUATIONS, Bools, Floats, Ints, apportion, some, stream

DAY: Final = 24 * 60
"""Ages of readings are in minutes before now, in this file alone."""
YEAR: Final = 365 * DAY
"""From 2022-11-13T10:15:00+00:00 to now."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The look of the newest readings of one analyte.

    Attributes:
        per_hundred: How many of a hundred profiles are in it.
        youngest: Least age of the newest reading.
        oldest: Greatest age of the newest reading.
        values: What the newest reading can be, dealt in turn, in tenths of the unit; near the person's usual value if
            empty.
        readings: How many there are within 24 hours; 0 where none is, -1 for one to four, mostly two or more.
        tied: Whether the newest reading is there twice, written in two time zones.
    """

    per_hundred: int
    youngest: int
    oldest: int
    values: Sequence[int] = ()
    readings: int = -1
    tied: bool = False


_HIGH, _LOW, _LOWER, _LOWEST = range(20, 29), range(15, 20), range(10, 15), range(4, 10)

MAGNESIUM: Final = (
    Situation(15, DAY + 10, 20 * DAY, (), 0),
    Situation(3, DAY + 1, DAY + 1, (), 0),
    Situation(17, 20, 20 * 60, _HIGH),
    Situation(2, DAY, DAY, _HIGH),
    Situation(20, 20, 20 * 60, _LOW),
    Situation(1, DAY, DAY, _LOW),
    Situation(20, 20, 20 * 60, _LOWER),
    Situation(1, DAY, DAY, _LOWER),
    Situation(20, 20, 20 * 60, _LOWEST),
    Situation(1, DAY, DAY, _LOWEST),
)
"""Magnesium: none in 24 hours, above 1.9, 1.5 to 1.9, 1.0 to below 1.5, and below 1.0 mg/dL; and the window's edge."""

GLUCOSE: Final = (
    Situation(21, DAY + 5, 40 * DAY, (), 0),
    Situation(3, DAY + 1, DAY + 1, (), 0),
    Situation(2, DAY, DAY, (), 1),
    Situation(8, 20, 20 * 60, (), 1),
    Situation(10, 20, 12 * 60, (), 2),
    Situation(8, 20, 8 * 60, (), 3),
    Situation(4, 20, 8 * 60, (), 3, tied=True),
    Situation(12, 20, 5 * 60, (), 4),
    Situation(11, 20, 4 * 60, (), 5),
    Situation(9, 20, 3 * 60, (), 6),
    Situation(7, 20, 3 * 60, (), 7),
    Situation(5, 20, 2 * 60, (), 8),
)
"""Capillary glucose: how many readings there are within 24 hours."""

POTASSIUM: Final = (
    Situation(34, 20, 20 * 60, range(23, 35)),
    Situation(14, DAY + 5, 14 * DAY, range(23, 35)),
    Situation(6, 20, 20 * 60, (35,)),
    Situation(2, DAY + 5, 14 * DAY, (35,)),
    Situation(30, 20, 20 * 60, range(36, 58)),
    Situation(14, DAY + 5, 30 * DAY, range(36, 58)),
)
"""Potassium: below 3.5, 3.5, and above 3.5 mmol/L, of today and of some time ago."""

HEMOGLOBIN_A1C: Final = (
    Situation(14, 0, 0, (), 0),
    Situation(40, 2 * DAY, YEAR - 2 * DAY),
    Situation(3, YEAR, YEAR),
    Situation(3, YEAR + 1, YEAR + 1),
    Situation(40, YEAR + 2 * DAY, 1700 * DAY),
)
"""HbA1c: never, within a year, a year ago to the minute, a year and a minute ago, and longer ago."""

NEVER: Final = 0
"""Place in `HEMOGLOBIN_A1C` of those who never had one."""

CODES: Final = ("MG", "GLU", "K", "A1C")
TABLES: Final = (MAGNESIUM, GLUCOSE, POTASSIUM, HEMOGLOBIN_A1C)
_MOST_ALIKE = 5
"""Of a hundred people so many at most share a newest value that is not dealt from a list."""
_CHANCE = 0.9
"""Standard deviation of what chance adds to a person's standing (of standard deviation 1) before levels are dealt."""
_WITHDRAWN = 0.36
"""Share of series at whose end stands a reading that was entered in error: a quarter of thirty cases then has one."""


@dataclass(frozen=True, slots=True)
class Deal:
    """The situations of all profiles; the second axis follows `CODES`.

    Attributes:
        situation: Shape ``(patients, 4)``; index into the analyte's table.
        newest: Shape ``(patients, 4)``; age of the newest reading in minutes.
        value: Shape ``(patients, 4)``; that reading, as a whole number of the last written digit.
        withdrawn: Shape ``(patients, 4)``; whether a reading that was entered in error comes after it.
        days: Shape ``(patients,)``; length of the stay that lasts today, 0 for those who are not in hospital.
    """

    situation: Ints
    newest: Ints
    value: Ints
    withdrawn: Bools
    days: Ints


def deal(seed: int, patients: int, traits: Traits, usual: Floats) -> Deal:
    """Deals the situations to a cohort's profiles.

    Args:
        seed: The cohort's seed.
        patients: How many profiles.
        traits: Their long-term conditions.
        usual: Their usual values.
    """
    situation, newest, value = (np.zeros((patients, len(CODES)), dtype=np.int64) for _ in range(3))
    withdrawn = np.zeros((patients, len(CODES)), dtype=np.bool_)
    for column, (code, table) in enumerate(zip(CODES, TABLES, strict=True)):
        rng = stream(seed, SITUATIONS, column)
        standing = _standing(rng, code, traits, usual)
        situation[:, column] = _situations(rng, table, standing)
        ages = np.array([(each.youngest, each.oldest) for each in table], dtype=np.int64)[situation[:, column]]
        # Recent ages are as likely as remote ones in proportion, so that windows differ in how soon they end.
        ratio = ages[:, 1] / np.maximum(ages[:, 0], 1)
        drawn = np.floor(ages[:, 0] * ratio ** rng.random_sample(patients)).astype(np.int64)
        newest[:, column] = np.clip(drawn, ages[:, 0], ages[:, 1])
        value[:, column] = _newest_values(rng, code, table, situation[:, column], usual, standing)
        withdrawn[:, column] = some(rng, situation[:, column], _WITHDRAWN)
    rng = stream(seed, SITUATIONS, len(CODES))
    inside = (newest[:, :3] <= DAY).any(axis=1)
    days = np.where(inside, 3 + np.floor(-3.0 * np.log1p(-rng.random_sample(patients))).astype(np.int64), 0)
    return Deal(situation, newest, value, withdrawn, days)


def _standing(rng: RandomState, code: str, traits: Traits, usual: Floats) -> Floats:
    """Each person's standing among the others before an analyte is dealt; shape ``(patients,)``.

    For magnesium and potassium it is the usual level, which drugs and kidneys have shaped; for glucose and HbA1c how
    much reason there is to measure them. Chance is added to all.
    """
    if code in ("MG", "K"):
        level = usual[:, NUMBER[code]]
        level = (level - level.mean()) / max(float(level.std()), 1e-9)
    else:
        level = 1.5 * traits["diabetes"] + 0.8 * traits["hyperglycemia"] + 0.5 * traits["insulin_glargine"]
    standing: Floats = level + _CHANCE * rng.standard_normal(len(usual))
    return standing


def _situations(rng: RandomState, table: Sequence[Situation], standing: Floats) -> Ints:
    """A situation for each person, exactly as many of each as the table says; shape ``(patients,)``.

    Situations without listed values come by chance where others have them. The rest are in order: of levels from low
    to high, of glucose by how many readings there are, of HbA1c from never by how recent it is.
    """
    patients = len(standing)
    counts = apportion(patients, np.array([each.per_hundred for each in table], dtype=np.int64))
    slots = rng.permutation(np.repeat(np.arange(len(table)), counts))
    by_chance = rng.permutation(patients)
    if any(each.values for each in table):
        rank = np.array([min(each.values) if each.values else -1 for each in table], dtype=np.int64)
    elif table is GLUCOSE:
        rank = np.array([each.readings for each in table], dtype=np.int64)
    else:
        # A diabetic who was never tested would be a fault of care rather than a chart.
        rank = np.array([0 if place == NEVER else 10_000_000 - each.youngest for place, each in enumerate(table)])
    loose = slots[rank[slots] < 0]
    ordered = slots[rank[slots] >= 0]
    result = np.zeros(patients, dtype=np.int64)
    result[by_chance[: len(loose)]] = loose
    rest = by_chance[len(loose) :]
    rest = rest[np.argsort(standing[rest], kind="stable")]
    result[rest] = ordered[np.argsort(rank[ordered], kind="stable")]
    return result


def _newest_values(
    rng: RandomState, code: str, table: Sequence[Situation], situation: Ints, usual: Floats, standing: Floats
) -> Ints:
    """The newest reading of each patient; of those dealt from one list, the higher ones go to who stands higher."""
    patients = len(situation)
    values = np.zeros(patients, dtype=np.int64)
    limit, sharing = max(1, patients * _MOST_ALIKE // 100), dict[tuple[int, ...], list[int]]()
    used: dict[int, int] = {}
    measurement = MEASUREMENTS[NUMBER[code]]
    scatter = rng.standard_normal(patients)
    for patient in range(patients):
        listed = tuple(table[situation[patient]].values)
        if listed:
            sharing.setdefault(listed, []).append(patient)
            continue
        level = rounded_level(usual, patient, code)
        spread = 0.28 * level if measurement.skewed else 3.0
        least, most = measurement.lowest + 8, measurement.highest
        wanted = min(max(level + round(float(scatter[patient]) * spread), least), most)
        near = (wanted + sign * step for step in range(most) for sign in (1, -1))
        value = next((each for each in near if least <= each <= most and used.get(each, 0) < limit), wanted)
        used[value] = used.get(value, 0) + 1
        values[patient] = value
    for listed, who in sharing.items():
        # Each value as often as the others, the last round spread over the list.
        dealt = [listed[(turn * len(listed)) // len(who) % len(listed)] for turn in range(len(who))]
        for patient, value in zip(sorted(who, key=lambda each: standing[each]), sorted(dealt), strict=True):
            values[patient] = value
    return values
