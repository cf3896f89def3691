"""Cases: seven orders that a colleague left for an inpatient, of whom some must be refused, changed or let through.

A case is drawn from the person's own chart: allergies and how they showed, what notes say was borne since or is really
taken, kidneys, orders in force, conditions. An order is left only where careful people would agree on it (`worths.py`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import flagged
from mab_gym.dynamics.inpatients import inpatient
from mab_gym.tasking.chart import Chart, LedgerFact

from .drafts import DRAFTS
from .person import CREATININE, HEIGHT, POTASSIUM, WEIGHT, Home, Person, person_of
from .worths import ATORVASTATIN, BETA, FINE, SEROTONIN, STATINS, Right, Worth

BRANCHES = {"true_allergy": 8, "mere_label": 7, "poor_kidneys": 7, "home_list": 8}
_RULES: Final = {"true_allergy": "reaction", "mere_label": "label", "poor_kidneys": "kidneys", "home_list": "at_home"}
"""The rule of which a branch has a draft for certain."""
COUNT: Final = 7
_MOST: Final = {"fine": 3, "twice": 2}
"""The greatest numbers of drafts of rules that are plain; three of any other."""
_SAFE: Final = frozenset({
    "levothyroxine", *STATINS, "omeprazole", "pantoprazole", "famotidine", "cholecalciferol", "folic acid",
    "tamsulosin", "finasteride", *SEROTONIN, "montelukast", "latanoprost", "donepezil", "memantine", "anastrozole",
    "lamotrigine", "buspirone", "allopurinol",
})  # fmt: skip
"""Drugs for home that nobody holds back in a stay."""
_BY_KIDNEYS: Final = frozenset({"rosuvastatin", "famotidine", *SEROTONIN, "memantine", "allopurinol", "lamotrigine"})
_HALVED: Final = _SAFE | {"metoprolol", "carvedilol", "amlodipine", "aspirin"}
"""Drugs for home that go on at the dose that is really taken."""
_SLOTS: Final = {
    **dict.fromkeys(STATINS, "statin"), **dict.fromkeys(BETA, "beta"), **dict.fromkeys(SEROTONIN, "mind"),
    "omeprazole": "acid", "pantoprazole": "acid", "famotidine": "acid", "amlodipine": "pressure",
    "losartan": "pressure", "lisinopril": "pressure", "valsartan": "pressure", "apixaban": "clot",
    "metformin": "sugar", "empagliflozin": "sugar",
}  # fmt: skip
_UNREST: Final = ("sepsis", "bleeding", "dehydration", "acute kidney injury")

Option = tuple[str, str, Worth]
"""A draft that fits: its key (``home`` for one of the list for home), its prescription, and its worth."""


@flagged("trial", "confidential")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws an inpatient in whom a draft of the branch fits, and further drafts of other slots."""
    rule, everybody = _RULES[branch], chart.profiles()
    for mrn in rng.sample(everybody, len(everybody)):
        if not any(each[2].rule == rule for each in options(chart, mrn)):
            continue
        person = inpatient(chart, mrn)
        chosen = _choose(options(chart, mrn), rng, rule)
        others = [each for each in _prescribers(chart) if person is not None and each != person.attending]
        if person is None or chosen is None or not others:
            continue
        return {
            "mrn": mrn,
            "encounter": person.encounter,
            "prescriber": rng.choice(others),
            "count": COUNT,
            "drafts": [
                {"key": key, "order": order, "end": worth.end, "rule": worth.rule, "harm": worth.harm,
                 "rights": [{**right._asdict(), "daily": list(right.daily)} for right in worth.rights]}
                for key, order, worth in chosen
            ],
        }  # fmt: skip
    return None


