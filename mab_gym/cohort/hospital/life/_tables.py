"""The tables that drive a life: onsets, acute illnesses, treatments for home and in a stay, and who lies here now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Final, TypeVar

from mab_gym.cohort._data import read_table
from mab_gym.cohort.hospital._catalogue import CONDITIONS, DRUGS, Condition, Drug
from mab_gym.cohort.hospital._catalogue_results import TABLES
from mab_gym.cohort.hospital._history import ZONE
from mab_gym.cohort.hospital.life._chance import interpolate, sums

T = TypeVar("T")
AGES: Final = (0.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 110.0)
"""Ages at which the cumulative hazards of `Onset` are given."""


@dataclass(frozen=True)
class Onset:
    """One row of ``onsets.csv``: when a chronic disease begins.

    Attributes:
        key: The condition.
        women: Percent of women who have had it at 20, 30, … 90 years.
        men: Percent of men, at the same ages.
        factors: Ratios of hazards.
        after: Yearly hazards from the onset of another disease on.
        excludes: It does not begin in people with one of these.
        replaces: These end when it begins.
        scale: Ratio of the hazard of somebody without any factor.
    """

    key: str
    women: tuple[float, ...] = ()
    men: tuple[float, ...] = ()
    factors: Mapping[str, float] = field(default_factory=dict)
    after: Mapping[str, float] = field(default_factory=dict)
    excludes: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    scale: float = 1.0

    @cached_property
    def condition(self) -> Condition:
        """The condition itself."""
        return CONDITIONS[self.key]

    def _hazards(self, percents: tuple[float, ...]) -> tuple[float, ...]:
        if not percents or not percents[-1]:
            return ()
        found = [0.0, *(-math.log(1.0 - percent / 100.0) * self.scale for percent in percents)]
        return (*found, found[-1] + max(0.0, found[-1] - found[-2]))

    @cached_property
    def by_sex(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Cumulative hazards at `AGES` of men and of women; empty if they do not get it."""
        only = self.condition.only
        men = () if only == "F" else self._hazards(self.men)
        return men, () if only == "M" else self._hazards(self.women)

    @cached_property
    def most(self) -> float:
        """The highest product of all factors that is possible."""
        return math.prod(max(1.0, factor) for factor in self.factors.values())


@dataclass(frozen=True)
class Acute:
    """One row of ``acute.csv``: an acute illness.

    Attributes:
        key: The condition.
        rate: New ones per 1,000 women and year at 20, 40, 60 and 80 years.
        men: Ratio of men's rate.
        factors: Ratios while a condition is there.
        needs: One of these must be there.
        where: Percent by telephone, in a clinic, in the emergency department alone, admitted, at 60 years.
        days: Median and 84th centile of the stay.
        fatal: Percent of the admitted who die in hospital at 70 years.
        readmit: Percent who are back within 30 days.
        intensive: Percent of the admitted who need intensive care.
        ward: Service of the stay.
        months: Relative rates of the months.
        since: First day.
        reasons: Why they come, with weights.
        leads: Acute states that come with it, with chances.
        leaves: Chronic states that it leaves.
    """

    key: str
    rate: tuple[float, ...]
    men: float = 1.0
    factors: Mapping[str, float] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    where: tuple[float, ...] = ()
    days: tuple[float, ...] = ()
    fatal: float = 0.0
    readmit: float = 0.0
    intensive: float = 0.0
    ward: str = "medicine"
    months: tuple[float, ...] = ()
    since: str = ""
    until: str = ""
    reasons: Mapping[str, float] = field(default_factory=dict)
    leads: Mapping[str, float] = field(default_factory=dict)
    leaves: tuple[str, ...] = ()

    @cached_property
    def condition(self) -> Condition:
        """The condition itself."""
        return CONDITIONS[self.key]

    @cached_property
    def raising(self) -> frozenset[str]:
        """The traits and diseases that raise the hazard."""
        return frozenset(key for key, factor in self.factors.items() if factor > 1.0)

    @cached_property
    def table(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Yearly hazards of men and of women by completed years of age, without factors."""
        women = tuple(interpolate(self.rate, age + 0.5) / 1000.0 for age in range(120))
        return tuple(rate * self.men for rate in women), women

    @cached_property
    def peak(self) -> float:
        """The highest month."""
        return max(self.season)

    @cached_property
    def season(self) -> tuple[float, ...]:
        """Rates of the months with a mean of 1."""
        if not self.months:
            return (1.0,) * 12
        mean = sum(self.months) / 12
        return tuple(month / mean for month in self.months)

    @cached_property
    def begins(self) -> int:
        """The first moment at which it can happen."""
        if not self.since:
            return 0
        day = date.fromisoformat(self.since)
        return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp())

    @cached_property
    def reason_bounds(self) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """Reasons, and the rising sums of their weights."""
        return tuple(self.reasons), sums(list(self.reasons.values()))

    def setting(self, age: float) -> tuple[float, ...]:
        """Returns rising sums of the settings' weights at an age."""
        telephone, clinic, emergency, admitted = self.where
        return sums([telephone, clinic, emergency, admitted * math.exp(0.03 * (age - 60.0))])


@dataclass(frozen=True)
class Treatment:
    """One row of ``treatments.csv``: a drug for home.

    Attributes:
        condition: What it is for.
        drug: The drug.
        step: Drugs of one step exclude each other.
        share: Chance.
        days: How long; 0 for good.
        least: Least severity.
        whom: It is for those alone who have one of these, too .
        without: It is not for those who have one of these.
    """

    condition: str
    drug: str
    step: int
    share: float
    days: int = 0
    least: float = 0.0
    whom: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @cached_property
    def product(self) -> Drug:
        """The drug itself."""
        return DRUGS[self.drug]


@dataclass(frozen=True)
class StayOrder:
    """One row of ``stays.csv``: a drug that is ordered in a stay.

    Attributes:
        condition: What it is for.
        drug: The drug.
        step: Drugs of one step exclude each other.
        share: Chance.
        after: Hours from the admission on, in the mean.
        days: How long; 0 until the discharge.
    """

    condition: str
    drug: str
    step: int
    share: float
    after: float = 1.0
    days: float = 0.0


@dataclass(frozen=True)
class Slot:
    """One row of ``inpatients.csv``: a kind of person who lies in the hospital now.

    Attributes:
        key: The acute illness, or the chronic disease that is operated on.
        service: Service with the bed.
        needs: Chronic diseases, one of which the person has; any if empty.
        leads: Acute states that are there, too.
        low: Fewest hours since the admission.
        high: Most hours.
        tag: What it is good for, as a note to readers.
    """

    key: str
    service: str
    needs: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    low: float = 3.0
    high: float = 144.0
    tag: str = ""


def _grouped(rows: tuple[T, ...]) -> dict[str, list[list[T]]]:
    """Returns rows by condition, and in it by step."""
    found: dict[str, dict[int, list[T]]] = {}
    for row in rows:
        found.setdefault(row.condition, {}).setdefault(row.step, []).append(row)  # type: ignore[attr-defined]
    return {key: list(steps.values()) for key, steps in found.items()}


ONSETS: Final = read_table("onsets.csv", Onset, TABLES)
ACUTE: Final = {row.key: row for row in read_table("acute.csv", Acute, TABLES)}
TREATMENTS: Final = _grouped(read_table("treatments.csv", Treatment, TABLES))
STAYS: Final = _grouped(read_table("stays.csv", StayOrder, TABLES))
SLOTS: Final = read_table("inpatients.csv", Slot, TABLES)
