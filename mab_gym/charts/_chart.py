"""Reads a patient's chart from any archive and puts it in order for a reader; unusual imported shapes included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Any, Final

from mab_gym.charts._elements import Elements, code_of, full_name, named, seconds_of, spoken
from mab_gym.charts._importance import importance
from mab_gym.charts._kinds import KINDS, Kind
from mab_gym.charts._notes import Note, read_notes
from mab_gym.charts._owners import owners
from mab_gym.charts._ranges import Reference, reference_range
from mab_gym.charts._references import Names
from mab_gym.charts._series import MEASURED, VOID, Series, add_numbers, dicts, in_words
from mab_gym.charts._stay import Stay
from mab_gym.charts._stays import Rows, read_stays
from mab_gym.errors import UsageError
from mab_gym.fhir.model._definitions import elements as defined_elements
from mab_gym.fhir.store._archive import Archive
from mab_gym.fhir.store._base import BaseTable

_ADULT: Final = 18
NO_ALLERGY: Final = ("716186003", "409137002", "428607008", "1003774007")
"""SNOMED CT codes that say that no allergy, or none to drugs, food or latex, is known."""
_DAY: Final = 86400
_CLASSES: Final = {
    "AMB": "ambulatory", "EMER": "emergency", "FLD": "field", "HH": "home visit", "IMP": "inpatient",
    "ACUTE": "inpatient, acute", "NONAC": "inpatient, not acute", "OBSENC": "observation", "PRENC": "before admission",
    "SS": "short stay", "VR": "virtual",
}  # fmt: skip
"""The classes of encounters by their code in HL7's v3 ActCode."""
_MARITAL: Final = {
    "A": "annulled", "D": "divorced", "I": "interlocutory", "L": "legally separated", "M": "married",
    "P": "polygamous", "S": "never married", "T": "domestic partner", "U": "unmarried", "W": "widowed",
    "UNK": "not known",
}  # fmt: skip
"""The marital states by their code in HL7's v3 MaritalStatus."""
_NAMING: Final = (
    "code", "vaccineCode", "medicationCodeableConcept", "serviceType", "type", "category", "class", "description",
    "title", "name",
)  # fmt: skip
"""Elements that name a resource, the best first."""
_TOLD: Final = ("category", "verificationStatus", "criticality", "reaction", "dosageInstruction")
"""Elements of which the detail of a row is told."""


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
        void: True if it was entered in error or refuted.
        listed: True if it stands on the problem list, False if it was a diagnosis of encounters alone.
    """

    name: str
    code: str
    count: int = 0
    first: int | None = None
    last: int | None = None
    status: str = ""
    detail: str = ""
    void: bool = False
    listed: bool = False

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
        allergies: The allergies, those entered in error or refuted last.
        conditions: The problem list and diagnoses by importance (`mab_gym.charts._importance`).
        encounters: The encounters, the latest first.
        contacts: Days on which something was recorded, where there are no encounters: runs of days without a gap as
            first day, last day (in days since 1970) and number of records, the latest first.
        medications: The medications by drug, those in use first, then the latest.
        procedures: The procedures by kind, the most frequent first.
        series: Numeric results by code; a blood pressure makes two of them.
        texts: Other results by name, with the text of the last one as detail.
        others: Resources of further types, by type, in the order in which they are shown.
        stays: Inpatient and emergency stays, the newest first.
        notes: Notes, the newest first.
    """

    mrn: str
    name: str = ""
    female: bool | None = None
    gender: str = ""
    birth: date | None = None
    born: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    allergies: list[ChartEntry] = field(default_factory=list)
    conditions: list[ChartEntry] = field(default_factory=list)
    encounters: list[ChartEntry] = field(default_factory=list)
    contacts: list[tuple[int, int, int]] = field(default_factory=list)
    medications: list[ChartEntry] = field(default_factory=list)
    procedures: list[ChartEntry] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    texts: dict[str, ChartEntry] = field(default_factory=dict)
    others: dict[str, list[ChartEntry]] = field(default_factory=dict)
    stays: list[Stay] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def age(self, now: datetime) -> int | None:
        """Returns the age in completed years; None if the date of birth is not known."""
        if self.birth is None:
            return None
        return now.year - self.birth.year - ((now.month, now.day) < (self.birth.month, self.birth.day))

    def reference(self, series: Series) -> Reference | None:
        """Returns the reference range of a series: the record's own, else the one for adults; None if there is none."""
        if series.stated is not None:
            return Reference(series.stated, "record")
        if self.birth is not None and series.points:
            last = datetime.fromtimestamp(series.points[-1].time, UTC)
            if (self.age(last) or 0) < _ADULT:
                return None
        return reference_range(series.code, series.unit, self.female)


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
    days: Counter[int] = Counter()
    names = Names(archive)
    about: dict[str, Rows] = {}
    for name, other in archive.tables.items():
        if len(rows := owners(other).rows_of(mrn)):
            elements = Elements(other, rows)
            _fill(chart, name, elements, names)
            about[name] = Rows(other, rows, elements.times())
            days.update(time // _DAY for time in about[name].times if time is not None)
    if not chart.encounters:
        chart.contacts = _contacts(days)
    order = {name: place for place, name in enumerate(KINDS)}
    chart.others = dict(sorted(chart.others.items(), key=lambda item: order.get(item[0], len(order))))
    chart.stays = read_stays(about, names, chart.female)
    chart.notes = read_notes(about.get("DocumentReference"), names)
    for listed in (chart.encounters, chart.medications, chart.allergies):
        listed.sort(key=lambda entry: -(entry.last or 0))
    chart.allergies.sort(key=lambda entry: entry.void)
    chart.medications.sort(key=lambda entry: entry.status not in ("active", "on-hold", "draft"))
    chart.conditions.sort(key=_importance)
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


def _importance(entry: ChartEntry) -> tuple[float, ...]:
    return *importance(entry.status, entry.code, entry.name, entry.void), not entry.listed, -(entry.last or 0)


def _contacts(days: Mapping[int, int]) -> list[tuple[int, int, int]]:
    """Returns runs of days without a gap: first day, last day and number of records, the latest first."""
    found: list[tuple[int, int, int]] = []
    for day in sorted(days):
        if found and found[-1][1] == day - 1:
            found[-1] = (found[-1][0], day, found[-1][2] + days[day])
        else:
            found.append((day, day, days[day]))
    return found[::-1]


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
    if status := spoken(resource.get("maritalStatus")):
        chart.facts["marital status"] = _MARITAL.get(status, status)
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


def _fill(chart: PatientChart, resource_type: str, elements: Elements, names: Names) -> None:
    match resource_type:
        case "Observation":
            _observations(chart, elements)
        case "AllergyIntolerance":
            chart.allergies += _grouped(elements, ("code",), "clinicalStatus", _allergy)
        case "Condition":
            chart.conditions += _grouped(elements, ("code",), "clinicalStatus")
        case "Encounter":
            chart.encounters += _encounters(elements)
        case "MedicationRequest":
            drugs = ("medicationCodeableConcept", "medicationReference")
            chart.medications += _grouped(elements, drugs, "status", _dosage)
        case "Procedure":
            chart.procedures += _grouped(elements, ("code",), "status")
        case "DocumentReference":
            pass  # `_notes` reads them
        case _ if (kind := KINDS.get(resource_type)) is not None:
            chart.others[resource_type] = _told_by(kind, elements, names)
        case _:
            chart.others[resource_type] = _grouped(elements, (_naming(resource_type),), "status")


def _naming(resource_type: str) -> str:
    """Returns the element that names a resource of a type."""
    defined = defined_elements(resource_type)
    return next((name for name in _NAMING if name in defined), "code")


def _told_by(kind: Kind, elements: Elements, names: Names) -> list[ChartEntry]:
    """Returns entries of a further type, the latest first; several with the same name and details are one."""
    entries: dict[tuple[str, ...], ChartEntry] = {}
    columns = {name: elements.values(name) for name in dict.fromkeys((*kind.names, *kind.told, kind.status))}
    for place, time in enumerate(elements.times()):
        row = {name: column[place] for name, column in columns.items()}
        concept = next((row[name] for name in kind.names if _name_of(row[name])), None)
        status, detail = row[kind.status], kind.tell(row, names)
        state = status if isinstance(status, str) else ""
        void = state in VOID
        name, code = _name_of(concept) or "(not coded)", code_of(concept)
        key = (name, code, "void" if void else "", *((str(place),) if kind.alone else ()))
        entries.setdefault(key, ChartEntry(name, code, void=void)).add(time, state, detail)
    return sorted(entries.values(), key=lambda entry: (entry.void, -(entry.last or 0)))


def _name_of(value: Any) -> str:
    """Returns the words of a text, a concept, or a backbone element with a type."""
    if isinstance(value, dict) and not (value.get("coding") or value.get("text")) and value.get("type"):
        return named(value["type"])
    return named(value)


def _grouped(
    elements: Elements,
    names: Sequence[str],
    status: str,
    tell: Callable[[Mapping[str, Any]], str] = lambda row: "",
) -> list[ChartEntry]:
    """Returns one entry for each thing that some rows name.

    A status on the problem list counts before that of a diagnosis at an encounter, which is over when the encounter is.

    Args:
        elements: The rows.
        names: The elements that name the thing, the best first.
        status: The element with its status.
        tell: Tells the detail of a row, of which it is given the elements in `_TOLD`.
    """
    entries: dict[tuple[str, str, bool], ChartEntry] = {}
    columns = {name: elements.values(name) for name in (*names, status, *_TOLD)}
    for place, time in enumerate(elements.times()):
        row = {name: column[place] for name, column in columns.items()}
        concept = next((row[name] for name in names if named(row[name])), None)
        verified = _state(row["verificationStatus"])
        void = verified in VOID
        listed = "encounter-diagnosis" not in map(code_of, dicts(row["category"]))
        key = (named(concept) or "(not coded)", code_of(concept), void)
        entry = entries.setdefault(key, ChartEntry(*key[:2], void=void))
        before, known = entry.listed, entry.status
        said = [_state(row[status]), verified if verified not in ("", "confirmed") else ""]
        entry.add(time, ", ".join(each for each in said if each), tell(row))
        entry.listed = before or listed
        if before and not listed:
            entry.status = known
        elif listed and not before:
            entry.status = ", ".join(each for each in said if each)
    return list(entries.values())


def _state(value: Any) -> str:
    """Returns a status by its code; in its words where it has none."""
    return code_of(value) or spoken(value)


def _dosage(row: Mapping[str, Any]) -> str:
    return next((str(each.get("text") or "") for each in dicts(row["dosageInstruction"])), "")


def _allergy(row: Mapping[str, Any]) -> str:
    signs = [named(sign) for each in dicts(row["reaction"]) for sign in dicts(each.get("manifestation"))]
    severe = [str(each["severity"]) for each in dicts(row["reaction"]) if each.get("severity")]
    risk = {"high": "high risk", "low": "low risk"}.get(str(row["criticality"]), "")
    return ", ".join(dict.fromkeys(each for each in (risk, *signs, *severe) if each))


def _encounters(elements: Elements) -> list[ChartEntry]:
    """Returns an entry for each encounter: what it was, its reasons, its beginning and its end."""
    columns = [elements.values(name) for name in ("type", "class", "reasonCode", "status", "period")]
    found = []
    for kind, group, reasons, status, period, time in zip(*columns, elements.times(), strict=True):
        setting = group if isinstance(group, dict) else {}
        where = str(setting.get("display") or _CLASSES.get(str(setting.get("code") or "").upper(), ""))
        end = seconds_of(period.get("end")) if isinstance(period, dict) else None
        why = ", ".join(said for each in dicts(reasons) if (said := named(each)))
        entry = ChartEntry(named(kind) or where or "(not coded)", code_of(kind), 1, time, end or time)
        entry.status, entry.void = str(status or ""), status in VOID
        entry.detail = "; ".join(each for each in (where if entry.name != where else "", why) if each)
        found.append(entry)
    return found


def _observations(chart: PatientChart, elements: Elements) -> None:
    columns: list[list[Any]] = [elements.values(name) for name in MEASURED]
    columns.append(list(elements.times()))
    for *row, time in zip(*columns, strict=True):
        found = dict(zip(MEASURED, row, strict=True))
        if not add_numbers(chart.series, found, time):
            kind, name = code_of(found["code"]) or spoken(found["code"]), named(found["code"]) or "(not coded)"
            entry = chart.texts.setdefault(name, ChartEntry(name, kind))
            entry.add(time, str(found["status"] or ""), in_words(found))
