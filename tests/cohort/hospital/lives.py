"""People made by hand for tests of care: what they have and take, and when they come."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np

from mab_gym.cohort.hospital._catalogue_results import NUMBERS
from mab_gym.cohort.hospital._history import NOW, History, Person, Prescription, Problem, Visit

DAY, HOUR = 86_400, 3_600


def at(year: int, month: int = 6, day: int = 3, hour: int = 14) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


def person(number: int, female: bool, age: int = 45) -> History:
    tall, heavy = (163.0, 68.0) if female else (177.0, 82.0)
    born = date(2024 - age, 2, 1)
    return History(Person(number, f"H{number}", "Doe", ("Ann",), female, born, height_cm=tall, weight_kg=heavy))


def problem(key: str, onset: int, severity: float = 0.5, abated: int | None = None, chronic: bool = True) -> Problem:
    return Problem(key, onset, onset, abated, severity, chronic)


def order(drug: str, start: int, end: int | None = None, *, times: int = 1, inpatient: bool = False,
          visit: int = 0, needed: bool = False, adherence: float = 1.0) -> Prescription:  # fmt: skip
    return Prescription(drug, 1.0, "mg", "oral", times, needed, start, end, "", None, "", visit, 0, inpatient,
                        [], adherence)  # fmt: skip


def clinic(start: int, reason: str = "follow_up", service: str = "primary", problems: tuple[int, ...] = ()) -> Visit:
    return Visit("ambulatory", start, start + HOUR // 2, service, reason, list(problems), 0, None, 0, 1)


def stay(start: int, end: int | None, problems: tuple[int, ...], service: str = "medicine",
         reason: str = "shortness_of_breath") -> Visit:  # fmt: skip
    return Visit("inpatient", start, end, service, reason, list(problems), 0, 1, 0, 1, course=0.5)


def chosen(history: History, key: str, state: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns moments and values of an analyte."""
    readings = history.readings
    wanted = (readings.analyte == NUMBERS[key]) & (readings.state == state)
    return readings.moment[wanted], readings.value[wanted]


def end_of(visit: Visit) -> int:
    return NOW if visit.end is None else visit.end
