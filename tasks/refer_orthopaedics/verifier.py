"""One referral with this text, for this patient, now."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result
from mab_gym.tasking.orders import SNOMED, coded_alone, firm_order
from mab_gym.tasking.verdict import Code, Verdict


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges what was stored; the answer says nothing that the record does not."""
    judge = Judge(result)
    written = judge.written("ServiceRequest")
    if written is not None:
        (order,) = written
        firm_order(judge, order, case["mrn"], chart.now)
        judge.field(order, "priority", "stat", Code.WRONG_PRIORITY)
        coded_alone(judge, order.get("code"), SNOMED, "306181000000106", "referral", critical=False)
        judge.note(order, case["text"])
    return judge.verdict()
