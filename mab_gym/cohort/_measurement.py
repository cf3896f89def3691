"""Measurements: how a series looks in one person over years, and the panels in which measurements are made.

A person has a level of each, on which drift, illness, noise and limits act (`mab_gym.cohort._series`). Flowsheet rows
have no standard code, as in the official server; they are known by ``code.text`` alone. The figures stand in
``tables/measurements.csv`` and ``tables/panels.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mab_gym.cohort._data import read_table

BP: Final = "BP"
"""Blood pressure, the one row whose value is a text: systolic over diastolic, in mmHg."""
LEAST_DIASTOLIC, GREATEST_DIASTOLIC = 28, 135
"""Our choice, in mmHg."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One laboratory analyte or flowsheet row.

    Where ``skewed`` is set, spreads are fractions and effects are factors, for the logarithm of such quantities is
    what is roughly normal; elsewhere all are in the unit.

    Attributes:
        code: The local code, which is also its text and display.
        unit: As displayed.
        ucum: UCUM code.
        places: Digits after the point.
        low: Least value ever written, in the unit.
        high: Greatest value ever written.
        women: Typical value in healthy women.
        men: Typical value in healthy men.
        person: Standard deviation between people.
        within: Standard deviation of the drift within a person, an autoregressive process.
        days: Time constant of that drift, in days.
        noise: Standard deviation between two results of one hour: biology, and the method.
        skewed: True if the values are about log-normal.
        effects: What a long-term condition or drug does to the level, by key.
        illness: What the reason for a stay does to it at admission, by key; wears off over the stay.
        yearly: Standard deviation between people of the slope per year.
        choices: The possible texts of a result that is no quantity, the usual one first.
    """

    code: str
    unit: str = ""
    ucum: str = ""
    places: int = 0
    low: float = 0.0
    high: float = 0.0
    women: float = 0.0
    men: float = 0.0
    person: float = 0.0
    within: float = 0.0
    days: float = 10.0
    noise: float = 0.0
    skewed: bool = False
    effects: Mapping[str, float] = field(default_factory=dict)
    illness: Mapping[str, float] = field(default_factory=dict)
    yearly: float = 0.0
    choices: tuple[str, ...] = ()

    @property
    def lowest(self) -> int:
        """``low`` as a whole number of the last written digit."""
        whole: int = round(self.low * 10**self.places)
        return whole

    @property
    def highest(self) -> int:
        """``high`` as a whole number of the last written digit."""
        whole: int = round(self.high * 10**self.places)
        return whole


@dataclass(frozen=True, slots=True)
class Panel:
    """Measurements that are made together.

    Attributes:
        codes: The measurements, in the order in which they are filed.
        outpatient: How often it is made at an outpatient visit.
        emergency: How often in the emergency department.
        ward: How often a day on a ward.
        intensive: How often a day in intensive care.
        hours: Hours of the day at which it is due on a ward, the first time, the second time, and so on; evenly
            spread over the day if empty.
        factors: Factor on the rates for those who have a condition or take a drug.
    """

    codes: tuple[str, ...]
    outpatient: float
    emergency: float
    ward: float
    intensive: float
    hours: tuple[float, ...] = ()
    factors: Mapping[str, float] = field(default_factory=dict)

    @property
    def rates(self) -> tuple[float, float, float, float]:
        """The rates in the order of the settings."""
        return self.outpatient, self.emergency, self.ward, self.intensive


MEASUREMENTS: Final[Sequence[Measurement]] = read_table("measurements.csv", Measurement)
NUMBER: Final = {measurement.code: number for number, measurement in enumerate(MEASUREMENTS)}
ANALYTES: Final = NUMBER[BP]
"""The number of laboratory analytes, which come first among the measurements; blood pressure is the first other one."""
PANELS: Final = read_table("panels.csv", Panel)
LABORATORY_PANELS: Final = next(place for place, panel in enumerate(PANELS) if panel.codes[0] == BP)
"""The number of panels of the laboratory, which come first."""
