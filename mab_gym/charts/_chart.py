"""Reads a patient's chart from any archive and puts it in order for a reader; unusual imported shapes included."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Any, Final

from mab_gym.charts._elements import Elements, amount_of, code_of, full_name, spoken
from mab_gym.charts._owners import owners
from mab_gym.errors import UsageError
from mab_gym.fhir.model._definitions import elements as defined_elements
from mab_gym.fhir.store._archive import Archive
from mab_gym.fhir.store._base import BaseTable

VOID: Final = ("entered-in-error", "cancelled")
_PRESSURE: Final = re.compile(r"\s*(\d{2,3})\s*/\s*(\d{2,3})\s*(mm\s?\[?Hg\]?)?\s*")
_LONGEST_NUMBER: Final = 24
_NAMING: Final = (
    "code", "vaccineCode", "medicationCodeableConcept", "serviceType", "type", "category", "class", "description",
    "title", "name",
)  # fmt: skip
"""Elements that name a resource, the best first."""


@dataclass(frozen=True, slots=True)
class ResultPoint:
    """One result.

    Attributes:
        time: Its time, in seconds since 1970-01-01T00:00:00Z.
        value: Its value, in the series' unit.
        void: True if it was entered in error or cancelled.
        status: Its status.
    """

    time: int
    value: float
    void: bool
    status: str


@dataclass(slots=True)
class Series:
    """The numeric results of one kind, oldest first.

    Attributes:
        code: The code, as in ``K``.
        name: The name for people.
        unit: The unit as displayed.
        points: The results.
    """

    code: str
    name: str
    unit: str
    points: list[ResultPoint] = field(default_factory=list)

    @property
    def valid(self) -> list[ResultPoint]:
        """The results that were not entered in error."""
        return [point for point in self.points if not point.void]


@dataclass(slots=True)
class ChartEntry:
    """A condition, drug, procedure or other thing that was recorded once or several times.

    Attributes:
        name: Its name.
        code: Its code.
        count: The number of its records.
        first: The time of the first record in seconds since 1970, or None.
        last: The time of the last record in seconds since 1970, or None.
        status: The status of the last record.
        detail: A detail of the last record, such as a dose.
    """

    name: str
    code: str
    count: int = 0
    first: int | None = None
    last: int | None = None
    status: str = ""
    detail: str = ""

    def add(self, time: int | None, status: str, detail: str = "") -> None:
        """Counts one more."""
        self.count += 1
        if time is not None and (self.first is None or time < self.first):
            self.first = time
        if self.last is None or (time is not None and time >= self.last):
            self.last, self.status, self.detail = time, status, detail


@dataclass(slots=True)
class PatientChart:
    """One patient's chart.

    Attributes:
        mrn: The Patient's id.
        name: Given and family names.
        female: True for a woman, False for a man, None for another or unknown gender.
        gender: The gender as written.
        birth: The date of birth; None if no day is known.
        born: The date of birth as written, which may be only a year.
        facts: Other demographics, by label.
        conditions: The problem list and diagnoses, the latest first.
        medications: The medications by drug, the latest first.
        procedures: The procedures by kind, the most frequent first.
        series: Numeric results by code; a blood pressure makes two of them.
        texts: Other results by name, with the text of the last one as detail.
        others: Resources of further types, by type.
    """

    mrn: str
    name: str = ""
    female: bool | None = None
    gender: str = ""
    birth: date | None = None
    born: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    conditions: list[ChartEntry] = field(default_factory=list)
    medications: list[ChartEntry] = field(default_factory=list)
    procedures: list[ChartEntry] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    texts: dict[str, ChartEntry] = field(default_factory=dict)
    others: dict[str, list[ChartEntry]] = field(default_factory=dict)

    def age(self, now: datetime) -> int | None:
        """Returns the age in completed years; None if the date of birth is not known."""
        if self.birth is None:
            return None
        return now.year - self.birth.year - ((now.month, now.day) < (self.birth.month, self.birth.day))


def read_chart(archive: Archive, mrn: str) -> PatientChart:
    """Reads a patient's chart.

    Raises:
        UsageError: There is no such Patient; the text names some with a similar id.
    """
    table = archive.tables.get("Patient")
    ids = [str(logical_id) for logical_id in table.ids] if table is not None else []
    if table is None or mrn not in ids:
        near = get_close_matches(mrn.upper(), ids, 3, 0.6)
        hint = f"; nearly the same: {', '.join(near)}" if near else ""
        raise UsageError(f"there is no Patient {mrn!r} here{hint}; `mab-gym data patients` lists them")
    chart = _person(mrn, BaseTable(table).resource(ids.index(mrn)))
    for name, other in archive.tables.items():
        if len(rows := owners(other).rows_of(mrn)):
            _fill(chart, name, Elements(other, rows))
    for listed in (chart.conditions, chart.medications):
        listed.sort(key=lambda entry: -(entry.last or 0))
    chart.procedures.sort(key=lambda entry: -entry.count)
    for series in chart.series.values():
        series.points.sort(key=lambda point: point.time)
    return chart


def when(seconds: int | None, to: str = "minutes") -> str:
    """Writes a time for people, in UTC; a dash if it is not known."""
    if seconds is None:
        return "–"
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return "–"
    return moment.strftime("%Y-%m-%d %H:%M" if to == "minutes" else "%Y-%m-%d")


def _person(mrn: str, resource: Mapping[str, Any]) -> PatientChart:
    gender = str(resource.get("gender") or "")
    born = str(resource.get("birthDate") or "")
    try:
        birth = date.fromisoformat(born)
    except ValueError:
        birth = None
    female = {"female": True, "male": False}.get(gender)
    chart = PatientChart(mrn, full_name(resource.get("name")), female, gender, birth, born)
    for address in (a for a in resource.get("address") or () if isinstance(a, dict)):
        towns = [address.get(key) for key in ("city", "state", "postalCode")]
        parts = [str(part) for part in (*(address.get("line") or ()), *towns) if part]
        chart.facts.setdefault("address", ", ".join(parts))
    for contact in (t for t in resource.get("telecom") or () if isinstance(t, dict)):
        chart.facts.setdefault(str(contact.get("system") or "contact"), str(contact.get("value") or ""))
    for extension in (e for e in resource.get("extension") or () if isinstance(e, dict)):
        label = str(extension.get("url") or "").rpartition("us-core-")[2]
        if label in ("race", "ethnicity"):
            chart.facts.setdefault(label, _origin(extension))
    if spoken(resource.get("maritalStatus")):
        chart.facts["marital status"] = spoken(resource["maritalStatus"])
    return chart


def _origin(extension: Mapping[str, Any]) -> str:
    """Returns race or ethnicity in words: US Core's text, with the categories and details that add something."""
    parts: dict[str, list[str]] = {"text": [], "": []}
    for part in (extension, *(e for e in extension.get("extension") or () if isinstance(e, dict))):
        for name, value in part.items():
            if name.startswith("value") and (said := spoken(value)):
                parts["text" if part.get("url") == "text" else ""].append(said)
    texts = list(dict.fromkeys(parts["text"]))
    more = [said for said in dict.fromkeys(parts[""]) if said.casefold() not in {text.casefold() for text in texts}]
    if not texts or not more:
        return ", ".join(texts or more)
    return f"{', '.join(texts)} ({', '.join(more)})"


