"""A life while it is being made: the history so far, the hospital's places by service, and what is taken and known."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from mab_gym.cohort._spec import DAY, MINUTE
from mab_gym.cohort.hospital._history import NOW, History, Person, Prescription, Problem, Staff, Visit
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.cohort.hospital._staff import beds_of, draw_staff
from mab_gym.cohort.hospital.life._background import Background
from mab_gym.cohort.hospital.life._chance import Chance, day_number
from mab_gym.cohort.hospital.life._fate import Fate
from mab_gym.cohort.hospital.life._kidneys import egfr_of

WARD_OF: Final = {
    "emergency": "medicine", "primary": "medicine", "endocrinology": "medicine", "pulmonology": "medicine",
    "gastroenterology": "medicine", "neurology": "medicine", "psychiatry": "medicine", "orthopaedics": "surgery",
    "urology": "surgery", "anticoagulation": "medicine",
}  # fmt: skip
"""The service in whose beds people of a service without beds lie."""


@dataclass(frozen=True, slots=True)
class Wards:
    """The hospital's people and places by service.

    Attributes:
        doctors: Physicians by service.
        nurses: Nurses by service.
        clinics: The clinic of each service.
        beds: Beds by service.
        ward_of: The ward of each bed.
        radiology: The department of radiology.
        emergency: The emergency department.
    """

    doctors: dict[str, list[int]]
    nurses: dict[str, list[int]]
    clinics: dict[str, int]
    beds: dict[str, list[int]]
    ward_of: dict[int, int]
    radiology: int
    emergency: int


@lru_cache(maxsize=8)
def wards_of(spec: HospitalSpec) -> Wards:
    """Sorts a hospital's people and places by service."""
    staff = draw_staff(spec)
    doctors: dict[str, list[int]] = {}
    nurses: dict[str, list[int]] = {}
    for one in staff.practitioners:
        if one.role in ("physician", "nurse"):
            (doctors if one.role == "physician" else nurses).setdefault(one.service, []).append(one.number)
    clinics = {place.service: place.number for place in staff.places if place.kind == "clinic"}
    ward_of = {place.number: place.part_of for place in staff.places if place.part_of is not None}
    first = {kind: next(p.number for p in staff.places if p.kind == kind) for kind in ("radiology", "emergency")}
    return Wards(doctors, nurses, clinics, beds_of(staff), ward_of, first["radiology"], first["emergency"])


