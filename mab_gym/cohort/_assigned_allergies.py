"""Allergies of a layer: of one person and of whoever is taken for them, some of them entered in error or refuted."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

from numpy.random import RandomState

from mab_gym.cohort._assigned_rows import DAY, RXNORM, Layer, between, one, written
from mab_gym.cohort._history import Someone
from mab_gym.cohort._streams import LAYER, stream

SUBSTANCES: Final = (
    ("723", "amoxicillin"), ("1191", "aspirin"), ("2670", "codeine"), ("5640", "ibuprofen"), ("2551", "ciprofloxacin"),
    ("11124", "vancomycin"), ("2180", "cefazolin"), ("21212", "clarithromycin"), ("7052", "morphine"),
    ("10180", "sulfamethoxazole"),
)  # fmt: skip
"""RxNorm codes and names of ingredients."""
_ALLERGIES: Final = ("void", "known", "on_double", "void", "other", "on_double", "known", "none")
_NOT_VALID: Final = ("entered-in-error", "refuted")


def deal_allergies(seed: int, profiles: Sequence[Someone], people: Sequence[Someone], layer: Layer) -> None:
    """Deals allergies to everybody and to those who are easily taken for them."""
    alike = _alike(people)
    turns = stream(seed, LAYER, 6).permutation(len(profiles)).tolist()
    for place, someone in enumerate(profiles):
        rng = stream(seed, LAYER, 16, place)
        kind, double = _ALLERGIES[turns[place] % len(_ALLERGIES)], _double(someone, alike)
        first, second = (SUBSTANCES[number] for number in rng.permutation(len(SUBSTANCES))[:2].tolist())
        if kind in ("known", "other"):
            layer.add(someone, _allergy(rng, someone, first, "confirmed"))
        if kind in ("void", "on_double"):
            # What was taken for the person's own may be the other one's.
            layer.add(someone, _allergy(rng, someone, first, one(rng, _NOT_VALID)))
        if double is not None and kind in ("on_double", "other"):
            layer.add(double, _allergy(rng, double, first if kind == "on_double" else second, "confirmed"))


def _allergy(rng: RandomState, someone: Someone, substance: tuple[str, str], verification: str) -> dict[str, Any]:
    terminology = "http://terminology.hl7.org/CodeSystem/allergyintolerance"
    code, name = substance
    resource: dict[str, Any] = {"resourceType": "AllergyIntolerance"}
    if verification != "entered-in-error":
        # FHIR R4, AllergyIntolerance: there is no clinical status where the record was made in error (ait-2).
        status = "active" if verification == "confirmed" else "inactive"
        resource["clinicalStatus"] = {"coding": [{"system": f"{terminology}-clinical", "code": status}]}
    return resource | {
        "verificationStatus": {"coding": [{"system": f"{terminology}-verification", "code": verification}]},
        "type": "allergy",
        "category": ["medication"],
        "criticality": "high",
        "code": {"coding": [{"system": RXNORM, "code": code, "display": name}], "text": name},
        "patient": {"reference": f"Patient/{someone.mrn}"},
        "recordedDate": written(rng, between(rng, 20 * DAY, 900 * DAY)),
    }


def _alike(people: Sequence[Someone]) -> Mapping[Hashable, Sequence[tuple[int, Someone]]]:
    """By each thing that makes people easily taken for one another, all who share it, with their place in load order.

    These are the name, or the date of birth with one part of the name.
    """
    found: dict[Hashable, list[tuple[int, Someone]]] = {}
    for place, someone in enumerate(people):
        for key in _marks(someone):
            found.setdefault(key, []).append((place, someone))
    return found


def _marks(someone: Someone) -> tuple[Hashable, ...]:
    return (
        ("name", someone.given, someone.family),
        ("given", someone.given, someone.birth),
        ("family", someone.family, someone.birth),
    )


def _double(someone: Someone, alike: Mapping[Hashable, Sequence[tuple[int, Someone]]]) -> Someone | None:
    """The first of those who are easily taken for this person."""
    others = [(place, other) for key in _marks(someone) for place, other in alike[key] if other.mrn != someone.mrn]
    return min(others, key=lambda each: each[0])[1] if others else None
