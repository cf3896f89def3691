"""What a layered cohort deals to each of its people: the present that the families beyond MedAgentBench's ten ask for.

Every profile is dealt one situation from each part below, independently of the others, so that every part's
thresholds occur exactly, just above and just below. Ages, sexes and names are the people's own.

Sources of what is dealt: creatinine clearance after Cockcroft and Gault, Nephron 1976;16:31-41, at the steps of the
meropenem label (MERREM IV, section 2.2); INR at the steps of Holbrook et al., Chest 2012;141(2 Suppl):e152S-e184S;
haemoglobin about 7 g/dL, the restrictive threshold for transfusion (Carson et al., AABB guideline, JAMA
2023;330:1892-1902). RxNorm codes are those of ingredients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

from numpy.random import RandomState

from mab_gym.cohort.columns import Json, digits
from mab_gym.cohort.medications import DRUGS, Drug
from mab_gym.cohort.names import CLINICIANS
from mab_gym.cohort.spec import NOW
from mab_gym.cohort.streams import LAYER, integers, stream

REPLACED: Final = frozenset({"CREA", "EGFR", "INR", "PT", "HGB", "HCT", "RBC", "MCV", "WT"})
"""Analytes of which the chart's own results of the last two days give way to those dealt here."""

RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
_HOUR: Final = 60
_DAY: Final = 24 * 60
_NOW: Final = datetime.fromtimestamp(NOW, UTC)
_ZONES: Final = (UTC, UTC, UTC, timezone(timedelta(hours=-8)), timezone(timedelta(hours=-5)))
_UNITS: Final = {"CREA": ("mg/dL", "mg/dL", 2), "INR": ("", "{INR}", 1), "HGB": ("g/dL", "g/dL", 1)}


@dataclass(frozen=True, slots=True)
class Someone:
    """What of a person matters here.

    Attributes:
        mrn: Medical record number.
        family: Family name.
        given: First given name.
        birth: Date of birth.
        female: Administrative gender.
        age: Completed years today.
    """

    mrn: str
    family: str
    given: str
    birth: date
    female: bool
    age: int


@dataclass(frozen=True, slots=True)
class Dealt:
    """A resource to be loaded, without id and meta.

    Attributes:
        resource: Its elements.
        version: Which version of it the record system holds.
    """

    resource: Mapping[str, Any]
    version: int = 1


def deal_all(seed: int, profiles: Sequence[Someone], people: Sequence[Someone]) -> list[Dealt]:
    """Everything that is dealt, in load order: person by person.

    Args:
        seed: Start of the random streams.
        profiles: Those who have charts.
        people: All people, who can be taken for one another.
    """
    doubles = [_double(someone, people) for someone in profiles]
    count = len(profiles)
    turns = [stream(seed, LAYER, part).permutation(count).tolist() for part in range(5)]
    dealt: list[Dealt] = []
    for place, someone in enumerate(profiles):
        rng = stream(seed, LAYER, 10, place)
        dealt += _orders(rng, someone, turns[0][place], turns[1][place])
        dealt += _kidneys(rng, someone, turns[2][place])
        dealt += _coagulation(rng, someone, turns[1][place])
        dealt += _haemoglobin(rng, someone, turns[3][place])
        dealt += _allergies(rng, someone, doubles[place], turns[4][place])
    return dealt


def _one(rng: RandomState, choices: Sequence[Any]) -> Any:
    return choices[int(integers(rng, 0, len(choices), 1)[0])]


def _between(rng: RandomState, low: int, high: int) -> int:
    return int(integers(rng, low, high, 1)[0])


def _turn(choices: Sequence[Any], turn: int) -> Any:
    return choices[turn % len(choices)]


def _written(rng: RandomState, age: int) -> str:
    """The moment so many minutes ago, in one of the hospital's time zones."""
    moment = _NOW - timedelta(minutes=age)
    return moment.astimezone(_one(rng, _ZONES)).isoformat()


def _result(rng: RandomState, someone: Someone, code: str, whole: int, age: int) -> dict[str, Any]:
    """A laboratory result as the chart below writes it; ``whole`` counts units of its last digit."""
    unit, ucum, places = _UNITS[code]
    quantity: dict[str, Json] = {"value": digits(whole, places)}
    if unit:
        quantity["unit"] = unit
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": system, "code": "laboratory", "display": "Laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": code}], "text": code},
        "subject": {
            "reference": f"Patient/{someone.mrn}",
            "identifier": {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "value": someone.mrn},
        },
        "effectiveDateTime": _written(rng, age),
        "issued": (_NOW - timedelta(minutes=age - _between(rng, 4, 15), seconds=-_between(rng, 0, 60))).isoformat(),
        "valueQuantity": quantity | {"system": "http://unitsofmeasure.org", "code": ucum},
    }


