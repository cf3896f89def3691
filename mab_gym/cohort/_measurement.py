"""What a series of measurements looks like in one person over years: level, drift, illness, noise, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


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
        low: Least value ever written, in the unit: below lies error or death.
        high: Greatest value ever written.
        women: Typical value in healthy women.
        men: Typical value in healthy men.
        person: Standard deviation between people.
        within: Standard deviation of the drift within a person, an autoregressive process.
        days: Time constant of that drift, in days.
        noise: Standard deviation of what is different each time: biology within hours, and the method.
        skewed: See above.
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
    choices: Sequence[str] = ()

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
        codes: What is measured, in the order in which it is filed.
        rates: How often a day: at an outpatient visit, in the emergency department, on a ward, in intensive care.
        hours: Hours of the day at which it is due on a ward, the first time, the second time, and so on; evenly
            spread over the day if empty.
        factors: Factor on the rates for those who have a condition or take a drug.
    """

    codes: tuple[str, ...]
    rates: tuple[float, float, float, float]
    hours: tuple[float, ...] = ()
    factors: Mapping[str, float] = field(default_factory=dict)
