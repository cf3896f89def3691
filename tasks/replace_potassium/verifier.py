"""Expects repletion and a control test if the level is low, else no order, and the level itself."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.critical import harm_of_leaving
from mab_gym.tasking.judging import Judge, Result, moment, number
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due_medication import MedicationDue
from mab_gym.tasking.meaning.due_service import ServiceDue
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.routes import ORAL
from mab_gym.tasking.meaning.terms import LABORATORY, LOINC, NDC, RXNORM, SNOMED
from mab_gym.tasking.meaning.units import amount
from mab_gym.tasking.verdict import Verdict

from .cases import THRESHOLD, milliequivalents

DRUG = Concept(
    NDC,
    "40032-917-01",
    ("potassium chloride", "potassium", "kcl", "k-dur", "klor-con"),
    frozenset({(RXNORM, "8591"), (SNOMED, "8631001")}),
)
TEST = Concept(LOINC, "2823-3", ("serum potassium", "potassium", "k"))
TENTH = 1e-4
"""The tolerance of a dose for rounding: a tenth of a milliequivalent, in moles."""


def tomorrow_at_eight(now: datetime) -> datetime:
    """Returns 08:00 of the next day in the record system's time zone."""
    return datetime.combine(now.date() + timedelta(days=1), time(8), now.tzinfo)


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the orders and the answer."""
    latest = chart.latest(case["mrn"], "K")
    judge = Judge(result)
    if latest is not None and latest.value < THRESHOLD:
        person, now = Person.of(chart, case["mrn"]), chart.now
        repletion = MedicationDue(
            person=person,
            now=now,
            drug=DRUG,
            dose=amount(milliequivalents(latest.value), "meq"),
            tolerance=TENTH,
            route=ORAL,
            harm=harm_of_leaving("K", latest.value, "no potassium is given"),
        )
        at = tomorrow_at_eight(now)
        control = ServiceDue(person=person, now=now, service=TEST, kind=LABORATORY, priority="stat", at=at)
        judge.orders(repletion, control)
    else:
        judge.nothing_written("the potassium is not low")
    if latest is None:
        judge.answer(number(-1))
    else:
        judge.answer(number(latest.value), moment(latest.moment))
    return judge.verdict()
