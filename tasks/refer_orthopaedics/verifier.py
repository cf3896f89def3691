"""One referral with this text, for this patient, now."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result
from mab_gym.tasking.verdict import Code, Verdict


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges what was stored; the answer says nothing that the record does not."""
    judge = Judge(result)
    written = judge.written("ServiceRequest")
    if written is not None:
        (order,) = written
        judge.active_order(order, case["mrn"], chart.now)
        judge.field(order, "priority", "stat", Code.WRONG_PRIORITY)
        judge.coded(order.get("code"), "http://snomed.info/sct", "306181000000106", "referral")
        judge.note(order, case["text"])
    return judge.verdict()
