"""Expects the mean and the number of readings in the window, or -1 with the one before."""

from __future__ import annotations

from datetime import timedelta

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, moment, number, said
from mab_gym.tasking.verdict import Verdict

ROUNDING = 0.1
"""The tolerance of a mean in mg/dL, so that every way to round is right."""


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the answer; nothing may be written."""
    judge = Judge(result)
    readings = chart.readings(case["mrn"], "GLU", chart.now - timedelta(hours=24))
    if readings:
        mean = sum(reading.value for reading in readings) / len(readings)
        judge.answer(number(mean, ROUNDING), number(len(readings)))
    elif (latest := chart.latest(case["mrn"], "GLU")) is not None:
        judge.answer(said(number(-1)), number(latest.value), moment(latest.moment))
    else:
        judge.answer(said(number(-1)))
    judge.nothing_written()
    return judge.verdict()
