"""Cases: the six courses of action by INR, with values on and beside every threshold.

Thresholds: Holbrook et al., Chest 2012;141(2 Suppl):e152S-e184S (ACCP, 9th edition): target 2.0 to 3.0; a single value
at most 0.5 outside it leaves the dose alone and is checked again in one to two weeks; 4.5 to 10 without bleeding, no
routine vitamin K (9.1a); above 10, oral vitamin K (9.1b). Changes of 10 to 20 % are usual in warfarin
nomograms, as in Wigle et al., Am Fam Physician 2013;87:556-566; the exact steps are this task's clinic's. Codes: RxNorm
11289 warfarin and 8308 phytonadione, LOINC 6301-6 INR in platelet poor plasma.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Any

from mab_gym.tasking.chart import Chart

BRANCHES = {"low": 4, "slightly_off": 8, "in_range": 6, "high": 4, "hold": 4, "reverse": 4}

FACTORS = {"low": 1.2, "high": 0.9}
"""The factors of the daily dose."""
DAYS = {"low": 7, "slightly_off": 14, "high": 7, "hold": 1, "reverse": 1}
"""Days until the next INR."""
EDGES = {1.4, 1.5, 1.9, 2.0, 3.0, 3.1, 3.5, 3.6, 4.4, 4.5, 10.0, 10.1}


def course(ratio: float) -> str:
    """Returns the course of action for an INR."""
    tenths = round(ratio * 10)
    if tenths < 15:
        return "low"
    if tenths < 20 or 31 <= tenths <= 35:
        return "slightly_off"
    if tenths <= 30:
        return "in_range"
    if tenths < 45:
        return "high"
    return "hold" if tenths <= 100 else "reverse"


def new_dose(present: float, factor: float) -> float:
    """Returns the new daily dose in mg, rounded to the nearest half."""
    return round(present * factor * 2) / 2


def eight_o_clock(now: datetime, days: int) -> datetime:
    """Returns 08:00 so many days after today in the record system's time zone."""
    return datetime.combine(now.date() + timedelta(days=days), time(8), now.tzinfo)


def warfarin(orders: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Returns the active order of warfarin among these orders."""
    named = (order for order in orders if order["status"] == "active")
    return next((o for o in named if o["medicationCodeableConcept"]["text"].lower().startswith("warfarin")), None)


def daily_dose(order: Mapping[str, Any]) -> float:
    """Returns the dose in mg of an order of warfarin once a day."""
    return float(order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"])


def present_order(chart: Chart, mrn: str) -> Mapping[str, Any] | None:
    """Returns the patient's active order of warfarin."""
    return chart.remember(
        ("warfarin", mrn),
        lambda: warfarin(chart.search("MedicationRequest", patient=mrn, status="active", _count="100")),
    )


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient in this situation, mostly one just at a threshold."""
    wanted: dict[float, list[str]] = {}
    for mrn in chart.profiles():
        latest = chart.latest(mrn, "INR")
        if latest is not None and course(latest.value) == branch and present_order(chart, mrn) is not None:
            wanted.setdefault(latest.value, []).append(mrn)
    edges = sorted(set(wanted) & EDGES)
    if edges and rng.random() < 0.8:
        return {"mrn": rng.choice(wanted[rng.choice(edges)])}
    everybody = [mrn for mrns in wanted.values() for mrn in mrns]
    return {"mrn": rng.choice(everybody)} if everybody else None
