"""The active medication list of a layer: drugs that the person has a reason for, one of them perhaps twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from numpy.random import RandomState

from mab_gym.cohort._assigned_rows import DAY, HOUR, PRESENT, RXNORM, ZONES, Layer, between, one, problem, written
from mab_gym.cohort._history import Someone
from mab_gym.cohort._medications import DRUGS, Drug
from mab_gym.cohort._names import CLINICIANS
from mab_gym.cohort._streams import LAYER, stream
from mab_gym.cohort._uses import CODES, USES, codes_for, may_take

_INGREDIENTS: Final = {
    "lisinopril": ("29046", "lisinopril"), "amlodipine": ("17767", "amlodipine"), "losartan": ("52175", "losartan"),
    "atorvastatin": ("83367", "atorvastatin"), "metoprolol": ("6918", "metoprolol"),
    "furosemide": ("4603", "furosemide"), "sertraline": ("36437", "sertraline"), "omeprazole": ("7646", "omeprazole"),
    "gabapentin": ("25480", "gabapentin"), "levothyroxine": ("10582", "levothyroxine"),
    "allopurinol": ("519", "allopurinol"), "metformin": ("6809", "metformin"), "albuterol": ("435", "albuterol"),
    "acetaminophen": ("161", "acetaminophen"), "cetirizine": ("20610", "cetirizine"),
    "cholecalciferol": ("2418", "cholecalciferol"),
}  # fmt: skip
"""RxNorm codes and names of ingredients by the drug's key: what can be there twice."""
_NOT_AT_HOME: Final = frozenset({"insulin_lispro", "insulin_regular", "apixaban", "warfarin", "prednisone", "oxycodone",
                                 "amoxicillin_clavulanate", "ipratropium_albuterol"})  # fmt: skip
"""Given in hospital, for some days, or beside another drug that begins with the same word."""
_BY_KEY: Final = {drug.key: drug for drug in DRUGS}
_HOME: Final = tuple(
    drug.key for drug in DRUGS if drug.route != "IV" and USES[drug.key].conditions and drug.key not in _NOT_AT_HOME
)
_THIN_BLOOD: Final = frozenset({"aspirin", "clopidogrel", "ibuprofen"})
_EITHER: Final = (("lisinopril", "losartan"), ("omeprazole", "pantoprazole"))
"""Of two drugs for the same purpose one is taken."""
_COMMON: Final = {"acetaminophen": ("M54.50", "Low back pain"), "cholecalciferol": ("E55.9", "Vitamin D deficiency"),
                  "cetirizine": ("J30.9", "Allergic rhinitis"), "senna": ("K59.00", "Constipation")}  # fmt: skip
"""What those are given who have hardly any other reason for a drug, with the reason for it."""
_PAIRS: Final = ("same_product", "other_coding", "stopped", "other_route", "same_product", "other_coding")
_WARFARIN_DOSES: Final = (4, 5, 6, 8, 10)
"""Daily doses in mg."""
_BY_THE_WAY: Final = 0.12
"""How likely a drug is taken for what it is seldom taken for for good, or for a complaint."""
_MOST: Final = 9
_LEAST: Final = 3


def deal_orders(seed: int, profiles: Sequence[Someone], takers: Mapping[str, int], layer: Layer) -> None:
    """Deals everybody a list of active orders; of one drug there may be two, or look as if there were.

    Args:
        seed: Start of the random streams.
        profiles: Those who have charts.
        takers: Who takes warfarin, by MRN, and since how many minutes.
        layer: Where the orders go.
    """
    kinds = _kinds(stream(seed, LAYER, 5), profiles)
    for place, someone in enumerate(profiles):
        rng = stream(seed, LAYER, 15, place)
        overnight = between(rng, 0, 3) == 0
        for order in _orders(rng, someone, kinds[place], overnight, takers.get(someone.mrn), layer):
            layer.add(someone, order)


def indicated(key: str, someone: Someone) -> bool:
    """Tells if somebody's chart holds a reason for a drug, and none against it."""
    reason = any(code in someone.codes for code in codes_for(key))
    # Orders are up to some months old.
    return reason and may_take(key, codes=someone.codes, female=someone.female, age=someone.age - 1)


def _chance(key: str, someone: Someone) -> float:
    """How likely somebody takes a drug that they have a reason for."""
    spared, lasting = 1.0, _BY_KEY[key].indications
    for name in USES[key].conditions:
        if CODES.get(name, name) in someone.codes:
            spared *= 1.0 - lasting.get(name, _BY_THE_WAY)
    return 1.0 - spared


