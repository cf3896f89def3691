"""The records of one person's life with the hospital, as each step of the simulation hands them to the next.

Times are whole seconds since 1970-01-01T00:00:00Z, days are ``datetime.date``. Keys name rows of the catalogues in
``tables/``, which hold the codes. A number such as ``visit`` or ``problem`` is a place in a list of the same history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

ZONE: Final = ZoneInfo("America/New_York")
"""The hospital's time zone, with daylight saving."""
NOW: Final = int(datetime(2024, 11, 12, 13, 0, tzinfo=UTC).timestamp())
"""The present: Tuesday, 2024-11-12, 08:00 in the hospital's zone."""
RECORDS_FROM: Final = int(datetime(2014, 11, 12, 5, 0, tzinfo=UTC).timestamp())
"""Visits before this were on paper: earlier diseases and operations are known, their visits are not."""

SERVICES: Final = (
    "emergency", "medicine", "cardiology", "surgery", "intensive", "obstetrics", "oncology", "nephrology",
    "primary", "endocrinology", "pulmonology", "gastroenterology", "neurology", "psychiatry", "orthopaedics",
    "urology", "anticoagulation",
)  # fmt: skip
"""The hospital's services. Inpatients lie in emergency to nephrology; all but intensive see outpatients, too."""
ROLES: Final = ("physician", "resident", "nurse", "pharmacist", "therapist", "dietitian", "social_worker", "clerk")


@dataclass(frozen=True, slots=True)
class Practitioner:
    """One person who works here.

    Attributes:
        number: Its place in `Staff.practitioners`.
        given: Given name.
        family: Family name.
        role: One of `ROLES`.
        service: One of `SERVICES`, ``laboratory``, ``radiology`` or ``pharmacy``.
        npi: Ten digits, with a right check digit (the Luhn sum over 80840 and the number).
        degree: As in ``MD``, ``RN``, ``PharmD``.
    """

    number: int
    given: str
    family: str
    role: str
    service: str
    npi: str
    degree: str


@dataclass(frozen=True, slots=True)
class Place:
    """A ward, a clinic, a room with beds, the laboratory.

    Attributes:
        number: Its place in `Staff.places`.
        name: As in ``4 West, medicine``.
        service: As in `Practitioner.service`.
        kind: ``ward``, ``clinic``, ``emergency``, ``intensive``, ``laboratory``, ``radiology``, ``pharmacy``, ``bed``.
        part_of: For a bed, the place of its ward; else None.
    """

    number: int
    name: str
    service: str
    kind: str
    part_of: int | None = None


@dataclass(frozen=True, slots=True)
class Staff:
    """The hospital: who works there, and where.

    Attributes:
        name: The hospital's name.
        practitioners: All who work here.
        places: Wards, clinics, beds and departments.
        payers: Names of the insurers, as coverages name them.
        outside: Names of other hospitals, practices and pharmacies, as letters and dispenses name them.
    """

    name: str
    practitioners: Sequence[Practitioner]
    places: Sequence[Place]
    payers: Sequence[str]
    outside: Sequence[str]

    def of(self, service: str, role: str = "physician") -> list[Practitioner]:
        """Returns the people of a service with a role."""
        return [one for one in self.practitioners if one.service == service and one.role == role]


@dataclass(frozen=True, slots=True)
class Relative:
    """A relative: of the family history, or to be called in an emergency.

    Attributes:
        relation: HL7 v3 RoleCode, as in ``MTH``, ``FTH``, ``SIS``, ``BRO``, ``SPS``, ``DAU``, ``SON``.
        given: Given name.
        family: Family name.
        born: Year of birth.
        died: Age at death in years; None if alive.
        conditions: Keys of ``tables/conditions.csv`` with the age at onset in years.
        contact: True if this one is to be called.
        phone: Phone number; empty if none is known.
    """

    relation: str
    given: str
    family: str
    born: int
    died: int | None
    conditions: tuple[tuple[str, int], ...]
    contact: bool
    phone: str


