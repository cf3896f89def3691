"""The order that the level calls for, no other, and the level itself."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, moment, number, only_dosage, said
from mab_gym.tasking.orders import INTRAVENOUS, NDC, coded_alone, firm_order, not_plain, once
from mab_gym.tasking.verdict import Verdict

from .cases import GRAMS, situation


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the order and the answer."""
    latest = chart.latest(case["mrn"], "MG")
    branch = situation(latest, chart.now)
    judge = Judge(result)
    if branch in GRAMS:
        written = judge.written("MedicationRequest")
        if written is not None:
            (order,) = written
            firm_order(judge, order, case["mrn"], chart.now)
            coded_alone(judge, order.get("medicationCodeableConcept"), NDC, "0338-1715-40", "medication")
            dosage = only_dosage(judge, order)
            not_plain(judge, dosage)
            once(judge, dosage)
            judge.route(dosage, *INTRAVENOUS)
            judge.grams(dosage, GRAMS[branch])
            judge.over_hours(dosage, GRAMS[branch], GRAMS[branch])
    else:
        judge.nothing_written("no replacement is due")
    if latest is None:
        judge.answer(said(number(-1)))
    elif branch == "not_recorded":
        judge.answer(said(number(-1)), number(latest.value), moment(latest.moment))
    else:
        judge.answer(number(latest.value), moment(latest.moment))
    return judge.verdict()
