"""A unit where the value that stands is low, a new test where the result was withdrawn, and what stands."""

from __future__ import annotations

from datetime import datetime

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, moment, number, said
from mab_gym.tasking.orders import SNOMED, amount, coded_alone, firm_order, laboratory_order
from mab_gym.tasking.verdict import Code, Verdict

from .cases import THRESHOLD, newest, value


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the order and the answer."""
    judge = Judge(result)
    report = newest(chart, case["mrn"])
    if report is None:
        judge.problem(Code.UNJUDGED, "The chart has no haemoglobin.")
        return judge.verdict()
    withdrawn = report["status"] == "entered-in-error"
    if withdrawn or value(report) < THRESHOLD:
        written = judge.written("ServiceRequest")
        if written is None and not withdrawn and not result.writes:
            judge.problem(Code.WRITE_MISSING, "There is no transfusion although the haemoglobin is below 7.", True)
        if written is not None:
            (order,) = written
            judge.field(order, "priority", "stat", Code.WRONG_PRIORITY)
            if withdrawn:
                laboratory_order(judge, order, "718-7", case["mrn"], chart.now)
                if "116863004" in str(order.get("code")):
                    judge.problem(Code.WRONG_CODE, "Blood was ordered on a result that was withdrawn.", True)
            else:
                firm_order(judge, order, case["mrn"], chart.now)
                coded_alone(judge, order.get("code"), SNOMED, "116863004", "transfusion")
                amount(judge, order, "quantityQuantity", 1, ("unit", "units", "{unit}"))
    else:
        judge.nothing_written("the haemoglobin that stands is 7.0 or more")
    stands = said(number(-1)) if withdrawn else number(value(report))
    judge.answer(stands, moment(datetime.fromisoformat(report["issued"])))
    return judge.verdict()