@dataclass(slots=True)
class Person:
    """A person's background.

    Attributes:
        number: Its place in the cohort, from 0.
        mrn: Medical record number and logical id.
        family: Family name.
        given: One or two given names.
        female: Administrative gender and sex assigned at birth.
        born: Date of birth.
        died: Time of death; None if alive at `NOW`.
        cause: Key of the condition that was the cause of death; empty if alive.
        race: Code and display of the OMB race category of US Core.
        hispanic: Ethnicity.
        language: BCP-47, as in ``en`` or ``es``.
        interpreter: True if an interpreter is needed.
        marital: HL7 v3 MaritalStatus, as in ``M``, ``S``, ``W``, ``D``.
        line: Street and number.
        city: City.
        state: Two letters.
        postal: Five digits.
        phone: Phone number.
        email: Address, or empty.
        payer: Place in `Staff.payers`.
        plan: As in ``Medicare Part B``, ``Medicaid``, ``PPO``.
        doctor: Primary care practitioner's number in `Staff.practitioners`.
        pharmacy: Place in `Staff.outside`.
        occupation: In words.
        smoking: ``never``, ``former`` or ``current``.
        smoked_from: Year in which smoking began; 0 if never.
        smoked_until: Year in which it ended; 0 if never or still.
        packs: Packs a day while smoking.
        drinks: Drinks a week.
        height_cm: Height.
        weight_kg: Usual weight as an adult, from which `Readings` drift slowly.
        menarche: Age in years, women alone, else 0.
        pregnancies: Day of the last menstrual period before each, and the day of its end, women alone.
        relatives: The family.
    """

    number: int
    mrn: str
    family: str
    given: tuple[str, ...]
    female: bool
    born: date
    died: int | None = None
    cause: str = ""
    race: tuple[str, str] = ("2106-3", "White")
    hispanic: bool = False
    language: str = "en"
    interpreter: bool = False
    marital: str = "S"
    line: str = ""
    city: str = ""
    state: str = ""
    postal: str = ""
    phone: str = ""
    email: str = ""
    payer: int = 0
    plan: str = ""
    doctor: int = 0
    pharmacy: int = 0
    occupation: str = ""
    smoking: str = "never"
    smoked_from: int = 0
    smoked_until: int = 0
    packs: float = 0.0
    drinks: float = 0.0
    height_cm: float = 170.0
    weight_kg: float = 75.0
    menarche: int = 0
    pregnancies: list[tuple[date, date]] = field(default_factory=list)
    relatives: list[Relative] = field(default_factory=list)

    def age(self, moment: int) -> int:
        """Returns the completed years at a moment, in the hospital's zone."""
        day = local(moment).date()
        return day.year - self.born.year - ((day.month, day.day) < (self.born.month, self.born.day))


@dataclass(slots=True)
class Problem:
    """A disease or a state: chronic, or one acute episode.

    Attributes:
        key: Row of ``tables/conditions.csv``.
        onset: When it began.
        known: When it was diagnosed; from then on it can be in the record. None if nobody knows of it yet.
        abated: When it was over; None if it is still there.
        severity: From 0 (mild) to 1 (worst), which moves results and outcomes.
        chronic: True if it belongs on the problem list.
        visit: The visit at which it was diagnosed; None before `RECORDS_FROM` or elsewhere.
    """

    key: str
    onset: int
    known: int | None
    abated: int | None = None
    severity: float = 0.5
    chronic: bool = True
    visit: int | None = None