def _choose(fitting: Sequence[Option], rng: random.Random, rule: str) -> list[Option] | None:
    """Chooses one draft of a rule, and others of other slots, and not too many of the plain ones."""
    chosen: list[Option] = []
    slots: set[str] = set()
    rules: dict[str, int] = {}
    first = [each for each in fitting if each[2].rule == rule]
    for each in [rng.choice(first), *rng.sample(fitting, len(fitting))]:
        slot, about = _slot(each[0], each), each[2].rule
        if len(chosen) < COUNT and slot not in slots and rules.get(about, 0) < _MOST.get(about, 3):
            chosen.append(each)
            slots.add(slot)
            rules[about] = rules.get(about, 0) + 1
    ends = [worth.end for _, _, worth in chosen]
    if len(chosen) < COUNT or ends.count("release") < 2 or COUNT - ends.count("release") < 2:
        return None
    rng.shuffle(chosen)
    return chosen


def _slot(key: str, option: Option) -> str:
    return _SLOTS.get(option[1].split("|")[1], option[1]) if key == "home" else DRAFTS[key].slot


def options(chart: Chart, mrn: str) -> Sequence[Option]:
    """Returns all drafts on which careful people would agree in this person."""
    return chart.remember(("order review", mrn), lambda: _options(chart, mrn))


def _options(chart: Chart, mrn: str) -> Sequence[Option]:
    person = read_person(chart, mrn)
    if person is None:
        return ()
    found: list[Option] = []
    for key, draft in DRAFTS.items():
        worth = draft.worth(person)
        taken_at_home = any(each.drug == draft.drug for each in person.home)
        if worth is not None and not (taken_at_home and worth.end == "release"):
            found.append((key, "", worth))
    for home in person.home:
        worth = home_worth(person, home)
        if worth is not None:
            found.append(("home", f"{home.order}|{home.drug}", worth))
    return found


def home_worth(person: Person, home: Home) -> Worth | None:
    """Returns the worth of an order that goes on with a drug of the list for home."""
    concept = home.resource["medicationCodeableConcept"]
    if home.drug in person.unsure or not concept.get("coding") or person.gets(*_same_class(home.drug)):
        return None
    if person.really.get(home.drug) == 0 or home.days is None or home.days > 91:
        return Worth("refuse", "at_home")
    if home.days > 85 or home.drug in person.costly:
        return None
    if home.drug not in person.really:
        return FINE if home.drug in _SAFE and not _clashes(person, home.drug) else None
    dose, times, unit = _regimen(home)
    half = person.really[home.drug]
    if home.drug not in _HALVED or person.has(*_UNREST) or not half < dose:
        return None
    daily = half * times
    right = Right(home.drug, concept["coding"][0]["code"], (daily * 0.99, daily * 1.01), half * 1.01, unit)
    return Worth("change", "at_home", False, (right,))


def _clashes(person: Person, drug: str) -> bool:
    """Tells if kidneys, an allergy or another drug makes a usual drug for home questionable."""
    if drug in STATINS and ATORVASTATIN in person.allergies:
        return True
    if drug == "simvastatin" and person.gets("diltiazem", "amlodipine", "amiodarone"):
        return True
    return drug in _BY_KIDNEYS and person.kidneys not in ("fair", "good")


def _same_class(drug: str) -> Sequence[str]:
    classes = (STATINS, BETA, SEROTONIN, ("omeprazole", "pantoprazole", "famotidine"))
    return next((each for each in classes if drug in each), ())


def _regimen(home: Home) -> tuple[float, float, str]:
    """Returns dose, times a day and unit of a prescription; zeros where it is no plain one."""
    first = home.resource["dosageInstruction"][0]
    repeat, quantity = first.get("timing", {}).get("repeat", {}), first.get("doseAndRate", [{}])[0].get("doseQuantity")
    if not quantity or repeat.get("periodUnit") != "d" or repeat.get("period") != 1:
        return 0.0, 0.0, ""
    return float(quantity["value"]), float(repeat.get("frequency", 1)), str(quantity.get("code", ""))


