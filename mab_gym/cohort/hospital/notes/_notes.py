"""The notes of a person: which are written, by whom and when; and the ledger of what they hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._history import NOW, RECORDS_FROM, History, Practitioner, Staff, Visit, local
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.cohort.hospital.notes._admission import admission, consult
from mab_gym.cohort.hospital.notes._clinic import clinic, emergency, telephone
from mab_gym.cohort.hospital.notes._days import HOUR, nursing, progress
from mab_gym.cohort.hospital.notes._discharge import discharge
from mab_gym.cohort.hospital.notes._past import DAY
from mab_gym.cohort.hospital.notes._reports import addendum, imaged, operative, outside, radiology
from mab_gym.cohort.hospital.notes._writer import Writer

_ADDENDA: Final = 0.3
"""Share of notes with a wrong fact that get an addendum or a correction. Our choice."""
_MINUTES_OF_OPERATION: Final = 30
"""Shorter procedures get no operative report. Our choice."""
_QUESTIONS: Final = {
    "cardiology": ("rate control", "chest pain with a rise of troponin", "volume management", "preoperative risk"),
    "nephrology": ("rising creatinine", "low urine output", "potassium", "dialysis orders"),
    "endocrinology": ("high sugars", "insulin dosing", "steroids and glucose"),
    "pulmonology": ("oxygen need", "pleural effusion", "inhaler regimen"),
    "gastroenterology": ("falling hemoglobin", "abnormal liver tests", "trouble swallowing"),
    "neurology": ("mental status", "weak arm", "seizure drugs"),
    "psychiatry": ("capacity", "low mood", "agitation at night"),
    "surgery": ("abdominal pain", "wound", "line placement"),
    "oncology": ("goals of treatment", "next lines of therapy"),
    "urology": ("urinary retention", "blood in urine"),
    "orthopaedics": ("hip pain", "weight bearing"),
}
"""Questions to consultants; none claims what only a result could show."""

_REPORTED: Final = frozenset({"screening_procedure", "vaccination"})
"""Visits whose report, or whose row alone, says everything."""

_ROUTINE: Final = frozenset({
    "follow_up", "specialist_follow_up", "annual_visit", "anticoagulation", "prenatal", "dialysis",
    "results_call", "refill",
})  # fmt: skip
_CARRIED_OVER: Final = 0.2
_OLD: Final = 3 * 365 * DAY
"""Notes of routine visits that are older than this were written elsewhere, and that share carried over; of the long
texts of imaging twice as many. Our choice."""

Job = tuple[int, int, Callable[[], None]]


def add_notes(spec: HospitalSpec, staff: Staff, history: History) -> None:
    """Writes the notes of a person and the ledger of facts into a history.

    Args:
        spec: The hospital; its entropy decides all draws.
        staff: Who writes.
        history: The person, with visits and all that they left.
    """
    writer = Writer(spec, staff, history)
    end = history.person.died if history.person.died is not None else NOW
    jobs: list[Job] = []

    def plan(moment: int, job: Callable[..., None], *rest: object) -> None:
        if RECORDS_FROM <= moment <= end:
            jobs.append((moment, len(jobs), partial(job, writer, *rest, moment)))

    for number, visit in enumerate(history.visits):
        if visit.start <= end:
            _plan_visit(writer, number, visit, end, plan)
    for report in history.reports:
        old = report.issued is not None and report.issued < NOW - _OLD and not writer.draw.chance(2 * _CARRIED_OVER)
        if report.issued is not None and imaged(report) and not old:
            plan(report.issued, radiology, report, staff.practitioners[report.performer])
    for operation in history.operations:
        long = operation.end - operation.start >= _MINUTES_OF_OPERATION * 60
        if (
            operation.visit is not None
            and operation.practitioner is not None
            and long
            and operation.key not in _NO_REPORT
        ):
            moment = operation.end + writer.draw.between(10, 90) * 60
            plan(moment, operative, operation, staff.practitioners[operation.practitioner])
    for moment, place, tale in writer.letters:
        if moment <= end:
            jobs.append((moment, len(jobs), partial(outside, writer, place, moment, tale)))
    jobs.sort(key=lambda job: job[:2])
    later: list[tuple[int, int]] = []
    for moment, _, job in jobs:
        while later and later[0][0] <= moment:
            due, place = later.pop(0)
            addendum(writer, place, due)
        before = len(writer.notes)
        job()
        for place in range(before, len(writer.notes)):
            wrong = any(not one.right and one.tale.rule for one in writer.told[place])
            if wrong and writer.draw.chance(_ADDENDA):
                due = moment + writer.draw.between(3, 60) * HOUR
                if due <= end:
                    later.append((due, place))
                    later.sort()
    for due, place in later:
        addendum(writer, place, due)
    history.facts.extend(writer.ledger.facts())


_NO_REPORT: Final = frozenset(
    {"dialysis", "chemotherapy", "radiotherapy", "transfusion", "ventilation", "spirometry", "vaginal_delivery"}
)


def _plan_visit(writer: Writer, number: int, visit: Visit, end: int, plan: Callable[..., None]) -> None:
    draw = writer.draw
    staff = writer.staff
    attending = staff.practitioners[visit.practitioner]
    over = min(visit.end, end) if visit.end is not None else end
    if visit.reason in _ROUTINE and over < NOW - _OLD and not draw.chance(_CARRIED_OVER):
        return
    if visit.kind == "telephone":
        plan(
            over + draw.between(2, 40) * 60, telephone, number, attending if draw.chance(0.4) else _nurse(writer, visit)
        )
    elif visit.kind == "emergency":
        plan(over - draw.between(0, 40) * 60, emergency, number, attending)
        if visit.nurse is not None and over - visit.start > 3 * HOUR and draw.chance(0.4):
            plan(visit.start + draw.between(40, 150) * 60, nursing, number, staff.practitioners[visit.nurse])
    elif visit.kind != "inpatient":
        if visit.reason in _REPORTED:
            return
        plan(over + draw.between(0, 300) * 60, clinic, number, attending)
    else:
        _plan_stay(writer, number, visit, over, plan)


def _plan_stay(writer: Writer, number: int, visit: Visit, over: int, plan: Callable[..., None]) -> None:
    draw = writer.draw
    attending = writer.staff.practitioners[visit.practitioner]
    residents = writer.staff.of(visit.service, "resident")
    doctor = draw.pick(residents) if residents and draw.chance(0.6) else attending
    admitted = visit.start + draw.between(40, 240) * 60
    plan(min(admitted, over), admission, number, doctor)
    day = visit.start - visit.start % DAY
    first = True
    while day < over:
        round_at = _at(day, draw.between(7, 10), draw.between(0, 59))
        if admitted < round_at < over and not (first and round_at - admitted < 6 * HOUR):
            plan(round_at, progress, number, attending if draw.chance(0.25) else doctor)
        hour = draw.pick((6, 14, 14, 21, 22))
        shift_at = _at(day, hour, draw.between(0, 59))
        if visit.start + HOUR < shift_at < over:
            plan(shift_at, nursing, number, _nurse(writer, visit))
        first = False
        day += DAY
    _plan_consults(writer, number, visit, over, plan)
    if visit.end is not None and over == visit.end:
        signed = visit.end + draw.between(1, 30) * HOUR // 2
        if local(signed).hour < 7:
            signed += 8 * HOUR
        plan(signed if visit.disposition != "died" else visit.end, discharge, number, doctor)


def _plan_consults(writer: Writer, number: int, visit: Visit, over: int, plan: Callable[..., None]) -> None:
    """Plans the notes of those who were asked; where the record has no such order, some are asked by their problems."""
    draw = writer.draw
    asked = [one for one in writer.past.plans.get(number, ()) if one.key == "consult_inpatient"]
    for order in asked[:3]:
        service, _, question = order.words.lower().rstrip(".").partition(": please advise on ")
        moment = order.moment + draw.between(3, 22) * HOUR
        if moment < over and question:
            people = writer.people(service)
            author = draw.pick(people) if order.other is None else writer.staff.practitioners[order.other]
            plan(moment, consult, number, author, service, question)
    if asked or writer.history.plans:
        return
    for place in visit.problems:
        key = writer.history.problems[place].key
        service = CONDITIONS[key].service if key in CONDITIONS else ""
        moment = visit.start + draw.between(8, 40) * HOUR
        if service in _QUESTIONS and service != visit.service and moment < over:
            plan(moment, consult, number, draw.pick(writer.people(service)), service, draw.pick(_QUESTIONS[service]))
            return


def _nurse(writer: Writer, visit: Visit) -> Practitioner:
    if visit.nurse is not None and writer.draw.chance(0.5):
        return writer.staff.practitioners[visit.nurse]
    return writer.draw.pick(writer.people(visit.service, "nurse"))


def _at(day: int, hour: int, minute: int) -> int:
    """A moment on the hospital's clock; ``day`` is any moment of the UTC day."""
    noon = local(day + DAY // 2)
    return int(noon.replace(hour=hour, minute=minute, second=0, microsecond=0).timestamp())
