"""The drugs: who takes them for good, what each is for, and who must not have it.

Products and how often they are taken stand in ``tables/drugs.csv``; uses, contraindications and their sources in
``tables/uses.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._conditions import LONG_TERM, Traits
from mab_gym.cohort._data import read_table
from mab_gym.cohort._existence import USES_SINCE
from mab_gym.cohort._spec import NOW
from mab_gym.cohort._streams import Bools, Ints


@dataclass(frozen=True, slots=True)
class Use:
    """The people whom a drug is for.

    Attributes:
        key: The drug's.
        source: The label or guideline that says so.
        conditions: The reasons for it: keys of long-term conditions, or ICD-10-CM codes of what a visit or a stay is
            about. Empty where being in hospital is reason enough.
        never: Long-term conditions with which it is not given.
        only: "F" or "M" where one sex alone is given it.
        least_age: Completed years from which on it is given.
        reasons: Reasons for a stay in which it is ordered for the stay; empty where any will do.
        not_with: Drugs beside which it is not given.
    """

    key: str
    source: str
    conditions: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    only: str = ""
    least_age: int = 0
    reasons: tuple[str, ...] = ()
    not_with: tuple[str, ...] = ()


USES: Final[Mapping[str, Use]] = {use.key: use for use in read_table("uses.csv", Use)}
"""The uses by key of the drug."""

CODES: Final = {condition.key: condition.code for condition in LONG_TERM}


class Dose(NamedTuple):
    """An amount to be taken, and how often."""

    value: float
    unit: str
    often: str

    @classmethod
    def read(cls, text: str) -> Dose:
        """Reads a dose as in ``12.5 mg daily``."""
        value, unit, often = text.split(maxsplit=2)
        return cls(float(value) if "." in value else int(value), unit, often)


@dataclass(frozen=True, slots=True)
class Drug:
    """One product.

    Attributes:
        key: What other files call the drug.
        code: NDC.
        display: Name and strength.
        route: As written in orders.
        doses: The doses in use, the usual one first.
        indications: How likely somebody with the condition takes it for good.
        stay: Weight among the orders of a day on a ward, for people with none of the ``reasons``.
        reasons: Factor on that weight by reason for the stay.
        intensive: Factor on that weight in intensive care.
        visit: Weight among the orders of a visit, where a drug that is taken for good has 1.
    """

    key: str
    code: str
    display: str
    route: str
    doses: tuple[Dose, ...]
    indications: Mapping[str, float] = field(default_factory=dict)
    stay: float = 0.0
    reasons: Mapping[str, float] = field(default_factory=dict)
    intensive: float = 1.0
    visit: float = 0.0


DRUGS: Final = read_table("drugs.csv", Drug)
REPLACEMENTS: Final[Mapping[str, tuple[str, tuple[float, ...]]]] = {
    "potassium_oral": ("K", (3.5, 3.0)),
    "potassium_iv": ("K", (3.5,)),
    "magnesium_iv": ("MG", (2.0, 1.5, 1.0)),
}
"""Replacement of electrolytes: the analyte, and the level below which each of the drug's doses is given.

Nobody has such an order of the last two days: it would do what the tasks ask for. The levels are our choice.
"""


def codes_for(key: str) -> tuple[str, ...]:
    """The ICD-10-CM codes of what a drug is given for."""
    return tuple(CODES.get(name, name) for name in USES[key].conditions)


def may_take(key: str, *, codes: frozenset[str], female: bool, age: int) -> bool:
    """True if somebody can be given a drug, for any reason.

    Args:
        key: The drug.
        codes: ICD-10-CM codes of their conditions.
        female: Their sex.
        age: Their age.
    """
    use = USES[key]
    fits = use.only in ("", "F" if female else "M") and age >= use.least_age
    return fits and not any(CODES[name] in codes for name in use.never)


def allowed(traits: Traits, female: Bools, ages: Ints) -> dict[str, Bools]:
    """The people who can be given each drug throughout a chart.

    Args:
        traits: Long-term conditions, and drugs where it is known who takes them.
        female: Shape ``(patients,)``.
        ages: Shape ``(patients,)``; in years when the chart begins.

    Returns:
        By drug, shape ``(patients,)``.
    """
    result: dict[str, Bools] = {}
    for key, use in USES.items():
        fits: Bools = ages >= use.least_age
        if use.only:
            fits &= female == (use.only == "F")
        for name in (*use.never, *(drug for drug in use.not_with if drug in traits)):
            fits &= ~np.asarray(traits[name])
        result[key] = fits
    return result


def draw_drugs(rng: RandomState, traits: Traits, female: Bools, ages: Ints) -> dict[str, Bools]:
    """Draws the drugs that people take for good.

    Args:
        rng: The stream to draw from.
        traits: Long-term conditions.
        female: Shape ``(patients,)``.
        ages: Shape ``(patients,)``; in years when the chart begins.
    """
    may, takes = allowed(traits, female, ages), dict[str, Bools]()
    for drug in DRUGS:
        spared = np.ones(len(female))
        for condition, chance in drug.indications.items():
            spared *= np.where(traits[condition], 1.0 - chance, 1.0)
        takes[drug.key] = (rng.random_sample(len(female)) >= spared) & may[drug.key]
    for key, use in USES.items():
        for other in use.not_with:
            takes[key] &= ~takes[other]
    return takes


def draw_begins(traits: Traits, onsets: Ints) -> Ints:
    """The time from which each drug can have been ordered: the onset of the first condition that it is taken for.

    Args:
        traits: Long-term conditions and drugs.
        onsets: Shape ``(patients, conditions)``; see `mab_gym.cohort._conditions.draw_onsets`.

    Returns:
        Shape ``(patients, drugs)``, in seconds since 1970.
    """
    result = np.zeros((len(onsets), len(DRUGS)), dtype=np.int64)
    for number, drug in enumerate(DRUGS):
        first = np.full(len(onsets), NOW, dtype=np.int64)
        for place, condition in enumerate(LONG_TERM):
            if condition.key in drug.indications:
                begun = np.maximum(onsets[:, place], USES_SINCE.get((drug.key, condition.code), 0))
                first = np.where(traits[condition.key], np.minimum(first, begun), first)
        result[:, number] = np.where(traits[drug.key], first, 0)
    return result
