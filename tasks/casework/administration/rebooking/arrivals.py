"""The clinic's notice and the one before it, the Task, the visits that are to be moved, and what patients wrote."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from mab_gym.casework import arrival_id, late_flags, text_attachment, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

from .cases import CLINIC, ELSEWHERE
from .times import wish_of

_NOTICE, _BEFORE, _TASK, _VISITS, _ROOM = 0, 1, 2, 10, 10


def task_of(case: Case) -> str:
    """Returns the reference of the Task."""
    return f"Task/{arrival_id(case, _TASK)}"


def old_of(case: Case, place: int) -> str:
    """Returns the reference of the visit that is to be moved."""
    return f"Appointment/{arrival_id(case, _VISITS + _ROOM * place)}"


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns what came in."""
    found = [_notice(case, chart.now, current=True), _notice(case, chart.now, current=False), _task(case, chart.now)]
    for place, visit in enumerate(case["visits"]):
        number = _VISITS + _ROOM * place
        old = [case["who"], visit["start"], visit["end"], visit["old"], CLINIC]
        found.append(_appointment(case, number, visit["mrn"], old, "Follow-up visit"))
        other = visit["other"]
        if other is not None and "slot" in other:
            same = [other["who"], other["start"], other["end"], other["slot"], CLINIC]
            found.append(_appointment(case, number + 1, visit["mrn"], same, "Follow-up visit"))
        elif other is not None:
            name = ELSEWHERE[visit["words"]]
            found.append(
                _appointment(case, number + 1, visit["mrn"], ["", other["start"], other["end"], "", name], name)
            )
        for offset, words in enumerate(_messages(visit)):
            days = (33 + 4 * place, 5 + place)[offset]
            sent = (chart.now - timedelta(days=days, hours=3 * place, minutes=7)).isoformat()
            # The number does not tell which is the newer one.
            swapped = int(visit["mrn"][-2]) % 2  # the last digit of a record number is even
            found.append(_message(case, number + 2 + (1 - offset if swapped else offset), visit["mrn"], words, sent))
    return found


def _notice(case: Case, now: datetime, *, current: bool) -> dict[str, Any]:
    title = f"Primary Care: visits of {case['who_name']}" if current else "Primary Care: absences"
    written = now - timedelta(days=4 if current else 200)
    return {
        "resourceType": "DocumentReference",
        "id": arrival_id(case, _NOTICE if current else _BEFORE),
        "status": "current" if current else "superseded",
        "docStatus": "final",
        "type": {"text": "Clinic notice"},
        "category": [{"text": "Clinic notice"}],
        "date": written.isoformat(),
        "description": title,
        "content": [{"attachment": text_attachment(_text(case, current), title, written.isoformat())}],
    }


def _text(case: Case, current: bool) -> str:
    first, last = date.fromisoformat(case["first"]), date.fromisoformat(case["last"])
    days = case["days"] if current else case["old_days"]
    ahead = case["ahead"] if current else case["old_ahead"]
    until = case["until"] if current else 17
    who = case["who_name"]
    away = f"{who} is away from {first:%A}, {first:%B} {first.day}, through {last:%A}, {last:%B} {last.day}. "
    kept = f"- Slots that begin at {until}:00 or later are kept for urgent visits.\n" if until < 17 else ""
    shut = f"- {case['not_to_name']} takes no patients of others at present.\n" if current else ""
    return (
        f"PRIMARY CARE, NOTICE\n{away if current else ''}Visits of days on which a physician is away are moved:\n"
        f"- The new visit is no later than {days} days after the day of the old one; it may be before it. Patients "
        f"need time: nobody comes earlier than {ahead} days after the day on which the visit is moved.\n"
        "- With the same physician, if there is a free slot by these rules at which the patient can come; if there is "
        "none, with any other physician of Primary Care.\n"
        f"{shut}{kept}"
        "- The newest word of a patient about when to come counts.\n"
        "- Between the end of one appointment of a patient and the begin of the next there is an hour or more.\n"
        "- Who has another visit with Primary Care booked within the time that is allowed for the new one needs none: "
        "the old one is cancelled alone. So it is for those who do not want to come any more.\n"
        "- Each patient is told.\n"
    )


def _task(case: Case, now: datetime) -> dict[str, Any]:
    asked = (now - timedelta(hours=16)).isoformat()
    return {
        "resourceType": "Task",
        "id": arrival_id(case, _TASK),
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"text": "Visits to be moved"},
        "description": f"{case['who_name']} is away, see the notice.",
        "focus": {"reference": f"DocumentReference/{arrival_id(case, _NOTICE)}"},
        "authoredOn": asked,
        "lastModified": asked,
        "owner": {"reference": case["clerk"]},
    }


def _appointment(case: Case, number: int, mrn: str, at: list[str], reason: str) -> dict[str, Any]:
    """Returns a booked appointment: ``at`` holds physician, begin, end, slot and service."""
    who, start, end, slot, service = at
    actors = [f"Patient/{mrn}", *([who] if who else [])]
    return {
        "resourceType": "Appointment",
        "id": arrival_id(case, number),
        "status": "booked",
        "serviceType": [{"text": service}],
        "reasonCode": [{"text": reason}],
        "start": start,
        "end": end,
        "created": "2024-08-20T10:12:00-04:00",
        **({"slot": [{"reference": f"Slot/{slot}"}]} if slot else {}),
        "participant": [
            {"actor": {"reference": each}, "required": "required", "status": "accepted"} for each in actors
        ],
    }


def _messages(visit: Mapping[str, Any]) -> list[str]:
    """Returns what a patient wrote, the older first."""
    if visit["kind"] == "double":
        return []
    before = wish_of(visit["before"]).words()
    older = (
        f"I can only come {before}, because of work.",
        f"Please only {before} from now on.",
        f"For me it has to be {before}.",
    )
    if visit["kind"] == "gone":
        gone = (
            "I have moved to Ohio and have a doctor there. Please book nothing for me any more.",
            "I go to another practice now. I do not want any more visits with you, thank you.",
            "Please take me off the list, I do not want to be seen there any more.",
        )
        return [older[visit["words"]], gone[visit["words"]]]
    now = wish_of(visit["wish"]).words()
    newer = (
        f"My shifts are new: I can only come {now}.",
        f"It has changed. From now on only {now}, please.",
        f"I mind my grandchildren now, so visits only {now}.",
    )
    return [older[visit["words"]], newer[visit["words"]]]


def _message(case: Case, number: int, mrn: str, words: str, sent: str) -> dict[str, Any]:
    patient = {"reference": f"Patient/{mrn}"}
    return {
        "resourceType": "Communication",
        "id": arrival_id(case, number),
        "status": "completed",
        "category": [{"text": "Message from the patient"}],
        "subject": patient,
        "sender": patient,
        "sent": sent,
        "received": sent,
        "payload": [{"contentString": words}],
    }


later = late_flags
