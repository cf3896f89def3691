"""Judges two visits, each by physician, slot, time and everything that limits it, and what goes with them.

Times of follow-up: page ADM-520; without it also Heidenreich PA et al., Circulation 2022;145:e895, and GOLD 2024 (see
`rules.LOOSE`). Blood after a new drug on the renin system: the same page; without it KDIGO, Kidney Int 2024;105:S117.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from mab_gym.casework import CaseJudge, SlotTime, Written, arrival_id
from mab_gym.casework.reading import listed, member, moment_of, references_of
from mab_gym.dynamics._requests import asked_tests
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once
from mab_gym.tasking.verdict import Verdict

from .arrivals import BOOKED, arrive
from .cases import RENIN
from .rules import APART, LAB_DAYS, LAB_DAYS_LOOSE, PRIMARY, Limits, clinics, fitting, limits_of, window, without

_KINDS = ("Appointment", "Slot", "ServiceRequest", "MedicationRequest", "Schedule", "Encounter")


@dataclass(frozen=True, slots=True)
class _Visit:
    """A booked visit of the agent's, as far as it can be read."""

    written: Written
    who: frozenset[str]
    slot: SlotTime | None
    start: datetime | None
    end: datetime | None


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the bookings."""
    judge = CaseJudge(case, chart, result, arrivals=once(result, "arrivals", lambda: arrive(case, chart)))
    known, loose = clinics(chart), result.knowledge == "none"
    limits, booked, leaves = limits_of(case.params), case["booked"], date.fromisoformat(case["leaves"])
    late = f"Appointment/{arrival_id(case, BOOKED)}"
    counts = booked is not None and case.branch == "booked_right"
    visits = [_read(each, chart) for each in _standing(judge)]
    judge.claim(*(each.written for each in visits))
    strict = leaves + timedelta(days=case["doctor_days"])
    last = leaves + timedelta(days=window(case["diagnosis"], loose))
    for_doctor = limits
    if counts:
        span = (datetime.fromisoformat(booked["start"]), datetime.fromisoformat(booked["end"]))
        for_doctor = without(limits, taken=(*limits.taken, span))
    doctors = [case["doctor"]]
    if not fitting(known.times[case["doctor"]], for_doctor, strict):
        doctors = known.of(PRIMARY)
    primary = _visit(judge, "primary", visits, known.of(PRIMARY), doctors, for_doctor, last)
    if counts:
        unchanged = judge.changes.of(late)
        kept = unchanged is None or not unchanged.differs
        again = [each for each in visits if case["specialist"] in each.who or _is_in(each, known.of(case["clinic"]))]
        judge.kept("booked_already", kept and not again, "A visit that is booked and fits was changed or repeated.")
        held = [late]
    else:
        last = leaves + timedelta(days=case["clinic_days"])
        second = _visit(judge, "clinic", visits, known.of(case["clinic"]), [case["specialist"]], limits, last)
        held = [] if second is None else [second.written.address]
        if primary is not None and second is not None and case["one_day"]:
            judge.checkpoint("one_day", _together(primary, second), "The visits are not on one day, an hour apart.")
        elif case["one_day"]:
            judge.checkpoint("one_day", False, "The visits are not on one day.")
        elif primary is not None and second is not None:
            judge.checkpoint("apart", _apart(primary, second), "Both visits are at the same time.")
    if booked is not None and not counts:
        _moved(judge, late, booked)
    _blood(judge, case, leaves, LAB_DAYS_LOOSE if loose else LAB_DAYS)
    if primary is not None:
        held.append(primary.written.address)
    told = [
        each
        for each in judge.changes.created("Communication")
        if case["relative"] in references_of(each.get("recipient"))
        and len(held) == 2
        and set(held) <= set(references_of(each.get("about")))
    ]
    judge.checkpoint("told", bool(told), "Whoever goes along was not told of both visits.")
    judge.nothing_else(*_KINDS)
    return judge.verdict()


def _standing(judge: CaseJudge) -> list[Written]:
    """Returns the appointments that the agent has booked or moved."""
    found = [*judge.changes.created("Appointment"), *judge.changes.updated("Appointment")]
    return [each for each in found if each.get("status") == "booked"]


def _read(written: Written, chart: Chart) -> _Visit:
    actors = {
        one
        for each in listed(written.get("participant"))[:20]
        if member(each, "status") != "declined"
        for one in references_of(member(each, "actor"))
    }
    slots = [each.partition("/")[2] for each in references_of(written.get("slot")) if each.startswith("Slot/")]
    slot = clinics(chart).by_id.get(slots[0]) if len(slots) == 1 else None
    return _Visit(written, frozenset(actors), slot, moment_of(written.get("start")), moment_of(written.get("end")))


def _is_in(visit: _Visit, people: Sequence[str]) -> bool:
    return bool(visit.who & set(people)) or (visit.slot is not None and visit.slot.who in people)


def _visit(
    judge: CaseJudge,
    name: str,
    visits: Sequence[_Visit],
    clinic: Sequence[str],
    right: Sequence[str],
    limits: Limits,
    last: date,
) -> _Visit | None:
    """Checks the visit in a clinic, of which there must be just one."""
    found = [each for each in visits if _is_in(each, clinic)]
    one = found[0] if found else None
    slot = None if one is None else one.slot
    if len(found) > 1:
        judge.kept(f"{name}.once", False, f"{len(found)} visits were booked ({name}).")
    same = one is not None and slot is not None and _same(one.start, slot.start) and _same(one.end, slot.end)
    whom = one is not None and slot is not None and slot.who in right and slot.who in one.who
    at = None if slot is None else slot.start
    judge.checkpoint(f"{name}.physician", whom, f"The visit is not with {' or '.join(right[:3])} ({name}).")
    free = slot is not None and slot.free
    judge.checkpoint(f"{name}.slot", same and free, f"The visit does not take a free slot as it is ({name}).")
    judge.checkpoint(f"{name}.in_time", at is not None and at.date() <= last, f"It is later than {last} ({name}).")
    company = at is not None and limits.company(at)
    judge.checkpoint(f"{name}.company", company, f"Nobody can go along then ({name}).")
    judge.checkpoint(f"{name}.ride", at is not None and limits.ride(at), f"There is no ride then ({name}).")
    unbooked = slot is not None and limits.unbooked(slot.start, slot.end)
    judge.checkpoint(f"{name}.unbooked", unbooked, f"Something else is booked then ({name}).")
    taken = None if slot is None else judge.changes.of(f"Slot/{slot.id}")
    judge.claim(taken)
    busy = taken is not None and taken.get("status") in ("busy", "busy-unavailable")
    judge.checkpoint(f"{name}.busy", busy, f"The slot was not set to busy ({name}).")
    return one


def _same(given: datetime | None, wanted: datetime) -> bool:
    return given is not None and given == wanted.astimezone(UTC)


def _together(one: _Visit, other: _Visit) -> bool:
    if one.slot is None or other.slot is None:
        return False
    day = one.slot.start.date() == other.slot.start.date()
    return day and abs(one.slot.start - other.slot.start) >= APART


def _apart(one: _Visit, other: _Visit) -> bool:
    if one.slot is None or other.slot is None:
        return False
    return one.slot.end <= other.slot.start or other.slot.end <= one.slot.start


def _moved(judge: CaseJudge, address: str, booked: dict[str, str]) -> None:
    """Checks that a visit that was booked too late is no more, and that its slot is free again."""
    written, slot = judge.changes.of(address), judge.changes.of(f"Slot/{booked['slot']}")
    judge.claim(written, slot)
    gone = written is not None and (
        written.get("status") in ("cancelled", "entered-in-error")
        or not _same(moment_of(written.get("start")), datetime.fromisoformat(booked["start"]))
    )
    judge.checkpoint("moved", gone, "The visit that was booked too late still stands.")
    free = slot is not None and slot.get("status") == "free"
    judge.checkpoint("freed", free, "The slot of the visit that was booked too late is not free again.")


def _blood(judge: CaseJudge, case: Case, leaves: date, days: int) -> None:
    """Checks creatinine and potassium after a new drug on the renin system."""
    begin = datetime.combine(leaves, time(0), judge.now.tzinfo)
    end = begin + timedelta(days=days + 1)
    found: set[str] = set()
    for each in judge.changes.created("ServiceRequest"):
        asked = asked_tests(each.resource or {})
        at = moment_of(each.get("occurrenceDateTime")) or moment_of(member(each.get("occurrencePeriod"), "start"))
        right = at is not None and begin - timedelta(hours=6) <= at <= end and each.get("status") == "active"
        if case["new_drug"] in RENIN and right and not isinstance(asked, str):
            found |= set(asked[0])
            judge.claim(each)
    if case["new_drug"] in RENIN:
        both = {"creatinine", "potassium"} <= found
        judge.checkpoint("blood", both, "Creatinine and potassium after the new drug were not ordered in time.")
