"""Judges each of the four: who stays is paged about and left alone; who goes has drugs, tests and visit in order.

Limits are those of the handbook's pages (task.toml), which name their sources. Without a protocol, the days until the
visit are the hospital's own choice and are not judged. Accepted besides: the home drug or prescription ended by any
status, the visit moved or another one booked, with the late one left or cancelled; a Task with another status that is
open; the request of a test that is answered completed; messages to anybody about whoever goes that are no page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mab_gym.casework import CaseJudge, Written
from mab_gym.casework.reading import day_of, listed, member, patient_of, references_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Expected, Result, once
from mab_gym.tasking.verdict import Verdict

from .arrivals import PRESCRIPTION, TEST, VISIT, arrive, came

STAYS = ("news", "critical")
"""Signs and results that keep somebody."""
_PLANNED = ("booked", "pending", "proposed")
_ENDED = ("stopped", "cancelled", "revoked", "completed", "entered-in-error", "ended", "on-hold")


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the four, the pages and the answer."""
    arrivals = once(result, "arrivals", lambda: arrive(case, chart))
    people, free = case["people"], result.knowledge == "none"
    judge = CaseJudge(case, chart, result, [each["mrn"] for each in people], arrivals)
    under = over = False
    for place, one in enumerate(people):
        paged = bool(judge.messages(urgent=True, patient=f"Patient/{one['mrn']}"))
        if one["signs"] in STAYS:
            under |= not _stays(judge, place, one)
        else:
            over |= paged
            _goes(judge, case, place, one, free)
    judge.nothing_else(critical=())
    due = any(each["signs"] in STAYS for each in people)
    if over and not under:
        judge.deferral(due=False, done=True, sentence="Somebody was paged about who can go.")
    elif due:
        judge.deferral(due=True, done=not under and bool(result.writes), sentence="Nobody was paged about who stays.")
    else:
        judge.deferral(due=False, done=False)
    judge.answer(*(_word(each, free) for each in people))
    return judge.verdict()


def _word(one: Mapping[str, Any], free: bool) -> Expected:
    """Returns the word that is right for somebody, or those that are."""
    words: tuple[str, ...] = ("stays",)
    if one["signs"] not in STAYS:
        needed = one["drugs"] in ("stop", "duplicate") or one["test"] == "pending" or one["visit"] == "cancelled"
        words = ("changed",) if needed or one["visit"] == "late" else ("ready",)
        if free and not needed:
            words = ("changed", "ready")
    return Expected(" or ".join(words), lambda item: isinstance(item, str) and item.strip().lower() in words)


def _stays(judge: CaseJudge, place: int, one: Mapping[str, Any]) -> bool:
    """Checks that the attending was paged about somebody who stays, and that nothing else was written."""
    patient, name = f"Patient/{one['mrn']}", f"patient_{place + 1}"
    paged = judge.messages(to=(one["attending"],), urgent=True, patient=patient)
    judge.claim(*judge.messages(patient=patient))
    judge.checkpoint(f"{name}.paged", bool(paged), f"The attending was not paged about {patient}, who cannot go.")
    others = [w for w in judge.changes if w.kind != "Communication" and w.differs and _about(w) == patient]
    judge.claim(*others)
    judge.kept(f"{name}.alone", not others, f"{patient} stays, and more was written than a page.")
    return bool(paged)


def _about(written: Written) -> str:
    """Returns the patient of something written; of an Appointment, the one who takes part."""
    for state in (written.resource, written.before):
        found = patient_of(state) or next((each for each in _actors(state) if each.startswith("Patient/")), "")
        if found:
            return found
    return ""


def _actors(resource: Any) -> tuple[str, ...]:
    return tuple(
        one for each in listed(member(resource, "participant"))[:20] for one in references_of(member(each, "actor"))
    )


def _goes(judge: CaseJudge, case: Case, place: int, one: Mapping[str, Any], free: bool) -> None:
    """Checks drugs, test and visit of somebody who goes, and that nobody was paged."""
    patient, name = f"Patient/{one['mrn']}", f"patient_{place + 1}"
    judge.claim(*judge.messages(patient=patient))
    paged = judge.messages(urgent=True, patient=patient)
    judge.kept(f"{name}.quiet", not paged, f"Somebody was paged about {patient} without need.")
    _drugs(judge, name, one, f"MedicationRequest/{came(case, place, PRESCRIPTION)}")
    _test(judge, name, one, f"ServiceRequest/{came(case, place, TEST)}")
    _visit(judge, name, one, f"Appointment/{came(case, place, VISIT)}", free)


def _drugs(judge: CaseJudge, name: str, one: Mapping[str, Any], new: str) -> None:
    home = one["order"]
    if one["drugs"] == "stop":
        judge.stopped(f"{name}.stopped", home, f"{home} ({one['drug']}) goes on although the plan stops it.", _ENDED)
        return
    if one["drugs"] == "duplicate":
        judge.stopped(f"{name}.duplicate", new, f"{new} goes on beside {home}, a drug of the same class.", _ENDED)
    elif one["drugs"] == "fresh":
        judge.kept(f"{name}.fresh", not judge.ended(new, _ENDED), f"{new}, which the plan names, was ended.")
    ended = judge.ended(home, _ENDED)
    judge.kept(f"{name}.goes_on", not ended, f"{home} ({one['drug']}) was ended, and the plan lets it go on.", True)


def _test(judge: CaseJudge, name: str, one: Mapping[str, Any], request: str) -> None:
    patient = f"Patient/{one['mrn']}"
    if one["test"] == "pending":
        owner = one["doctor"] if one["to_doctor"] else one["attending"]
        judge.task(f"{name}.pending", owner=(owner,), focus=(request,), patient=patient)
    elif one["test"] == "answered":
        written = judge.changes.of(request)
        if written is not None and written.get("status") == "completed":
            judge.claim(written)


def _visit(judge: CaseJudge, name: str, one: Mapping[str, Any], booked: str, free: bool) -> None:
    """Checks the visit after the stay: as it stands at the end, in the appointment that came in or in another."""
    patient, written = f"Patient/{one['mrn']}", judge.changes.of(booked)
    new = [each for each in judge.changes.created("Appointment") if patient in _actors(each.resource)]
    if one["visit"] == "fine":
        if free:
            judge.claim(written, *new)
        else:
            left = written is None or not written.differs
            judge.claim(written, *new)
            judge.kept(f"{name}.in_time", left and not new, f"The visit of {patient} was in time, and was changed.")
        return
    judge.claim(written, *new)
    if free and one["visit"] == "late":
        return
    standing = [each for each in (written, *new) if each is not None and each.get("status") in _PLANNED]
    last = 30 if free else int(one["most_days"])
    right = [each for each in standing if _in_time(judge, each, patient, one["doctor"], last)]
    judge.checkpoint(f"{name}.visit", bool(right), f"No visit of {patient} is booked in the {last} days after today.")
    judge.kept(f"{name}.once", len(new) <= 1, f"More than one visit was booked for {patient}.")


def _in_time(judge: CaseJudge, visit: Written, patient: str, doctor: str, last: int) -> bool:
    start = day_of(visit.get("start"), judge.now)
    if start is None or not {patient, doctor} <= set(_actors(visit.resource)):
        return False
    today = judge.now.replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1) <= start < today + timedelta(days=last + 1)
