"""The active medication list of a layer: drugs that the person has a reason for, one of them sometimes twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from numpy.random import RandomState

from mab_gym.cohort._elements import RXNORM, category_of_order, concept, dosage, product, subject
from mab_gym.cohort._history import Someone
from mab_gym.cohort._layer import PRESENT, ZONES, Layer, Resource, Topic, between, one, problem, write, written
from mab_gym.cohort._medications import CODES, DRUGS, USES, Dose, Drug, codes_for, may_take
from mab_gym.cohort._names import CLINICIANS
from mab_gym.cohort._presentations import assign
from mab_gym.cohort._spec import DAY_MINUTES, HOUR_MINUTES
from mab_gym.cohort._streams import LAYER, stream

_INGREDIENTS: Final = {
    "lisinopril": "29046", "amlodipine": "17767", "losartan": "52175", "atorvastatin": "83367", "metoprolol": "6918",
    "furosemide": "4603", "sertraline": "36437", "omeprazole": "7646", "gabapentin": "25480", "levothyroxine": "10582",
    "allopurinol": "519", "metformin": "6809", "albuterol": "435", "acetaminophen": "161", "cetirizine": "20610",
    "cholecalciferol": "2418",
}  # fmt: skip
"""RxNorm codes of ingredients by name, which is the drug's key: the drugs that can be there twice."""
_NOT_AT_HOME: Final = frozenset({"insulin_lispro", "insulin_regular", "apixaban", "warfarin", "prednisone", "oxycodone",
                                 "amoxicillin_clavulanate", "ipratropium_albuterol"})  # fmt: skip
"""Drugs given in hospital, for some days, or beside another drug that begins with the same word."""
_BY_KEY: Final = {drug.key: drug for drug in DRUGS}
_HOME: Final = tuple(
    drug.key for drug in DRUGS if drug.route != "IV" and USES[drug.key].conditions and drug.key not in _NOT_AT_HOME
)
_THIN_BLOOD: Final = frozenset({"aspirin", "clopidogrel", "ibuprofen"})
_EITHER: Final = (("lisinopril", "losartan"), ("omeprazole", "pantoprazole"))
"""Pairs of drugs for the same purpose, of which a person takes one."""
_COMMON: Final = {"acetaminophen": ("M54.50", "Low back pain"), "cholecalciferol": ("E55.9", "Vitamin D deficiency"),
                  "cetirizine": ("J30.9", "Allergic rhinitis"), "senna": ("K59.00", "Constipation")}  # fmt: skip
"""Drugs for people who have hardly any other reason for one, with the reason for it."""
_PAIRS: Final = ("same_product", "other_coding", "stopped", "other_route", "same_product", "other_coding")
"""The presentations of six people: how the two orders of one drug differ. Our choice: so that every branch occurs."""
_WARFARIN_DOSES: Final = (4, 5, 6, 8, 10)
"""Daily doses in mg."""
_BY_THE_WAY: Final = 0.12
"""The chance that a drug is taken for a complaint, or for a condition for which few take it; our estimate."""
_MOST: Final = 9
_LEAST: Final = 3


class _List(NamedTuple):
    pair: str
    warfarin: int | None


def add_orders(seed: int, profiles: Sequence[Someone], takers: Mapping[str, int], layer: Layer) -> None:
    """Gives everybody a list of active orders; of one drug there may be two, or look as if there were.

    ``takers`` says by MRN who takes warfarin, and for how many minutes.
    """
    pairs = _pairs(stream(seed, LAYER, Topic.ORDERS), profiles)
    presentations = {place: _List(pair, takers.get(profiles[place].mrn)) for place, pair in pairs.items()}
    write(seed, Topic.ORDERS, profiles, presentations, _rows, layer)


def indicated(key: str, someone: Someone) -> bool:
    """True if somebody's chart holds a reason for a drug, and none against it."""
    reason = any(code in someone.codes for code in codes_for(key))
    # Orders are up to some months old.
    return reason and may_take(key, codes=someone.codes, female=someone.female, age=someone.age - 1)


def _chance(key: str, someone: Someone) -> float:
    """The chance that somebody takes a drug that they have a reason for."""
    spared, lasting = 1.0, _BY_KEY[key].indications
    for name in USES[key].conditions:
        if CODES.get(name, name) in someone.codes:
            spared *= 1.0 - lasting.get(name, _BY_THE_WAY)
    return 1.0 - spared


