"""Cases: people who come from home with a low sodium, by its cause.

A thiazide or a loss of fluid holds water until the volume is restored, an SSRI or a pneumonia goes on holding it
(Verbalis JG et al., Am J Med 2013;126:S1). Who takes which drug is the chart's; what is left out is told in the note of
the admission. The shares are our choice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.casework import flagged
from mab_gym.dynamics.admissions import admission_params, body_water_share, egfr_of
from mab_gym.dynamics.emergency import home_orders, visitor, visitors, words_of_problems
from mab_gym.dynamics.physiology._sodium import SALINE_3
from mab_gym.tasking.chart import Chart

from .story import told

BRANCHES = {"thiazide": 8, "ssri": 8, "lung": 6, "dry": 8}
THIAZIDES = ("hydrochlorothiazide", "chlorthalidone", "indapamide", "metolazone")
SSRIS = (
    "sertraline", "escitalopram", "citalopram", "fluoxetine", "paroxetine", "duloxetine", "venlafaxine",
    "carbamazepine", "oxcarbazepine",
)  # fmt: skip
"""Drugs that lower sodium by holding water: the page's SSRIs and carbamazepine, and their relatives."""
_NOT_FOR = ("heart failure", "cirrhosis", "dialysis", "end-stage", "stage 4", "transplant", "epilepsy", "seizure")
_MONTHS = "six weeks", "two months", "three months", "half a year"
_WHY = "because of the cost", "because it did nothing", "after a friend's advice", "since it made the mouth dry"


@flagged("trial", "arm", stay=True)
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a person, what is taken of what is ordered, and the hidden body."""
    pools = chart.remember("hyponatremia pools", lambda: _pools(chart)) if chart.profiles() else {}
    left_out = branch in ("lung", "dry") and rng.random() < 0.55
    pool = pools.get(branch if branch in ("thiazide", "ssri") else "either" if left_out else "neither", ())
    if not pool:
        return None
    mrn = rng.choice(pool)
    person = visitor(chart, mrn)
    if person is None:
        return None
    thiazides, ssris = home_orders(chart, mrn, THIAZIDES), home_orders(chart, mrn, SSRIS)
    taken = thiazides if branch == "thiazide" else ssris if branch == "ssri" else {}
    not_taken = [name for address, name in {**thiazides, **ssris}.items() if address not in taken]
    dry, seizes = branch in ("thiazide", "dry"), rng.random() < 0.42
    systolic = rng.randrange(94, 104) if dry else rng.randrange(122, 138)
    params = admission_params(chart, person, rng)
    share = body_water_share(person)
    water = share * params["weight_kg"]
    sodium = rng.randrange(110, 118) if seizes else rng.randrange(113, 120)
    signs = {"systolic": float(systolic), "diastolic": float(systolic - 44), "pulse": 106.0 if dry else 78.0}
    return {
        **params,
        "note": told(rng, branch, person.female, seizes, systolic, [_short(each) for each in not_taken], _left(rng)),
        "creatinine": round((person.creatinine or 0.9) * (1.15 if dry else 1.0), 2),
        "sodium": sodium,
        "potassium": round(rng.uniform(3.4, 4.2), 1),
        "glucose": rng.randrange(92, 128),
        "culprits": sorted(taken),
        "culprit_names": sorted({_short(each) for each in taken.values()}),
        "body": {
            "weight_kg": params["weight_kg"],
            "water_share": share,
            "sodium": float(sodium),
            "water_l": round(-0.028 * water if dry else 0.092 * water, 2),
            "urine_mosm": float(rng.randrange(400, 480) if dry else rng.randrange(590, 700)),
            "urine_sodium": float(rng.randrange(48, 70) if branch != "dry" else rng.randrange(10, 18)),
            "refill_l": round(rng.uniform(0.026, 0.038) * water, 2) if dry else 0.0,
            "drinks_l": 2.0 if dry else 2.3,
            "eats": 0.2 if dry else 0.9,
            "seizes": seizes,
            "signs_end": round(rng.uniform(0.65, 0.85) * 0.3 * (SALINE_3 - sodium) / (water + 1), 2),
            "signs": signs,
        },
    }


def _left(rng: random.Random) -> str:
    return f"{rng.choice(_MONTHS)} ago {rng.choice(_WHY)}"


def _short(name: str) -> str:
    """Returns the ingredient in a drug's name."""
    return next((word for word in (*THIAZIDES, *SSRIS) if word in name), name)


def _pools(chart: Chart) -> Mapping[str, Sequence[str]]:
    """Returns the people of each kind: who takes one kind of drug, either, or neither."""
    found: dict[str, list[str]] = {"thiazide": [], "ssri": [], "either": [], "neither": []}
    for mrn in visitors(chart):
        person, listed = visitor(chart, mrn), words_of_problems(chart, mrn)
        if person is None or person.age < 30 or not 52 <= person.weight_kg <= 98:
            continue
        if egfr_of(person) < 45 or any(word in listed for word in _NOT_FOR):
            continue
        thiazides, ssris = home_orders(chart, mrn, THIAZIDES), home_orders(chart, mrn, SSRIS)
        taken = {f.subject.split(":")[1] for f in chart.facts(mrn) if f.subject.endswith(":taken") and f.until is None}
        for kind, orders in (("thiazide", thiazides), ("ssri", ssris)):
            if len(orders) == 1 and not any(_short(name) in taken for name in orders.values()):
                found[kind].append(mrn)
        if (thiazides or ssris) and not any(_short(name) in taken for name in {**thiazides, **ssris}.values()):
            found["either"].append(mrn)
        if not thiazides and not ssris:
            found["neither"].append(mrn)
    return found
