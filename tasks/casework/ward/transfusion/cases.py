"""Cases: people who come from home with a low hemoglobin, by the threshold that holds, and by what comes in between.

Heart disease, or none, is on the chart's problem list. What another hospital knows of antibodies, and what is signed,
comes in with the case. Antibodies are far more frequent here than in life, where a few in a hundred of those who
were transfused have one (Tormey CA, Stack G, Transfusion 2009;49:505).
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.casework import flagged
from mab_gym.dynamics.admissions import admission_params
from mab_gym.dynamics.emergency import visitor, visitors, words_of_problems
from mab_gym.tasking.chart import Chart

from .story import ANTIGENS, agreed, letter, refusal, told

BRANCHES = {"below": 4, "heart": 6, "symptoms": 4, "not_due": 4, "bleeds": 6, "refuses": 6}
HEART = ("coronary", "infarction", "heart failure", "angina", "aortic stenosis", "cardiomyopathy", "valve")
_UNSURE = ("atrial fibrillation", "palpitation", "end-stage", "dialysis", "thalass", "sickle", "leukemia", "lymphoma")
"""Problems with which the page's threshold, or what a unit has to be, would be open to debate."""
_LEVELS = {
    "below": (6.0, 6.7),
    "heart": (7.2, 7.7),
    "symptoms": (7.4, 8.6),
    "not_due": (7.3, 7.9),
    "bleeds": (7.3, 7.5),
    "refuses": (5.9, 6.7),
}
_GROUPS = ("O positive", "A positive", "B positive", "O negative", "AB positive", "A negative")
_WEIGHTS = (38, 34, 9, 7, 3, 6)
"""Blood groups in percent of people in the United States (AABB)."""
_GROUP = re.compile(r"\b(AB|A|B|O) (positive|negative)\b")


@flagged("trial", "arm", stay=True)
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a person, the letter, the consent, and the hidden body."""
    pools = chart.remember("transfusion pools", lambda: _pools(chart)) if chart.profiles() else {}
    pool = pools.get("heart" if branch == "heart" else "none", ())
    if not pool:
        return None
    mrn = rng.choice(pool)
    person = visitor(chart, mrn)
    if person is None:
        return None
    params = admission_params(chart, person, rng)
    antigen = rng.choice(ANTIGENS) if rng.random() < 0.5 else ""
    symptoms, refuses, bleeds = branch == "symptoms", branch == "refuses", branch == "bleeds"
    haemoglobin = round(rng.uniform(*_LEVELS[branch]), 1)
    pulse, systolic = (rng.randrange(116, 126) if symptoms else rng.randrange(78, 92)), rng.randrange(108, 128)
    consent = refusal(rng, person.female) if refuses else agreed(rng, person.female)
    group = _known_group(chart, mrn) or rng.choices(_GROUPS, _WEIGHTS)[0]
    return {
        **params,
        "note": told(rng, symptoms, pulse, systolic),
        "letter": letter(rng, antigen),
        "antigen": antigen,
        "consent_note": consent,
        "consents": not refuses,
        "group": group,
        "haemoglobin": haemoglobin,
        "platelets": rng.randrange(190, 330),
        "mcv": rng.randrange(68, 77),
        "creatinine": round(person.creatinine or 0.9, 2),
        "threshold": 10.0 if symptoms else 8.0 if branch == "heart" else 7.0,
        "body": {
            "weight_kg": params["weight_kg"],
            "height_cm": person.height_cm or 168.0,
            "female": person.female,
            "haemoglobin": haemoglobin,
            "usual": 11.5,
            "bleeds_at": rng.randrange(180, 420, 15) if bleeds else -1,
            "bleeds_ml": round(rng.uniform(15.5, 18.5) * params["weight_kg"] ** 0.98) if bleeds else 0,
            "frail": person.age >= 70 or branch == "heart" or params["weight_kg"] < 55,
            "eased_at": round(haemoglobin + rng.uniform(0.45, 0.6), 2) if symptoms else 0.0,
            "signs": {"pulse": float(pulse), "systolic": float(systolic), "diastolic": float(systolic - 46)},
        },
    }


def _known_group(chart: Chart, mrn: str) -> str:
    """Returns the blood group that the chart knows already; empty where it knows none."""

    def look() -> str:
        for each in chart.search("DiagnosticReport", patient=mrn, _count="200"):
            said = str(each.get("conclusion", ""))
            if "antibody screen" in said.lower() and (found := _GROUP.search(said)):
                return found[0]
        return ""

    return chart.remember(("blood group", mrn), look)


def _pools(chart: Chart) -> Mapping[str, Sequence[str]]:
    """Returns the people with heart disease, and those without."""
    found: dict[str, list[str]] = {"heart": [], "none": []}
    for mrn in visitors(chart):
        person, listed = visitor(chart, mrn), words_of_problems(chart, mrn)
        if person is None or person.age < 30 or not 48 <= person.weight_kg <= 110:
            continue
        if any(word in listed for word in _UNSURE):
            continue
        found["heart" if any(word in listed for word in HEART) else "none"].append(mrn)
    return found