def read_person(chart: Chart, mrn: str) -> Person | None:
    """Reads the chart of an inpatient who may eat, and what the ledger says of the notes."""
    if inpatient(chart, mrn) is None:
        return None
    diets = chart.search("NutritionOrder", patient=mrn, status="active", _count="20")
    if any("nothing" in json.dumps(each).lower() for each in diets):
        return None
    patient = chart.patient(mrn)
    assert patient is not None
    since = (chart.now - timedelta(days=400)).date().isoformat()
    person = person_of(
        patient,
        chart.search("AllergyIntolerance", patient=mrn, _count="100"),
        chart.search("MedicationRequest", patient=mrn, status="active", _count="200"),
        chart.search("Condition", patient=mrn, clinical__status="active", _count="200"),
        {
            code: list(_newest(chart, mrn, code))
            for code in (CREATININE, POTASSIUM, WEIGHT, HEIGHT)
        },
        chart.search(
            "MedicationDispense", patient=mrn, whenhandedover=f"ge{since}", _sort="-whenhandedover", _count="200"
        ),
        chart.now,
    )  # fmt: skip
    _read_facts(chart, mrn, person)
    return person


def _newest(chart: Chart, mrn: str, code: str) -> Sequence[dict[str, Any]]:
    found = chart.search("Observation", patient=mrn, code=code, _sort="-date", _count="20")
    return [each for each, _ in zip(found, range(20), strict=False)]


def _read_facts(chart: Chart, mrn: str, person: Person) -> None:
    """Adds what stands in notes alone; what they leave open is ``unsure``."""
    borne, unsure, costly, really = set(), set(), set(), {}
    for fact in chart.facts(mrn):
        kind, _, rest = fact.subject.partition(":")
        key, _, what = rest.partition(":")
        if kind == "allergy" and what == "tolerated":
            (borne if certain(chart, mrn, fact) else unsure).add(ALLERGENS.get(key, ""))
        if kind != "drug":
            continue
        for home in person.home:
            begun = datetime.fromisoformat(home.resource["authoredOn"])
            if not _names(key, home.drug) or (fact.until is not None and fact.until < begun):
                continue
            dose = fact.says.get("dose") if fact.says.get("takes") else 0.0
            if what == "cost":
                costly.add(home.drug)
            elif what == "taken" and fact.until is None and dose is not None and certain(chart, mrn, fact):
                if home.drug in really:
                    unsure.add(home.drug)
                really[home.drug] = float(dose)
            elif what != "held" or fact.until is None:
                unsure.add(home.drug)
    person.borne, person.unsure, person.costly = frozenset(borne), frozenset(unsure), frozenset(costly)
    person.really = really


def _names(key: str, drug: str) -> bool:
    """Tells if a key of the ledger names a drug."""
    return key.replace("_", " ") == drug or (key.count("_") > 0 and drug.startswith(key.partition("_")[0] + "-"))


ALLERGENS: Final = {
    "penicillin": "7980", "sulfamethoxazole": "10831", "cephalexin": "2231", "ciprofloxacin": "2551",
    "nitrofurantoin": "7454", "ibuprofen": "5640", "aspirin": "1191", "lisinopril": "29046", "atorvastatin": "83367",
}  # fmt: skip


def certain(chart: Chart, mrn: str, fact: LedgerFact) -> bool:
    """Tells if a fact is still true, and the newest note that speaks of it tells it rightly."""
    if fact.until is not None or not fact.documents:
        return False
    days = chart.remember(
        ("days of notes", mrn),
        lambda: {
            each["id"]: str(each.get("date", ""))
            for each in chart.search("DocumentReference", patient=mrn, _elements="date", _count="200")
        },
    )
    right = [days[each] for each in fact.documents if each in days]
    wrong = [days[each] for each in fact.contradicted_in if each in days]
    return bool(right) and max(right) > max(wrong, default="")


def _prescribers(chart: Chart) -> Sequence[str]:
    """Returns the physicians who look after inpatients."""

    def look() -> Sequence[str]:
        stays = chart.search("Encounter", status="in-progress", _count="200")
        found = {
            str(each["individual"]["reference"])
            for stay in stays
            for each in stay.get("participant", ())
            if any(coding.get("code") == "ATND" for kind in each.get("type", ()) for coding in kind["coding"])
        }
        return sorted(found)

    return chart.remember("attendings of stays", look)
