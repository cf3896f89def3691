"""The rows of the current presentations: the newest readings, what led to them, and what was entered in error later."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._current import CODES, TABLES, AssignedPresentations, Current
from mab_gym.cohort._measurement import MEASUREMENTS, NUMBER
from mab_gym.cohort._series import rounded_level
from mab_gym.cohort._spec import DAY, DAY_MINUTES, FIRST, HOUR, HOUR_MINUTES, MINUTE, NOW
from mab_gym.cohort._streams import Bools, Floats, Ints, integers

_LEAST_AGE_WITHDRAWN = 16
"""Least age in minutes of a reading that was entered in error: somebody has to have noticed it. Our choice."""
_REVISED = 0.08
"""Share of valid readings that were amended or corrected; our choice."""
FINAL, AMENDED, CORRECTED, VOID = range(4)
"""Statuses of readings, as indices into `mab_gym.cohort._observations.STATUSES`."""


LOWS: Final = {"K": (35, (23, 35)), "MG": (20, (4, 16))}
"""By code: the value in tenths below which a result is low, and the range of earlier low results of people who are not
low today. Our choice; the limits are those of the tasks."""

_OTHERS = 0.75
"""Share of people who are not low today but have been; our choice."""
_HIGHER = 0.15
"""Share of people with a first episode that was less deep than today's; our choice."""
_LONG_BEFORE = 7 * DAY
_WANES = 20 * HOUR
"""Time constant with which an episode begins and ends; our estimate."""


class Rows(NamedTuple):
    """Observations before they are written; arrays of shape ``(rows,)``.

    Attributes:
        patient: Index within the block.
        number: Index into `mab_gym.cohort._series.MEASUREMENTS`.
        time: Seconds since 1970.
        value: See `mab_gym.cohort._series.draw_values`.
        zone: 1 + index into `mab_gym.cohort._columns.ZONES`.
        status: Index into `STATUSES`.
        panel: Number of the panel they belong to.
    """

    patient: Ints
    number: Ints
    time: Ints
    value: Ints
    zone: Ints
    status: Ints
    panel: Ints

    def take(self, which: Ints | Bools) -> Rows:
        """The given rows."""
        return Rows(*(column[which] for column in self))


class Readings(NamedTuple):
    """The newest readings of a block of patients.

    Attributes:
        rows: The readings; every analyte has one at least that was not entered in error.
        since: Shape ``(patients, 4)``; from when on the ordinary chart has none of these analytes.
    """

    rows: Rows
    since: Ints


def draw_readings(rng: RandomState, assigned: AssignedPresentations, first: int, usual: Floats) -> Readings:
    """The newest readings of a block of patients, some older ones before them included.

    Args:
        rng: The block's stream.
        assigned: The presentations of the whole cohort.
        first: Number of the block's first patient in the cohort.
        usual: The usual values of the block's patients.
    """
    rows: list[tuple[int, int, int, int, int, int]] = []
    since = np.zeros((len(usual), len(CODES)), dtype=np.int64)
    for patient in range(len(usual)):
        for column, (code, table) in enumerate(zip(CODES, TABLES, strict=True)):
            presentation = table[assigned.presentation[first + patient, column]]
            if not presentation.oldest:
                continue
            newest, value = int(assigned.newest[first + patient, column]), int(assigned.value[first + patient, column])
            number = NUMBER[code]
            level = rounded_level(usual, patient, code)
            ages = _ages(rng, code, presentation, newest)
            values = _earlier_values(rng, code, value, level, len(ages))
            since[patient, column] = max(NOW - ages[-1] * MINUTE, FIRST)
            for place, (age, reading) in enumerate(zip(ages, values, strict=True)):
                written, status = _writing(rng, code, place)
                rows.append((patient, number, NOW - age * MINUTE, reading, written, status))
                if place == 0 and presentation.tied:
                    rows[-1] = (*rows[-1][:4], 1, FINAL)
                    rows.append((*rows[-1][:4], 2, FINAL))
            lately, side, when = (float(chance) for chance in rng.random_sample(3))
            withdrawn = assigned.withdrawn[first + patient, column]
            if withdrawn and newest > _LEAST_AGE_WITHDRAWN and not presentation.tied:
                age = _age_withdrawn(code, newest, lately, when)
                reading = _misleading(code, value, level, side)
                rows.append((patient, number, NOW - age * MINUTE, reading, 1, VOID))
    numbered = [(*row, panel) for panel, row in enumerate(rows)]
    columns = np.array(numbered, dtype=np.int64).reshape(-1, len(Rows._fields)).T
    return Readings(Rows(*(column.copy() for column in columns)), since)


def _writing(rng: RandomState, code: str, place: int) -> tuple[int, int]:
    """The zone in which a reading is written, and its status; ``place`` counts from the newest."""
    zone, status = (float(chance) for chance in rng.random_sample(2))
    written = 1 if zone < 0.8 else 2 if zone < 0.92 else 3
    if code in ("MG", "K") and place > 0 and status > 1.0 - 0.08:
        return written, VOID
    if status < _REVISED:
        return written, AMENDED if status < 0.6 * _REVISED else CORRECTED
    return written, FINAL


