"""The chart that is being written: ids, and the references that its rows make to each other.

Ids are numbers. The hospital's own resources lie below `PEOPLE`; each person has a range of `ROOM` from there on, in
which the rows are numbered in the order of loading: type by type, each by time. So an id tells the person and nothing
else, and a person's rows do not depend on anybody else.

The record system went live on `LIVE`: everything older was loaded in that night. Since then the rows of a day come in
the night after it, and those of today as they happen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from mab_gym.cohort._columns import pretty
from mab_gym.cohort._spec import DAY, HOUR
from mab_gym.cohort.hospital._history import NOW, History, Person, Practitioner, Staff
from mab_gym.cohort.hospital._zone import in_utc, offset_at
from mab_gym.cohort.hospital.rows._fhir import Element, reference, reference_text
from mab_gym.cohort.hospital.rows._sheet import Sheet
from mab_gym.errors import ContentError

PRACTITIONERS, ROLES_OF, ORGANIZATIONS, SCHEDULES = 1_001, 3_001, 101, 5_001
HANDBOOK: Final = 8_001
PLACES: Final = 1_000_000
SLOTS: Final = 3_000_000
PEOPLE: Final = 10_000_000
"""The first id of each kind of the hospital's own resources, and the first of all people."""
ROOM: Final = 100_000
"""Ids for one person."""
HOSPITAL_ORGANIZATION: Final = ORGANIZATIONS
LIVE: Final = int(in_utc(NOW).replace(year=2024, month=6, day=2, hour=4, minute=0).timestamp())
"""The beginning of the night in which the older records were loaded: 2024-06-02, midnight in the hospital's zone."""
_LOAD_SECONDS: Final = 6 * HOUR
_TODAY: Final = NOW // DAY * DAY
_NIGHT: Final = DAY + 7 * HOUR
"""From the beginning of a day (UTC) to the transfer of its rows: two o'clock at night in winter."""
_SPREAD: Final = 5400
"""Seconds that the transfer of everybody's rows takes; our choice."""


class Hospital:
    """The hospital's own resources as others refer to them.

    Args:
        staff: The staff.
    """

    def __init__(self, staff: Staff) -> None:
        self.staff = staff
        self.practitioners: list[Element] = [
            reference("Practitioner", PRACTITIONERS + one.number, shown(one)) for one in staff.practitioners
        ]
        self.practitioner_texts = [pretty(each) for each in self.practitioners]
        self.collectors = [f'\n    "collector": {pretty(each, 4)},' for each in self.practitioners]
        self.pathologists = [one.number for one in staff.of("laboratory")]
        self.performers = [f"[ {text} ]" for text in self.practitioner_texts]
        self.places: list[Element] = [reference("Location", PLACES + at.number, at.name) for at in staff.places]
        self.organization = reference("Organization", HOSPITAL_ORGANIZATION, staff.name)
        self.organization_text = pretty(self.organization)
        first = HOSPITAL_ORGANIZATION + 1
        self.payers = [reference("Organization", first + n, name) for n, name in enumerate(staff.payers)]
        first += len(staff.payers)
        self.outside = [reference("Organization", first + n, name) for n, name in enumerate(staff.outside)]
        self.clinics = {place.service: place.number for place in staff.places if place.kind == "clinic"}
        self.nurses: Mapping[str, Sequence[int]] = {
            service: [one.number for one in staff.of(service, "nurse")]
            for service in dict.fromkeys(one.service for one in staff.practitioners)
        }


def shown(one: Practitioner) -> str:
    """Returns a practitioner's name with the degree."""
    return f"{one.given} {one.family}, {one.degree}" if one.degree else f"{one.given} {one.family}"


