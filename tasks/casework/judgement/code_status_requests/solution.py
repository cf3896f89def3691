"""Reads the order in force, the notes and the handbook for each request, and settles it."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final

from mab_gym.casework import heeding_flags, note_text
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.dynamics.orders import status_change
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

from .cases import CATEGORY, TEXTS

Resource = dict[str, Any]
_TOLD: Final = (
    ("dnr_dni", re.compile(r"neither cpr nor a breathing tube|no resuscitation and no ventilator|dnr and dni,")),
    ("dnr", re.compile(
        r"(?:does not want|declines) (?:cpr or shocks|resuscitation)|\bdnr (?:by \w+ own|after a talk|since)"
    )),
    ("full", re.compile(
        r"full code|code status:? full|code: full|wants everything done|wishes full treatment|full treatment continues"
    )),
)  # fmt: skip
_AGENT: Final = re.compile(
    r"(?:health care proxy|hcp|agent for decisions) is ([^(]{3,60}?) \(|"
    r"named? ([^(]{3,60}?) \([^)]{3,20}\) as (?:agent|health care agent|proxy)|"
    r"names ([^(]{3,60}?) \([^)]{3,20}\) as (?:agent|health care agent|proxy)"
)


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Takes some thirty to forty actions."""
    for number in ("ADM-510", "ADM-501"):
        yield desk.get("DocumentReference", **handbook_page(number))
    reply = yield desk.get("Task", owner=case["resident"], status="requested", _sort="authored-on", _count="50")
    holds = []
    for task in reply.resources:
        mrn = task["for"]["reference"].removeprefix("Patient/")
        reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
        attending = reply.resources[0]["participant"][0]["individual"]["reference"]
        reply = yield desk.get("ServiceRequest", patient=mrn, status="active,draft", category=CATEGORY)
        order = next(each for each in reply.resources if each["status"] == "active")
        draft = None
        if "focus" in task:
            reply = yield desk.get("ServiceRequest", _id=task["focus"]["reference"].partition("/")[2])
            draft = reply.resources[0]
        texts = yield from _notes(desk, mrn, "two physicians" in task["description"].lower())
        status = next(key for key, words in TEXTS.items() if words == order["code"]["text"])
        end, wish = _end(desk, task, draft, status, texts)
        desk.decide("the end of a request", end)
        yield from _settle(desk, task, draft, order, attending, end, wish)
        noted = _noted(texts) or status
        holds.append(
            wish or desk.rule("order_counts", status, lambda told=noted: told) if noted != status else wish or status
        )
    yield desk.finish(holds)


def _notes(desk: Desk, mrn: str, agent: bool) -> Generator[str, Reply, list[str]]:
    """Reads notes, the newest first, until one tells the status and, where it is needed, one tells of an agent."""
    texts: list[str] = []
    before: dict[str, str] = {}
    for _ in range(8):
        reply = yield desk.get("DocumentReference", patient=mrn, _sort="-date", _count="40", **before)
        found = reply.resources
        texts += [re.sub(r"\s+", " ", note_text(each)).lower() for each in found]
        if len(found) < 40 or (_noted(texts) and (not agent or any(map(_agent, texts)))):
            break
        before = {"date": f"lt{found[-1]['date']}"}
    return texts


def _end(desk: Desk, task: Resource, draft: Resource | None, status: str, texts: Sequence[str]) -> tuple[str, str]:
    """Returns what becomes of a request, and the status that is to be ordered, if any."""
    words = task["description"].lower()
    noted = _noted(texts)
    if noted is not None and noted != status:
        return desk.rule("notes", "page", lambda: "carry_out"), ""
    if draft is not None and draft.get("category"):
        return desk.rule("theatre", "refuse", lambda: "carry_out"), ""
    if draft is not None:
        if status == "dnr_dni":
            return desk.rule("no_tube", "refuse", lambda: "carry_out"), ""
        return desk.rule("tube_allowed", "carry_out", lambda: "refuse"), ""
    if "two physicians" in words:
        wish = "dnr_dni" if "do not intubate" in words else "dnr"
        name = next((found for text in texts if (found := _agent(text))), "")
        if name and name in words:
            end = desk.rule("agent", "carry_out", lambda: "page")
        else:
            end = desk.rule("kin", "page", lambda: "carry_out")
        return end, wish if end == "carry_out" else ""
    if "do not resuscitate" in words:
        end = desk.rule("own_mind", "page", lambda: "carry_out")
        return end, "dnr" if end == "carry_out" else ""
    return desk.rule("no_page", "carry_out", lambda: "page"), ""


def _noted(texts: Sequence[str]) -> str | None:
    """Returns the status that the newest note tells which tells any."""
    for text in texts:
        for status, pattern in _TOLD:
            if pattern.search(text):
                return status
    return None


def _agent(text: str) -> str:
    match = _AGENT.search(text)
    return "" if match is None else next(each for each in match.groups() if each)


def _settle(
    desk: Desk, task: Resource, draft: Resource | None, order: Resource, attending: str, end: str, wish: str
) -> Iterator[str]:
    asker, address = task["requester"]["reference"], f"ServiceRequest/{order['id']}"
    if end == "page":
        yield desk.post(_message(task, attending, address, "Code status: your decision is needed.", "urgent"))
    elif end == "refuse" and draft is not None:
        yield desk.patch(f"ServiceRequest/{draft['id']}", status_change("revoked"))
        if desk.rule("told", True, lambda: False):
            yield desk.post(_message(task, asker, f"Task/{task['id']}", "Not carried out: against the code status."))
    elif draft is not None:
        yield desk.patch(f"ServiceRequest/{draft['id']}", status_change("active"))
    elif wish:
        new = {
            name: value
            for name, value in order.items()
            if name not in ("id", "meta", "note", "authoredOn", "requester")
        }
        yield desk.post({**new, "code": {"text": TEXTS[wish]}, "authoredOn": desk.now.isoformat()})
        yield desk.patch(address, status_change("revoked"))
    else:
        yield desk.post(_message(task, asker, address, "The order in force holds."))
    status = {"page": "on-hold", "refuse": "rejected", "carry_out": "completed"}[end]
    yield desk.patch(f"Task/{task['id']}", status_change(status))


def _message(task: Resource, to: str, about: str, words: str, priority: str = "routine") -> Resource:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "priority": priority,
        "subject": task["for"],
        "recipient": [{"reference": to}],
        "about": [{"reference": about}],
        "payload": [{"contentString": words}],
    }
