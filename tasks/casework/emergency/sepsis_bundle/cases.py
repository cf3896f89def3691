"""Cases: shock with and without need of norepinephrine, a high lactate with a good pressure, neither, and a weak heart.

The source follows the history where there is one (stones, a bad gallbladder, diverticula, lungs); the infection itself
is new. The shares of branches are our choice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from mab_gym.casework import flagged
from mab_gym.dynamics.bodies import SepsisBody, SepsisCase
from mab_gym.dynamics.emergency import (
    Visitor,
    creatinine_for,
    ideal_weight,
    visit_params,
    visitor,
    visitors,
    words_of_problems,
)
from mab_gym.tasking.chart import Chart

from .regimens import REGIMENS

BRANCHES = {"shock": 9, "shock_by_fluid": 5, "lactate": 5, "calm": 6, "heart": 5}
_NOT_FOR = ("end stage", "end-stage", "dialysis", "transplant", "cirrhosis")
_UNCLEAR = ("cephalexin", "cef", "vancomycin", "ciprofloxacin", "levofloxacin", "azithromycin", "metronidazole")
"""Allergies to other antibiotics, which would need a table of their own."""
_COMPLAINTS = {
    "urine": ("247355005", "flank pain and fever"),
    "lung": ("49727002", "a cough and fever"),
    "abdomen": ("21522001", "abdominal pain and fever"),
    "skin": ("386661006", "fever and a red leg"),
}


@flagged("trial", "arm", "germ", stay=True)
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a visitor, the source, and the hidden body."""
    fitting = [mrn for mrn in visitors(chart) if _fits(chart, mrn, branch)]
    if not fitting:
        return None
    wanted: list[str] = []
    if rng.random() < 0.4:
        wanted = [mrn for mrn in fitting if penicillin(chart, mrn) != "none"]
    elif branch != "calm" and rng.random() < 0.5:
        wanted = [mrn for mrn in fitting if (found := visitor(chart, mrn)) is not None and _bmi(found) > 31]
    mrn = rng.choice(wanted or fitting)
    person = visitor(chart, mrn)
    if person is None:
        return None
    visit = visit_params(chart, person, rng, (12, 18))
    source, drain, why = _source(chart, mrn, rng)
    return {**visit, **_illness(chart, person, visit["weight_kg"], rng, branch, source, drain, why)}


def _illness(
    chart: Chart, person: Visitor, weight: float, rng: random.Random, branch: str, source: str, drain: bool, why: str
) -> dict[str, Any]:
    usual = rng.uniform(84, 92)
    start = {
        "shock": rng.uniform(52.5, 56.5),
        "shock_by_fluid": rng.uniform(62.0, 63.3),
        "lactate": rng.uniform(71, 76),
        "calm": rng.uniform(72, 78),
        "heart": rng.uniform(56.5, 60.0),
    }[branch]
    lactate = {
        "shock": rng.uniform(4.3, 5.6),
        "shock_by_fluid": rng.uniform(3.1, 3.6),
        "lactate": rng.uniform(5.3, 6.2),
        "calm": rng.uniform(2.5, 3.1),
        "heart": rng.uniform(3.6, 4.6),
    }[branch]
    debt = {"shock": 0.9, "shock_by_fluid": 0.35, "lactate": 0.6, "calm": 0.1, "heart": 0.6}[branch]
    bmi = weight / (person.height_cm / 100) ** 2
    ideal = round(ideal_weight(person.female, person.height_cm), 1)
    body: dict[str, Any] = {
        "weight_kg": weight,
        "usual_pressure": round(usual, 1),
        "usual_pulse": rng.randrange(70, 84),
        "severity": round(max(0.3, (usual - start) / 30), 3),
        "burden": 1.0,
        "debt": debt,
        "lactate": round(lactate, 2),
        "has_source": drain,
        "weak_heart": branch == "heart",
        "breathing": rng.randrange(22, 26),
        "saturation": rng.randrange(90, 93) if source == "lung" else rng.randrange(94, 97),
        "regimens": [[list(group) for group in way] for way in REGIMENS[source]],
    }
    signs = SepsisBody(SepsisCase(**body)).vital_signs()
    code, complaint = _COMPLAINTS[source]
    filtration = rng.uniform(24, 48)
    return {
        "source": source,
        "drain": drain,
        "code": code,
        "complaint": complaint,
        "height_cm": person.height_cm,
        "by_weight": ideal if bmi > 30 else weight,
        "obese": bmi > 30,
        "penicillin": penicillin(chart, person.mrn),
        "findings": _findings(source, drain, why),
        "values": {
            "creatinine": creatinine_for(filtration, person),
            "sodium": rng.randrange(132, 142),
            "potassium": round(rng.uniform(3.6, 4.8), 1),
            "bicarbonate": rng.randrange(17, 22),
            "leucocytes": round(rng.uniform(14, 24), 1),
            "platelets": rng.randrange(120, 320),
            "haemoglobin": round(rng.uniform(11.5, 14.5), 1),
        },
        "signs": {key: round(value, 1) for key, value in signs.items()},
        "note": _note(person, rng, source, why),
        "body": body,
    }


