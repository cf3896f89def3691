"""A new HbA1c where one is due, nothing where not, and the last result; without any, the last glucose."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, moment, number, said
from mab_gym.tasking.orders import laboratory_order
from mab_gym.tasking.verdict import Code, Verdict

from .cases import situation


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the order and the answer."""
    latest = chart.latest(case["mrn"], "A1C")
    judge = Judge(result)
    if situation(latest, chart.now) == "up_to_date":
        judge.nothing_written("the last HbA1c is up to date")
    else:
        written = judge.written("ServiceRequest")
        if written is not None:
            (order,) = written
            laboratory_order(judge, order, "4548-4", case["mrn"], chart.now)
            judge.field(order, "priority", "stat", Code.WRONG_PRIORITY)
    if latest is None:
        glucose = chart.latest(case["mrn"], "GLU")
        if glucose is None:
            judge.answer(said(number(-1)))
        else:
            judge.answer(said(number(-1)), number(glucose.value), moment(glucose.moment))
    else:
        judge.answer(number(latest.value), moment(latest.moment))
    return judge.verdict()