# --- kidneys: creatinine and weight ---------------------------------------------------------------------------------

_NO_RECENT: Final = 0
_CLEARANCES: Final = (51, 50, 26, 25, 10, 9, 51, 50, 26, 25, 10, 9, 58, 38, 17, 7, 76, 44, 13, 6, _NO_RECENT, 104, 31,
                      21, 8, _NO_RECENT, _NO_RECENT, 9, 64, _NO_RECENT)  # fmt: skip
"""Creatinine clearances in mL/min, after rounding, about 50, 25 and 10; or no creatinine of the last 48 hours."""


def clearance(someone: Someone, kilograms: float, creatinine: float) -> float:
    """Creatinine clearance in mL/min (Cockcroft-Gault), from kg and mg/dL."""
    return (140 - someone.age) * kilograms / (72 * creatinine) * (0.85 if someone.female else 1.0)


def _kidneys(rng: RandomState, someone: Someone, turn: int) -> Iterator[Dealt]:
    wanted = _turn(_CLEARANCES, turn)
    hectograms, hundredths = _fitting(rng, someone, wanted or 45)
    age = 2 * _DAY + 1 + (turn // len(_CLEARANCES)) * 700 if wanted == _NO_RECENT else _between(rng, 25, 30 * _HOUR)
    if wanted != _NO_RECENT and turn % 10 == 0:
        age = 2 * _DAY
    yield Dealt(_weight(rng, someone, hectograms))
    yield Dealt(_result(rng, someone, "CREA", hundredths, age))


def _fitting(rng: RandomState, someone: Someone, wanted: int) -> tuple[int, int]:
    """A weight in hectograms and a creatinine in 1/100 mg/dL whose clearance is well within the rounding of one."""
    while True:
        hectograms = _between(rng, 480, 1050)
        hundredths = round(100 * clearance(someone, hectograms / 10, 1.0) / wanted)
        if 30 <= hundredths <= 1900 and abs(clearance(someone, hectograms / 10, hundredths / 100) - wanted) < 0.35:
            return hectograms, hundredths


def _weight(rng: RandomState, someone: Someone, hectograms: int) -> dict[str, Any]:
    system = "http://hl7.org/fhir/observation-category"
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": system, "code": "vital-signs", "display": "Vital Signs"}]}],
        "code": {"text": "WT"},
        "subject": {"reference": f"Patient/{someone.mrn}"},
        "effectiveDateTime": _written(rng, _between(rng, 3 * _HOUR, 40 * _HOUR)),
        "valueQuantity": {
            "value": digits(hectograms, 1),
            "unit": "kg",
            "system": "http://unitsofmeasure.org",
            "code": "kg",
        },
    }


# --- coagulation: INR under warfarin --------------------------------------------------------------------------------

_RATIOS: Final = (14, 15, 19, 20, 30, 31, 35, 36, 44, 45, 100, 101, 12, 17, 24, 33, 39, 62, 108, 14, 15, 19, 20, 30, 31,
                  35, 36, 44, 45, 100, 101, 11, 27, 42, 83, 116, 13, 22, 37, 52, 124)  # fmt: skip
"""INR in tenths about 1.5, 2.0, 3.0, 3.5, 4.5 and 10."""
_WARFARIN_DOSES: Final = (4, 5, 6, 8, 10)
"""Daily doses in mg."""


def _coagulation(rng: RandomState, someone: Someone, turn: int) -> Iterator[Dealt]:
    age = _between(rng, 20, 26 * _HOUR)
    yield Dealt(_result(rng, someone, "INR", _turn(_RATIOS, turn), age))


# --- orders: the active medication list -----------------------------------------------------------------------------

_TAKEN: Final = ("aspirin", "cholecalciferol", "senna", "melatonin", "cetirizine", "tiotropium", "ferrous_sulfate",
                 "tamsulosin", "donepezil", "acetaminophen", "albuterol", "alendronate")  # fmt: skip