def _source(chart: Chart, mrn: str, rng: random.Random) -> tuple[str, bool, str]:
    """Returns the source, if it is to be drained, and a word for what is known of it."""
    known = words_of_problems(chart, mrn)
    if "kidney stones" in known:
        return "urine", True, "stones"
    if "gallstones" in known:
        return "abdomen", True, "gallbladder"
    if "diverticulosis" in known and rng.random() < 0.7:
        return "abdomen", True, "diverticula"
    if "chronic obstructive" in known or "asthma" in known:
        return "lung", False, ""
    source = rng.choice(("urine", "lung", "skin", "skin", "urine", "lung", "abdomen"))
    return source, source == "abdomen", "appendix" if source == "abdomen" else ""


def _findings(source: str, drain: bool, why: str) -> dict[str, str]:
    if source == "urine":
        told = "Stone of 8 mm in the right ureter with hydronephrosis." if drain else "No hydronephrosis, no abscess."
        return {"us_kidneys": told, "ct_abdomen": told, "us_abdomen": told}
    if source == "lung":
        told = "Consolidation of the right lower lobe; no effusion to speak of."
        return {"chest_xray": told, "ct_chest": told}
    if source == "abdomen":
        told = {
            "gallbladder": "Distended gallbladder with stones, thick wall and fluid around it: acute cholecystitis.",
            "diverticula": "Sigmoid diverticulitis with an abscess of 5 cm.",
            "appendix": "Perforated appendicitis with an abscess of 4 cm.",
        }[why]
        return {"ct_abdomen": told, "us_abdomen": told}
    return {}


def _note(person: Visitor, rng: random.Random, source: str, why: str) -> str:
    """Writes the triage note."""
    story = {
        "urine": "pain in the right flank for two days, burning on passing water, shaking chills since last night",
        "lung": "cough with rusty sputum for three days, chills, short of breath on the stairs",
        "skin": "red, hot left lower leg since two days, spreading above the ankle today, shaking chills",
        "abdomen": {
            "gallbladder": "pain under the right ribs since yesterday, worse on breathing in, vomited twice, chills",
            "diverticula": "pain low on the left for three days, no stool since, chills today",
            "appendix": "pain low on the right for three days, first better, then all over, chills today",
        }.get(why, ""),
    }[source]
    who = "woman" if person.female else "man"
    mind = rng.choice(
        ("Answers slowly, not sure of the day.", "New confusion says the family.", "Drowsy, answers late.")
    )
    home = rng.choice(("Lives at home.", "From home, by ambulance.", "Brought by family from home."))
    return (
        f"TRIAGE\n{person.age}-year-old {who}. {home} {story[:1].upper()}{story[1:]}. {mind} "
        f"No other complaint. {'No pressure ulcer, no open wound. ' if source != 'skin' else 'No pus, no open wound. '}"
        "Not seen in a hospital these three months.\n"
        "Nurse's thought: sepsis likely. Peripheral line placed, first blood sent (no lactate tube at hand). ESI 2."
    )


def penicillin(chart: Chart, mrn: str) -> str:
    """Returns ``allergic``, ``tolerated`` (the record or a note speaks against an allergy) or ``none``."""
    return chart.remember(("penicillin", mrn), lambda: _look_for_penicillin(chart, mrn))


def _look_for_penicillin(chart: Chart, mrn: str) -> str:
    found = [each for each in _allergies(chart, mrn) if "penicillin" in each[0]]
    if not found:
        return "none"
    if any(fact.subject == "allergy:penicillin:tolerated" for fact in chart.facts(mrn)):
        return "tolerated"
    return "allergic" if any(status != "refuted" for _, status in found) else "tolerated"


def _allergies(chart: Chart, mrn: str) -> list[tuple[str, str]]:
    def look() -> list[tuple[str, str]]:
        found = chart.search("AllergyIntolerance", patient=mrn, _count="50")
        return [
            (str(each.get("code", {}).get("text", "")).lower(), str(each.get("verificationStatus"))) for each in found
        ]

    named = chart.remember(("allergies", mrn), look)
    return [(name, "refuted" if "refuted" in status or "entered" in status else "") for name, status in named]


def _bmi(person: Visitor) -> float:
    return person.weight_kg / (person.height_cm / 100) ** 2 if person.height_cm else 0.0


def _fits(chart: Chart, mrn: str, branch: str) -> bool:
    def look() -> bool:
        person, known = visitor(chart, mrn), words_of_problems(chart, mrn)
        if person is None or not person.height_cm or any(words in known for words in _NOT_FOR):
            return False
        if any(word in name for name, _ in _allergies(chart, mrn) for word in _UNCLEAR):
            return False
        return not 29.0 <= _bmi(person) <= 31.0

    weak = "heart failure" in words_of_problems(chart, mrn)
    return weak == (branch == "heart") and chart.remember(("fits sepsis", mrn), look)
