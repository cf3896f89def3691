"""Meropenem in the dose for the clearance, or a creatinine where none is recent; and the clearance itself."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, moment, number, said
from mab_gym.tasking.orders import INTRAVENOUS, RXNORM, coded_alone, dose_of, every_hours, firm_order, laboratory_order
from mab_gym.tasking.verdict import Code, Verdict

from .cases import DOSES, found, step


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the order and the answer."""
    judge = Judge(result)
    latest, rounded = found(chart, case["mrn"])
    if rounded is None:
        written = judge.written("ServiceRequest")
        if written is not None:
            laboratory_order(judge, written[0], "2160-0", case["mrn"], chart.now)
            judge.field(written[0], "priority", "stat", Code.WRONG_PRIORITY)
    else:
        written = judge.written("MedicationRequest")
        if written is not None:
            (order,) = written
            milligrams, hours = DOSES[step(rounded)]
            firm_order(judge, order, case["mrn"], chart.now)
            coded_alone(judge, order.get("medicationCodeableConcept"), RXNORM, "29561", "medication")
            dosage = dose_of(judge, order, milligrams, INTRAVENOUS)
            every_hours(judge, dosage, hours)
    value = said(number(-1)) if rounded is None else number(rounded)
    judge.answer(*([value] if latest is None else [value, number(latest.value), moment(latest.moment)]))
    return judge.verdict()
