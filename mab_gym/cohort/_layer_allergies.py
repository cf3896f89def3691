"""Allergies of a layer: of one person and of whoever is taken for them, some of them entered in error or refuted."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from enum import StrEnum
from itertools import cycle
from typing import Final, NamedTuple

from numpy.random import RandomState

from mab_gym.cohort._elements import HL7, RXNORM, concept, subject
from mab_gym.cohort._history import Someone
from mab_gym.cohort._layer import Layer, Resource, Topic, between, one, write, written
from mab_gym.cohort._scenarios import assign, by_chance
from mab_gym.cohort._spec import DAY_MINUTES
from mab_gym.cohort._streams import LAYER, stream


class _Kind(StrEnum):
    NONE = "no allergy"
    KNOWN = "the person has one"
    VOID = "the person's was entered in error or refuted"
    OTHER = "the person has one, and whoever is taken for them another"
    ON_DOUBLE = "the person's was entered in error or refuted: it is that of whoever is taken for them"


_TABLE: Final = (
    _Kind.VOID, _Kind.KNOWN, _Kind.ON_DOUBLE, _Kind.VOID, _Kind.OTHER, _Kind.ON_DOUBLE, _Kind.KNOWN, _Kind.NONE,
)  # fmt: skip
"""The scenarios of eight people; our choice: so that every branch occurs."""
_SUBSTANCES: Final = (
    ("723", "amoxicillin"), ("1191", "aspirin"), ("2670", "codeine"), ("5640", "ibuprofen"), ("2551", "ciprofloxacin"),
    ("11124", "vancomycin"), ("2180", "cefazolin"), ("21212", "clarithromycin"), ("7052", "morphine"),
    ("10180", "sulfamethoxazole"),
)  # fmt: skip
"""RxNorm codes and names of ingredients."""
_NOT_VALID: Final = ("entered-in-error", "refuted")


class _Scenario(NamedTuple):
    kind: _Kind | None
    double: Someone | None


def add_allergies(seed: int, profiles: Sequence[Someone], people: Sequence[Someone], layer: Layer) -> None:
    """Gives allergies to the profiles and to those who are easily taken for them."""
    alike = _alike(people)
    kinds = assign(cycle(_TABLE), by_chance(stream(seed, LAYER, Topic.ALLERGIES), len(profiles)), len(profiles))
    doubles = [_double(each, alike) for each in profiles]
    scenarios = [_Scenario(*each) for each in zip(kinds, doubles, strict=True)]
    write(seed, Topic.ALLERGIES, profiles, dict(enumerate(scenarios)), _rows, layer)


def _rows(rng: RandomState, someone: Someone, scenario: _Scenario, layer: Layer) -> None:
    kind, double = scenario
    first, second = (_SUBSTANCES[number] for number in rng.permutation(len(_SUBSTANCES))[:2].tolist())
    if kind in (_Kind.KNOWN, _Kind.OTHER):
        layer.add(someone, _allergy(rng, someone, first, "confirmed"))
    if kind in (_Kind.VOID, _Kind.ON_DOUBLE):
        layer.add(someone, _allergy(rng, someone, first, one(rng, _NOT_VALID)))
    if double is not None and kind in (_Kind.ON_DOUBLE, _Kind.OTHER):
        layer.add(double, _allergy(rng, double, first if kind is _Kind.ON_DOUBLE else second, "confirmed"))


def _allergy(rng: RandomState, someone: Someone, substance: tuple[str, str], verification: str) -> Resource:
    resource: Resource = {"resourceType": "AllergyIntolerance"}
    if verification != "entered-in-error":
        # FHIR R4, AllergyIntolerance: there is no clinical status where the record was made in error (ait-2).
        status = "active" if verification == "confirmed" else "inactive"
        resource["clinicalStatus"] = concept(f"{HL7}allergyintolerance-clinical", status)
    return resource | {
        "verificationStatus": concept(f"{HL7}allergyintolerance-verification", verification),
        "type": "allergy",
        "category": ["medication"],
        "criticality": "high",
        "code": concept(RXNORM, *substance, text=substance[1]),
        "patient": subject(someone.mrn),
        "recordedDate": written(rng, between(rng, 20 * DAY_MINUTES, 900 * DAY_MINUTES)),
    }


def _alike(people: Sequence[Someone]) -> Mapping[Hashable, Sequence[tuple[int, Someone]]]:
    """By each mark that makes people easily taken for one another, all who bear it, with their place in load order."""
    found: dict[Hashable, list[tuple[int, Someone]]] = {}
    for place, someone in enumerate(people):
        for mark in _marks(someone):
            found.setdefault(mark, []).append((place, someone))
    return found


def _marks(someone: Someone) -> tuple[Hashable, ...]:
    """The name, and the date of birth with each part of the name."""
    return (
        ("name", someone.given, someone.family),
        ("given", someone.given, someone.birth),
        ("family", someone.family, someone.birth),
    )


def _double(someone: Someone, alike: Mapping[Hashable, Sequence[tuple[int, Someone]]]) -> Someone | None:
    """The first of those who are easily taken for this person."""
    others = [(place, other) for mark in _marks(someone) for place, other in alike[mark] if other.mrn != someone.mrn]
    return min(others, key=lambda each: each[0])[1] if others else None
