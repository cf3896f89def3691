"""Expects the orders that the rules ask for and no others, the INR, and the present dose."""

from __future__ import annotations

from collections.abc import Iterator

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.critical import harm_of_leaving
from mab_gym.tasking.judging import Judge, Result, moment, number
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due import HOUR, Due
from mab_gym.tasking.meaning.due_medication import MedicationDue
from mab_gym.tasking.meaning.due_service import ServiceDue
from mab_gym.tasking.meaning.due_task import TaskDue
from mab_gym.tasking.meaning.often import every
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.routes import ORAL
from mab_gym.tasking.meaning.terms import LABORATORY, LOINC, RXNORM, SNOMED, TASK_CODE
from mab_gym.tasking.meaning.units import amount
from mab_gym.tasking.verdict import Code, Verdict

from .cases import DAYS, FACTORS, course, daily_dose, eight_o_clock, new_dose, present_order

WARFARIN = Concept(
    RXNORM, "11289", ("warfarin sodium", "warfarin", "coumadin", "jantoven"), frozenset({(SNOMED, "372756006")})
)
VITAMIN_K = Concept(RXNORM, "8308", ("phytonadione", "vitamin k", "vitamin k1", "phytomenadione", "mephyton"))
TEST = Concept(LOINC, "6301-6", ("inr in platelet poor plasma", "inr", "international normalized ratio", "prothrombin"))
HOLD = Concept(TASK_CODE, "suspend", ("suspend", "hold", "withhold", "pause"), alone=False)


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the writes and the answer."""
    judge = Judge(result)
    mrn = case["mrn"]
    latest, order = chart.latest(mrn, "INR"), present_order(chart, mrn)
    if latest is None or order is None:
        judge.problem(Code.UNJUDGED, "The chart has no INR or no warfarin.")
        return judge.verdict()
    dues = tuple(due(chart, Person.of(chart, mrn), latest.value, f"MedicationRequest/{order['id']}", daily_dose(order)))
    if dues:
        judge.orders(*dues)
    else:
        judge.nothing_written("the INR is in range")
    judge.answer(number(latest.value), moment(latest.moment), number(daily_dose(order)))
    return judge.verdict()


def due(chart: Chart, person: Person, ratio: float, present: str, daily: float) -> Iterator[Due]:
    """Yields the orders that an INR calls for.

    Args:
        chart: The chart.
        person: The patient.
        ratio: The INR.
        present: The present order of warfarin.
        daily: Its dose in mg a day.
    """
    todo, now = course(ratio), chart.now
    if todo in FACTORS:
        yield MedicationDue(
            person=person,
            now=now,
            drug=WARFARIN,
            dose=amount(new_dose(daily, FACTORS[todo]), "mg"),
            route=ORAL,
            often=every(24),
            within=12 * HOUR,
            replaces=present,
        )
    if todo in ("hold", "reverse"):
        harm = harm_of_leaving("INR", ratio, "warfarin goes on")
        yield TaskDue(person=person, now=now, code=HOLD, focus=present, harm=harm)
    if todo == "reverse":
        harm = harm_of_leaving("INR", ratio, "there is no vitamin K")
        yield MedicationDue(person=person, now=now, drug=VITAMIN_K, dose=amount(5, "mg"), route=ORAL, harm=harm)
    if todo in DAYS:
        at = eight_o_clock(now, DAYS[todo])
        yield ServiceDue(person=person, now=now, service=TEST, kind=LABORATORY, at=at)
