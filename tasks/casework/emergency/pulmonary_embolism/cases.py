"""Cases: embolisms ruled out by D-dimer for the age, found, not found, found without contrast, not to be treated.

Points come from the triage note, from vital signs, and from a thrombosis or embolism in the history. People with
cancer, asthma or coronary disease are left out, since for them some points are a matter of opinion. The shares of
branches are our choice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

from mab_gym.casework import flagged
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

BRANCHES = {"ruled_out": 7, "embolism": 8, "clear_scan": 3, "no_contrast": 7, "bleeding": 5}
NSAIDS: Final = ("ibuprofen", "naproxen", "ketorolac", "meloxicam", "diclofenac", "celecoxib", "indomethacin")
SOLD: Final = ("ibuprofen", "naproxen")
POINTS: Final = {"leg": 3.0, "first_look": 3.0, "pulse": 1.5, "rest": 1.5, "history": 1.5, "blood": 1.0}
"""Wells points (Wells 2000), without those for cancer."""
CHRONIC: Final = ("heart failure", "chronic obstructive", "pulmonary fibrosis", "interstitial")
"""Diseases of heart and lungs that count in the simplified PESI."""
_NOT_FOR = (
    "cancer", "leukemia", "lymphoma", "myeloma", "asthma", "end stage", "end-stage", "dialysis", "transplant",
    "pulmonary hypertension", "cirrhosis", "pregnan", "coronary", "myocardial",
)  # fmt: skip
_LEG = "Left calf 4 cm thicker than the right, deep veins sore to touch"
_REST = ("In bed with influenza for five days until yesterday", "Knee operated on 16 days ago in another town")
_BLOOD = "Coughed up blood twice today"
_NO_POINTS = (
    "Flew seven hours last week",
    "Shoulder operated on ten weeks ago",
    "Right calf sore after a run, no swelling, both the same in girth",
    "A cousin had a clot in the leg",
    "Nosebleed last month, none since",
)


@flagged("germ", "arm", stay=True)
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a visitor and the story."""
    fitting = [mrn for mrn in visitors(chart) if _fits(chart, mrn, branch)]
    if not fitting:
        return None
    wanted = [mrn for mrn in fitting if _rare(chart, mrn)] if rng.random() < 0.25 else []
    if not wanted and branch in ("embolism", "no_contrast") and rng.random() < 0.5:
        wanted = [mrn for mrn in fitting if home_orders(chart, mrn, NSAIDS) or bought(chart, mrn)]
    if not wanted and branch != "ruled_out" and rng.random() < 0.5:
        wanted = [mrn for mrn in fitting if (found := visitor(chart, mrn)) is not None and fertile(found)]
    mrn = rng.choice(wanted or fitting)
    person = visitor(chart, mrn)
    if person is None:
        return None
    return {**visit_params(chart, person, rng), **_story(chart, person, rng, branch)}


def _story(chart: Chart, person: Visitor, rng: random.Random, branch: str) -> dict[str, Any]:
    history = had_clot(chart, person.mrn)
    likely = branch not in ("ruled_out", "clear_scan") and rng.random() < 0.5
    while True:
        items = {name for name in ("pulse", "rest", "blood") if rng.random() < 0.4}
        items |= {name for name in ("leg", "first_look") if likely and rng.random() < 0.7}
        items |= {"history"} if history else set()
        points = sum(POINTS[name] for name in items)
        if (points > 4) == likely:
            break
    limit = person.age * 0.01 if person.age > 50 else 0.5
    embolism = branch in ("embolism", "no_contrast", "bleeding")
    d_dimer = rng.uniform(0.53, limit * 0.86) if branch == "ruled_out" else limit + rng.uniform(0.9, 5.0)
    allergic = contrast_allergy(chart, person.mrn)
    poor = branch == "no_contrast" and not (allergic and rng.random() < 0.5)
    creatinine = creatinine_for(rng.uniform(17, 26.5) if poor else rng.uniform(58, 92), person)
    bleeds = rng.choice(("stool", "platelets")) if branch == "bleeding" else ""
    fast = rng.choice((rng.randrange(104, 108), rng.randrange(113, 122)))
    signs = {
        "pulse": fast if "pulse" in items else rng.randrange(74, 95),
        "systolic": rng.randrange(108, 142),
        "diastolic": rng.randrange(64, 84),
        "respiratory_rate": rng.randrange(19, 25),
        "temperature": round(rng.uniform(36.5, 37.4), 1),
        "saturation": rng.choice((87, 88, 93, 94, 95, 96)),
    }
    severity = sum(
        (person.age > 80, _chronic(chart, person.mrn), signs["pulse"] >= 110, signs["saturation"] < 90)
    )  # sPESI without cancer and without a low pressure, which nobody has here
    return {
        "complaint": rng.choice(("chest pain", "shortness of breath")),
        "age": person.age,
        "points": points,
        "limit": round(limit, 2),
        "embolism": embolism,
        "scan": not (poor or allergic),
        "poor_kidneys": poor,
        "fertile": fertile(person),
        "bleeds": bleeds,
        "severity": severity,
        "stop": sorted(home_orders(chart, person.mrn, NSAIDS)),
        "bought": bought(chart, person.mrn),
        "signs": signs,
        "values": {
            "d_dimer": round(d_dimer, 3),
            "creatinine": creatinine,
            "platelets": rng.randrange(14, 32) if bleeds == "platelets" else rng.randrange(170, 320),
            "haemoglobin": round(rng.uniform(7.6, 8.8) if bleeds == "stool" else rng.uniform(12.2, 14.6), 1),
            "troponin": rng.randrange(3, 12),
            "hcg": 1.0,
            "inr": 1.0,
            "aptt": 29.0,
        },
        "findings": _findings(embolism, "leg" in items),
        "note": _note(person, rng, items, bleeds),
    }


