"""The living hospital as tables of FHIR resources, in US Core's shapes.

People are simulated and written a block at a time, so that memory grows with the result alone. A block follows from
the specification and its place, and a person's rows from the person, so that any part can be made alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from multiprocessing import get_context
from typing import Final

from mab_gym.cohort._spec import Progress
from mab_gym.cohort.hospital._handbook import handbook
from mab_gym.cohort.hospital._history import History
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.cohort.hospital._staff import draw_staff
from mab_gym.cohort.hospital.care._care import add_care
from mab_gym.cohort.hospital.life._lives import draw_lives
from mab_gym.cohort.hospital.notes._notes import add_notes
from mab_gym.cohort.hospital.rows._chart import Hospital, chart_of
from mab_gym.cohort.hospital.rows._conditions import add_conditions, condition_sheet
from mab_gym.cohort.hospital.rows._documents import add_documents, document_sheet, ledger_text
from mab_gym.cohort.hospital.rows._encounters import add_encounters, encounter_sheet, number_visits
from mab_gym.cohort.hospital.rows._habits import add_habits
from mab_gym.cohort.hospital.rows._history import (
    add_allergies,
    add_immunizations,
    add_procedures,
    allergy_sheet,
    immunization_sheet,
    procedure_sheet,
)
from mab_gym.cohort.hospital.rows._joined import Joined
from mab_gym.cohort.hospital.rows._medications import (
    add_medications,
    administration_sheet,
    dispense_sheet,
    statement_sheet,
)
from mab_gym.cohort.hospital.rows._medications import request_sheet as medication_sheet
from mab_gym.cohort.hospital.rows._people import (
    add_coverage,
    add_family,
    add_patient,
    add_related,
    family_sheet,
    patient_sheet,
)
from mab_gym.cohort.hospital.rows._plans import PlanSheets
from mab_gym.cohort.hospital.rows._readings import observation_sheet
from mab_gym.cohort.hospital.rows._reports import add_reports
from mab_gym.cohort.hospital.rows._results import add_results, report_sheet, request_sheet, specimen_sheet
from mab_gym.cohort.hospital.rows._schedules import schedule_sheets
from mab_gym.cohort.hospital.rows._sheet import Part, Sheet
from mab_gym.cohort.hospital.rows._staff import staff_sheets
from mab_gym.fhir.store._table import Table

BLOCK: Final = 20
"""People whose charts are made at a time; it decides which texts are held twice, and so the bytes."""
ORDER: Final = (
    "Organization", "Location", "Practitioner", "PractitionerRole", "Schedule", "Slot", "PlanDefinition", "Patient",
    "RelatedPerson", "Coverage", "FamilyMemberHistory", "Encounter", "Condition", "AllergyIntolerance", "Immunization",
    "Procedure", "ServiceRequest", "Specimen", "Observation", "DiagnosticReport", "MedicationRequest",
    "MedicationAdministration", "MedicationDispense", "MedicationStatement", "CareTeam", "Goal", "CarePlan", "Task",
    "Appointment", "Communication", "Flag", "Consent", "NutritionOrder", "DocumentReference",
)  # fmt: skip
"""The types in the order in which they are loaded."""


@dataclass(frozen=True, slots=True)
class BlockRows:
    """The rows of some people.

    Attributes:
        parts: The rows by type.
        booked: The times at which practitioners are booked: number of the practitioner, and the start.
        ledger: By MRN, the ledger as `ledger_text` writes it.
    """

    parts: Sequence[Part]
    booked: Sequence[tuple[int, int]]
    ledger: Mapping[str, str]


def hospital_tables(
    spec: HospitalSpec, progress: Progress | None = None, processes: int = 1, ledger: dict[str, str] | None = None
) -> list[Table]:
    """Simulates a hospital and writes its records.

    Args:
        spec: The hospital; equal specs give equal tables, to the byte.
        progress: Called regularly with (stage, done, total).
        processes: The number of processes that simulate people; the tables are the same. More than one need a main
            module that can be imported (multiprocessing's ``spawn``).
        ledger: Is filled with everybody's ledger by MRN, where it is given.
    """
    report = progress or (lambda stage, done, total: None)
    staff = draw_staff(spec)
    joined = Joined()
    booked: set[tuple[int, int]] = set()
    report("charts", 0, spec.people)
    for done, block in enumerate(_blocks(spec, processes), 1):
        joined.add(block.parts)
        booked.update(block.booked)
        if ledger is not None:
            ledger.update(block.ledger)
        report("charts", min(done * BLOCK, spec.people), spec.people)
    hospital = Hospital(staff)
    joined.add(sheet.part() for sheet in staff_sheets(hospital, handbook(spec, staff)))
    joined.add(sheet.part() for sheet in schedule_sheets(spec, hospital, booked))
    return joined.tables(ORDER)


def _blocks(spec: HospitalSpec, processes: int) -> Iterator[BlockRows]:
    firsts = range(0, spec.people, BLOCK)
    if processes == 1 or len(firsts) == 1:
        yield from (block_of(spec, first) for first in firsts)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from pool.map(block_of, repeat(spec), firsts)


def block_of(spec: HospitalSpec, first: int) -> BlockRows:
    """Simulates a block of people and writes their rows.

    Args:
        spec: The hospital.
        first: The number of the first person.
    """
    people = histories(spec, first, min(first + BLOCK, spec.people))
    return block_rows(people, _hospital(spec))


@lru_cache(maxsize=4)
def _hospital(spec: HospitalSpec) -> Hospital:
    return Hospital(draw_staff(spec))


def histories(spec: HospitalSpec, first: int, last: int) -> list[History]:
    """Simulates people, from background to notes.

    Args:
        spec: The hospital.
        first: The number of the first person.
        last: The number after the last one.
    """
    staff = draw_staff(spec)
    people = draw_lives(spec, staff, first, last)
    for history in people:
        add_care(spec, staff, history)
        if spec.notes:
            add_notes(spec, staff, history)
    return people


def block_rows(people: Sequence[History], hospital: Hospital) -> BlockRows:
    """Writes the rows of some people.

    Args:
        people: Their histories.
        hospital: The hospital.
    """
    sheets = _Sheets()
    for history in people:
        sheets.add(history, hospital)
    return BlockRows([sheet.part() for sheet in sheets.all()], sheets.plans.booked, sheets.ledger)


class _Sheets:
    """The sheets of a block."""

    def __init__(self) -> None:
        self.patients, self.related, self.coverage = patient_sheet(), Sheet("RelatedPerson"), Sheet("Coverage")
        self.families, self.encounters, self.conditions = family_sheet(), encounter_sheet(), condition_sheet()
        self.allergies, self.immunizations = allergy_sheet(), immunization_sheet()
        self.procedures, self.requests, self.specimens = procedure_sheet(), request_sheet(), specimen_sheet()
        self.observations, self.reports = observation_sheet(), report_sheet()
        self.drugs, self.given = medication_sheet(), administration_sheet()
        self.dispensed, self.statements = dispense_sheet(), statement_sheet()
        self.documents = document_sheet()
        self.plans = PlanSheets(self.observations, self.requests)
        self.ledger: dict[str, str] = {}

    def all(self) -> list[Sheet]:
        """Returns all sheets."""
        return [*(sheet for sheet in vars(self).values() if isinstance(sheet, Sheet)), *self.plans.sheets()]

    def add(self, history: History, hospital: Hospital) -> None:
        """Writes one person's rows, type by type."""
        chart = chart_of(history, hospital)
        add_patient(chart, self.patients)
        add_related(chart, self.related)
        add_coverage(chart, self.coverage)
        number_visits(chart)
        add_family(chart, self.families)
        add_encounters(chart, self.encounters)
        add_conditions(chart, self.conditions)
        add_allergies(chart, self.allergies)
        add_immunizations(chart, self.immunizations)
        add_procedures(chart, self.procedures)
        add_results(chart, self.observations, self.requests, self.specimens, self.reports)
        add_reports(chart, self.requests, self.specimens, self.observations, self.reports)
        add_habits(chart, self.observations)
        add_medications(chart, self.drugs, self.given, self.dispensed, self.statements)
        self.plans.add(chart)
        first = add_documents(chart, self.documents)
        self.ledger[history.person.mrn] = ledger_text(history.facts, first)
