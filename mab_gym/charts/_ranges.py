"""Names of results, and adult reference ranges with their sources; the figures stand in ``results.csv``.

A chart shows a range that a record states itself (``Observation.referenceRange``) before any of these.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib.resources import files
from typing import Final, NamedTuple

Range = tuple[float | None, float | None]

SOURCES: Final = {
    "ABIM": "American Board of Internal Medicine, Laboratory Test Reference Ranges, 2025",
    "ABIM glucose": "ABIM: from the lower limit fasting to the upper limit two hours after a meal",
    "KDIGO": "KDIGO 2024: below 60 for three months is chronic kidney disease",
    "ATP III": "National Cholesterol Education Program, Adult Treatment Panel III: desirable values",
    "ACC/AHA": "blood pressure: from 130/80 hypertension (ACC/AHA 2017), below 90/60 hypotension (NIH, MedlinePlus)",
    "NIH": "NIH, MedlinePlus: vital signs and pulse oximetry of adults at rest",
    "ACCP/SCCM": "limits of the systemic inflammatory response (ACCP/SCCM 1992); breaths from 12 a minute (NIH)",
    "record": "stated by the record itself",
}
"""The sources of ranges by the short name that stands beside a range."""
_UNITS: Final = {
    "{INR}": "", "[pH]": "", "degF": "°F", "[degF]": "°F", "Cel": "°C", "10*3/uL": "10³/µL", "10*6/uL": "10⁶/µL",
    "mm Hg": "mmHg", "mm[Hg]": "mmHg", "/min": "per minute", "mL/min/1.73m2": "mL/min/1.73 m²",
    "mL/min/{1.73_m2}": "mL/min/1.73 m²",
}  # fmt: skip


class Reference(NamedTuple):
    """A reference range.

    Attributes:
        limits: Its two ends, None for an open one.
        source: A key of `SOURCES`.
    """

    limits: Range
    source: str

    def __str__(self) -> str:
        low, high = self.limits
        if low is None:
            return f"to {high:g}"
        return f"from {low:g}" if high is None else f"{low:g} – {high:g}"


class KnownResult(NamedTuple):
    """A kind of result.

    Attributes:
        code: Its local code.
        name: Its name for people.
        units: The units for which its ranges hold.
        ranges: Its ranges for women and men; None if there is none.
        source: The key of their source.
    """

    code: str
    name: str
    units: frozenset[str]
    ranges: tuple[Range, Range] | None
    source: str

    @property
    def everybody(self) -> Range | None:
        """The range if it is the same for women and men, else None."""
        return self.ranges[0] if self.ranges is not None and self.ranges[0] == self.ranges[1] else None


def _range(cell: str) -> Range:
    low, _, high = cell.partition("-")
    return (float(low) if low else None), (float(high) if high else None)


def _read() -> dict[str, KnownResult]:
    lines = files("mab_gym.charts").joinpath("results.csv").read_text(encoding="utf-8").splitlines()
    found = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        ranges = (_range(row["women"]), _range(row["men"] or row["women"])) if row["women"] else None
        known = KnownResult(row["code"], row["name"], frozenset(row["units"].split()), ranges, row["source"])
        found.update(dict.fromkeys((row["code"], *row["loinc"].split()), known))
    return found


RESULTS: Final[Mapping[str, KnownResult]] = _read()
"""The kinds of results by local and by LOINC code."""


def reference_range(code: str, unit: str, female: bool | None) -> Reference | None:
    """Returns the adult range of a result.

    Args:
        code: The result's code.
        unit: The unit of the values, as recorded.
        female: The person's sex; None if it is not known.

    Returns:
        The range; None if there is none in this unit, or if it depends on a sex that is not known.
    """
    known = RESULTS.get(code)
    if known is None or known.ranges is None or unit.replace("mm Hg", "mmHg") not in known.units:
        return None
    limits = known.everybody if female is None else known.ranges[0 if female else 1]
    return None if limits is None else Reference(limits, known.source)


def readable_unit(unit: str) -> str:
    """Returns a unit as people write it."""
    return _UNITS.get(unit, unit)


def flag(value: float, limits: Range | None) -> str:
    """Returns ``H`` above the range, ``L`` below it, else an empty text."""
    low, high = limits or (None, None)
    return "H" if high is not None and value > high else "L" if low is not None and value < low else ""
