"""Cases: the four steps of the meropenem label by creatinine clearance, and no recent creatinine.

Steps and doses: MERREM IV (meropenem) prescribing information, section 2.2, for the recommended dose of 1 g. Clearance:
Cockcroft and Gault, Nephron 1976;16:31-41, which the label gives too. Codes: RxNorm 29561 meropenem, LOINC 2160-0
creatinine in serum or plasma. The limit of 48 hours for the age of a creatinine is this task's own rule.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from mab_gym.tasking.chart import Chart, Reading

BRANCHES = {"normal": 7, "moderate": 6, "severe": 6, "failure": 6, "outdated": 5}

DOSES = {"normal": (1000, 8), "moderate": (1000, 12), "severe": (500, 12), "failure": (500, 24)}
"""Milligrams and hours from dose to dose."""


def clearance(patient: Mapping[str, Any], kilograms: float, creatinine: float, today: date) -> int:
    """Returns the creatinine clearance in mL/min, rounded, for a Patient, a weight in kg and a creatinine in mg/dL."""
    born = date.fromisoformat(patient["birthDate"])
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    value = (140 - age) * kilograms / (72 * creatinine) * (0.85 if patient["gender"] == "female" else 1.0)
    return int(value + 0.5)


def step(rounded: int) -> str:
    """Returns the label's step for a clearance."""
    if rounded > 50:
        return "normal"
    if rounded >= 26:
        return "moderate"
    return "severe" if rounded >= 10 else "failure"


def recent(moment: datetime, now: datetime) -> bool:
    """Tells if a creatinine of this moment may be used."""
    return moment >= now - timedelta(hours=48)


def weight(chart: Chart, mrn: str) -> float | None:
    """Returns the most recent valid weight in kg."""

    def look() -> float | None:
        rows = chart.search("Observation", patient=mrn, **{"code:text": "WT"}, _sort="-date", _count="5")
        valid = (row for row in rows if row["status"] != "entered-in-error")
        return next((float(row["valueQuantity"]["value"]) for row in valid), None)

    return chart.remember(("weight", mrn), look)


def found(chart: Chart, mrn: str) -> tuple[Reading | None, int | None]:
    """Returns the latest creatinine, and the clearance if that creatinine is recent enough."""
    latest, kilograms, patient = chart.latest(mrn, "CREA"), weight(chart, mrn), chart.patient(mrn)
    if latest is None or kilograms is None or patient is None or not recent(latest.moment, chart.now):
        return latest, None
    return latest, clearance(patient, kilograms, latest.value, chart.now.date())


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient in this situation, often one just at a step or at the end of the 48 hours."""
    wanted: dict[int, list[str]] = {}
    for mrn in chart.profiles():
        latest, rounded = found(chart, mrn)
        if latest is not None and ("outdated" if rounded is None else step(rounded)) == branch:
            minutes = int((chart.now - latest.moment).total_seconds()) // 60
            place = -1 if rounded is None and minutes == 48 * 60 + 1 else 0 if rounded is None else rounded
            wanted.setdefault(place, []).append(mrn)
    edges = sorted(set(wanted) & {-1, 9, 10, 25, 26, 50, 51})
    if edges and rng.random() < 0.4:
        return {"mrn": rng.choice(wanted[rng.choice(edges)])}
    everybody = [mrn for mrns in wanted.values() for mrn in mrns]
    return {"mrn": rng.choice(everybody)} if everybody else None