def _pairs(rng: RandomState, profiles: Sequence[Someone]) -> dict[int, str]:
    """Each person's presentation; a diuretic by two routes is for those who need one."""
    wanted = [_PAIRS[turn % len(_PAIRS)] for turn in range(len(profiles))]
    order = rng.permutation(len(profiles)).tolist()
    need = [place for place in order if indicated("furosemide", profiles[place])][: wanted.count("other_route")]
    rest = [pair for pair in wanted if pair != "other_route"] + ["stopped"] * (wanted.count("other_route") - len(need))
    needing = set(need)
    others = [place for place in order if place not in needing]
    return assign(["other_route"] * len(need) + rest, need + others)


def _rows(rng: RandomState, someone: Someone, presentation: _List, layer: Layer) -> None:
    pair, warfarin = presentation
    overnight = between(rng, 0, 3) == 0
    keys = [_HOME[place] for place in rng.permutation(len(_HOME)).tolist()]
    keys = [key for key in keys if indicated(key, someone) and rng.random_sample() < _chance(key, someone)]
    keys = [key for key in keys if warfarin is None or key not in _THIN_BLOOD]
    for either in _EITHER:
        if set(either) <= set(keys):
            keys.remove(one(rng, either))
    keys = [key for key in keys if not set(USES[key].not_with) & set(keys)]
    for key in [list(_COMMON)[place] for place in rng.permutation(len(_COMMON)).tolist()]:
        if key not in keys and (len(keys) < _LEAST or not set(keys) & (set(_INGREDIENTS) - {"furosemide"})):
            if not indicated(key, someone):
                layer.add(someone, problem(rng, someone, *_COMMON[key], between(rng, 90, 700) * DAY_MINUTES))
            keys.append(key)
    twice = "furosemide" if pair == "other_route" else next(k for k in keys if k in _INGREDIENTS and k != "furosemide")
    ages = [(3 + 5 * place) * DAY_MINUTES + between(rng, 0, 3 * DAY_MINUTES) for place in rng.permutation(14).tolist()]
    keys = [key for key in keys if key not in (twice, *USES[twice].not_with)]
    orders = [_order(rng, someone, _BY_KEY[key], ages.pop()) for key in keys[:_MOST]]
    if warfarin is not None:
        order = _order(rng, someone, _BY_KEY["warfarin"], warfarin - between(rng, 1, 19) * DAY_MINUTES)
        dose = Dose(one(rng, _WARFARIN_DOSES), "mg", "daily")
        orders.append({**order, "dosageInstruction": dosage(dose, "oral")})
    orders += _pair(rng, someone, twice, pair, overnight, sorted((ages.pop(), ages.pop()), reverse=True))
    for place in rng.permutation(len(orders)).tolist():
        layer.add(someone, orders[place])


def _pair(
    rng: RandomState, someone: Someone, twice: str, pair: str, overnight: bool, ages: Sequence[int]
) -> list[Resource]:
    """Two orders of one drug, the older one first."""
    older, newer = ages
    if overnight:
        # Hours apart, across midnight, in two time zones: as texts, the two times sort the wrong way round.
        newer = between(rng, 5 * HOUR_MINUTES, 6 * HOUR_MINUTES)
        older = newer + between(rng, 20, 90)
    first, second = _order(rng, someone, _BY_KEY[twice], older), _order(rng, someone, _BY_KEY[twice], newer)
    if overnight:
        first["authoredOn"] = (PRESENT - timedelta(minutes=older)).isoformat()
        second["authoredOn"] = (PRESENT - timedelta(minutes=newer)).astimezone(ZONES[3]).isoformat()
    if pair == "other_coding":
        text = f"{twice.capitalize()} (as the community pharmacy has it)"
        one(rng, (first, second))["medicationCodeableConcept"] = concept(RXNORM, _INGREDIENTS[twice], twice, text)
    elif pair == "stopped":
        first["status"] = one(rng, ("stopped", "completed"))
    elif pair == "other_route":
        second = {**_order(rng, someone, _BY_KEY["furosemide_iv"], newer), "authoredOn": second["authoredOn"]}
    return [first, second]


def _order(rng: RandomState, someone: Someone, drug: Drug, age: int) -> Resource:
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "category": category_of_order("inpatient" if drug.route == "IV" else "community"),
        "medicationCodeableConcept": product(drug),
        "subject": subject(someone.mrn),
        "authoredOn": written(rng, age),
        "requester": {"display": one(rng, CLINICIANS)},
        "dosageInstruction": dosage(one(rng, drug.doses), drug.route),
    }
