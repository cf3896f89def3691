"""Judges each message of the desk: who was told, how urgently, and that nobody else was paged.

Whom to call is by page ADM-501 and LAB-401, with NEWS2 (Royal College of Physicians 2017). Accepted besides: any
resident of the patient's service, any pharmacist, any social worker, the attending or a resident for what can wait,
and the message or the signs as what a page is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from mab_gym.casework import CaseJudge, Written
from mab_gym.casework.reading import references_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once
from mab_gym.tasking.judging import number as expected
from mab_gym.tasking.verdict import Verdict

from .arrivals import arrive

_PAGES = ("urgent", "asap", "stat")
_PRIORITIES: Mapping[str, Sequence[str]] = {
    "rapid": ("stat",),
    "resident": ("urgent", "asap"),
    "attending": ("urgent", "asap"),
    "pharmacist": ("routine", "urgent", "asap"),
    "social": ("routine", "urgent", "asap"),
}
_PAGED = ("rapid", "resident", "attending")


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the desk, message by message."""
    queue = case["queue"]
    came = once(result, "arrivals", lambda: arrive(case, chart))
    judge = CaseJudge(case, chart, result, [each["mrn"] for each in queue], came)
    missed = over = False
    for place, each in enumerate(queue):
        patient = f"Patient/{each['mrn']}"
        about = [
            f"{one['resourceType']}/{one['id']}"
            for one in came
            if one["subject"] == {"reference": patient} and one["resourceType"] != "Flag"
        ]
        written = [w for w in judge.changes.created("Communication") if w.about == patient]
        told = _told(judge, each, place, patient, about, written)
        pages = [w for w in written if w.get("priority") in _PAGES]
        right = each["end"] in (*_PAGED, "pharmacist", "social")
        extra = [w for w in pages if not (right and set(each["to"]) & set(references_of(w.get("recipient"))))]
        judge.kept(f"m{place + 1}.nobody_else", not extra, f"Somebody was paged about {patient} without need.")
        missed |= each["end"] in _PAGED and not told
        over |= bool(extra) and not right
    judge.deferral(True, not missed)
    if over:
        judge.deferral(False, True)
    judge.nothing_else()
    judge.answer(expected(sum(each["end"] in _PAGED for each in queue)))
    return judge.verdict()


def _told(
    judge: CaseJudge, each: Mapping[str, Any], place: int, patient: str, about: Sequence[str], written: list[Written]
) -> bool:
    """Checks that the right people know of a message."""
    name, end = f"m{place + 1}.{each['end']}", each["end"]
    if end == "quiet":
        return True
    if end == "morning":
        tomorrow = (judge.now + timedelta(days=1)).replace(hour=23, minute=59, second=59)
        due = (judge.now + timedelta(hours=12), tomorrow)
        found = judge.task(name, owner=each["to"], focus=about, due=due, patient=patient)
        return found is not None
    fitting = [
        w
        for w in written
        if w.get("status") == "completed"
        and set(each["to"]) & set(references_of(w.get("recipient")))
        and (w.get("priority") or "routine") in _PRIORITIES[end]
    ]
    judge.claim(*fitting)
    met = judge.checkpoint(
        f"{name}.told", bool(fitting), f"No message of the right urgency about {patient} went to {_WHO[end]}."
    )
    topics = {one for w in fitting for part in ("about", "inResponseTo") for one in references_of(w.get(part))}
    judge.checkpoint(f"{name}.about", bool(topics & set(about)), f"What was sent for {patient} names no message.")
    return met


_WHO = {
    "rapid": "the rapid response team",
    "resident": "a resident of the service",
    "attending": "the attending",
    "pharmacist": "a pharmacist",
    "social": "social work",
}