@dataclass(slots=True)
class Visit:
    """One encounter.

    Attributes:
        kind: ``ambulatory``, ``emergency``, ``inpatient``, ``telephone`` or ``virtual``.
        start: When it began.
        end: When it ended; None if it goes on at `NOW`.
        service: One of `SERVICES`.
        reason: Key of ``tables/reasons.csv``: why they come, as in ``chest_pain``, ``annual_visit``, ``refill``.
        problems: Places of the problems it is about, the principal one first.
        place: Ward or clinic, in `Staff.places`; an inpatient's bed is found there.
        bed: Bed in `Staff.places`; None if not an inpatient.
        practitioner: Attending or seen, in `Staff.practitioners`.
        nurse: In `Staff.practitioners`; None on the telephone.
        came_from: Place of the visit that led to it (emergency before admission); None if none.
        disposition: ``home``, ``home_health``, ``nursing_facility``, ``rehabilitation``, ``died``, ``admitted``,
            ``left_against_advice``, or empty where it goes on or is a clinic's.
        course: From 0 (smooth) to 1 (grave): how ill they were at the worst.
    """

    kind: str
    start: int
    end: int | None
    service: str
    reason: str
    problems: list[int]
    place: int
    bed: int | None
    practitioner: int
    nurse: int | None
    came_from: int | None = None
    disposition: str = ""
    course: float = 0.3


@dataclass(slots=True)
class Prescription:
    """A drug that somebody ordered: for home, or within a stay.

    Attributes:
        drug: Row of ``tables/drugs.csv``.
        dose: Amount in ``unit``, each time.
        unit: UCUM.
        route: ``oral``, ``iv``, ``sc``, ``im``, ``inhaled``, ``topical``, ``ophthalmic``, ``sublingual``, ``nasal``,
            ``transdermal``.
        times: Times a day; 0 for once; a negative number for an infusion, and ``dose`` is then per hour.
        needed: True if given when needed alone.
        start: From when on it is to be taken; the order is of that moment.
        end: When it was stopped or ran out; None if it goes on.
        why_ended: ``completed``, ``stopped``, ``changed``, ``adverse``, ``discharge`` or empty.
        problem: Place of the problem it is for; None where it is a prophylaxis, with ``reason`` in its place.
        reason: In words, where there is no problem.
        visit: The visit at which it was ordered; None if it came from elsewhere, and is known as a statement.
        prescriber: In `Staff.practitioners`; None if it came from elsewhere.
        inpatient: True if nurses give it during a stay.
        dispensed: When the pharmacy gave it out, for drugs for home: rising.
        adherence: Share of doses really taken at home, 0 to 1.
        mistake: The error that was made on purpose: ``contraindicated``, ``duplicate``, ``dose``, ``interaction``,
            ``not_stopped``, or empty.
        given: When nurses gave it, rising, for inpatients.
        withheld: Times at which it was due and not given, each with the reason in words.
        every: Days from one day on which it is taken to the next: 7 for once a week.
    """

    drug: str
    dose: float
    unit: str
    route: str
    times: int
    needed: bool
    start: int
    end: int | None
    why_ended: str
    problem: int | None
    reason: str
    visit: int | None
    prescriber: int | None
    inpatient: bool = False
    dispensed: list[int] = field(default_factory=list)
    adherence: float = 1.0
    mistake: str = ""
    given: list[int] = field(default_factory=list)
    withheld: list[tuple[int, str]] = field(default_factory=list)
    every: int = 1


@dataclass(slots=True)
class Allergy:
    """An allergy or intolerance.

    Attributes:
        key: Row of ``tables/allergens.csv``.
        onset: When it first showed.
        recorded: When it was recorded.
        reaction: Key of ``tables/reactions.csv``, as in ``hives``, ``anaphylaxis``, ``nausea``.
        severe: ``mild``, ``moderate`` or ``severe``.
        criticality: ``low`` or ``high``.
        intolerance: True if it is no allergy.
        refuted: When it was refuted; None if it stands.
        visit: The visit at which it was recorded.
    """

    key: str
    onset: int
    recorded: int
    reaction: str
    severe: str
    criticality: str
    intolerance: bool
    refuted: int | None
    visit: int | None