def _findings(embolism: bool, leg: bool) -> dict[str, str]:
    clot = embolism and leg
    return {
        "ct_chest_angio": "Filling defects in both lower lobe arteries: acute pulmonary embolism. No strain."
        if embolism
        else "No pulmonary embolism. Lungs clear.",
        "ct_chest": "Lungs clear; the phase of contrast does not show the pulmonary arteries.",
        "vq_scan": "Several mismatched perfusion defects: high probability, acute pulmonary embolism."
        if embolism
        else "Normal perfusion: no pulmonary embolism.",
        "us_leg_veins": "The left popliteal vein cannot be compressed: deep vein thrombosis."
        if clot
        else "All veins can be compressed: no thrombosis.",
        "chest_xray": "Lungs clear, no effusion.",
        "ecg": "Sinus rhythm, no ischemia.",
        "echo": "Normal size and function of both ventricles.",
    }


def _note(person: Visitor, rng: random.Random, items: set[str], bleeds: str) -> str:
    """Writes the triage note."""
    told = [_LEG] if "leg" in items else ["Both legs alike, no swelling"]
    if "rest" in items:
        told.append(rng.choice(_REST))
    if "blood" in items:
        told.append(_BLOOD)
    told += rng.sample([each for each in _NO_POINTS if "calf" not in each or "leg" not in items], 2)
    if bleeds == "stool":
        told.append("Black, tarry stools four times since yesterday, two fainting spells")
    if bleeds == "platelets":
        told.append("Tiny red spots on both shins and bleeding gums for three days")
    rng.shuffle(told)
    look = (
        "no other diagnosis is as likely as a pulmonary embolism"
        if "first_look" in items
        else rng.choice(("a strained chest wall is at least as likely", "a chest infection is at least as likely"))
    )
    who = "woman" if person.female else "man"
    return (
        f"TRIAGE\n{person.age}-year-old {who}. Sudden trouble in the chest since this morning, worse on breathing in. "
        f"{'. '.join(told)}. Drugs and earlier illnesses as in the record.\n"
        f"Physician's first look: {look}. ESI 2."
    )


def fertile(person: Visitor) -> bool:
    """Tells if a person needs a pregnancy test before radiation: our limit is 50 years."""
    return person.female and person.age < 50


def had_clot(chart: Chart, mrn: str) -> bool:
    """Tells if the record has a thrombosis or an embolism."""

    def look() -> bool:
        found = chart.search("Condition", patient=mrn, _count="500")
        names = (str(each.get("code", {}).get("text", "")).lower() for each in found)
        return any("pulmonary embolism" in name or "deep vein thrombosis" in name for name in names)

    return chart.remember(("had clot", mrn), look)


def contrast_allergy(chart: Chart, mrn: str) -> bool:
    """Tells if the record has an allergy to contrast that was not refuted."""

    def look() -> bool:
        found = chart.search("AllergyIntolerance", patient=mrn, _count="50")
        return any(
            "contrast" in str(each.get("code", {}).get("text", "")).lower()
            and "refuted" not in str(each.get("verificationStatus"))
            for each in found
        )

    return chart.remember(("contrast", mrn), look)


def bought(chart: Chart, mrn: str) -> str:
    """Returns an anti-inflammatory drug that somebody buys now, as notes say; empty for none."""

    def look() -> str:
        for name in SOLD:
            told = [fact for fact in chart.facts(mrn) if fact.subject == f"otc:{name}"]
            if len(told) == 1 and told[0].says.get("takes") is True and told[0].until is None:
                return name
        return ""

    return chart.remember(("bought", mrn), look)


def _chronic(chart: Chart, mrn: str) -> bool:
    return any(words in words_of_problems(chart, mrn) for words in CHRONIC)


def _rare(chart: Chart, mrn: str) -> bool:
    return had_clot(chart, mrn) or contrast_allergy(chart, mrn)


def _fits(chart: Chart, mrn: str, branch: str) -> bool:
    def look() -> bool:
        known = words_of_problems(chart, mrn)
        blood = ("apixaban", "rivaroxaban", "warfarin", "dabigatran", "enoxaparin", "heparin", "edoxaban")
        return not any(words in known for words in _NOT_FOR) and not home_orders(chart, mrn, blood)

    person = visitor(chart, mrn)
    if person is None or not chart.remember(("fits embolism", mrn), look):
        return False
    if contrast_allergy(chart, mrn) and branch != "no_contrast":
        return False
    return person.age >= 66 if branch == "ruled_out" else person.age not in (80, 81)
