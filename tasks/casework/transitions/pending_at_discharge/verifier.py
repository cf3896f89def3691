"""Judges one Task for each test that is pending, a test that is ordered again, and a page for what is critical.

Limits: page LAB-401 (Joint Commission, NPSG.02.03.01; Kost GJ, JAMA 1990;263:704-707). Without the page, what is out
of its range may be paged or not, but for values beyond the limits of all laboratories (Kost).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from mab_gym.casework import CaseJudge, TestDue
from mab_gym.casework.reading import references_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once
from mab_gym.tasking.verdict import Verdict

from .arrivals import ANSWER, OTHER, TEST, arrive, came, orderer

SEVENTH = 7


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the work on all people."""
    judge = CaseJudge(
        case, chart, result, people=case["people"], arrivals=once(result, "arrivals", lambda: arrive(case, chart))
    )
    for place, one in enumerate(case["patients"]):
        if one["role"] == "stays":
            continue
        whom = f"Patient/{one['mrn']}"
        owner = one["doctor"] if one["late_to_doctor"] else one["attending"]
        week = judge.now.date() + timedelta(days=SEVENTH)
        due = date.fromisoformat(one["expected"]) + timedelta(days=1) if one["expected"] else week
        mine = f"ServiceRequest/{came(case, place, TEST)}"
        _task(judge, f"task.{one['mrn']}.new", owner, (mine,), due, whom)
        for number, addresses in enumerate(one["pending"]):
            _task(judge, f"task.{one['mrn']}.{number}", owner, tuple(addresses), week, whom)
        if one["role"] == "rejected":
            _again(judge, case, place, one, whom)
    answered, place = next((one, at) for at, one in enumerate(case["patients"]) if one["role"] == "answered")
    address = f"Observation/{came(case, place, ANSWER)}"
    whom = f"Patient/{answered['mrn']}"
    paged = judge.messages(about=(address,), urgent=True, patient=whom)
    if case.branch != "critical" and result.knowledge == "none":
        judge.claim(*paged)
    elif case.branch == "normal":
        judge.deferral(due=False, done=bool(paged), sentence="A result that is not critical was paged.")
        judge.claim(*paged)
    else:
        to = tuple(each for each in (orderer(answered), answered["resident"]) if each)  # the resident by page ADM-501
        right = judge.messages(to=to, about=(address,), urgent=True, patient=whom)
        judge.claim(*paged)
        told = f"The critical result was not paged to whoever ordered it ({to[0]})."
        judge.deferral(due=True, done=bool(right), sentence=told)
    judge.nothing_else("Task", "ServiceRequest", "Communication", "Encounter", "DiagnosticReport", "Observation")
    return judge.verdict()


def _task(judge: CaseJudge, name: str, owner: str, focus: tuple[str, ...], due: date, whom: str) -> None:
    """Checks the Task for one pending test."""
    begin = datetime.combine(due, time(0), judge.now.tzinfo)
    span = (begin, begin + timedelta(days=1))
    judge.task(name, owner=(owner,), focus=focus, due=span, patient=whom)


def _again(judge: CaseJudge, case: Case, place: int, one: Mapping[str, Any], whom: str) -> None:
    """Checks that a test that was not done is ordered again; the old order may be ended, and a Task is no fault."""
    code, name = one["other"]
    old = f"ServiceRequest/{came(case, place, OTHER)}"
    words = rf"\b{name.lower().replace('total ', '').replace('hemoglobin ', '')}\b"
    again = judge.requested(f"again.{one['mrn']}", TestDue(codes=(code,), words=(words,)), about=whom)
    judge.claim(judge.changes.of(old))
    topics = {old, f"DiagnosticReport/{came(case, place, ANSWER)}", *(() if again is None else (again.address,))}
    judge.claim(*(each for each in judge.changes.created("Task") if topics & {*references_of(each.get("focus"))}))