@dataclass(slots=True)
class Life:
    """A life while it is being made.

    Attributes:
        spec: The hospital.
        staff: Who works there.
        wards: The same by service.
        chance: Draws.
        background: Who this is.
        fate: What befalls the body.
        history: What has been made so far.
        places: The place in `History.problems` of each chronic disease.
        known: Chronic diseases that are known and not over.
        taking: Prescriptions for home that go on, by drug.
        forbidden: Drugs that a recorded allergy forbids.
        later: Steps of treatment that a later visit may begin: place of the problem and number of the step.
        doctors: The specialist of each service.
        busy: Until when the last visit took.
        done: How often each procedure was done.
        pregnant: True while pregnant and known.
        screened: When each screening was agreed to last.
        sure: Chronic diseases that somebody is sure to have written down: those that a stay now is about.
    """

    spec: HospitalSpec
    staff: Staff
    wards: Wards
    chance: Chance
    background: Background
    fate: Fate
    history: History
    places: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    taking: dict[str, Prescription] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    later: list[tuple[int, int]] = field(default_factory=list)
    doctors: dict[str, int] = field(default_factory=dict)
    busy: int = 0
    done: dict[str, int] = field(default_factory=dict)
    pregnant: bool = False
    screened: dict[str, int] = field(default_factory=dict)
    sure: frozenset[str] = frozenset()

    @property
    def person(self) -> Person:
        """The person who lives this life."""
        return self.history.person

    def age(self, moment: int) -> float:
        """Returns the exact age."""
        return self.background.age(moment)

    def egfr(self, moment: int) -> float:
        """Returns the kidney function without acute illness."""
        return egfr_of(self.age(moment), self.person.number, self.history.problems, moment)

    def doctor(self, service: str) -> int:
        """Returns who of a service sees this person: their own doctor, or a specialist who stays the same."""
        if service == "primary":
            return self.person.doctor
        if service not in self.doctors:
            self.doctors[service] = self.chance.one(self.wards.doctors[service])
        return self.doctors[service]

    def add_problem(
        self, key: str, onset: int, known: int | None, visit: int | None, severity: float, chronic: bool
    ) -> int:
        """Adds a problem, and returns its place."""
        self.history.problems.append(Problem(key, onset, known, None, severity, chronic, visit))
        return len(self.history.problems) - 1

    def reveal(self, keys: tuple[str, ...], visit: int, moment: int) -> list[int]:
        """Makes known which chronic disease an acute illness comes from, if nobody knew of it; returns its place."""
        for key in keys:
            place = self.places.get(key)
            if place is None:
                continue
            problem = self.history.problems[place]
            over = problem.abated is not None and problem.abated <= moment
            if problem.known is None and problem.onset < moment and not over:
                problem.known, problem.visit = moment, visit
                self.known[key] = place
                return [place]
        return []

    def add_clinic(
        self, start: int, minutes: int, service: str, reason: str, problems: list[int], place: int | None = None
    ) -> int:
        """Adds a visit to a clinic, and returns its place."""
        at = self.wards.clinics[service] if place is None else place
        nurse = self.chance.one(self.wards.nurses[service])
        visit = Visit(
            "ambulatory", start, start + minutes * MINUTE, service, reason, problems, at, None, self.doctor(service),
            nurse, None, "", 0.1,
        )  # fmt: skip
        return self._add(visit)

    def add_call(self, start: int, reason: str, problems: list[int]) -> int:
        """Adds a telephone call to primary care, or a video visit."""
        virtual = reason == "symptom_call" and start > _VIDEO and self.chance.hit(0.35)
        minutes = self.chance.whole(10, 20) if virtual else self.chance.whole(3, 12)
        visit = Visit(
            "virtual" if virtual else "telephone", start, start + minutes * MINUTE, "primary", reason, problems,
            self.wards.clinics["primary"], None, self.person.doctor, None, None, "", 0.05,
        )  # fmt: skip
        return self._add(visit)

    def add_emergency(self, start: int, hours: float, reason: str, problems: list[int], course: float) -> int:
        """Adds a visit to the emergency department."""
        visit = Visit(
            "emergency", start, start + int(hours * 12) * 5 * MINUTE, "emergency", reason, problems,
            self.wards.emergency, None, self.chance.one(self.wards.doctors["emergency"]),
            self.chance.one(self.wards.nurses["emergency"]), None, "home", course,
        )  # fmt: skip
        return self._add(visit)

    def add_stay(
        self,
        start: int,
        end: int | None,
        service: str,
        reason: str,
        problems: list[int],
        course: float,
        bed: int | None,
    ) -> int:
        """Adds an admission; the bed is drawn unless it is given."""
        service = WARD_OF.get(service, service)
        if bed is None:
            bed = self.chance.one(self.wards.beds[service])
        visit = Visit(
            "inpatient", start, end, service, reason, problems, self.wards.ward_of[bed], bed,
            self.chance.one(self.wards.doctors[service]), self.chance.one(self.wards.nurses[service]), None, "", course,
        )  # fmt: skip
        return self._add(visit)

    def _add(self, visit: Visit) -> int:
        self.history.visits.append(visit)
        self.busy = visit.end if visit.end is not None else NOW + DAY
        return len(self.history.visits) - 1

    def free_day(self, moment: int) -> bool:
        """Tells if nothing has taken place yet on the day of a moment."""
        return day_number(moment) > day_number(self.busy) if self.busy else True


_VIDEO: Final = 1_584_400_000
"""From March 2020 on visits can be by video."""
SHORT, LONG = 20, 30
"""Minutes of a clinic visit."""