@dataclass(slots=True)
class Chart:
    """One person's rows in the making.

    Attributes:
        history: The person's history.
        hospital: The hospital.
        subject: The reference to the patient, as JSON.
        loaded: When this person's older records were loaded, in milliseconds since 1970-01-01T00:00:00Z.
        next_id: The next free id.
        visits: Ids of the encounters, by visit.
        encounters: References to them, as JSON.
        problems: Ids of the conditions that stand for the problems where others refer to them.
        diagnoses: Ids of the diagnoses, by visit and problem.
        panels: Ids of the ServiceRequests, by panel.
        reasons: The references to a visit's principal condition, as a list in JSON; empty where there is none.
        kin: Id of the first RelatedPerson.
    """

    history: History
    hospital: Hospital
    subject: str
    loaded: int
    next_id: int
    visits: list[int] = field(default_factory=list)
    encounters: list[str] = field(default_factory=list)
    problems: dict[int, int] = field(default_factory=dict)
    diagnoses: dict[tuple[int, int], int] = field(default_factory=dict)
    panels: list[int] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    kin: int | None = None

    @property
    def person(self) -> Person:
        return self.history.person

    def take(self, count: int = 1) -> int:
        """Takes ids, and returns the first.

        Raises:
            ContentError: This person has more rows than there is room for.
        """
        first = self.next_id
        self.next_id = first + count
        if (first - PEOPLE) // ROOM != (self.next_id - 1 - PEOPLE) // ROOM:
            raise ContentError(f"person {self.person.number} has more than {ROOM:,} records")
        return first

    def stamp(self, moment: int) -> int:
        """Returns when a row that is of a moment was written last, in milliseconds since 1970-01-01T00:00:00Z."""
        if moment < _TODAY:
            moment = moment // DAY * DAY + _NIGHT + self.loaded % _SPREAD
        return max(self.loaded, moment * 1000 + 1873)

    def meta(self, sheet: Sheet, profile: str, moment: int) -> int:
        """Returns the code of ``meta`` for a row that was recorded at a moment."""
        return sheet["meta"].of((profile, self.stamp(min(moment, NOW))), meta_of)

    def metas(self, sheet: Sheet, profile: str, moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns codes of ``meta`` for many rows."""
        if not len(moments):
            return moments
        pool = sheet["meta"]
        stamps = self.stamps(moments)
        if int(stamps.max()) == self.loaded:
            return np.full(len(moments), pool.of((profile, self.loaded), meta_of), dtype=np.int64)
        distinct, back = np.unique(stamps, return_inverse=True)
        return np.array([pool.of((profile, one), meta_of) for one in distinct.tolist()], dtype=np.int64)[back]

    def stamps(self, moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns what `stamp` returns, for many rows."""
        nightly = moments // DAY * DAY + _NIGHT + self.loaded % _SPREAD
        written = np.where(moments < _TODAY, nightly, np.minimum(moments, NOW))
        found: npt.NDArray[np.int64] = np.maximum(written * 1000 + 1873, self.loaded)
        return found

    def encounter(self, sheet: Sheet, visit: int | None, element: str = "encounter") -> int:
        """Returns the code of a reference to an encounter; 0 where there is none."""
        return 0 if visit is None else sheet[element].text(self.encounters[visit])

    def who(self, sheet: Sheet, element: str, practitioner: int | None) -> int:
        """Returns the code of a reference to a practitioner; 0 where there is none."""
        return 0 if practitioner is None else sheet[element].text(self.hospital.practitioner_texts[practitioner])

    def whose(self, sheet: Sheet, element: str = "subject") -> int:
        """Returns the code of the reference to the patient."""
        return sheet[element].text(self.subject)

    def because(self, problem: int | None) -> str:
        """Returns a list with the reference to the condition of a problem, as JSON; empty where there is none."""
        found = None if problem is None else self.problems.get(problem)
        return "" if found is None else f"[ {reference_text('Condition', found)} ]"

    def condition(self, problem: int | None) -> Element | None:
        """Returns the reference to the condition of a problem; None where there is none."""
        found = None if problem is None else self.problems.get(problem)
        return None if found is None else reference("Condition", found)


def chart_of(history: History, hospital: Hospital) -> Chart:
    """Begins a chart."""
    number = history.person.number
    # Our choice: people are loaded in no order that can be told.
    loaded = LIVE * 1000 + (number * 2_654_435_761 + 977_531) % (_LOAD_SECONDS * 1000)
    return Chart(history, hospital, reference_text("Patient", history.person.mrn), loaded, PEOPLE + number * ROOM)


def optional(sheet: Sheet, element: str, text: str) -> int:
    """Returns the code of a text; 0 where it is empty."""
    return sheet[element].text(text) if text else 0


def meta_of(key: tuple[str, int]) -> str:
    """Returns what `meta_text` returns, of profile and moment."""
    profile, stamp = key
    return meta_text(profile, stamp)


def meta_text(profile: str, stamp: int) -> str:
    """Returns a resource's ``meta``.

    Args:
        profile: The profile's address; empty for none.
        stamp: When it was written last, in milliseconds since 1970-01-01T00:00:00Z.
    """
    seconds, rest = divmod(stamp, 1000)
    offset = offset_at(seconds)
    moment = in_utc(seconds + offset).isoformat()[:19]
    updated = f"{moment}.{rest:03d}-{-offset // HOUR:02d}:00"
    follows = f',\n    "profile": [ "{profile}" ]' if profile else ""
    return f'{{\n    "versionId": "1",\n    "lastUpdated": "{updated}"{follows}\n  }}'
