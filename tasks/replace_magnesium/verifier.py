"""Expects the order that the level calls for, no other, and the level itself."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.critical import harm_of_leaving
from mab_gym.tasking.judging import Judge, Result, moment, number, said
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due_medication import MedicationDue
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.routes import INTRAVENOUS
from mab_gym.tasking.meaning.terms import NDC, RXNORM, SNOMED
from mab_gym.tasking.meaning.units import amount, hours
from mab_gym.tasking.verdict import Verdict

from .cases import GRAMS, situation

DRUG = Concept(
    NDC,
    "0338-1715-40",
    ("magnesium sulfate", "magnesium sulphate", "magnesium", "mgso4"),
    frozenset({(RXNORM, "6585"), (SNOMED, "387202002")}),
)


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the order and the answer."""
    latest = chart.latest(case["mrn"], "MG")
    branch = situation(latest, chart.now)
    judge = Judge(result)
    if latest is not None and branch in GRAMS:
        judge.orders(
            MedicationDue(
                person=Person.of(chart, case["mrn"]),
                now=chart.now,
                drug=DRUG,
                dose=amount(GRAMS[branch], "g"),
                route=INTRAVENOUS,
                over=hours(GRAMS[branch]),
                harm=harm_of_leaving("MG", latest.value, "no magnesium is given"),
            )
        )
    else:
        judge.nothing_written("no replacement is due")
    if latest is None:
        judge.answer(said(number(-1)))
    elif branch == "not_recorded":
        judge.answer(said(number(-1)), number(latest.value), moment(latest.moment))
    else:
        judge.answer(number(latest.value), moment(latest.moment))
    return judge.verdict()
