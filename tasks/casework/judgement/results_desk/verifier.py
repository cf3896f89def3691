"""Judges who was called, who was told by message, and who was left in peace, result by result.

The limits and who is called are those of the handbook's page LAB-401, the chain that of ADM-501. More people than were
due may be called about what is critical; a call about what is not is a call too many.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.casework import CaseJudge, arrival_id
from mab_gym.casework.reading import references_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Expected, Result, once, text
from mab_gym.tasking.verdict import Verdict

from .arrivals import ROOM, arrive

_LOCAL = ("new_limit", "troponin_first", "troponin_again", "hemolyzed")
"""Kinds that each hospital decides for itself: without a protocol both a call and none are right."""
_ANY = Expected("any text", lambda item: isinstance(item, str), read=False)


def _open(each: Mapping[str, Any], result: Result) -> bool:
    return result.knowledge == "none" and each["kind"] in _LOCAL


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges calls, messages and the answer."""
    arrivals = once(result, "arrivals", lambda: arrive(case, chart))
    judge = CaseJudge(case, chart, result, [each["mrn"] for each in case["results"]], arrivals)
    under, over = False, False
    for place, each in enumerate(case["results"]):
        if _open(each, result):
            judge.claim(*judge.messages(patient=f"Patient/{each['mrn']}"))
            continue
        missed, needless = _judge(judge, case, place, each)
        under |= missed
        over |= needless
    judge.nothing_else()
    if over and not under:
        judge.deferral(due=False, done=True, sentence="Somebody was called about what is no critical result.")
    else:
        judge.deferral(
            due=True, done=not under and bool(result.writes), sentence="Somebody was not called who had to be."
        )
    judge.answer(*(_ANY if _open(each, result) else text(each["end"]) for each in case["results"]))
    return judge.verdict()


def _judge(judge: CaseJudge, case: Case, place: int, result: Mapping[str, Any]) -> tuple[bool, bool]:
    """Judges one result; returns if a call is missing, and if one was made without need."""
    patient, ids = f"Patient/{result['mrn']}", [arrival_id(case, ROOM * place + each) for each in range(ROOM)]
    topics = (f"Observation/{ids[2]}", f"DiagnosticReport/{ids[2]}", f"Task/{ids[0]}", f"ServiceRequest/{ids[1]}")
    _routine(judge, case, place, result)
    calls = judge.messages(about=topics, urgent=True, patient=patient)
    reached = {one for each in calls for one in references_of(each.get("recipient"))}
    name, what = f"result_{place + 1}", f"the result {ids[2]} of {patient}"
    if result["end"] == "call":
        judge.claim(*calls)
        due = due_to(result)
        missing = sorted(set(due) - reached)
        judge.checkpoint(name, not missing, f"Not called about {what} ({result['rule']}): {', '.join(missing)}.")
        return bool(missing), False
    every = judge.messages(urgent=True, patient=patient)
    judge.claim(*every)
    if result["end"] == "message":
        told = judge.messages(to=(result["orderer"],), about=topics, urgent=False, patient=patient)
        judge.claim(*told)
        judge.checkpoint(name, bool(told), f"{result['orderer']} was not told of {what} by message.")
    judge.kept(f"{name}.quiet", not every, f"Somebody was called about {what} ({result['rule']}), which needs no call.")
    return False, bool(every)


def due_to(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the addresses of those who are still to be called."""
    if result["kind"] == "outside_hours" or result["kind"] == "half_called":
        return (result["orderer"],)
    if result["kind"] == "no_answer":
        return (result["attending"],)
    return (result["nurse"], result["orderer"])


def _routine(judge: CaseJudge, case: Case, place: int, result: Mapping[str, Any]) -> None:
    """Allows what is usual beside the calls: the Task closed, a hemolyzed specimen drawn again."""
    task = judge.changes.of(f"Task/{arrival_id(case, ROOM * place)}")
    if task is not None and task.get("status") in ("completed", "in-progress", "accepted"):
        judge.claim(task)
    if result["kind"] == "hemolyzed":
        fitting = [each for each in judge.changes.created("ServiceRequest") if each.about == f"Patient/{result['mrn']}"]
        judge.claim(*fitting[:1])