@dataclass(slots=True)
class Vaccination:
    """A vaccination, or one that was refused.

    Attributes:
        key: Row of ``tables/vaccines.csv``.
        moment: When.
        visit: The visit; None if given elsewhere.
        refused: True if it was offered and refused.
        lot: Lot number; empty if given elsewhere or refused.
    """

    key: str
    moment: int
    visit: int | None
    refused: bool
    lot: str


@dataclass(slots=True)
class Operation:
    """A procedure that was done: an operation, an endoscopy, a transfusion, a line.

    Attributes:
        key: Row of ``tables/procedures.csv``.
        start: When it began.
        end: When it ended.
        visit: The visit; None before `RECORDS_FROM` or elsewhere.
        problem: Place of the problem it is for; None for a screening.
        practitioner: Who did it; None elsewhere.
        finding: In words; empty if there is nothing to say.
    """

    key: str
    start: int
    end: int
    visit: int | None
    problem: int | None
    practitioner: int | None
    finding: str = ""


FINAL, HAEMOLYSED, ENTERED_IN_ERROR, CORRECTED, PRELIMINARY = range(5)
"""States of a reading."""


@dataclass(slots=True)
class Readings:
    """Numbers that were measured: vital signs, laboratory results, scores; columns of one length, by time.

    Attributes:
        moment: When the specimen was taken or the sign was read, int64.
        issued: When the result was there, int64; equal for vital signs.
        analyte: Row of ``tables/analytes.csv``, from 0, int16.
        value: In the unit of the catalogue, float64, rounded to its places.
        visit: Place of the visit, int32.
        state: `FINAL` and so on, int8.
        panel: Place in `History.panels`, int32; -1 if ordered alone or a vital sign.
        performer: In `Staff.practitioners`, int32.
    """

    moment: npt.NDArray[np.int64]
    issued: npt.NDArray[np.int64]
    analyte: npt.NDArray[np.int16]
    value: npt.NDArray[np.float64]
    visit: npt.NDArray[np.int32]
    state: npt.NDArray[np.int8]
    panel: npt.NDArray[np.int32]
    performer: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.moment)

    @staticmethod
    def none() -> Readings:
        """Returns no readings."""
        return Readings(
            moment=np.empty(0, dtype=np.int64),
            issued=np.empty(0, dtype=np.int64),
            analyte=np.empty(0, dtype=np.int16),
            value=np.empty(0, dtype=np.float64),
            visit=np.empty(0, dtype=np.int32),
            state=np.empty(0, dtype=np.int8),
            panel=np.empty(0, dtype=np.int32),
            performer=np.empty(0, dtype=np.int32),
        )


@dataclass(slots=True)
class Panel:
    """Tests that were ordered and drawn together: a ServiceRequest, a Specimen, a DiagnosticReport.

    Attributes:
        key: Row of ``tables/panels.csv``, as in ``basic_metabolic``, ``blood_count``.
        ordered: When it was ordered.
        drawn: When the specimen was taken; None if it was not.
        issued: When it was there; None if it is pending at `NOW` or was cancelled.
        visit: The visit.
        orderer: In `Staff.practitioners`.
        priority: ``routine``, ``urgent`` or ``stat``.
        cancelled: True if it was.
    """

    key: str
    ordered: int
    drawn: int | None
    issued: int | None
    visit: int
    orderer: int
    priority: str = "routine"
    cancelled: bool = False


@dataclass(slots=True)
class Report:
    """Imaging, microbiology, pathology, an electrocardiogram: a DiagnosticReport whose result is a text and codes.

    Attributes:
        key: Row of ``tables/studies.csv``, as in ``chest_xray``, ``ct_head``, ``blood_culture``, ``echo``.
        ordered: When it was ordered.
        moment: When it was done or taken.
        issued: When it was there; None if pending.
        visit: The visit.
        orderer: In `Staff.practitioners`.
        performer: In `Staff.practitioners`.
        indication: In words.
        findings: In words.
        conclusion: In words.
        codes: Keys of ``tables/conditions.csv``, or of ``tables/organisms.csv`` for microbiology.
        details: For microbiology: drug, interpretation (``S``, ``I``, ``R``), MIC as text.
    """

    key: str
    ordered: int
    moment: int
    issued: int | None
    visit: int
    orderer: int
    performer: int
    indication: str
    findings: str
    conclusion: str
    codes: tuple[str, ...] = ()
    details: tuple[tuple[str, str, str], ...] = ()


