"""The presentations of each chart at the benchmark's present: the newest readings of what its tasks ask for.

A task must be answered differently for different people, at every threshold and on both sides of it. So each profile
gets one presentation of each analyte from ``tables/current.csv``. Low levels go rather to people with a low usual
level, frequent glucose readings and recent HbA1c results to diabetics. The readings replace those of the ordinary chart
(`mab_gym.cohort._observations`) from the oldest of them on.

Every third of the newest readings was entered in error, and a valid one lies before it; a few others were amended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._conditions import Traits
from mab_gym.cohort._data import read_table
from mab_gym.cohort._measurement import MEASUREMENTS, NUMBER
from mab_gym.cohort._presentations import assign, some
from mab_gym.cohort._series import rounded_level
from mab_gym.cohort._spec import DAY_MINUTES, HOUR_MINUTES
from mab_gym.cohort._streams import PRESENTATIONS, Bools, Floats, Ints, apportion, stream

_MINUTES: Final = {"y": 365 * DAY_MINUTES, "d": DAY_MINUTES, "h": HOUR_MINUTES, "m": 1}


class Age(int):
    """An age in minutes before now, written as in ``1y 2d 3h 4m``."""

    @classmethod
    def read(cls, text: str) -> Age:
        """Reads an age."""
        return cls(sum(int(part[:-1]) * _MINUTES[part[-1]] for part in text.split()))


_NOW: Final = Age(0)


@dataclass(frozen=True, slots=True)
class Current:
    """A presentation of the newest readings of one analyte.

    Attributes:
        analyte: Its code.
        per_hundred: How many of a hundred profiles are in it.
        youngest: Least age of the newest reading.
        oldest: Greatest age of the newest reading; 0 where there is no reading at all.
        least: The least value that the newest reading can have, in tenths of the unit.
        greatest: The greatest; 0 where the newest reading is near the person's usual value.
        readings: How many there are within 24 hours; 0 where none is, -1 for one to four, mostly two or more.
        tied: True if the newest reading is there twice, written in two time zones.
        rank: Its place in the order in which people get presentations by their standing; -1 where it comes by chance.
    """

    analyte: str
    per_hundred: int
    youngest: Age = _NOW
    oldest: Age = _NOW
    least: int = 0
    greatest: int = 0
    readings: int = -1
    tied: bool = False
    rank: int = -1


_ALL: Final = read_table("current.csv", Current)
CODES: Final = tuple(dict.fromkeys(presentation.analyte for presentation in _ALL))
TABLES: Final = tuple(tuple(presentation for presentation in _ALL if presentation.analyte == code) for code in CODES)
"""The presentations of each of the `CODES`."""
_MOST_ALIKE = 5
"""Of a hundred people so many at most share a newest value that does not come from a list; our choice."""
_CHANCE = 0.9
"""Standard deviation of what chance adds to a person's standing, which has a standard deviation of 1; our choice."""
_WITHDRAWN = 0.36
"""Share of series at whose end stands a reading that was entered in error; our choice: so that a quarter of thirty
cases has one."""


@dataclass(frozen=True, slots=True)
class AssignedPresentations:
    """The presentations of all profiles; the second axis follows `CODES`.

    Attributes:
        presentation: Shape ``(patients, 4)``; index into the analyte's table.
        newest: Shape ``(patients, 4)``; age of the newest reading in minutes.
        value: Shape ``(patients, 4)``; that reading, as a whole number of the last written digit.
        withdrawn: Shape ``(patients, 4)``; whether a reading that was entered in error comes after it.
        days: Shape ``(patients,)``; length of the stay that lasts today, 0 for those who are not in hospital.
    """

    presentation: Ints
    newest: Ints
    value: Ints
    withdrawn: Bools
    days: Ints


def assign_current(seed: int, patients: int, traits: Traits, usual: Floats) -> AssignedPresentations:
    """Assigns the presentations to a cohort's profiles.

    Args:
        seed: The cohort's seed.
        patients: How many profiles.
        traits: Their long-term conditions.
        usual: Their usual values.
    """
    presentation, newest, value = (np.zeros((patients, len(CODES)), dtype=np.int64) for _ in range(3))
    withdrawn = np.zeros((patients, len(CODES)), dtype=np.bool_)
    for column, (code, table) in enumerate(zip(CODES, TABLES, strict=True)):
        rng = stream(seed, PRESENTATIONS, column)
        standing = _standing(rng, code, traits, usual)
        presentation[:, column] = _by_standing(rng, table, standing)
        ages = np.array([(each.youngest, each.oldest) for each in table], dtype=np.int64)[presentation[:, column]]
        # Recent ages are as likely as remote ones in proportion, so that windows differ in how soon they end.
        ratio = ages[:, 1] / np.maximum(ages[:, 0], 1)
        drawn = np.floor(ages[:, 0] * ratio ** rng.random_sample(patients)).astype(np.int64)
        newest[:, column] = np.clip(drawn, ages[:, 0], ages[:, 1])
        value[:, column] = _newest_values(rng, code, [table[each] for each in presentation[:, column]], usual, standing)
        withdrawn[:, column] = some(rng, presentation[:, column], _WITHDRAWN)
    rng = stream(seed, PRESENTATIONS, len(CODES))
    inside = (newest[:, :3] <= DAY_MINUTES).any(axis=1)
    days = np.where(inside, 3 + np.floor(-3.0 * np.log1p(-rng.random_sample(patients))).astype(np.int64), 0)
    return AssignedPresentations(presentation, newest, value, withdrawn, days)


def _standing(rng: RandomState, code: str, traits: Traits, usual: Floats) -> Floats:
    """Each person's standing among the others; shape ``(patients,)``.

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


def _by_standing(rng: RandomState, table: Sequence[Current], standing: Floats) -> Ints:
    """A presentation for each person, exactly as many of each as the table says; shape ``(patients,)``.

    Those without a rank come by chance. A diabetic who never had an HbA1c would be a fault of care rather than a
    chart, so that presentation has the lowest rank.
    """
    counts = apportion(len(standing), np.array([each.per_hundred for each in table], dtype=np.int64))
    slots = rng.permutation(np.repeat(np.arange(len(table)), counts))
    queue = rng.permutation(len(standing))
    rank = np.array([each.rank for each in table])[slots]
    loose = int((rank < 0).sum())
    queue[loose:] = queue[loose:][np.argsort(standing[queue[loose:]], kind="stable")]
    return np.array([*assign(slots[np.argsort(rank, kind="stable")], queue).values()], dtype=np.int64)


def _newest_values(
    rng: RandomState, code: str, presentations: Sequence[Current], usual: Floats, standing: Floats
) -> list[int]:
    """The newest reading of each patient; of those who share a list, the higher ones go to who stands higher."""
    patients = len(presentations)
    values, used, sharing = [0] * patients, dict[int, int](), dict[range, list[int]]()
    limit, measurement = max(1, patients * _MOST_ALIKE // 100), MEASUREMENTS[NUMBER[code]]
    scatter = rng.standard_normal(patients)
    for patient, presentation in enumerate(presentations):
        if presentation.greatest:
            sharing.setdefault(range(presentation.least, presentation.greatest + 1), []).append(patient)
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
        slots = sorted(listed[(turn * len(listed)) // len(who) % len(listed)] for turn in range(len(who)))
        for patient, value in zip(sorted(who, key=lambda each: standing[each]), slots, strict=True):
            values[patient] = value
    return values