_INGREDIENTS: Final = {"lisinopril": ("29046", "lisinopril"), "amlodipine": ("17767", "amlodipine"),
                       "atorvastatin": ("83367", "atorvastatin"), "metoprolol": ("6918", "metoprolol"),
                       "furosemide": ("4603", "furosemide"), "sertraline": ("36437", "sertraline"),
                       "omeprazole": ("7646", "omeprazole"), "gabapentin": ("25480", "gabapentin"),
                       "levothyroxine": ("10582", "levothyroxine"), "losartan": ("52175", "losartan"),
                       "allopurinol": ("519", "allopurinol"), "metformin": ("6809", "metformin")}  # fmt: skip
"""RxNorm codes and names of ingredients by the drug's key."""
_PAIRS: Final = ("same_product", "other_coding", "stopped", "other_route", "same_product", "other_coding")
_BY_KEY: Final = {drug.key: drug for drug in DRUGS}


def _orders(rng: RandomState, someone: Someone, turn: int, ratio_turn: int) -> list[Dealt]:
    """Some eight active orders; one drug among them may be there twice, or look as if it were."""
    kind = _turn(_PAIRS, turn)
    keys = [_TAKEN[place] for place in rng.permutation(len(_TAKEN))[: _between(rng, 4, 8)].tolist()]
    single = [sorted(_INGREDIENTS)[place] for place in rng.permutation(len(_INGREDIENTS)).tolist()]
    twice = "furosemide" if kind == "other_route" else next(key for key in single if key != "furosemide")
    ages = [3 * _DAY + int(place) * 5 * _DAY + _between(rng, 0, 3 * _DAY) for place in rng.permutation(14)]
    orders = [_order(rng, someone, _BY_KEY[key], ages.pop()) for key in keys]
    orders += [_order(rng, someone, _BY_KEY[key], ages.pop()) for key in [k for k in single if k != twice][:2]]
    warfarin = _order(rng, someone, _BY_KEY["warfarin"], ages.pop())
    orders.append(_dosed(warfarin, _turn(_WARFARIN_DOSES, ratio_turn // 2), "mg", "oral", "daily"))
    older, newer = sorted((ages.pop(), ages.pop()), reverse=True)
    overnight = turn // len(_PAIRS) % 3 == 0
    if overnight:
        # Hours apart, across midnight, in two time zones: who compares the texts takes the one for the other.
        newer = _between(rng, 5 * _HOUR, 6 * _HOUR)
        older = newer + _between(rng, 20, 90)
    first, second = _order(rng, someone, _BY_KEY[twice], older), _order(rng, someone, _BY_KEY[twice], newer)
    if overnight:
        first["authoredOn"] = (_NOW - timedelta(minutes=older)).isoformat()
        second["authoredOn"] = (_NOW - timedelta(minutes=newer)).astimezone(_ZONES[3]).isoformat()
    if kind == "other_coding":
        code, name = _INGREDIENTS[twice]
        coding = {"system": RXNORM, "code": code, "display": name}
        _one(rng, (first, second))["medicationCodeableConcept"] = {
            "coding": [coding],
            "text": f"{name.capitalize()} (as the community pharmacy has it)",
        }
    elif kind == "stopped":
        first["status"] = _one(rng, ("stopped", "completed"))
    elif kind == "other_route":
        second = {**_order(rng, someone, _BY_KEY["furosemide_iv"], newer), "authoredOn": second["authoredOn"]}
    orders += [first, second]
    return [Dealt(orders[place]) for place in rng.permutation(len(orders)).tolist()]


def _order(rng: RandomState, someone: Someone, drug: Drug, age: int) -> dict[str, Any]:
    coding = {"system": "http://hl7.org/fhir/sid/ndc", "code": drug.code, "display": drug.display}
    system, where = "http://terminology.hl7.org/CodeSystem/medicationrequest-category", "community"
    if drug.route == "IV":
        where = "inpatient"
    order: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": system, "code": where}], "text": where.capitalize()}],
        "medicationCodeableConcept": {"coding": [coding], "text": drug.display},
        "subject": {"reference": f"Patient/{someone.mrn}"},
        "authoredOn": _written(rng, age),
        "requester": {"display": _one(rng, CLINICIANS)},
    }
    value, unit, often = _one(rng, drug.doses)
    return _dosed(order, value, unit, drug.route, often)


def _dosed(order: dict[str, Any], value: float, unit: str, route: str, often: str) -> dict[str, Any]:
    dosage = {
        "text": f"{value:g} {unit} {route} {often}",
        "route": {"text": route},
        "doseAndRate": [{"doseQuantity": {"value": value, "unit": unit}}],
    }
    return {**order, "dosageInstruction": [dosage]}


# --- haemoglobin: reported, amended, withdrawn ----------------------------------------------------------------------

_REPORTS: Final = (
    ("final", 69, 69), ("final", 70, 70), ("amended", 70, 69), ("corrected", 69, 70), ("entered-in-error", 61, 61),
    ("final", 62, 62), ("final", 71, 71), ("corrected", 74, 66), ("amended", 64, 72), ("entered-in-error", 69, 69),
    ("final", 58, 58), ("final", 70, 70), ("amended", 81, 69), ("corrected", 58, 70), ("entered-in-error", 56, 56),
    ("final", 69, 69), ("final", 76, 76), ("corrected", 70, 65), ("amended", 69, 78), ("entered-in-error", 66, 66),
)  # fmt: skip
"""Status now, and the value in 1/10 g/dL as first reported and as it stands now."""


def _haemoglobin(rng: RandomState, someone: Someone, turn: int) -> Iterator[Dealt]:
    status, reported, stands = _turn(_REPORTS, turn)
    age = _between(rng, 70, 10 * _HOUR)
    result = _result(rng, someone, "HGB", stands, age)
    if status == "final":
        yield Dealt(result)
        return
    later = _NOW - timedelta(minutes=_between(rng, 5, age - 20), seconds=_between(rng, 0, 60))
    if status == "entered-in-error":
        note = "Withdrawn by the laboratory: specimen of another patient (wrong blood in tube)."
    else:
        note = f"First reported as {reported / 10:.1f} g/dL; {status} after repeat analysis."
    yield Dealt(result | {"status": status, "issued": later.isoformat(), "note": [{"text": note}]}, version=2)


# --- allergies: of one person and of whoever is taken for them ------------------------------------------------------

SUBSTANCES: Final = (
    ("723", "amoxicillin"), ("1191", "aspirin"), ("2670", "codeine"), ("5640", "ibuprofen"), ("2551", "ciprofloxacin"),
    ("11124", "vancomycin"), ("2180", "cefazolin"), ("21212", "clarithromycin"), ("7052", "morphine"),
    ("10180", "sulfamethoxazole"),
)  # fmt: skip
"""RxNorm codes and names of ingredients."""
_ALLERGIES: Final = ("none", "known", "on_double", "void", "other", "on_double", "known")


def _allergies(rng: RandomState, someone: Someone, double: Someone | None, turn: int) -> Iterator[Dealt]:
    kind = _turn(_ALLERGIES, turn)
    first, second = (SUBSTANCES[place] for place in rng.permutation(len(SUBSTANCES))[:2].tolist())
    if kind in ("known", "other"):
        yield _allergy(rng, someone, first, "confirmed")
    if kind == "void":
        yield _allergy(rng, someone, first, _one(rng, ("entered-in-error", "refuted")))
    if double is not None and kind in ("on_double", "other"):
        yield _allergy(rng, double, first if kind == "on_double" else second, "confirmed")


def _allergy(rng: RandomState, someone: Someone, substance: tuple[str, str], verification: str) -> Dealt:
    terminology = "http://terminology.hl7.org/CodeSystem/allergyintolerance"
    code, name = substance
    resource: dict[str, Any] = {"resourceType": "AllergyIntolerance"}
    if verification != "entered-in-error":
        # FHIR R4, AllergyIntolerance: there is no clinical status where the record was made in error (ait-2).
        status = "active" if verification == "confirmed" else "inactive"
        resource["clinicalStatus"] = {"coding": [{"system": f"{terminology}-clinical", "code": status}]}
    resource |= {
        "verificationStatus": {"coding": [{"system": f"{terminology}-verification", "code": verification}]},
        "type": "allergy",
        "category": ["medication"],
        "criticality": "high",
        "code": {"coding": [{"system": RXNORM, "code": code, "display": name}], "text": name},
        "patient": {"reference": f"Patient/{someone.mrn}"},
        "recordedDate": _written(rng, _between(rng, 20 * _DAY, 900 * _DAY)),
    }
    return Dealt(resource)


def _double(someone: Someone, people: Sequence[Someone]) -> Someone | None:
    """Who is easily taken for this person: of the same name, or born on the same day with one name the same."""
    for other in people:
        same_family, same_given = other.family == someone.family, other.given == someone.given
        if other.mrn != someone.mrn and (
            (same_family and same_given) or (other.birth == someone.birth and (same_family or same_given))
        ):
            return other
    return None
