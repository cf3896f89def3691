"""The uses of drugs: what each is for, who is given it, and who must not be.

They stand in ``tables/uses.csv``, with a source for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mab_gym.cohort._conditions import LONG_TERM, Traits
from mab_gym.cohort._data import read_table
from mab_gym.cohort._streams import Bools, Ints


@dataclass(frozen=True, slots=True)
class Use:
    """Whom a drug is for.

    Attributes:
        key: The drug's.
        source: Where all this is said.
        conditions: What it is given for: keys of long-term conditions, or ICD-10-CM codes of what a visit or a stay is
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
"""By key of the drug."""

CODES: Final = {condition.key: condition.code for condition in LONG_TERM}


def codes_for(key: str) -> tuple[str, ...]:
    """The ICD-10-CM codes of what a drug is given for."""
    return tuple(CODES.get(name, name) for name in USES[key].conditions)


def may_take(key: str, *, codes: frozenset[str], female: bool, age: int) -> bool:
    """Tells if somebody can be given a drug, whatever for.

    Args:
        key: The drug.
        codes: ICD-10-CM codes of what is known of them.
        female: Their sex.
        age: Their age.
    """
    use = USES[key]
    fits = use.only in ("", "F" if female else "M") and age >= use.least_age
    return fits and not any(CODES[name] in codes for name in use.never)


def allowed(traits: Traits, female: Bools, ages: Ints) -> dict[str, Bools]:
    """Who can be given each drug throughout a chart.

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