def _fill(chart: PatientChart, resource_type: str, elements: Elements) -> None:
    match resource_type:
        case "Observation":
            _observations(chart, elements)
        case "Condition":
            chart.conditions += _grouped(elements, "code", "clinicalStatus")
        case "MedicationRequest":
            chart.medications += _grouped(elements, "medicationCodeableConcept", "status", "dosageInstruction")
        case "Procedure":
            chart.procedures += _grouped(elements, "code", "status")
        case _:
            chart.others[resource_type] = _grouped(elements, _naming(resource_type), "status")


def _naming(resource_type: str) -> str:
    """Returns the element that names a resource of a type."""
    defined = defined_elements(resource_type)
    return next((name for name in _NAMING if name in defined), "code")


def _grouped(elements: Elements, concept: str, status: str, dosage: str = "") -> list[ChartEntry]:
    entries: dict[tuple[str, str], ChartEntry] = {}
    details = elements.values(dosage) if dosage else [None] * len(elements)
    statuses = elements.values(status)
    for each, time, state, detail in zip(elements.values(concept), elements.times(), statuses, details, strict=True):
        name = spoken(each) or "(not coded)"
        entry = entries.setdefault((name, code_of(each)), ChartEntry(name, code_of(each)))
        entry.add(time, spoken(state), _dosage(detail))
    return list(entries.values())


def _dosage(value: Any) -> str:
    first = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else {}
    return str(first.get("text") or "")


def _observations(chart: PatientChart, elements: Elements) -> None:
    names = ("code", "valueQuantity", "valueString", "valueCodeableConcept", "component", "status")
    columns: list[list[Any]] = [elements.values(name) for name in names]
    columns.append(list(elements.times()))
    for code, quantity, text, concept, parts, status, time in zip(*columns, strict=True):
        kind, name, state = code_of(code) or spoken(code), spoken(code) or "(not coded)", str(status or "")
        pressure = _PRESSURE.fullmatch(text) if isinstance(text, str) else None
        if isinstance(quantity, dict) and _add(chart, kind, name, quantity, state, time):
            continue
        if pressure:
            for place, part in enumerate(("systolic", "diastolic"), 1):
                _add(chart, part, part, {"value": float(pressure[place]), "unit": "mmHg"}, state, time)
            continue
        for each in (p for p in parts or () if isinstance(p, dict)):
            if isinstance(each.get("valueQuantity"), dict):
                kind_of_part = code_of(each.get("code")) or spoken(each.get("code"))
                _add(chart, kind_of_part, spoken(each.get("code")), each["valueQuantity"], state, time)
        said = text if isinstance(text, str) else spoken(concept) or _amount_in_words(quantity)
        chart.texts.setdefault(name, ChartEntry(name, kind)).add(time, state, said)


def _amount_in_words(quantity: Any) -> str:
    """Writes a Quantity that no series takes: one without a time, or without a plausible value."""
    if not isinstance(quantity, dict) or "value" not in quantity:
        return ""
    value, unit = str(quantity["value"]), str(quantity.get("unit") or quantity.get("code") or "")
    shown = value if len(value) <= _LONGEST_NUMBER else f"{value[:_LONGEST_NUMBER]}… ({len(value)} characters)"
    return f"{shown} {unit}".strip()


def _add(chart: PatientChart, code: str, name: str, quantity: Mapping[str, Any], status: str, time: int | None) -> bool:
    value = amount_of(quantity)
    if time is None or value is None:
        return False
    unit = str(quantity.get("unit") or quantity.get("code") or "")
    series = chart.series.setdefault(code, Series(code, name or code, unit))
    series.points.append(ResultPoint(time, value, status in VOID, status))
    return True
