"""Cases: kidneys that stay as they are, that fail during the stay, or that recover, in people who lose potassium.

The person lies in the hospital with a low potassium and an illness by which potassium and magnesium are lost, and the
prompt names it: diarrhea, vomiting, loop diuretics (Gennari FJ, N Engl J Med 1998;339:451-458, for these) or alcohol,
after which kidneys waste them (De Marchi S et al., N Engl J Med 1993;329:1927-1934). Weight, sex, age, creatinine,
potassium and magnesium of the hidden patient are the chart's. Losses are 20 to 48 mmol of potassium a day (stool in
secretory diarrhea has some 30 to 80 mmol/L), and end on the second day, on the first where kidneys recover. The third
or fourth specimen for potassium is haemolysed, so that it cannot be told from where it comes that it is false: the
result says so.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mab_gym.dynamics.inpatients import CREATININE, active_drugs, diagnoses, egfr, inpatient, problems
from mab_gym.tasking.chart import Chart, Reading

BRANCHES = {"steady": 8, "kidneys_fail": 12, "kidneys_recover": 10}
POTASSIUM, MAGNESIUM = "2823-3", "19123-9"
LOSSES = {
    "Infectious gastroenteritis": "diarrhea",
    "Clostridioides difficile colitis": "diarrhea",
    "Acute pancreatitis": "vomiting",
    "Intestinal obstruction": "vomiting",
    "Acute decompensated heart failure": "furosemide",
    "Alcohol withdrawal": "the kidneys, which waste them after years of alcohol",
}
"""The ways in which potassium and magnesium are lost, by the principal diagnosis."""
_DRUGS = {"furosemide"}
"""Losses that ask for an order of the drug."""
_ALCOHOL = "Alcohol dependence"
_LARGEST_LACK, _LARGEST_WEAK = 420.0, 260.0
"""Lack of potassium in mmol above which the doses of the page, which are the same for all, take longer than the stay;
and with kidneys for which they are halved."""
_LACK = 5.0
"""Lack of potassium, mmol for each kg and mmol/L: 350 mmol at 70 kg (Sterns RH et al., Medicine 1981;60:339-354)."""
_NOT_FOR = ("end stage", "end-stage", "dialysis", "ketoacidosis", "transplant")
"""Words of conditions in which the handbook's page asks to call the service."""


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws an inpatient and the hidden course of the body."""
    fitting = [mrn for mrn in chart.profiles() if _known_to_fit(chart, mrn, branch)]
    if not fitting:
        return None
    mrn = rng.choice(fitting)
    person, creatinine = inpatient(chart, mrn), chart.latest(mrn, CREATININE)
    low, magnesium = _recent(chart, mrn, POTASSIUM), _recent(chart, mrn, MAGNESIUM)
    if person is None or creatinine is None or low is None:
        return None
    begins = rng.uniform(1.15, 1.48) if magnesium is None else magnesium.value - rng.uniform(0, 0.1)
    since = 0.05 if branch == "kidneys_recover" else 0.2  # half doses take longer
    fails = rng.randrange(5, 10) * 60
    kidneys = {
        "steady": [],
        "kidneys_fail": [[fails, 1.0], [fails + 300, round(rng.uniform(0.15, 0.25), 3)]],
        "kidneys_recover": [[360, 1.0], [1200, round(rng.uniform(1.5, 1.8), 3)]],
    }[branch]
    return {
        **person.params,
        "illness": diagnoses(chart, mrn)[0],
        "losses": _losses(chart, mrn),
        "haemolysed": rng.choice([3, 4]),
        "body": {
            "weight_kg": person.weight_kg,
            "female": person.female,
            "age": person.age,
            "creatinine": creatinine.value,
            "potassium": round(max(2.75, low.value - rng.uniform(0, since)), 3),
            "magnesium": round(min(max(begins, 1.05), 1.8), 3),
            "kidneys": kidneys,
            "lost_potassium": round(rng.uniform(0.8, 2.0), 3),
            "lost_magnesium": round(rng.uniform(0.01, 0.04), 3),
            "losses_end": (rng.randrange(8, 14) if branch == "kidneys_recover" else rng.randrange(14, 24)) * 60,
            "eats": round(rng.uniform(0.5, 0.8), 3),
        },
    }


def _known_to_fit(chart: Chart, mrn: str, branch: str) -> bool:
    """Tells if a person fits, worked out once: many draws look at the same people."""
    return chart.remember(("fits electrolytes", mrn, branch), lambda: _fits(chart, mrn, branch))


def _fits(chart: Chart, mrn: str, branch: str) -> bool:
    person, creatinine = inpatient(chart, mrn), chart.latest(mrn, CREATININE)
    potassium, magnesium = _recent(chart, mrn, POTASSIUM), _recent(chart, mrn, MAGNESIUM)
    if person is None or creatinine is None or potassium is None or not _losses(chart, mrn) or _fasts(chart, mrn):
        return False
    if not 2.5 <= potassium.value < 3.5 or (magnesium is not None and magnesium.value >= 2.0):
        return False
    if any(word in problems(chart, mrn) for word in _NOT_FOR):
        return False
    if any("potassium" in drug or "magnesium" in drug for drug in active_drugs(chart, mrn).values()):
        return False
    filtration, lack = egfr(creatinine.value, person), person.weight_kg * _LACK * (3.6 - potassium.value)
    injured = _injured(chart, mrn, creatinine.value)
    if lack > (_LARGEST_WEAK if filtration < 28 else _LARGEST_LACK):
        return False
    if branch == "kidneys_recover":
        return injured and 20 <= filtration < 50
    return not injured and filtration >= (45 if branch == "kidneys_fail" else 30)


def _injured(chart: Chart, mrn: str, creatinine: float) -> bool:
    """Tells if kidneys are injured acutely: by diagnosis, or by 1.5 times the year's lowest creatinine (KDIGO 2012)."""
    year = chart.readings(mrn, CREATININE, chart.now - timedelta(days=365))
    lowest = min((each.value for each in year), default=creatinine)
    return "Acute kidney injury" in diagnoses(chart, mrn) or creatinine >= 1.5 * lowest


def _fasts(chart: Chart, mrn: str) -> bool:
    """Tells if a diet order lets a person have nothing by mouth."""
    orders = chart.search("NutritionOrder", patient=mrn, status="active", _count="20")
    kinds = (str(kind.get("text", "")) for each in orders for kind in each.get("oralDiet", {}).get("type", ()))
    return any(kind == "Nothing by mouth" for kind in kinds)


def _recent(chart: Chart, mrn: str, code: str) -> Reading | None:
    """Returns the newest result of the last day."""
    found = chart.latest(mrn, code)
    return None if found is None or chart.now - found.moment > timedelta(days=1) else found


def _losses(chart: Chart, mrn: str) -> str:
    """Returns how a person loses potassium and magnesium; empty where the chart does not tell."""
    told = diagnoses(chart, mrn)
    if "Hypokalemia" not in told:
        return ""
    by_alcohol = told[0] == "Hypokalemia" and _ALCOHOL in told
    found = LOSSES.get("Alcohol withdrawal" if by_alcohol else told[0], "")
    ordered = any(found in drug for drug in active_drugs(chart, mrn).values())
    return found if found not in _DRUGS or ordered else ""
