"""Expects the age in completed years on the record system's day."""

from __future__ import annotations

from datetime import date

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, number
from mab_gym.tasking.verdict import Verdict


def completed_years(birth_date: str, today: date) -> int:
    """Returns the age in whole years; the birthday itself counts."""
    born = date.fromisoformat(birth_date)
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the answer; nothing may be written."""
    patient = chart.patient(case["mrn"])
    judge = Judge(result)
    judge.answer(number(completed_years(patient["birthDate"] if patient else "", chart.now.date())))
    judge.nothing_written()
    return judge.verdict()
