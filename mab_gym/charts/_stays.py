"""Finds the stays of a patient in an archive: inpatient and emergency encounters, each with all that happened in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mab_gym.charts._elements import Elements, named, seconds_of
from mab_gym.charts._references import Names
from mab_gym.charts._series import VOID, dicts
from mab_gym.charts._stay import Stay
from mab_gym.charts._stay_reading import read_stay, zone_of
from mab_gym.fhir.store._table import IntArray, Table

MOST_STAYS: Final = 8
"""Stays that are drawn: the newest ones."""
_CLASSES: Final = {
    "IMP": "inpatient", "ACUTE": "inpatient", "NONAC": "inpatient", "EMER": "emergency", "OBSENC": "observation",
    "SS": "short stay",
}  # fmt: skip
_TYPES: Final = (
    "Encounter", "Observation", "MedicationAdministration", "MedicationRequest", "ServiceRequest", "NutritionOrder",
    "DiagnosticReport", "Communication", "DocumentReference", "Procedure", "Specimen", "Condition",
)  # fmt: skip
"""The types of resources that a stay shows."""
_BETWEEN: Final = 6 * 3600
"""Seconds between an emergency visit and the admission that it leads to, at most."""
_AFTER: Final = 12 * 3600
"""Seconds after a stay in which its last note may be signed."""
_SHORTEST: Final = 1800


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table about a patient.

    Attributes:
        table: The table.
        rows: The rows.
        times: The time of each, in seconds since 1970; None where it has none.
    """

    table: Table
    rows: IntArray
    times: Sequence[int | None]

    def between(self, begin: int, end: int) -> list[dict[str, Any]]:
        """Returns the resources of a stretch of time, those without a time too, with their type and id."""
        kept = [place for place, time in enumerate(self.times) if time is None or begin <= time <= end]
        rows = self.rows[np.array(kept, dtype=np.intp)]
        kind = {"resourceType": self.table.resource_type}
        found = Elements(self.table, rows).resources()
        return [
            {**each, **kind, "id": str(self.table.ids[row])} for row, each in zip(rows.tolist(), found, strict=True)
        ]


def read_stays(about: Mapping[str, Rows], names: Names, female: bool | None) -> list[Stay]:
    """Returns a patient's stays, the newest first, at most `MOST_STAYS`.

    An emergency visit and the admission that follows it make one stay.

    Args:
        about: The rows about the patient, by resource type.
        names: The names of wards.
        female: The patient's sex; None if it is not known.
    """
    if "Encounter" not in about:
        return []
    latest = max((time for rows in about.values() for time in rows.times if time is not None), default=0)
    stays: list[_Span] = []
    for encounter in Elements(about["Encounter"].table, about["Encounter"].rows).resources():
        found = _span(encounter, latest)
        if found is not None:
            stays.append(found)
    stays.sort(key=lambda each: (each.begin, each.end))
    return [_read(span, about, names, female) for span in _joined(stays)[::-1][:MOST_STAYS]]


@dataclass(frozen=True, slots=True)
class _Span:
    begin: int
    end: int
    kind: str
    why: str
    written: object


def _span(encounter: Mapping[str, Any], latest: int) -> _Span | None:
    setting, period = encounter.get("class"), encounter.get("period")
    kind = _CLASSES.get(str(setting.get("code") or "").upper(), "") if isinstance(setting, dict) else ""
    begin = seconds_of(period) if isinstance(period, dict) and period.get("start") else None
    if not kind or begin is None or not isinstance(period, dict) or encounter.get("status") in (*VOID, "planned"):
        return None
    end = seconds_of(period["end"]) if period.get("end") else max(latest, begin)
    why = ", ".join(said for each in dicts(encounter.get("reasonCode")) if (said := named(each)))
    return None if end is None or end < begin else _Span(begin, end, kind, why, period.get("start"))


def _joined(stays: Sequence[_Span]) -> list[_Span]:
    found: list[_Span] = []
    for each in stays:
        before = found[-1] if found else None
        if before is not None and before.kind == "emergency" and each.begin - before.end <= _BETWEEN:
            kind = each.kind if each.kind == before.kind else f"emergency, then {each.kind}"
            found[-1] = _Span(before.begin, max(each.end, before.end), kind, each.why or before.why, before.written)
        else:
            found.append(each)
    return found


def _read(span: _Span, about: Mapping[str, Rows], names: Names, female: bool | None) -> Stay:
    end = max(span.end, span.begin + _SHORTEST)
    resources = []
    for name in _TYPES:
        if name in about:
            until = end + _AFTER if name == "DocumentReference" else end
            resources += about[name].between(span.begin, until)
    title = ": ".join(each for each in (span.kind, span.why) if each)
    notes = [
        time
        for each in resources
        if each["resourceType"] == "DocumentReference" and (time := seconds_of(each.get("date"))) is not None
    ]
    shown = max([end, *notes])
    return read_stay(title, span.begin, shown, resources, zone_of(span.written), female, names.at)
