"""Cases: a high potassium with and without changes of the heart, a mild one, and haemolysed specimens, true or not.

People are chosen who are prescribed something that raises potassium, or buy it without a prescription (which stands in
notes alone). What is new is this illness: some days of vomiting or diarrhoea, less urine, kidneys that have got worse.
The shares of branches are our choice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

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
from mab_gym.dynamics.physiology._creatinine import estimated_gfr
from mab_gym.tasking.chart import Chart

BRANCHES = {"heart": 11, "moderate": 7, "haemolysed": 5, "spoilt_but_high": 3, "mild": 4}
RAISING = (
    "lisinopril", "enalapril", "ramipril", "benazepril", "captopril", "losartan", "valsartan", "candesartan",
    "irbesartan", "olmesartan", "telmisartan", "sacubitril", "aliskiren", "spironolactone", "eplerenone", "finerenone",
    "triamterene", "amiloride", "potassium", "trimethoprim", "ibuprofen", "naproxen", "ketorolac", "meloxicam",
    "diclofenac", "celecoxib", "indomethacin", "heparin", "enoxaparin",
)  # fmt: skip
"""Parts of names of drugs that raise potassium: those of the handbook's page, by ingredient."""
SOLD = ("ibuprofen", "naproxen")
"""Those of them that are bought without a prescription here."""
CORONARY = ("coronary artery disease", "myocardial infarction")
_HEAVIEST = 130.0
"""Weight in kg above which the page's doses, which are the same for all, hold a heart for less than six hours."""
_TRIES = 20
"""People that are looked at for one who is not above it."""
_NOT_FOR = ("end stage", "end-stage", "dialysis", "transplant", "chronic kidney disease, stage 4")


@flagged("trial", "arm", stay=True)
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a visitor, and the hidden body."""
    fitting = [mrn for mrn in visitors(chart) if _fits(chart, mrn)]
    wanted = [mrn for mrn in fitting if _coronary(chart, mrn)] if branch == "heart" and rng.random() < 0.5 else []
    if not wanted and rng.random() < 0.4:
        wanted = [mrn for mrn in fitting if bought(chart, mrn)]
    if not fitting:
        return None
    for _ in range(_TRIES):
        person = visitor(chart, rng.choice(wanted or fitting))
        if person is None:
            return None
        if branch != "heart" or person.weight_kg <= _HEAVIEST:
            break
    else:
        return None
    return {**visit_params(chart, person, rng, (55, 80)), **_illness(chart, person, rng, branch)}


def _illness(chart: Chart, person: Visitor, rng: random.Random, branch: str) -> dict[str, Any]:
    filtration = rng.uniform(17, 27) if rng.random() < 0.4 else rng.uniform(33, 52)
    if branch == "haemolysed":
        filtration = rng.uniform(62, 85)
    creatinine = creatinine_for(filtration, person)
    true = {
        "heart": rng.uniform(6.65, 7.05),
        "moderate": rng.uniform(6.08, 6.35),
        "haemolysed": rng.uniform(4.4, 5.0),
        "spoilt_but_high": rng.uniform(6.12, 6.35),
        "mild": rng.uniform(5.56, 5.85),
    }[branch]
    heart = branch == "heart"
    stubborn = heart and rng.random() < 0.6
    spoilt = branch in ("haemolysed", "spoilt_but_high")
    told = round(true + (rng.uniform(1.9, 2.4) if branch == "haemolysed" else 0.7 if spoilt else 0.0), 1)
    glucose = round(rng.uniform(96, 121)) if rng.random() < 0.35 else round(rng.uniform(132, 205))
    sex: Any = "female" if person.female else "male"
    return {
        "potassium": told,
        "haemolysed": spoilt,
        "glucose": glucose,
        "egfr": round(estimated_gfr(creatinine, sex, person.age), 1),
        "coronary": _coronary(chart, person.mrn),
        "digoxin": bool(home_orders(chart, person.mrn, ("digoxin",))),
        "stop": sorted(home_orders(chart, person.mrn, RAISING)),
        "bought": bought(chart, person.mrn),
        "values": {
            "creatinine": creatinine,
            "sodium": rng.randrange(134, 142),
            "bicarbonate": rng.randrange(17, 22),
            "urea_nitrogen": round(min(110, 14 + 1400 / filtration)),
            "platelets": rng.randrange(170, 340),
            "leucocytes": round(rng.uniform(5.5, 10.5), 1),
        },
        "signs": _signs(rng, branch),
        "note": _note(person, rng),
        "body": {
            "weight_kg": person.weight_kg,
            "potassium": round(true, 3),
            "gfr": round(filtration, 1),
            "glucose": glucose,
            "sensitivity": 1.5 if filtration < 30 else 1.0,
            "gained": round(rng.uniform(0.3, 1.5), 2) if branch not in ("haemolysed", "mild") else 0.5,
            "changes_from": round(rng.uniform(5.95, 6.1) if stubborn else rng.uniform(6.3, 6.5), 2) if heart else 99.0,
            "calcium_needed": 3.0 if stubborn else 1.0,
            "heart_holds": rng.randrange(120, 165, 15),
        },
    }


def _signs(rng: random.Random, branch: str) -> dict[str, float]:
    return {
        "pulse": rng.randrange(46, 56) if branch == "heart" else rng.randrange(68, 92),
        "systolic": rng.randrange(108, 138),
        "diastolic": rng.randrange(62, 80),
        "respiratory_rate": rng.randrange(15, 19),
        "temperature": round(rng.uniform(36.4, 37.2), 1),
        "saturation": rng.randrange(95, 99),
    }


def _note(person: Visitor, rng: random.Random) -> str:
    """Writes the triage note."""
    what = rng.choice(
        (
            "three days of watery stools, little to drink",
            "vomiting since the weekend, kept little down",
            "a stomach bug for four days, could hardly drink",
            "poor intake for five days with loose stools",
        )
    )
    urine = rng.choice(("passes little urine", "urine dark and scant", "hardly any urine since yesterday"))
    who = "woman" if person.female else "man"
    came = rng.choice(("walked in with a neighbor", "by car with family", "by ambulance from home"))
    pills = rng.choice(
        (
            "Took the morning pills today as always.",
            "Went on with all home pills.",
            "Home pills taken up to this morning.",
        )
    )
    return (
        f"TRIAGE\n{person.age}-year-old {who}, {came}. Weak legs since yesterday, {what}; {urine}. "
        f"No chest pain, no fall. {pills} Alert, answers all questions, mucosae dry. Swallows.\n"
        "Allergies and drugs as in the record. Blood sent from the first venous line. ESI 2."
    )


def bought(chart: Chart, mrn: str) -> str:
    """Returns a drug that raises potassium and that somebody buys now, as notes say; empty for none."""
    return chart.remember(("bought", mrn), lambda: _look_for_bought(chart, mrn))


def _look_for_bought(chart: Chart, mrn: str) -> str:
    for name in SOLD:
        told = [fact for fact in chart.facts(mrn) if fact.subject == f"otc:{name}"]
        if len(told) == 1 and told[0].says.get("takes") is True and told[0].until is None:
            return name
    return ""


def _coronary(chart: Chart, mrn: str) -> bool:
    return any(words in words_of_problems(chart, mrn) for words in CORONARY)


def _fits(chart: Chart, mrn: str) -> bool:
    if any(words in words_of_problems(chart, mrn) for words in _NOT_FOR):
        return False
    return bool(home_orders(chart, mrn, RAISING)) or bool(bought(chart, mrn))
