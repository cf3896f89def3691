"""Cases: kidneys that stay as they are, that fail during the stay, or that recover, in people who lose potassium.

The hidden patient (weight, sex, age and creatinine are the chart's) has losses by the gut of 20 to 48 mmol of potassium
a day, which end on the second day (stool in secretory diarrhoea has some 30 to 80 mmol/L; Gennari FJ, N Engl J Med
1998;339:451-458, for the causes). Where the latest potassium of the chart is below 3.5 mmol/L, the stay begins there;
else potassium has fallen since, and the first new result shows it. The third or fourth specimen for potassium is
haemolysed, so that it cannot be told from where it comes that it is false: the result says so.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from mab_gym.dynamics.inpatients import CREATININE, active_drugs, egfr, inpatient, problems
from mab_gym.tasking.chart import Chart

BRANCHES = {"steady": 10, "kidneys_fail": 12, "kidneys_recover": 8}
POTASSIUM = "2823-3"
_HEAVIEST = 100.0
"""Weight in kg above which the doses of the page, which are the same for all, take longer than the stay."""
_NOT_FOR = ("end stage", "end-stage", "dialysis", "ketoacidosis", "transplant")
"""Words of conditions in which the handbook's page asks to call the service."""


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws an inpatient and the hidden course of the body."""
    fitting = [mrn for mrn in chart.profiles() if _fits(chart, mrn, branch)]
    if not fitting:
        return None
    mrn = rng.choice(fitting)
    person, creatinine, latest = inpatient(chart, mrn), chart.latest(mrn, CREATININE), chart.latest(mrn, POTASSIUM)
    if person is None or creatinine is None:
        return None
    low = latest is not None and latest.value < 3.4
    potassium = max(2.75, latest.value - rng.uniform(0, 0.2)) if latest and low else rng.uniform(2.75, 3.2)
    fails = rng.randrange(8, 13) * 60
    kidneys = {
        "steady": [],
        "kidneys_fail": [[fails, 1.0], [fails + 300, round(rng.uniform(0.15, 0.25), 3)]],
        "kidneys_recover": [[360, 1.0], [1200, round(rng.uniform(1.5, 1.8), 3)]],
    }[branch]
    return {
        **person.params,
        "haemolysed": rng.choice([3, 4]),
        "body": {
            "weight_kg": person.weight_kg,
            "female": person.female,
            "age": person.age,
            "creatinine": creatinine.value,
            "potassium": round(potassium, 3),
            "magnesium": round(rng.uniform(1.15, 1.48), 3),
            "kidneys": kidneys,
            "lost_potassium": round(rng.uniform(0.8, 2.0), 3),
            "lost_magnesium": round(rng.uniform(0.01, 0.04), 3),
            "losses_end": rng.randrange(14, 24) * 60,
            "eats": round(rng.uniform(0.5, 0.8), 3),
        },
    }


def _fits(chart: Chart, mrn: str, branch: str) -> bool:
    person, creatinine = inpatient(chart, mrn), chart.latest(mrn, CREATININE)
    if person is None or person.weight_kg > _HEAVIEST or creatinine is None:
        return False
    if any(word in problems(chart, mrn) for word in _NOT_FOR):
        return False
    if any("potassium" in drug or "magnesium" in drug for drug in active_drugs(chart, mrn).values()):
        return False
    filtration = egfr(creatinine.value, person)
    return 30 <= filtration < 75 if branch == "kidneys_recover" else filtration >= 50
