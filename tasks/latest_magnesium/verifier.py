"""Expects the latest magnesium of the last 24 hours with its time, or -1 with the one before."""

from __future__ import annotations

from datetime import timedelta

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, moment, number, said
from mab_gym.tasking.verdict import Verdict


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the answer; nothing may be written."""
    latest = chart.latest(case["mrn"], "MG")
    judge = Judge(result)
    if latest is not None:
        current = latest.moment >= chart.now - timedelta(hours=24)
        if current:
            judge.answer(number(latest.value), moment(latest.moment))
        else:
            judge.answer(said(number(-1)), number(latest.value), moment(latest.moment))
    else:
        judge.answer(said(number(-1)))
    judge.nothing_written()
    return judge.verdict()
