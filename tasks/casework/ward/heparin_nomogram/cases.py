"""Cases: people who clear heparin as usual, quickly or slowly, and people whose platelets fall.

Clearance of heparin differs from person to person by about a third either way, and is quicker with large clots (Hirsh J
et al., Chest 2001;119:64S-94S). Platelets that fall within a day are seen in those who had heparin in the hundred days
before (Warkentin TE and Kelton JG, N Engl J Med 2001;344:1286-1292), here in those who get it against clots already;
the shares of the branches are our choice, far above those in life.

The clot is the chart's where one is the reason of the stay. In the others, who lie in the hospital for something else
and are given heparin against clots, ultrasound has just shown one, of which the chart cannot know.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from mab_gym.dynamics.inpatients import HEIGHT, active_drugs, diagnoses, inpatient, problems
from mab_gym.tasking.chart import Chart

BRANCHES = {"usual": 8, "quick": 7, "slow": 7, "platelets_fall": 8}
PLATELETS, HAEMOGLOBIN = "777-3", "718-7"
OTHERS = ("enoxaparin", "heparin", "apixaban", "rivaroxaban", "dabigatran", "warfarin", "fondaparinux", "dalteparin")
"""Anticoagulants that are stopped when heparin begins."""
_HEPARINS = ("enoxaparin", "heparin", "fondaparinux", "dalteparin")
_CLOTS = ("Pulmonary embolism", "Deep vein thrombosis of the leg")
"""Principal diagnoses that are treated by the page."""
ADMITTED = "it was found at admission, and has not been treated yet"
NEW = "ultrasound has just shown a new proximal deep vein thrombosis of the leg"
_ADMITTED_SHARE = 0.6
"""The share of cases that are drawn, if they can be, from those who were admitted with a clot."""
_NOT_FOR = ("hemorrhage", "haemorrhage", "bleed", "thrombocytopenia", "stroke", "infarction of brain", "varices")
_CLEARANCE = {"usual": (0.9, 1.1), "quick": (1.15, 1.35), "slow": (0.6, 0.75), "platelets_fall": (0.9, 1.1)}


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws an inpatient and the hidden answer to heparin."""
    falls = branch == "platelets_fall"
    fitting = [mrn for mrn in chart.profiles() if _fits(chart, mrn, falls)]
    if not fitting:
        return None
    admitted = [mrn for mrn in fitting if _admitted_with_clot(chart, mrn)]
    later = [mrn for mrn in fitting if mrn not in admitted]
    mrn = rng.choice(admitted if admitted and (not later or rng.random() < _ADMITTED_SHARE) else later)
    person, platelets = inpatient(chart, mrn), chart.latest(mrn, PLATELETS)
    haemoglobin, height = chart.latest(mrn, HAEMOGLOBIN), chart.latest(mrn, HEIGHT)
    if person is None or platelets is None or haemoglobin is None:
        return None
    return {
        **person.params,
        "illness": diagnoses(chart, mrn)[0],
        "finding": ADMITTED if mrn in admitted else NEW,
        "body": {
            "weight_kg": person.weight_kg,
            "female": person.female,
            "height_cm": height.value if height else 168.0,
            "aptt": round(rng.uniform(27, 32), 1),
            "clearance": round(rng.uniform(*_CLEARANCE[branch]), 3),
            "sensitivity": round(rng.uniform(0.94, 1.06), 3),
            "haemoglobin": haemoglobin.value,
            "platelets": platelets.value,
            "platelets_lowest": round(rng.uniform(0.2, 0.32), 3) if falls else 1.0,
            "platelets_from": rng.randrange(0, 3) * 60,
            "bleeds_at": round(rng.uniform(14, 18), 2),
            "clots_at": round(rng.uniform(14, 18), 2),
        },
    }


def _admitted_with_clot(chart: Chart, mrn: str) -> bool:
    return diagnoses(chart, mrn)[:1] in [(each,) for each in _CLOTS]


def _fits(chart: Chart, mrn: str, falls: bool) -> bool:
    person, platelets = inpatient(chart, mrn), chart.latest(mrn, PLATELETS)
    haemoglobin = chart.latest(mrn, HAEMOGLOBIN)
    if person is None or platelets is None or haemoglobin is None:
        return False
    if any(word in problems(chart, mrn) for word in _NOT_FOR) or not 45 <= person.weight_kg <= 130:
        return False
    drugs = active_drugs(chart, mrn).values()
    if any("heparin infusion" in drug for drug in drugs) or not diagnoses(chart, mrn):
        return False
    given = any(word in drug for drug in drugs for word in _HEPARINS)
    if not given and (falls or not _admitted_with_clot(chart, mrn)):
        return False
    return 150 <= platelets.value <= 450 and haemoglobin.value >= 9