@dataclass(slots=True)
class Plan:
    """Anything else that an encounter leaves: what is planned, agreed, told or asked for.

    Attributes:
        kind: ``appointment``, ``referral``, ``care_plan``, ``care_team``, ``goal``, ``task``, ``flag``, ``consent``,
            ``communication``, ``diet``, ``survey``, ``code_status``.
        key: Row of ``tables/plans.csv`` of that kind.
        moment: When it was made.
        start: When it begins or is due; None where that means nothing.
        end: When it ends or was done; None while open.
        status: The FHIR status of the resource that it becomes.
        visit: The visit; None if none.
        practitioner: Who made it, in `Staff.practitioners`.
        other: Another practitioner (who is asked, told, or seen); None if none.
        problem: Place of the problem it is about; None if none.
        words: In words: the content of a message, what was agreed, what is aimed at.
        value: A number (the target of a goal, the score of a survey); None if there is none.
    """

    kind: str
    key: str
    moment: int
    start: int | None
    end: int | None
    status: str
    visit: int | None
    practitioner: int
    other: int | None = None
    problem: int | None = None
    words: str = ""
    value: float | None = None


@dataclass(slots=True)
class Note:
    """A text in the record.

    Attributes:
        kind: ``admission``, ``progress``, ``consult``, ``nursing``, ``discharge``, ``clinic``, ``telephone``,
            ``radiology``, ``outside`` or ``operative``.
        moment: When it was signed.
        visit: The visit; None for a letter from elsewhere.
        author: In `Staff.practitioners`; None for a letter from elsewhere, with ``outside`` in its place.
        outside: Place in `Staff.outside`; None for our own.
        title: As the list of documents shows it.
        text: The whole text.
        replaces: Place of the note that it corrects; None if none.
        appends: Place of the note that it adds to; None if none.
    """

    kind: str
    moment: int
    visit: int | None
    author: int | None
    outside: int | None
    title: str
    text: str
    replaces: int | None = None
    appends: int | None = None


@dataclass(slots=True)
class Fact:
    """One line of the ledger, which no agent sees: something that is true of the person for a time.

    Attributes:
        subject: The thing it is about, as in ``drug:warfarin``, ``allergy:penicillin``, ``code_status``.
        says: The truth, as data: ``{"takes": False, "since": …}``, in strings and numbers.
        since: From when on it is true.
        until: Until when; None if it is still true.
        stands_in: Places of the notes that say so.
        contradicted_in: Places of the notes that say something else.
        structured: True if a resource other than a note says it, too.
        quotes: The words of each note of ``stands_in`` that say so.
        misquotes: The words of each note of ``contradicted_in`` that say something else.
    """

    subject: str
    says: dict[str, str | float | bool]
    since: int
    until: int | None
    stands_in: list[int] = field(default_factory=list)
    contradicted_in: list[int] = field(default_factory=list)
    structured: bool = False
    quotes: list[str] = field(default_factory=list)
    misquotes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class History:
    """Everything that the simulation knows of one person.

    `life` makes ``person`` to ``operations``, `care` makes ``readings`` to ``plans`` (and doses given within
    prescriptions), `notes` makes ``notes`` and ``facts``.
    """

    person: Person
    problems: list[Problem] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    prescriptions: list[Prescription] = field(default_factory=list)
    allergies: list[Allergy] = field(default_factory=list)
    vaccinations: list[Vaccination] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    readings: Readings = field(default_factory=Readings.none)
    panels: list[Panel] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)


def local(moment: int) -> datetime:
    """Returns a moment in the hospital's zone."""
    return datetime.fromtimestamp(moment, ZONE)
