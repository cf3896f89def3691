"""The causes of each profile's chart: conditions, drugs, usual values, and the number of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._conditions import LONG_TERM, Traits, draw_long_term, draw_onsets, reason_weights
from mab_gym.cohort._encounters import Contacts
from mab_gym.cohort._measurement import MEASUREMENTS, NUMBER
from mab_gym.cohort._medications import draw_begins, draw_drugs
from mab_gym.cohort._people import Demographics
from mab_gym.cohort._spec import DAY, LEAST_RECORDS, CohortSpec
from mab_gym.cohort._streams import PROFILES, Bools, Floats, Ints, apportion, stream

_COUPLED: Final = (("K", "CREA", 0.25), ("PHOS", "CREA", 0.4), ("BUN", "CREA", 0.6), ("CA", "ALB", 0.4))
"""An analyte, another one, and how far a person's deviation in the other one shifts the first (logarithms where
skewed): substances that the kidneys clear rise together, and half of calcium is bound to albumin. The sizes are our
estimate."""
_YEARS = 5
"""The years that a chart goes back."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """The people with a chart; arrays have one row each.

    Attributes:
        female: Shape ``(patients,)``.
        births: Shape ``(patients,)``; midnight UTC of the date of birth, in seconds since 1970.
        traits: Long-term conditions and drugs by key, each of shape ``(patients,)``.
        onsets: Shape ``(patients, conditions)``; when each long-term condition began.
        begins: Shape ``(patients, drugs)``; since when each drug can have been ordered.
        burden: Shape ``(patients,)``; number of long-term conditions.
        reasons: Shape ``(patients, len(REASONS))``; how likely each reason for a stay is.
        usual: Shape ``(patients, measurements)``; the usual value of each measurement, of skewed ones the logarithm.
        counts: Shape ``(patients,)``; by resource type, how many resources each of them has.
    """

    female: Bools
    births: Ints
    traits: Traits
    onsets: Ints
    begins: Ints
    burden: Ints
    reasons: Floats
    usual: Floats
    counts: dict[str, Ints]

    def part(self, first: int, last: int) -> Profiles:
        """The profiles from number ``first`` to ``last`` without the latter."""
        block = slice(first, last)

        def cut(value: Any) -> Any:
            return {key: cut(each) for key, each in value.items()} if isinstance(value, Mapping) else value[block]

        return Profiles(**{each.name: cut(getattr(self, each.name)) for each in fields(self)})


class Block(NamedTuple):
    """Patients whose charts are made at a time.

    Attributes:
        first: Number of the first one in the cohort.
        profiles: What drives their charts.
        contacts: When they met the hospital.
    """

    first: int
    profiles: Profiles
    contacts: Contacts


def draw_profiles(spec: CohortSpec, people: Sequence[Demographics]) -> Profiles:
    """Draws what drives the charts of the first ``spec.patients`` people."""
    rng = stream(spec.entropy, PROFILES)
    count = spec.patients
    female = np.array([person.female for person in people[:count]], dtype=np.bool_)
    ages = np.array([person.age for person in people[:count]], dtype=np.int64)
    epoch = date(1970, 1, 1)
    births = np.array([(person.birth - epoch).days for person in people[:count]], dtype=np.int64) * DAY
    traits = draw_long_term(rng, ages, female)
    burden = np.stack([traits[condition.key] for condition in LONG_TERM]).sum(axis=0, dtype=np.int64)
    reasons = reason_weights(traits, count)
    traits |= draw_drugs(rng, traits, female, ages - _YEARS)
    onsets = draw_onsets(stream(spec.entropy, PROFILES, 1), births)
    usual = _levels(rng, traits, female)
    # Few people use most of a hospital; use rises by a tenth with each condition (our estimate).
    use = np.clip(np.exp(spec.spread * rng.standard_normal(count) + 0.1 * (burden - 8)), 0.03, 6.0)

    def share(total: int, least: int, *, power: float, spread: float) -> Ints:
        """Parts of a total, by how much each person uses a hospital; power and spread are our estimate."""
        weights = use**power * np.exp(spread * rng.standard_normal(count))
        return apportion(total, np.rint(weights * 1e6).astype(np.int64), least)

    counts = {
        "Observation": share(spec.observations, spec.least_observations, power=1.0, spread=0.0),
        "Procedure": share(spec.procedures, LEAST_RECORDS, power=0.9, spread=0.3),
        "Condition": share(spec.conditions, LEAST_RECORDS, power=0.8, spread=0.3),
        "MedicationRequest": share(spec.medication_requests, LEAST_RECORDS, power=0.8, spread=0.35),
    }
    begins = draw_begins(traits, onsets)
    return Profiles(female, births, traits, onsets, begins, burden, reasons, usual, counts)


def _levels(rng: RandomState, traits: Traits, female: Bools) -> Floats:
    """Each person's usual value of each measurement, from sex, long-term conditions and drugs, and chance.

    Args:
        rng: The stream to draw from.
        traits: Long-term conditions and drugs.
        female: Shape ``(patients,)``.

    Returns:
        Shape ``(patients, measurements)``; of skewed measurements the logarithm.
    """
    result = np.zeros((len(female), len(MEASUREMENTS)))
    deviation = np.zeros_like(result)
    for number, each in enumerate(MEASUREMENTS):
        typical = np.where(female, each.women, each.men)
        spread = rng.standard_normal(len(female))
        # Nobody's usual value lies as far out as a normal distribution's tails allow.
        deviation[:, number] = each.person * np.clip(spread, -2, 2)
        result[:, number] = np.log(np.maximum(typical, 1e-9)) if each.skewed else typical
        for trait, effect in each.effects.items():
            result[:, number] += np.where(traits[trait], np.log(effect) if each.skewed else effect, 0.0)
    for code, other, slope in _COUPLED:
        deviation[:, NUMBER[code]] += slope * deviation[:, NUMBER[other]]
    result += deviation
    # HbA1c follows mean glucose: 28.7 mg/dL for each per cent (Nathan DM et al., Diabetes Care 2008;31:1473-8).
    typical_glucose = MEASUREMENTS[NUMBER["GLU"]].men
    result[:, NUMBER["A1C"]] += (np.exp(result[:, NUMBER["GLU"]]) - typical_glucose) / 28.7
    return result