def _kinds(rng: RandomState, profiles: Sequence[Someone]) -> list[str]:
    """Each person's situation; a diuretic by two routes is for those who need one."""
    wanted = [_PAIRS[turn % len(_PAIRS)] for turn in range(len(profiles))]
    order = rng.permutation(len(profiles)).tolist()
    need = [place for place in order if indicated("furosemide", profiles[place])][: wanted.count("other_route")]
    rest = [kind for kind in wanted if kind != "other_route"] + ["stopped"] * (wanted.count("other_route") - len(need))
    others = [place for place in order if place not in set(need)]
    kinds = dict.fromkeys(need, "other_route") | dict(zip(others, rest, strict=True))
    return [kinds[place] for place in range(len(profiles))]


def _orders(
    rng: RandomState, someone: Someone, kind: str, overnight: bool, warfarin: int | None, layer: Layer
) -> list[dict[str, Any]]:
    keys = [_HOME[place] for place in rng.permutation(len(_HOME)).tolist()]
    keys = [key for key in keys if indicated(key, someone) and rng.random_sample() < _chance(key, someone)]
    keys = [key for key in keys if warfarin is None or key not in _THIN_BLOOD]
    for pair in _EITHER:
        if set(pair) <= set(keys):
            keys.remove(one(rng, pair))
    keys = [key for key in keys if not set(USES[key].not_with) & set(keys)]
    for key in [list(_COMMON)[place] for place in rng.permutation(len(_COMMON)).tolist()]:
        if key not in keys and (len(keys) < _LEAST or not set(keys) & (set(_INGREDIENTS) - {"furosemide"})):
            if not indicated(key, someone):
                layer.add(someone, problem(rng, someone, *_COMMON[key], between(rng, 90, 700) * DAY))
            keys.append(key)
    twice = "furosemide" if kind == "other_route" else next(k for k in keys if k in _INGREDIENTS and k != "furosemide")
    ages = [3 * DAY + int(place) * 5 * DAY + between(rng, 0, 3 * DAY) for place in rng.permutation(14)]
    keys = [key for key in keys if key not in (twice, *USES[twice].not_with)]
    orders = [_order(rng, someone, _BY_KEY[key], ages.pop()) for key in keys[:_MOST]]
    if warfarin is not None:
        order = _order(rng, someone, _BY_KEY["warfarin"], warfarin - between(rng, 1, 19) * DAY)
        orders.append(_dosed(order, one(rng, _WARFARIN_DOSES), "mg", "oral", "daily"))
    orders += _pair(rng, someone, twice, kind, overnight, sorted((ages.pop(), ages.pop()), reverse=True))
    return [orders[place] for place in rng.permutation(len(orders)).tolist()]


def _pair(
    rng: RandomState, someone: Someone, twice: str, kind: str, overnight: bool, ages: Sequence[int]
) -> list[dict[str, Any]]:
    """Two orders of one drug, the older one first."""
    older, newer = ages
    if overnight:
        # Hours apart, across midnight, in two time zones: who compares the texts takes the one for the other.
        newer = between(rng, 5 * HOUR, 6 * HOUR)
        older = newer + between(rng, 20, 90)
    first, second = _order(rng, someone, _BY_KEY[twice], older), _order(rng, someone, _BY_KEY[twice], newer)
    if overnight:
        first["authoredOn"] = (PRESENT - timedelta(minutes=older)).isoformat()
        second["authoredOn"] = (PRESENT - timedelta(minutes=newer)).astimezone(ZONES[3]).isoformat()
    if kind == "other_coding":
        code, name = _INGREDIENTS[twice]
        coding = {"system": RXNORM, "code": code, "display": name}
        one(rng, (first, second))["medicationCodeableConcept"] = {
            "coding": [coding],
            "text": f"{name.capitalize()} (as the community pharmacy has it)",
        }
    elif kind == "stopped":
        first["status"] = one(rng, ("stopped", "completed"))
    elif kind == "other_route":
        second = {**_order(rng, someone, _BY_KEY["furosemide_iv"], newer), "authoredOn": second["authoredOn"]}
    return [first, second]


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
        "authoredOn": written(rng, age),
        "requester": {"display": one(rng, CLINICIANS)},
    }
    value, unit, often = one(rng, drug.doses)
    return _dosed(order, value, unit, drug.route, often)


def _dosed(order: dict[str, Any], value: float, unit: str, route: str, often: str) -> dict[str, Any]:
    dosage = {
        "text": f"{value:g} {unit} {route} {often}",
        "route": {"text": route},
        "doseAndRate": [{"doseQuantity": {"value": value, "unit": unit}}],
    }
    return {**order, "dosageInstruction": [dosage]}
