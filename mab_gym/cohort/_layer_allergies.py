"""Allergies of a layer: of one person and of somebody who is taken for them, some entered in error or refuted."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import cycle
from typing import Final, NamedTuple

from numpy.random import RandomState

from mab_gym.cohort._elements import HL7, RXNORM, concept, subject
from mab_gym.cohort._history import Someone
from mab_gym.cohort._layer import Layer, Resource, Topic, between, one, write, written
from mab_gym.cohort._presentations import assign, by_chance
from mab_gym.cohort._spec import DAY_MINUTES
from mab_gym.cohort._streams import LAYER, stream


class _Allergies(NamedTuple):
    """A presentation: the allergy in the person's own chart, and the one of somebody who is taken for them.

    Attributes:
        own: ``confirmed``, ``void`` (entered in error or refuted), or empty for none.
        others: ``same`` for the same substance, ``other`` for another one, or empty for none.
    """

    own: str = ""
    others: str = ""


_TABLE: Final = (
    _Allergies("void"), _Allergies("confirmed"), _Allergies("void", "same"), _Allergies("void"),
    _Allergies("confirmed", "other"), _Allergies("void", "same"), _Allergies("confirmed"), _Allergies(),
)  # fmt: skip
"""The presentations of eight people; our choice: so that every branch occurs."""
_SUBSTANCES: Final = (
    ("723", "amoxicillin"), ("1191", "aspirin"), ("2670", "codeine"), ("5640", "ibuprofen"), ("2551", "ciprofloxacin"),
    ("11124", "vancomycin"), ("2180", "cefazolin"), ("21212", "clarithromycin"), ("7052", "morphine"),
    ("10180", "sulfamethoxazole"),
)  # fmt: skip
"""RxNorm codes and names of ingredients."""
_NOT_VALID: Final = ("entered-in-error", "refuted")


def add_allergies(seed: int, profiles: Sequence[Someone], people: Sequence[Someone], layer: Layer) -> None:
    """Gives allergies to the profiles and to those who are easily taken for them."""
    alike = _alike(people)

    def rows(rng: RandomState, someone: Someone, presentation: _Allergies, layer: Layer) -> None:
        double = _double(someone, alike)
        first, second = (_SUBSTANCES[number] for number in rng.permutation(len(_SUBSTANCES))[:2].tolist())
        if presentation.own:
            verification = one(rng, _NOT_VALID) if presentation.own == "void" else presentation.own
            layer.add(someone, _allergy(rng, someone, first, verification))
        if presentation.others and double is not None:
            layer.add(double, _allergy(rng, double, first if presentation.others == "same" else second, "confirmed"))

    queue = by_chance(stream(seed, LAYER, Topic.ALLERGIES), len(profiles))
    write(seed, Topic.ALLERGIES, profiles, assign(cycle(_TABLE), queue), rows, layer)


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
