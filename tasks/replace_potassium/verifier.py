"""Repletion and control where the level is low, nothing where it is not, and the level itself."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, moment, number, only_dosage
from mab_gym.tasking.orders import LOINC, NDC, ORAL, coded_alone, firm_order, not_plain, once
from mab_gym.tasking.verdict import Code, Verdict

from .cases import THRESHOLD, milliequivalents


def tomorrow_at_eight(now: datetime) -> datetime:
    """08:00 of the next day in the record system's zone."""
    return datetime.combine(now.date() + timedelta(days=1), time(8), now.tzinfo)


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the orders and the answer."""
    latest = chart.latest(case["mrn"], "K")
    judge = Judge(result)
    if latest is not None and latest.value < THRESHOLD:
        written = judge.written("MedicationRequest", "ServiceRequest")
        if written is not None:
            repletion, control = written
            for order in written:
                firm_order(judge, order, case["mrn"], chart.now)
            medication = repletion.get("medicationCodeableConcept")
            coded_alone(judge, medication, NDC, "40032-917-01", "medication")
            dosage = only_dosage(judge, repletion)
            not_plain(judge, dosage)
            once(judge, dosage)
            judge.route(dosage, *ORAL)
            judge.milliequivalents(dosage, milliequivalents(latest.value))
            coded_alone(judge, control.get("code"), LOINC, "2823-3", "laboratory order", critical=False)
            judge.field(control, "priority", "stat", Code.WRONG_PRIORITY)
            judge.at(control, "occurrenceDateTime", tomorrow_at_eight(chart.now))
    else:
        judge.nothing_written("the potassium is not low")
    if latest is None:
        judge.answer(number(-1))
    else:
        judge.answer(number(latest.value), moment(latest.moment))
    return judge.verdict()
