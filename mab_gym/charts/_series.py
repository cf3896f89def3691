"""Numeric results by kind, read from Observations of any shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mab_gym.charts._elements import amount_of, code_of, named, spoken
from mab_gym.charts._ranges import RESULTS, Range

VOID: Final = ("entered-in-error", "cancelled", "refuted")
MEASURED: Final = (
    "code", "valueQuantity", "valueString", "valueCodeableConcept", "component", "status", "referenceRange", "note",
)  # fmt: skip
"""The elements of an Observation that are read."""
_PRESSURE: Final = re.compile(r"\s*(\d{2,3})\s*/\s*(\d{2,3})\s*(mm\s?\[?Hg\]?)?\s*")
_SPOILT: Final = re.compile(r"ha?emoly[sz]ed", re.IGNORECASE)
_LONGEST_NUMBER: Final = 24


@dataclass(frozen=True, slots=True)
class ResultPoint:
    """One result.

    Attributes:
        time: Its time, in seconds since 1970-01-01T00:00:00Z.
        value: Its value, in the series' unit.
        void: True if it was entered in error or cancelled.
        status: Its status.
        spoilt: True if its specimen was haemolysed, by the result's note.
    """

    time: int
    value: float
    void: bool
    status: str
    spoilt: bool = False


@dataclass(slots=True)
class Series:
    """The numeric results of one kind, oldest first.

    Attributes:
        code: The code, as in ``K``.
        name: The name for people.
        unit: The unit as recorded.
        points: The results.
        stated: The reference range that the record states with the last result that has one; None if none has.
    """

    code: str
    name: str
    unit: str
    points: list[ResultPoint] = field(default_factory=list)
    stated: Range | None = None

    @property
    def trusted(self) -> list[ResultPoint]:
        """The results that were not entered in error and whose specimen was not haemolysed."""
        return [point for point in self.points if not point.void and not point.spoilt]

    @property
    def valid(self) -> list[ResultPoint]:
        """The results that were not entered in error."""
        return [point for point in self.points if not point.void]


def add_numbers(series: dict[str, Series], row: Mapping[str, Any], time: int | None) -> bool:
    """Adds the numbers of an Observation to series by code; a blood pressure makes two of them.

    Args:
        series: The series, to which new ones are added.
        row: The Observation, of which the elements in `MEASURED` are read.
        time: Its time in seconds since 1970; without one, nothing is added.

    Returns:
        True if it held nothing but numbers that were added.
    """
    code, text = row.get("code"), row.get("valueString")
    status = str(row.get("status") or "")
    kind, name = code_of(code) or spoken(code), named(code) or "(not coded)"
    spoilt = any(_SPOILT.search(str(note.get("text") or "")) for note in dicts(row.get("note")))
    quantity = row.get("valueQuantity")
    if isinstance(quantity, dict) and _add(series, kind, name, quantity, status, time, spoilt):
        _state_range(series[kind], row.get("referenceRange"))
        return True
    pressure = _PRESSURE.fullmatch(text) if isinstance(text, str) else None
    if pressure:
        for place, part in enumerate(("systolic", "diastolic"), 1):
            amount = {"value": float(pressure[place]), "unit": "mmHg"}
            _add(series, part, RESULTS[part].name, amount, status, time, spoilt)
        return True
    added = False
    for each in (part for part in dicts(row.get("component")) if isinstance(part.get("valueQuantity"), dict)):
        kind_of_part = code_of(each.get("code")) or spoken(each.get("code"))
        if _add(series, kind_of_part, named(each.get("code")), each["valueQuantity"], status, time, spoilt):
            _state_range(series[kind_of_part], each.get("referenceRange"))
            added = True
    return added and not in_words(row)


def in_words(row: Mapping[str, Any]) -> str:
    """Returns the value of an Observation that no series takes, in words; empty if it has none."""
    text = row.get("valueString")
    said = text if isinstance(text, str) else named(row.get("valueCodeableConcept"))
    return said or _amount_in_words(row.get("valueQuantity"))


def dicts(value: Any) -> list[Mapping[str, Any]]:
    """Returns the JSON objects of a list; none where it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _state_range(series: Series, stated: Any) -> None:
    """Keeps the reference range that a result states: the first one that is for everybody."""
    for each in (range_ for range_ in dicts(stated) if not range_.get("appliesTo") and not range_.get("age")):
        low, high = (amount_of(each.get(end)) for end in ("low", "high"))
        if low is not None or high is not None:
            series.stated = (low, high)
            return


def _amount_in_words(quantity: Any) -> str:
    """Writes a Quantity that no series takes: one without a time, or without a plausible value."""
    if not isinstance(quantity, dict) or "value" not in quantity:
        return ""
    value, unit = str(quantity["value"]), str(quantity.get("unit") or quantity.get("code") or "")
    shown = value if len(value) <= _LONGEST_NUMBER else f"{value[:_LONGEST_NUMBER]}… ({len(value)} characters)"
    return f"{shown} {unit}".strip()


def _add(
    series: dict[str, Series],
    code: str,
    name: str,
    quantity: Mapping[str, Any],
    status: str,
    time: int | None,
    spoilt: bool,
) -> bool:
    value = amount_of(quantity)
    if time is None or value is None:
        return False
    unit = str(quantity.get("unit") or quantity.get("code") or "")
    found = series.setdefault(code, Series(code, name or code, unit))
    found.points.append(ResultPoint(time, value, status in VOID, status, spoilt))
    return True
