"""Expects the latest capillary glucose with its time, however old it is."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, moment, number
from mab_gym.tasking.verdict import Verdict


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the answer; nothing may be written."""
    latest = chart.latest(case["mrn"], "GLU")
    judge = Judge(result)
    if latest is None:
        judge.answer(number(-1))
    else:
        judge.answer(number(latest.value), moment(latest.moment))
    judge.nothing_written()
    return judge.verdict()