def _age_withdrawn(code: str, newest: int, lately: float, when: float) -> int:
    """The age of a reading that was entered in error after the newest valid one, in minutes.

    It is some hours younger than that one, or any time for HbA1c. Where the valid one is not of the last day, every
    other one is: such a result can be filed to anybody.
    """
    room = newest - _LEAST_AGE_WITHDRAWN - 1
    if code != "A1C":
        if newest > DAY_MINUTES and lately < 0.5:
            return _LEAST_AGE_WITHDRAWN + int(when * 20 * HOUR_MINUTES)
        room = min(room, 3 * HOUR_MINUTES)
    return newest - 1 - int(when * room)


def _misleading(code: str, value: int, level: int, side: float) -> int:
    """A reading that would call for something else than the valid one, in tenths or whole units as the analyte has it.

    It is what a haemolysed or diluted specimen gives: far off, mostly beyond what is usual for the person.
    """
    measurement = MEASUREMENTS[NUMBER[code]]
    far = max(6, round((0.35 if measurement.skewed else 0.3) * level))
    up = (value < level) == (side < 0.8)
    wanted = value + far if up else value - far
    return wanted if measurement.lowest < wanted < measurement.highest else 2 * value - wanted


def _ages(rng: RandomState, code: str, presentation: Current, newest: int) -> list[int]:
    """Ages of an analyte's newest readings in minutes, the newest first and no two alike."""
    inside = presentation.readings
    if inside < 0:
        inside = int(integers(rng, 2, 5, 1)[0]) if rng.random_sample() < 0.85 else 1
    if code == "A1C":
        return [newest]
    ages = [newest]
    if newest <= DAY_MINUTES:
        room = DAY_MINUTES - 10 - newest - 15
        if room > 40 * inside:
            share = room / max(inside - 1, 1)
            ages += [
                newest + 15 + int((place + 0.9 * float(rng.random_sample())) * share) for place in range(inside - 1)
            ]
    older = max(newest, DAY_MINUTES)
    for _ in range(int(integers(rng, 1, 4, 1)[0])):
        older += int(integers(rng, 90, 900, 1)[0])
        ages.append(older)
    return ages


def _earlier_values(rng: RandomState, code: str, newest: int, level: int, count: int) -> list[int]:
    """Readings on the way from a person's usual value to the newest one, the newest first."""
    measurement = MEASUREMENTS[NUMBER[code]]
    values = [newest]
    for place in range(1, count):
        back = min(0.25 * place, 0.9)
        jitter = float(rng.standard_normal()) * (0.2 * level if measurement.skewed else 2.0)
        value = round(newest + (level - newest) * back + jitter)
        if value == newest:
            value += 1 if rng.random_sample() < 0.5 else -1
        values.append(min(max(value, measurement.lowest), measurement.highest))
    return values


def lower_earlier(rng: RandomState, newest: Readings, rows: Rows) -> None:
    """Lowers potassium and magnesium around some times, in place, so that results that are low today were low before.

    Balanced tasks need many people with low results today, and lower ones than an ordinary chart would ever show. So
    that such a result does not stand out from a person's own history, their history has episodes of a day or two with
    comparable or lower results; so does that of many who are not low today, for it must not tell either.
    """
    number, time, value = rows.number, rows.time, rows.value
    for code, (limit, (least, most)) in LOWS.items():
        each = NUMBER[code]
        mine = np.flatnonzero(number == each)
        for person in range(len(newest.since)):
            own = mine[rows.patient[mine] == person]
            now = _newest(newest.rows, person, each)
            deepest, others = int(integers(rng, least, most, 1)[0]), float(rng.random_sample())
            count = int(integers(rng, 2, 5, 1)[0])
            higher = float(rng.random_sample()) < _HIGHER
            offsets = integers(rng, -2, 6, count)
            offsets[0] = integers(rng, 1, 5, 1)[0] if higher else integers(rng, -3, 1, 1)[0]
            anchors = rng.random_sample(count)
            if now is None or (now[1] >= limit and others >= _OTHERS):
                continue
            before = own[time[own] < now[0] - _LONG_BEFORE]
            before = before if len(before) else own
            if not len(before):
                continue
            base = now[1] if now[1] < limit else deepest
            for offset, anchor in zip(offsets.tolist(), anchors.tolist(), strict=True):
                target = max(base + offset, MEASUREMENTS[each].lowest)
                middle = before[int(anchor * len(before))]
                weight = np.exp(-np.abs(time[own] - time[middle]) / _WANES)
                lowered = np.rint(value[own] + (target - value[own]) * weight).astype(np.int64)
                value[own] = np.minimum(value[own], lowered)


def _newest(readings: Rows, person: int, number: int) -> tuple[int, int] | None:
    """Time and value of somebody's newest valid reading of one kind."""
    rows = np.flatnonzero((readings.patient == person) & (readings.number == number) & (readings.status != VOID))
    if not len(rows):
        return None
    last = rows[np.argmax(readings.time[rows])]
    return int(readings.time[last]), int(readings.value[last])
