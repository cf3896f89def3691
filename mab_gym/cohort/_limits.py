"""Limits on what can be together: ages, numbers and reasons of procedures and diagnoses.

They stand in ``tables/limits.csv``. A record that breaks its limits is not written; another one, which everybody can
have, stands in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mab_gym.cohort._data import read_table
from mab_gym.cohort._profiles import Profiles
from mab_gym.cohort._spec import DAY
from mab_gym.cohort._streams import Bools, Ints

_YEAR = 365.25 * DAY


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one kind of procedure or diagnosis.

    Attributes:
        table: ``procedure`` or ``diagnosis``.
        code: CPT or ICD-10-CM.
        least_age: Completed years from which on it occurs.
        greatest_age: Completed years until which it occurs.
        most: How often one person has it within the chart at most; 0 where that is open.
        days_apart: Least number of days between two of them.
        episode_days: Days within which further records count as the same one.
        needs: Long-term conditions or drugs; one of them is needed.
    """

    table: str
    code: str
    least_age: int = 0
    greatest_age: int = 120
    most: int = 0
    days_apart: int = 0
    episode_days: int = 0
    needs: tuple[str, ...] = ()


BOUNDS: Final[Mapping[str, Bounds]] = {bounds.code: bounds for bounds in read_table("limits.csv", Bounds)}
"""The limits by code."""


def beyond_limits(codes: Sequence[str], kind: Ints, patient: Ints, time: Ints, profiles: Profiles) -> Bools:
    """Finds the records that break their limits.

    Args:
        codes: The code of each kind.
        kind: Shape ``(rows,)``; index into ``codes``.
        patient: Shape ``(rows,)``; the person of each record.
        time: Shape ``(rows,)``; seconds since 1970.
        profiles: The block's patients.

    Returns:
        Shape ``(rows,)``.
    """
    broken = np.zeros(len(kind), dtype=np.bool_)
    for number, code in enumerate(codes):
        limits = BOUNDS.get(code)
        if limits is None:
            continue
        rows = np.flatnonzero(kind == number)
        years = (time[rows] - profiles.births[patient[rows]]) / _YEAR
        bad = (years < limits.least_age + 0.01) | (years >= limits.greatest_age + 0.99)
        if limits.needs:
            has = np.any([profiles.traits[key] for key in limits.needs], axis=0)
            bad |= ~has[patient[rows]]
        broken[rows[bad]] = True
        if limits.most or limits.days_apart:
            broken[list(_too_many(limits, rows[~bad], patient, time))] = True
    return broken


def _too_many(limits: Bounds, rows: Ints, patient: Ints, time: Ints) -> Iterator[int]:
    """The rows that come too often or too soon, of those of one kind."""
    order = rows[np.lexsort((time[rows], patient[rows]))]
    who, begun, last, count = -1, 0, 0, 0
    for row, owner, moment in zip(order.tolist(), patient[order].tolist(), time[order].tolist(), strict=True):
        if owner != who:
            who, count = owner, 0
        if count and moment - begun < limits.episode_days * DAY:
            last = moment
        elif count and (moment - last < limits.days_apart * DAY or (limits.most and count >= limits.most)):
            yield row
        else:
            begun = last = moment
            count += 1
