"""Judges each visit: the old one cancelled, a new one in a time that fits, its slot taken, and the patient told.

The rules are those of the notice that came with the case. Every time that fits is right; which those are is drawn with
the case from the slots of the records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.casework import CaseJudge, Written
from mab_gym.casework.reading import listed, member, moment_of, references_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, number, once
from mab_gym.tasking.verdict import Verdict

from .arrivals import arrive, old_of, task_of

Visit = Mapping[str, Any]


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges each visit, then the whole."""
    visits = case["visits"]
    judge = CaseJudge(
        case, chart, result, [each["mrn"] for each in visits], once(result, "arrivals", lambda: arrive(case, chart))
    )
    taken: list[str] = []
    for place, visit in enumerate(visits):
        _visit(judge, chart, case, place, visit, taken)
    judge.kept("apart", len(taken) == len(set(taken)), "Two visits are in one slot.", critical=True)
    task = judge.changes.of(task_of(case))
    judge.claim(task)
    judge.checkpoint("task", task is not None and task.get("status") == "completed", "The Task is not completed.")
    judge.nothing_else()
    kinds = [each["kind"] for each in visits]
    same, other = kinds.count("own") + kinds.count("clash"), kinds.count("colleague")
    judge.answer(number(same), number(other), number(len(kinds) - same - other))
    return judge.verdict()


def _visit(judge: CaseJudge, chart: Chart, case: Case, place: int, visit: Visit, taken: list[str]) -> None:
    name, whom = str(place + 1), f"Patient/{visit['mrn']}"
    old = judge.changes.of(old_of(case, place))
    judge.claim(old)
    over = old is not None and old.get("status") == "cancelled"
    judge.checkpoint(f"cancelled.{name}", over, f"The old visit of {whom} is not cancelled.")
    new = [
        each
        for each in judge.changes.created("Appointment")
        if each.about == whom and each.get("status") not in ("cancelled", "entered-in-error")
    ]
    judge.claim(*new)
    about: tuple[str, ...] = (old_of(case, place),)
    if visit["kind"] in ("double", "gone"):
        judge.kept(f"unbooked.{name}", not new, f"{whom} needs no new visit, and got one.")
    else:
        _booked(judge, chart, visit, name, new, taken)
        about = tuple(each.address for each in new) or ("Appointment/none",)
    judge.message(f"told.{name}", to=(whom,), about=about, patient=whom)


def _booked(judge: CaseJudge, chart: Chart, visit: Visit, name: str, new: list[Written], taken: list[str]) -> None:
    """Checks a new visit and its slot."""
    whom = f"Patient/{visit['mrn']}"
    one = new[0] if len(new) == 1 else None
    slots = [] if one is None else [each.split("/")[1] for each in references_of(one.get("slot"))]
    fits = len(slots) == 1 and slots[0] in visit["allowed"]
    told = f"There is no one new visit of {whom} in a time that fits to the notice and to the patient."
    judge.checkpoint(f"time.{name}", fits, told)
    slot = _slot(chart, slots[0]) if len(slots) == 1 else None
    actors = {each for part in listed(None if one is None else one.get("participant")) for each in _actor(part)}
    form = (
        one is not None
        and slot is not None
        and one.get("status") == "booked"
        and moment_of(one.get("start")) == moment_of(slot["start"])
        and moment_of(one.get("end")) == moment_of(slot["end"])
        and {whom, _physician(chart, slot)} <= actors
    )
    judge.checkpoint(f"form.{name}", form, f"The new visit of {whom} is not booked as its slot is.")
    written = judge.changes.of(f"Slot/{slots[0]}") if slots else None
    judge.claim(written)
    busy = written is not None and written.get("status") in ("busy", "busy-unavailable")
    judge.checkpoint(f"slot.{name}", busy, f"The slot of the new visit of {whom} is not busy.")
    taken += slots[:1]


def _actor(part: Any) -> tuple[str, ...]:
    return references_of(member(part, "actor"))


def _slot(chart: Chart, number: str) -> Mapping[str, Any] | None:
    return chart.remember(("slot", number), lambda: next(chart.search("Slot", _id=number), None))


def _physician(chart: Chart, slot: Mapping[str, Any]) -> str:
    number = str(slot["schedule"]["reference"]).split("/")[1]
    schedule = chart.remember(("schedule", number), lambda: next(chart.search("Schedule", _id=number)))
    return str(schedule["actor"][0]["reference"])
