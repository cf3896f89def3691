"""What the rules say for the INR and nothing else; the INR and the present dose."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, moment, number
from mab_gym.tasking.orders import (
    ORAL,
    RXNORM,
    coded_alone,
    dose_of,
    every_hours,
    firm_order,
    laboratory_order,
    once,
    refers,
    task,
)
from mab_gym.tasking.verdict import Code, Verdict

from .cases import DAYS, FACTORS, course, daily_dose, eight_o_clock, new_dose, present_order

_DUE = {
    "low": ("MedicationRequest", "ServiceRequest"),
    "slightly_off": ("ServiceRequest",),
    "in_range": (),
    "high": ("MedicationRequest", "ServiceRequest"),
    "hold": ("Task", "ServiceRequest"),
    "reverse": ("MedicationRequest", "Task", "ServiceRequest"),
}


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges what was written and the answer."""
    judge = Judge(result)
    mrn = case["mrn"]
    latest, order = chart.latest(mrn, "INR"), present_order(chart, mrn)
    if latest is None or order is None:
        judge.problem(Code.UNJUDGED, "The chart has no INR or no warfarin.")
        return judge.verdict()
    todo, present = course(latest.value), f"MedicationRequest/{order['id']}"
    if todo == "in_range":
        judge.nothing_written("the INR is in range")
    elif (written := judge.written(*_DUE[todo])) is not None:
        given = dict(zip(_DUE[todo], written, strict=True))
        if todo in FACTORS:
            changed = given["MedicationRequest"]
            firm_order(judge, changed, mrn, chart.now, replaces=True)
            coded_alone(judge, changed.get("medicationCodeableConcept"), RXNORM, "11289", "medication")
            refers(judge, changed, "priorPrescription", present)
            dosage = dose_of(judge, changed, new_dose(daily_dose(order), FACTORS[todo]), ORAL)
            every_hours(judge, dosage, 24)
        if "Task" in given:
            task(judge, given["Task"], "suspend", present, mrn, chart.now)
        if todo == "reverse":
            firm_order(judge, given["MedicationRequest"], mrn, chart.now)
            concept = given["MedicationRequest"].get("medicationCodeableConcept")
            coded_alone(judge, concept, RXNORM, "8308", "medication")
            once(judge, dose_of(judge, given["MedicationRequest"], 5, ORAL))
        laboratory_order(judge, given["ServiceRequest"], "6301-6", mrn, chart.now)
        judge.at(given["ServiceRequest"], "occurrenceDateTime", eight_o_clock(chart.now, DAYS[todo]))
    elif todo in ("hold", "reverse"):
        if not any(write.resource_type == "Task" for write in result.writes):
            judge.problem(Code.WRITE_MISSING, "Warfarin goes on although the INR is 4.5 or above.", True)
        if todo == "reverse" and not any(write.resource_type == "MedicationRequest" for write in result.writes):
            judge.problem(Code.WRITE_MISSING, "There is no vitamin K although the INR is above 10.", True)
    judge.answer(number(latest.value), moment(latest.moment), number(daily_dose(order)))
    return judge.verdict()
