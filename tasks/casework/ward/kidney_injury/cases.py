"""Cases: inpatients whose kidneys were well so far, and a creatinine of this morning that says otherwise, or does not.

Shares of the branches, pressures, urines and what is told are our choice. The baseline and all orders but one are the
chart's.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import flagged
from mab_gym.dynamics.inpatients import CREATININE, active_drugs, diagnoses, egfr, inpatient, problems
from mab_gym.tasking.chart import Chart

BRANCHES = {"none": 6, "small": 6, "second": 10, "third": 8}
ANGIOTENSIN = ("lisinopril", "losartan", "valsartan", "enalapril", "ramipril", "candesartan", "irbesartan")
ALWAYS = (
    "ibuprofen", "naproxen", "ketorolac", "diclofenac", "celecoxib", "meloxicam", "gliflozin", "gentamicin",
    "tobramycin", "amikacin",
)  # fmt: skip
"""Drugs that are stopped from stage 1 on, whatever the pressure (CLN-210)."""
ORDERS = (
    "Ibuprofen tablet 600 mg", "Naproxen tablet 500 mg", "Ketorolac injection 30 mg/mL",
    "Potassium chloride extended-release tablet 20 mEq", "Magnesium oxide tablet 400 mg",
)  # fmt: skip
"""Orders that a colleague may have written."""
MOST_RISE = 1.8
"""mg/dL that creatinine rises at most from the last one, which may be a day old."""
_LONGEST, _LEAST = 93, 0.95
"""Days of the longest three months, and the share of the baseline that a value of more than 90 days has at least, so
that no way of counting months leads to another stage."""
_NOT_FOR = (
    "vancomycin", "cefepime", "piperacillin", "meropenem", "levofloxacin", "ciprofloxacin", "sulfamethoxazole",
    "cefazolin", "furosemide", "torsemide", "bumetanide", "hydrochlorothiazide", "chlorthalidone", "spironolactone",
    "digoxin", "gabapentin", "pregabalin", "metformin", "potassium", "magnesium", "infusion", "heparin", "apixaban",
    "rivaroxaban", "warfarin", "dabigatran", "morphine", "lithium", "methotrexate", "allopurinol", "colchicine",
)  # fmt: skip
"""Drugs whose doses would be a matter of their own."""
_NO_NSAID = (
    "bleed", "hemorrhage", "ulcer", "infarction", "coronary", "angina", "stroke", "ischemic", "embolism", "thrombosis",
    "asthma", "aspirin", "ibuprofen", "naproxen", "nsaid", "reflux", "colitis", "hypertension", "clopidogrel",
    "sertraline", "escitalopram", "duloxetine", "prednisone", "fibrillation",
)  # fmt: skip
_ILL = ("kidney", "renal", "dialysis", "transplant", "pregnan", "cirrhosis", "heart failure", "obstruction")


def morning(now: datetime) -> datetime:
    """Returns the time from which on what came in is the case's."""
    return now.replace(hour=7, minute=30, second=0, microsecond=0)


@flagged("trial", "arm", after=(5, 11))
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws an inpatient, the creatinine, and what else came in."""
    fitting = [mrn for mrn in chart.profiles() if known(chart, mrn) is not None]
    rng.shuffle(fitting)
    wanted = rng.choices(("angiotensin", "enoxaparin", "mrn"), (5, 5, 2))[0]
    for mrn in sorted(fitting, key=lambda each: not (known(chart, each) or {}).get(wanted)):
        facts, person = known(chart, mrn), inpatient(chart, mrn)
        if facts is None or person is None:
            continue
        new = _creatinine(rng, branch, facts["baseline"], facts["before"], facts["recent"])
        if new is None:
            continue
        well = branch == "none"
        dry = not well and rng.random() < (0.75 if facts["angiotensin"] else 0.3)
        full = not well and rng.random() < 0.4
        urine = rng.choices(("", "clean", "blood"), (5, 2, 0 if branch == "none" else 3))[0]
        return {
            **person.params,
            **{name: value for name, value in facts.items() if name != "nsaid"},
            "creatinine": new,
            "stage": {"none": 0, "small": 1, "second": 2, "third": 3}[branch],
            "dry": dry,
            "stools": dry or rng.random() < 0.2,
            "full": full,
            "urine": urine,
            "order": rng.choice(ORDERS if not well else ORDERS[:2] if facts["nsaid"] else ORDERS[-1:]),
            "words": rng.randrange(1000),
        }
    return None


def known(chart: Chart, mrn: str) -> Mapping[str, Any] | None:
    """Returns the creatinines and the orders of a person who fits; None for others."""
    return chart.remember(("kidney injury", mrn), lambda: _look(chart, mrn))


def _look(chart: Chart, mrn: str) -> dict[str, Any] | None:
    person, latest = inpatient(chart, mrn), chart.latest(mrn, CREATININE)
    if person is None or latest is None or person.nurse == person.attending:
        return None
    since = f"ge{morning(chart.now).isoformat()}"
    if next(chart.search("Observation", patient=mrn, date=since, _count="1"), None) is not None:
        return None
    drugs = active_drugs(chart, mrn)
    stopped = {address: drug for address, drug in drugs.items() if not _is_fine(drug)}
    if any(word in drug for drug in drugs.values() for word in _NOT_FOR):
        return None
    if any(word in problems(chart, mrn) for word in _ILL):
        return None
    values = [each.value for each in chart.readings(mrn, CREATININE, chart.now - timedelta(days=90))]
    more = [each.value for each in chart.readings(mrn, CREATININE, chart.now - timedelta(days=_LONGEST))]
    if min(more, default=0.0) < _LEAST * min(values, default=0.0):
        return None
    recent = [each.value for each in chart.readings(mrn, CREATININE, chart.now - timedelta(hours=46))]
    if not recent or egfr(latest.value, person) < 50 or max(recent) > min(values) + 0.25:
        return None
    return {
        "baseline": min(values),
        "before": latest.value,
        "recent": min(recent),
        "angiotensin": [each for each, drug in stopped.items() if any(word in drug for word in ANGIOTENSIN)],
        "always": [each for each, drug in stopped.items() if any(word in drug for word in ALWAYS)],
        "enoxaparin": [each for each, drug in stopped.items() if "enoxaparin" in drug],
        "nsaid": not stopped and person.age < 60 and _bears_nsaid(chart, mrn),
    }


def _bears_nsaid(chart: Chart, mrn: str) -> bool:
    """Tells if nothing but the kidneys could speak against an NSAID."""
    allergies = [str(each.get("code")) for each in chart.search("AllergyIntolerance", patient=mrn, _count="50")]
    told = " ".join((problems(chart, mrn), *diagnoses(chart, mrn), *allergies, *active_drugs(chart, mrn).values()))
    return not any(word in told.lower() for word in _NO_NSAID)


def _is_fine(drug: str) -> bool:
    return not any(word in drug for word in (*ANGIOTENSIN, *ALWAYS, "enoxaparin"))


def _creatinine(rng: random.Random, branch: str, baseline: float, before: float, recent: float) -> float | None:
    """Returns this morning's creatinine, in mg/dL; None if the person's do not leave room for the branch."""
    if branch == "none":
        new = round(recent + rng.uniform(0.12, 0.22), 2)
        return new if new < 1.4 * baseline else None
    if branch == "small":
        new = round(recent + rng.uniform(0.32, 0.42), 2)
        return new if new < 1.45 * baseline else None
    low, high = (2.1, 2.6) if branch == "second" else (3.05, 3.35)
    new = round(baseline * rng.uniform(low, high), 2)
    return new if 0.3 < new - before <= MOST_RISE else None
