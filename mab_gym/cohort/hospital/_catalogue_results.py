"""The catalogues of what is measured, ordered together, examined, grown and planned: rows of the CSV files.

`_catalogue` gives them again, beside those of diseases and drugs. A number that is not known is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from mab_gym.cohort._data import read_table

TABLES: Final = Path(__file__).with_name("tables")
"""The folder of the hospital's tables."""


class _Keyed:
    key: str


K = TypeVar("K", bound="_Keyed")


@dataclass(frozen=True)
class Analyte(_Keyed):
    """Something that is measured as a number.

    Attributes:
        key: Identifies it, as in ``potassium``.
        display: LOINC's long name.
        short: As clinicians write it.
        loinc: LOINC code.
        ucum: UCUM code of the unit.
        unit: The unit as people write it.
        kind: Category of the Observation: ``laboratory``, ``vital-signs``, ``survey``, ``imaging``, ``procedure``.
        specimen: As in ``serum``; empty if there is none.
        places: Decimal places of a result.
        women_low: Lower limit of the reference range of adult women.
        women_high: Upper limit.
        men_low: Lower limit of the reference range of adult men.
        men_high: Upper limit.
        critical_low: A result as low as this is telephoned.
        critical_high: A result as high as this is telephoned.
        lowest: The least that is ever reported.
        highest: The most that is ever reported.
        women: Median of well women; NaN if calculated from others.
        men: Median of well men.
        between: Coefficient of variation between people.
        within: Coefficient of variation within a person.
        analytic: Coefficient of variation of the measurement.
        log: True if the variation is log-normal.
        minutes: Turnaround with priority, from specimen to result.
        since: First day on which it could be ordered, as ``YYYY-MM-DD``; empty if before all records.
    """

    key: str
    display: str
    short: str
    loinc: str
    ucum: str
    unit: str = ""
    kind: str = "laboratory"
    specimen: str = ""
    places: int = 0
    women_low: float = math.nan
    women_high: float = math.nan
    men_low: float = math.nan
    men_high: float = math.nan
    critical_low: float = math.nan
    critical_high: float = math.nan
    lowest: float = 0.0
    highest: float = math.inf
    women: float = math.nan
    men: float = math.nan
    between: float = 0.0
    within: float = 0.0
    analytic: float = 0.0
    log: bool = False
    minutes: int = 0
    since: str = ""

    def reference(self, female: bool) -> tuple[float, float]:
        """Returns the limits of the reference range; NaN where there is none."""
        return (self.women_low, self.women_high) if female else (self.men_low, self.men_high)

    def flag(self, value: float, female: bool) -> str:
        """Returns the interpretation of a value: ``LL``, ``L``, ``N``, ``H`` or ``HH``; empty without a range."""
        low, high = self.reference(female)
        if value <= self.critical_low:
            return "LL"
        if value >= self.critical_high:
            return "HH"
        if value < low:
            return "L"
        if value > high:
            return "H"
        return "" if math.isnan(low) and math.isnan(high) else "N"


@dataclass(frozen=True)
class PanelType(_Keyed):
    """Tests that are ordered and drawn together.

    Attributes:
        key: Identifies it, as in ``basic_metabolic``.
        display: LOINC's long name.
        short: As clinicians write it.
        loinc: LOINC code.
        analytes: Keys of its analytes.
        specimen: As in ``serum``.
        minutes: Usual time from specimen to result without priority.
        since: First day on which it could be ordered; empty if before all records.
    """

    key: str
    display: str
    short: str
    loinc: str
    analytes: tuple[str, ...]
    specimen: str
    minutes: int = 60
    since: str = ""

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Rows of its analytes."""
        return tuple(NUMBERS[key] for key in self.analytes)

    @cached_property
    def urgent_minutes(self) -> int:
        """Usual time from specimen to result with priority."""
        return min(self.minutes, max(ANALYTES[key].minutes for key in self.analytes))

    def exists(self, day: date) -> bool:
        """Tells if it could be ordered on a day."""
        return not self.since or day >= date.fromisoformat(self.since)


@dataclass(frozen=True)
class Study(_Keyed):
    """An examination whose result is a text.

    Attributes:
        key: Identifies it, as in ``chest_xray`` or ``blood_culture``.
        display: LOINC's name, or our words where we are not sure of a code.
        short: As clinicians say it.
        loinc: LOINC code; empty if none is sure.
        category: HL7 v2 table 0074: ``RAD``, ``EC``, ``CUS``, ``MB``, ``BLB``, ``SP``, ``CP``.
        service: Who reports it: ``radiology``, ``laboratory`` or ``cardiology``.
        specimen: As in ``urine``; empty if there is none.
        minutes: Usual time from the examination to its report with priority.
        routine_minutes: The same without.
        most: How often in a stay at most.
        since: First day on which it could be asked for; empty if before all records.
    """

    key: str
    display: str = ""
    short: str = ""
    loinc: str = ""
    category: str = "RAD"
    service: str = "radiology"
    specimen: str = ""
    minutes: int = 60
    routine_minutes: int = 600
    most: int = 1
    since: str = ""


@dataclass(frozen=True)
class Organism(_Keyed):
    """A bacterium, a fungus or a virus.

    Attributes:
        key: Identifies it.
        snomed: SNOMED CT code.
        display: Its name.
        gram: What the Gram stain shows; empty for viruses.
        found: Kinds of finding with weights.
        susceptible: Drugs with the share of isolates that are susceptible.
    """

    key: str
    snomed: str = ""
    display: str = ""
    gram: str = ""
    found: Mapping[str, float] = field(default_factory=dict)
    susceptible: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PlanType(_Keyed):
    """A kind of plan, agreement, message or precaution.

    Attributes:
        kind: As in `Plan.kind`.
        key: Identifies it within its kind.
        display: In words.
        snomed: SNOMED CT code; empty if none is sure.
        loinc: LOINC code; empty if none is sure.
    """

    kind: str
    key: str
    display: str = ""
    snomed: str = ""
    loinc: str = ""


def by_key(name: str, kind: type[K]) -> Mapping[str, K]:
    """Reads a table of the hospital's folder, by key in the file's order."""
    return {row.key: row for row in read_table(name, kind, TABLES)}


ANALYTES: Final = by_key("analytes.csv", Analyte)
"""Quantities that are measured as numbers; the order is that of `Readings.analyte`."""
ANALYTE_ROWS: Final = tuple(ANALYTES.values())
"""The same, by number."""
NUMBERS: Final = {key: number for number, key in enumerate(ANALYTES)}
"""The number of an analyte by its key, for `Readings.analyte`."""
PANELS: Final = by_key("panels.csv", PanelType)
"""Tests that are ordered together."""
PLACES: Final = np.array([row.places for row in ANALYTE_ROWS], dtype=np.int64)
"""Decimal places, by number."""
STUDIES: Final = by_key("studies.csv", Study)
"""Examinations whose result is a text."""
ORGANISMS: Final = by_key("organisms.csv", Organism)
"""Organisms that cultures and tests find."""
PLANS: Final = {(row.kind, row.key): row for row in read_table("plans.csv", PlanType, TABLES)}
"""Kinds of plans, by `Plan.kind` and `Plan.key`."""
