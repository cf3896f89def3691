"""Cases: ketoacidosis with a potassium in the middle, high, or low behind a haemolysed specimen.

People have diabetes in their record; this illness is new, and the triage note tells its trigger. The shares of branches
are our choice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from mab_gym.casework import flagged
from mab_gym.dynamics.bodies._ketoacidosis_body import KetoacidosisBody, KetoacidosisCase
from mab_gym.dynamics.emergency import (
    Visitor,
    creatinine_for,
    home_orders,
    visit_params,
    visitor,
    visitors,
    words_of_problems,
)
from mab_gym.tasking.chart import Chart

BRANCHES = {"middle": 11, "low": 11, "high": 8}
CAUSING = ("gliflozin",)
"""Parts of names of drugs that cause ketoacidosis."""
_NOT_FOR = ("heart failure", "end stage", "end-stage", "dialysis", "transplant", "cirrhosis", "stage 4")
_TRIGGERS = {
    "urine": "burning on passing water and chills since three days",
    "lung": "cough with fever since four days",
    "insulin": "ran out of insulin and other drugs a week ago",
}


@flagged("trial", "arm", stay=True)
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a visitor with diabetes, and the hidden body."""
    fitting = [mrn for mrn in visitors(chart) if _fits(chart, mrn)]
    if not fitting:
        return None
    person = visitor(chart, rng.choice(fitting))
    if person is None:
        return None
    visit = visit_params(chart, person, rng, (50, 75))
    return {**visit, **_illness(chart, person, visit["weight_kg"], rng, branch)}


def _illness(chart: Chart, person: Visitor, weight: float, rng: random.Random, branch: str) -> dict[str, Any]:
    potassium = {
        "middle": rng.uniform(3.9, 4.7),
        "low": rng.uniform(2.95, 3.2),
        "high": rng.uniform(5.35, 5.8),
    }[branch]
    spoilt = branch == "low"
    body: dict[str, Any] = {
        "weight_kg": weight,
        "glucose": round(rng.uniform(380, 540)),
        "ketones": round(rng.uniform(4.6, 5.8), 2),
        "potassium": round(potassium, 2),
        "gfr": round(rng.uniform(55, 80), 1),
        "sensitivity": round(rng.uniform(0.92, 1.08), 3),
    }
    first = KetoacidosisBody(KetoacidosisCase(**body))
    true = first.truth()
    trigger = rng.choice(tuple(_TRIGGERS))
    return {
        "haemolysed": spoilt,
        "trigger": trigger,
        "stop": sorted(home_orders(chart, person.mrn, CAUSING)),
        "first": {
            "glucose": round(true["glucose"]),
            "ketones": round(true["ketones"], 1),
            "bicarbonate": round(true["bicarbonate"]),
            "potassium": round(potassium + (rng.uniform(1.0, 1.5) if spoilt else 0.0), 1),
        },
        "values": {
            "creatinine": creatinine_for(body["gfr"], person),
            "sodium": rng.randrange(129, 137),
            "chloride": rng.randrange(93, 99),
            "leucocytes": round(rng.uniform(9, 17), 1),
        },
        "findings": {
            "ecg": "Sinus tachycardia, no ischemia.",
            "chest_xray": "Infiltrate in the left lower lobe." if trigger == "lung" else "Lungs clear.",
        },
        "signs": {key: round(value, 1) for key, value in first.vital_signs().items()},
        "note": _note(person, rng, trigger),
        "body": body,
    }


def _note(person: Visitor, rng: random.Random, trigger: str) -> str:
    """Writes the triage note."""
    who = "woman" if person.female else "man"
    days = rng.choice(("two", "three"))
    water = rng.choice(("very thirsty, passes water all the time", "drinks without end, weak", "thirsty, lost weight"))
    return (
        f"TRIAGE\n{person.age}-year-old {who} with diabetes. Vomiting for {days} days, belly aches, {water}; "
        f"{_TRIGGERS[trigger]}. Breathes deeply, smells of acetone, dry, awake, answers all questions.\n"
        "Two peripheral lines, first blood sent. No heart failure known. ESI 2."
    )


def _fits(chart: Chart, mrn: str) -> bool:
    known = words_of_problems(chart, mrn)
    person = visitor(chart, mrn)
    if person is None or person.age >= 85 or any(words in known for words in _NOT_FOR):
        return False
    return any(words in known for words in ("type 2 diabetes", "type 1 diabetes"))
