"""Expects meropenem in the dose for the clearance, or a new creatinine if none is recent; and the clearance."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result, moment, number, said
from mab_gym.tasking.meaning.concepts import Concept
from mab_gym.tasking.meaning.due_medication import MedicationDue
from mab_gym.tasking.meaning.due_service import ServiceDue
from mab_gym.tasking.meaning.often import every
from mab_gym.tasking.meaning.people import Person
from mab_gym.tasking.meaning.routes import INTRAVENOUS
from mab_gym.tasking.meaning.terms import LABORATORY, LOINC, RXNORM, SNOMED
from mab_gym.tasking.meaning.units import amount, hours
from mab_gym.tasking.verdict import Verdict

from .cases import DOSES, found, step

DRUG = Concept(RXNORM, "29561", ("meropenem", "merrem"), frozenset({(SNOMED, "387540000")}))
TEST = Concept(LOINC, "2160-0", ("serum creatinine", "creatinine", "creat", "crea"))
RUNS = (hours(0.05), hours(3))
"""The time that a dose may take: from a bolus of 3 minutes to an extended infusion of 3 hours.

Sources: MERREM IV (meropenem) prescribing information, section 2.1; Roberts et al., Lancet Infect Dis 2014;14:498-509.
"""


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the order and the answer."""
    judge = Judge(result)
    latest, rounded = found(chart, case["mrn"])
    person, now = Person.of(chart, case["mrn"]), chart.now
    if rounded is None:
        judge.orders(ServiceDue(person=person, now=now, service=TEST, kind=LABORATORY, priority="stat"))
    else:
        milligrams, interval = DOSES[step(rounded)]
        judge.orders(
            MedicationDue(
                person=person,
                now=now,
                drug=DRUG,
                dose=amount(milligrams, "mg"),
                route=INTRAVENOUS,
                often=every(interval),
                lasts=RUNS,
            )
        )
    value = said(number(-1)) if rounded is None else number(rounded)
    judge.answer(*([value] if latest is None else [value, number(latest.value), moment(latest.moment)]))
    return judge.verdict()
