"""Cases: with a finding by the way, with one that is known and harmless, with a plan for a drug that was dropped.

People, diagnoses, results, allergies, code status and most of what is pending are the person's own; the prescriptions
for leaving, who looks at late results, the next visit and two results that do not count are drawn.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import flagged
from mab_gym.tasking.chart import Chart

from .findings import stay_findings
from .people import Person, person

BRANCHES = {"finding": 10, "known_finding": 8, "dropped_plan": 12}
_TRIES: Final = 30
NEW: Final = (
    ("pantoprazole", "40790", 40, "mg", "acid"),
    ("melatonin", "6711", 3, "mg", "hypnotic"),
    ("ferrous sulfate", "24947", 325, "mg", "iron"),
    ("cetirizine", "20610", 10, "mg", "antihistamine"),
    ("folic acid", "4511", 1, "mg", "vitamin"),
)
"""Name, RxNorm code, dose a day, unit and class of what may be new."""
TESTS: Final = (
    ("2132-9", "Vitamin B12"),
    ("2284-8", "Folate"),
    ("2276-4", "Ferritin"),
    ("1989-3", "Vitamin D"),
    ("4548-4", "Hemoglobin A1c"),
    ("3016-3", "TSH"),
)
FINDINGS: Final = (
    ("nodule in the right lower lobe", "CT of the chest in 6 to 12 months"),
    ("nodule in the left upper lobe", "CT of the chest in 12 months"),
    ("lesion of the left adrenal gland", "CT with an adrenal protocol in 6 months"),
    ("cyst in the tail of the pancreas", "MRI in 12 months"),
)


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a person who goes home, and how the drugs are changed; reports of the stay tell what else is due."""
    drawn = _person(chart, rng, branch)
    if drawn is None:
        return None
    return {**drawn, **stay_findings(chart, drawn["mrn"], datetime.fromisoformat(drawn["arrived"]))}


@flagged("complex", "confidential", after=(5, 11))
def _person(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    found = [mrn for mrn in chart.profiles() if person(chart, mrn) is not None]
    for _ in range(_TRIES if found else 0):
        one = person(chart, rng.choice(found))
        drawn = None if one is None else _draw(chart, one, rng, branch)
        if drawn is not None:
            return drawn
    return None


def _draw(chart: Chart, one: Person, rng: random.Random, branch: str) -> dict[str, Any] | None:
    drugs = [each for each in one.drugs if each.calm]
    rng.shuffle(drugs)
    stopped = drugs.pop()
    going_on = drugs.pop() if drugs else None
    if going_on is None and branch == "dropped_plan":
        return None
    changed = next((each for each in drugs if each.others), None)
    if changed is not None:
        drugs.remove(changed)
    again = next((each for each in one.drugs if each not in (stopped, changed) and each.code), None)
    fresh = [each for each in NEW if each[0] not in one.known and each[4] not in one.known]
    if not fresh or again is None:
        return None
    new = rng.sample(fresh, min(len(fresh), rng.choice((1, 1, 2))))
    high = one.worst["potassium"][1]
    clinic = rng.choice(_clinics(chart))
    day = chart.now + timedelta(days=rng.randrange(5, 15))
    day += timedelta(days=2 if day.weekday() > 4 else 0)
    test, other = rng.sample(TESTS, 2)
    return {
        **one.params,
        "drugs_new": [list(each[:4]) for each in new],
        "drug_changed": None
        if changed is None
        else [changed.name, changed.code, rng.choice(changed.others), changed.unit, changed.order],
        "drug_again": [again.name, again.code, again.dose, again.unit, again.order],
        "drug_stopped": [stopped.name, stopped.order, stopped.statement],
        "drug_going_on": None if going_on is None or branch != "dropped_plan" else [going_on.name, going_on.order],
        "late_to_doctor": rng.random() < 0.6,
        "test": list(test),
        "test_revoked": list(other),
        "next": list(clinic),
        "visit": day.replace(
            hour=rng.randrange(9, 16), minute=rng.choice((0, 30)), second=0, microsecond=0
        ).isoformat(),
        "finding": list(rng.choice(FINDINGS)),
        "mm": rng.randrange(7, 24),
        "false_potassium": round(max(high + 1.2, 6.1) + rng.random(), 1),
        "false_creatinine": round(one.worst["creatinine"][1] * rng.uniform(2.2, 3.5), 2),
        "words": rng.randrange(1000),
    }


def _clinics(chart: Chart) -> list[tuple[str, str, str]]:
    """Returns physicians with schedules outside primary care: address, name and clinic."""

    def look() -> list[tuple[str, str, str]]:
        return [
            (each["actor"][0]["reference"], each["actor"][0].get("display", ""), each["serviceType"][0]["text"])
            for each in chart.search("Schedule", _count="500")
            if each["serviceType"][0]["text"] in ("Cardiology", "Pulmonology", "Nephrology", "Gastroenterology")
        ]

    return chart.remember("clinics for a next visit", look)
