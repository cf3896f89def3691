"""Cases: type 2 diabetes with a high glucose: as usual, with bad kidneys or old age, with steroids, without appetite.

The person lies in the hospital, and the chart has a glucose above 180 mg/dL in the last 24 hours: the highest is the
prompt's, and the newest is where the hidden body begins. Steroids are begun for a disease that the person has.

How strongly insulin acts is drawn so that the body needs 1.35 to 1.8 times the basal insulin with which the handbook's
page begins: Umpierrez GE et al., Diabetes Care 2007;30:2181-2186, began with 0.4 to 0.5 units/kg/day and had to raise
it in most. The stress of illness and of steroids is our choice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mab_gym.dynamics.inpatients import CREATININE, Inpatient, active_drugs, egfr, inpatient, problems
from mab_gym.dynamics.physiology._glucose import GlucoseInputs, GlucosePatient, insulin_need
from mab_gym.tasking.chart import Chart, Reading

from .protocol import STOPPED

BRANCHES = {"usual": 9, "kidneys_or_age": 7, "steroids": 7, "poor_appetite": 7}
A1C = "4548-4"
GLUCOSE = ("2345-7", "41653-7")
"""LOINC codes of glucose by the laboratory and by meter."""
LOW, HIGH = 180, 400
"""Highest glucose of the last 24 hours, mg/dL: above the target of the page, and within its table of first doses."""
STEROIDS = "Prednisone 40 mg a day was begun for {reason} this morning; the first dose is given."
_REASONS = {"asthma": "the lungs", "chronic obstructive": "the lungs", "gout": "gout"}
_OTHER_REASON = "a new rash, which a drug has caused"
_ILL = 1.3
_TREATED = 0.6
"""The share of cases that are drawn, if they can be, from those for whom a drug for diabetes is ordered already."""
_DIABETES = "type 2 diabetes"
_NOT_FOR = ("type 1 diabetes", "dialysis", "end stage", "ketoacidosis")


def units_per_kg(glucose: float, age: int, filtration: float) -> float:
    """Returns the first daily dose of insulin, units/kg (page MED-120)."""
    if filtration < 30:
        return 0.2
    if age >= 70 or filtration < 60:
        return 0.3
    return 0.4 if glucose <= 200 else 0.5


def column(age: int, filtration: float) -> str:
    """Returns the column of the correction scale."""
    return "sensitive" if age >= 70 or filtration < 60 else "usual"


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws an inpatient with diabetes, and the hidden answer to insulin."""
    fitting = [mrn for mrn in chart.profiles() if _known_to_fit(chart, mrn, branch)]
    if not fitting:
        return None
    treated = [mrn for mrn in fitting if _is_treated(chart, mrn)]
    mrn = rng.choice(treated if treated and rng.random() < _TREATED else fitting)
    person, creatinine = inpatient(chart, mrn), chart.latest(mrn, CREATININE)
    if person is None or creatinine is None:
        return None
    results = _glucoses(chart, mrn)
    glucose = round(max(each.value for each in results))
    weight, own = person.weight_kg, round(rng.uniform(0.12, 0.25), 3)
    dose = weight * units_per_kg(glucose, person.age, egfr(creatinine.value, person)) / 2
    stress = [[0, 1.25], [420, round(rng.uniform(1.4, 1.5), 3)]] if branch == "steroids" else [[0, 1.25]]
    text = STEROIDS.format(reason=_reason(chart, mrn))
    eats = [round(rng.uniform(0.85, 1.0), 2) for _ in range(9)]
    if branch == "poor_appetite":
        first = rng.randrange(2, 5)
        eats[first:] = [round(rng.uniform(0.2, 0.45), 2) for _ in eats[first:]]
    return {
        **person.params,
        "glucose": glucose,
        "age": person.age,
        "filtration": round(egfr(creatinine.value, person), 1),
        "body": {
            "weight_kg": weight,
            "glucose": round(max(results, key=lambda each: each.moment).value),
            "sensitivity": round(_sensitivity(weight, own, dose * rng.uniform(1.35, 1.8)), 4),
            "own_insulin": own,
            "eats": eats,
            "news": [[rng.randrange(60, 150), text]] if branch == "steroids" else [],
            "stress": stress,
        },
    }


def _sensitivity(weight: float, own: float, need: float) -> float:
    """Returns the effect of insulin at which the body needs so many units a day without meals."""
    low, high = 0.1, 3.0
    for _ in range(24):
        middle = (low + high) / 2
        found = insulin_need(GlucosePatient(weight, middle, own), 150, GlucoseInputs(stress=_ILL))
        low, high = (middle, high) if found > need else (low, middle)
    return low


def _known_to_fit(chart: Chart, mrn: str, branch: str) -> bool:
    """Tells if a person fits, worked out once: many draws look at the same people."""
    return chart.remember(("fits inpatient insulin", mrn, branch), lambda: _fits(chart, mrn, branch))


def _fits(chart: Chart, mrn: str, branch: str) -> bool:
    person, creatinine = inpatient(chart, mrn), chart.latest(mrn, CREATININE)
    if person is None or creatinine is None or not 50 <= person.weight_kg <= 130:
        return False
    known = problems(chart, mrn)
    if _DIABETES not in known or any(word in known for word in _NOT_FOR):
        return False
    highest = max((each.value for each in _glucoses(chart, mrn)), default=0)
    dose = person.weight_kg * units_per_kg(highest, person.age, egfr(creatinine.value, person))
    if not LOW < highest <= HIGH or not _enough_at_home(chart, mrn, dose):
        return False
    if any("prednis" in drug or "dexameth" in drug for drug in active_drugs(chart, mrn).values()):
        return False
    return (branch == "usual") <= _strong(person, creatinine.value) and (branch == "kidneys_or_age") <= (
        not _strong(person, creatinine.value)
    )


def _glucoses(chart: Chart, mrn: str) -> list[Reading]:
    """Returns the glucoses of the last 24 hours."""
    return [each for code in GLUCOSE for each in chart.readings(mrn, code, chart.now - timedelta(days=1))]


def _enough_at_home(chart: Chart, mrn: str, dose: float) -> bool:
    """Tells if the page's daily dose stands: 80 % of the insulin that is ordered for home, if any, is not less."""
    orders = chart.search("MedicationRequest", patient=mrn, status="active", category="outpatient", _count="200")
    insulins = [each for each in orders if "insulin" in str(each.get("medicationCodeableConcept")).lower()]
    return not insulins or 0.8 * sum(map(_daily, insulins)) >= dose


def _daily(order: Mapping[str, Any]) -> float:
    """Returns the units a day of an order; 0 where it does not tell."""
    dosage = (order.get("dosageInstruction") or [{}])[0]
    repeat, amounts = dosage.get("timing", {}).get("repeat", {}), dosage.get("doseAndRate") or [{}]
    if repeat.get("periodUnit") != "d":
        return 0.0
    return float(amounts[0].get("doseQuantity", {}).get("value", 0)) * repeat.get("frequency", 1) / repeat["period"]


def _reason(chart: Chart, mrn: str) -> str:
    """Returns what steroids are begun for."""
    known = problems(chart, mrn)
    return next((reason for word, reason in _REASONS.items() if word in known), _OTHER_REASON)


def _is_treated(chart: Chart, mrn: str) -> bool:
    """Tells if a drug for diabetes is ordered for the stay."""
    return any(word in drug for drug in active_drugs(chart, mrn).values() for word in STOPPED)


def _strong(person: Inpatient, creatinine: float) -> bool:
    return person.age < 70 and egfr(creatinine, person) >= 60
