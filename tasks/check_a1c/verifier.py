"""Expects an order of HbA1c if one is due, else none, and the last result; without any, the last glucose."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, moment, number, said
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due_service import ServiceDue
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.terms import LABORATORY, LOINC
from mab_gym.tasking.verdict import Verdict

from .cases import situation

TEST = Concept(
    LOINC,
    "4548-4",
    ("hba1c", "a1c", "hgba1c", "hemoglobin a1c", "haemoglobin a1c", "hemoglobin a1c/hemoglobin.total"),
)


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the order and the answer."""
    latest = chart.latest(case["mrn"], "A1C")
    judge = Judge(result)
    if situation(latest, chart.now) == "up_to_date":
        judge.nothing_written("the last HbA1c is up to date")
    else:
        person = Person.of(chart, case["mrn"])
        judge.orders(ServiceDue(person=person, now=chart.now, service=TEST, kind=LABORATORY, priority="stat"))
    if latest is None:
        glucose = chart.latest(case["mrn"], "GLU")
        if glucose is None:
            judge.answer(said(number(-1)))
        else:
            judge.answer(said(number(-1)), number(glucose.value), moment(glucose.moment))
    else:
        judge.answer(number(latest.value), moment(latest.moment))
    return judge.verdict()
