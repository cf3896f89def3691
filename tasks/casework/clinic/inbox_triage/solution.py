"""Reads each message, the stay and the newest signs, and calls whom the page names."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import heeding_flags
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

from .scoring import SIGNS, by_signs, news2

Resource = Mapping[str, Any]
_MATTERS: Final = (
    ("rapid", r"cannot say where|sister's name|shook in all limbs"),
    ("attending", r"neighbor's metoprolol|ran twice|resuscitation|nobody agrees"),
    ("resident", r"slid off|on the floor|chest|in the last three hours|go home now|meter says|potassium: 2\.[0-7]"),
    ("pharmacist", r"dose of|has to come down|is that allowed"),
    ("social", r"nowhere to go|decides for"),
    ("morning", r"bowel|slept|potassium: 3\.[5-9]|diet|form for the sick leave"),
)
"""Words of messages, by who has to know of what they tell."""


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Sorts the desk, message by message."""
    day = f"ge{desk.now.date().isoformat()}"
    reply = yield desk.get("Communication", recipient=case["desk"], sent=day, _sort="sent", _count="50")
    messages = reply.resources
    for number in ("ADM-501", "LAB-401"):
        yield desk.get("DocumentReference", **handbook_page(number))
    reply = yield desk.get("PractitionerRole", active="true", _count="300")
    roles = reply.resources
    pages = 0
    for message in messages:
        pages += yield from _sort(desk, message, roles)
    yield desk.finish([desk.decide("how many were paged or called", pages)])


def _sort(desk: Desk, message: Resource, roles: Sequence[Resource]) -> Generator[str, Reply, int]:
    """Brings a message to its end; returns 1 for a page or a call."""
    mrn = message["subject"]["reference"].removeprefix("Patient/")
    said = message["payload"][0]["contentString"]
    reply = yield desk.get("Encounter", _id=message["encounter"]["reference"].split("/")[1])
    stay = reply.resources[0]
    end = yield from _end(desk, mrn, said)
    if end == "quiet":
        return 0
    service = stay["serviceType"]["text"]
    resident = _one(roles, "Resident", service)
    attending = stay["participant"][0]["individual"]["reference"]
    address = f"Communication/{message['id']}"
    if end == "morning":
        tomorrow = (desk.now + timedelta(days=1)).replace(hour=11, minute=0)
        yield desk.post(_task(mrn, resident, address, said, tomorrow))
        return 0
    to = {
        "rapid": resident,
        "resident": resident,
        "attending": attending,
        "pharmacist": _one(roles, "Pharmacist", ""),
        "social": _one(roles, "Social worker", ""),
    }[end]
    priority = {"rapid": "stat", "resident": "urgent", "attending": "urgent"}.get(end, "routine")
    yield desk.post(
        {
            "resourceType": "Communication",
            "status": "completed",
            "priority": priority,
            "subject": {"reference": f"Patient/{mrn}"},
            "recipient": [{"reference": to}],
            "about": [{"reference": address}],
            "payload": [{"contentString": said}],
        }
    )
    return int(priority != "routine")


def _end(desk: Desk, mrn: str, said: str) -> Generator[str, Reply, str]:
    """Returns who has to know: by words, or by the signs in the chart."""
    told = next((end for end, words in _MATTERS if re.search(words, said, re.IGNORECASE)), None)
    if told is not None:
        if told in ("rapid", "resident"):
            return desk.rule("told", told, lambda: "morning")
        if told in ("pharmacist", "social"):
            return desk.rule("asked", told, lambda: "resident")
        return desk.rule(told, told, lambda: "resident")
    codes = ",".join([*(code for code in SIGNS.values() if code != "8480-6"), "85354-9"])
    reply = yield desk.get("Observation", patient=mrn, code=codes, _sort="-date", _count="15")
    signs = _newest(reply.resources)
    oxygen = desk.rule("oxygen", "cannula" in said, lambda: False)
    end = by_signs(signs, oxygen)
    score, most = news2(signs, oxygen)
    if end == "rapid":
        return (
            desk.rule("score", end, lambda: "resident") if score >= 7 else desk.rule("limit", end, lambda: "resident")
        )
    if end == "resident" and most == 3 and score < 5:
        return desk.rule("single", end, lambda: "quiet")
    return desk.rule("quiet", end, lambda: "resident") if end == "quiet" else end


def _newest(results: Sequence[Resource]) -> dict[str, float]:
    """Returns the newest of each sign."""
    newest = max(datetime.fromisoformat(each["effectiveDateTime"]) for each in results)
    names = {code: name for name, code in SIGNS.items()}
    found: dict[str, float] = {}
    for each in results:
        if datetime.fromisoformat(each["effectiveDateTime"]) != newest:
            continue
        parts = each.get("component") or [each]
        for part in parts:
            code = part["code"]["coding"][0]["code"]
            if code in names:
                found[names[code]] = float(part["valueQuantity"]["value"])
    return found


def _one(roles: Sequence[Resource], role: str, specialty: str) -> str:
    return next(
        str(each["practitioner"]["reference"])
        for each in roles
        if each["code"][0]["text"] == role and specialty in ("", each["specialty"][0]["text"])
    )


def _task(mrn: str, owner: str, focus: str, said: str, end: datetime) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "description": said,
        "for": {"reference": f"Patient/{mrn}"},
        "owner": {"reference": owner},
        "focus": {"reference": focus},
        "restriction": {"period": {"end": end.isoformat()}},
    }
