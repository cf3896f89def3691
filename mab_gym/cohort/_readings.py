"""The rows of the current scenarios: the newest readings, what led to them, and what was entered in error later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._current import CODES, TABLES, Assignment, Current
from mab_gym.cohort._measurement import MEASUREMENTS, NUMBER
from mab_gym.cohort._series import rounded_level
from mab_gym.cohort._spec import DAY_MINUTES, FIRST, HOUR_MINUTES, MINUTE, NOW
from mab_gym.cohort._streams import Floats, Ints, integers

_LEAST_AGE_WITHDRAWN = 16
"""Minutes before now after which no reading is entered in error: it has to have been noticed."""
_REVISED = 0.08
"""Share of valid readings that were amended or corrected; our choice."""
FINAL, AMENDED, CORRECTED, VOID = range(4)
"""Statuses of readings, as indices into `mab_gym.cohort._observations.STATUSES`."""


@dataclass(frozen=True, slots=True)
class Readings:
    """The newest readings of a block of patients; arrays of shape ``(readings,)`` but for the last.

    Attributes:
        patient: Index within the block.
        number: Index into `mab_gym.cohort._series.MEASUREMENTS`.
        time: Seconds since 1970.
        value: As a whole number of the last written digit.
        zone: 1 + index into `mab_gym.cohort._columns.ZONES`.
        status: `FINAL`, `AMENDED`, `CORRECTED` or `VOID`; every analyte has one reading at least that is not void.
        since: Shape ``(patients, 4)``; from when on the ordinary chart has none of these analytes.
    """

    patient: Ints
    number: Ints
    time: Ints
    value: Ints
    zone: Ints
    status: Ints
    since: Ints


def draw_readings(rng: RandomState, assigned: Assignment, first: int, usual: Floats) -> Readings:
    """The newest readings of a block of patients, some older ones before them included.

    Args:
        rng: The block's stream.
        assigned: The scenarios of the whole cohort.
        first: Number of the block's first patient in the cohort.
        usual: The usual values of the block's patients.
    """
    rows: list[tuple[int, int, int, int, int, int]] = []
    since = np.zeros((len(usual), len(CODES)), dtype=np.int64)
    for patient in range(len(usual)):
        for column, (code, table) in enumerate(zip(CODES, TABLES, strict=True)):
            scenario = table[assigned.scenario[first + patient, column]]
            if not scenario.oldest:
                continue
            newest, value = int(assigned.newest[first + patient, column]), int(assigned.value[first + patient, column])
            number = NUMBER[code]
            level = rounded_level(usual, patient, code)
            ages = _ages(rng, code, scenario, newest)
            values = _earlier_values(rng, code, value, level, len(ages))
            since[patient, column] = max(NOW - ages[-1] * MINUTE, FIRST)
            for place, (age, reading) in enumerate(zip(ages, values, strict=True)):
                written, status = _writing(rng, code, place)
                rows.append((patient, number, NOW - age * MINUTE, reading, written, status))
                if place == 0 and scenario.tied:
                    rows[-1] = (*rows[-1][:4], 1, FINAL)
                    rows.append((*rows[-1][:4], 2, FINAL))
            lately, side, when = (float(chance) for chance in rng.random_sample(3))
            withdrawn = assigned.withdrawn[first + patient, column]
            if withdrawn and newest > _LEAST_AGE_WITHDRAWN and not scenario.tied:
                age = _age_withdrawn(code, newest, lately, when)
                reading = _misleading(code, value, level, side)
                rows.append((patient, number, NOW - age * MINUTE, reading, 1, VOID))
    table_of_rows = np.array(rows, dtype=np.int64).reshape(-1, 6)
    patient_of, number_of, time, value_of, zone_of, status_of = (table_of_rows[:, i].copy() for i in range(6))
    return Readings(patient_of, number_of, time, value_of, zone_of, status_of, since)


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


def _ages(rng: RandomState, code: str, scenario: Current, newest: int) -> list[int]:
    """Ages of an analyte's newest readings in minutes, the newest first and no two alike."""
    inside = scenario.readings
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
