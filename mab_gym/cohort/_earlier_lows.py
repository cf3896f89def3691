"""Earlier low potassium and magnesium: what is low today has been so before.

Balanced tasks need many people with low results today, and lower ones than an ordinary chart would ever show. So that
such a result does not stand out from a person's own history, their history has episodes of a day or two with comparable
or lower results; so does that of many who are not low today, for it must not tell either.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._measurement import MEASUREMENTS, NUMBER
from mab_gym.cohort._readings import VOID, Readings
from mab_gym.cohort._spec import DAY, HOUR
from mab_gym.cohort._streams import Ints, integers

LOWS: Final = {"K": (35, (23, 35)), "MG": (20, (4, 16))}
"""By code: below which value in tenths a result is low, and how low in episodes of those who are not today."""

_OTHERS = 0.75
"""Share of those who are not low today but have been."""
_HIGHER = 0.15
"""Share of those whose first episode was less deep than what they have today."""
_LONG_BEFORE = 7 * DAY
_WANES = 20 * HOUR
"""Time constant with which an episode begins and ends."""


def lower_earlier(
    rng: RandomState, readings: Readings, *, patient: Ints, number: Ints, time: Ints, value: Ints
) -> None:
    """Lowers results of the ordinary chart around some of their times.

    Args:
        rng: The stream to draw from.
        readings: The newest readings of the block.
        patient: Shape ``(rows,)``; index within the block.
        number: Shape ``(rows,)``; index into `MEASUREMENTS`.
        time: Shape ``(rows,)``; seconds since 1970.
        value: Shape ``(rows,)``; tenths; changed in place.
    """
    for code, (limit, (least, most)) in LOWS.items():
        each = NUMBER[code]
        mine = np.flatnonzero(number == each)
        for person in range(len(readings.since)):
            rows = mine[patient[mine] == person]
            now = _newest(readings, person, each)
            deepest, others = int(integers(rng, least, most, 1)[0]), float(rng.random_sample())
            count = int(integers(rng, 2, 5, 1)[0])
            higher = float(rng.random_sample()) < _HIGHER
            offsets = integers(rng, -2, 6, count)
            offsets[0] = integers(rng, 1, 5, 1)[0] if higher else integers(rng, -3, 1, 1)[0]
            anchors = rng.random_sample(count)
            if now is None or (now[1] >= limit and others >= _OTHERS):
                continue
            before = rows[time[rows] < now[0] - _LONG_BEFORE]
            before = before if len(before) else rows
            if not len(before):
                continue
            base = now[1] if now[1] < limit else deepest
            for offset, anchor in zip(offsets.tolist(), anchors.tolist(), strict=True):
                target = max(base + offset, MEASUREMENTS[each].lowest)
                middle = before[int(anchor * len(before))]
                weight = np.exp(-np.abs(time[rows] - time[middle]) / _WANES)
                lowered = np.rint(value[rows] + (target - value[rows]) * weight).astype(np.int64)
                value[rows] = np.minimum(value[rows], lowered)


def _newest(readings: Readings, person: int, number: int) -> tuple[int, int] | None:
    """Time and value of somebody's newest valid reading of one kind."""
    rows = np.flatnonzero((readings.patient == person) & (readings.number == number) & (readings.status != VOID))
    if not len(rows):
        return None
    last = rows[np.argmax(readings.time[rows])]
    return int(readings.time[last]), int(readings.value[last])
