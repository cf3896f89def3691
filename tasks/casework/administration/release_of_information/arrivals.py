"""Requests for records: a letter and a Task about each, and what patients wrote about permissions that they gave."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from mab_gym.casework import arrival_id, late_flags, text_attachment, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

from .cases import PURPOSES
from .documents import WORDS

_ROOM = 3
_CALLER = "555-0142"
Request = Mapping[str, Any]


def letter_of(case: Case, place: int) -> str:
    """Returns the reference of a request's letter."""
    return f"DocumentReference/{arrival_id(case, _ROOM * place)}"


def task_of(case: Case, place: int) -> str:
    """Returns the reference of the Task about a request."""
    return f"Task/{arrival_id(case, _ROOM * place + 1)}"


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns letters, Tasks and messages."""
    found: list[dict[str, Any]] = []
    for place, request in enumerate(case["requests"]):
        came = chart.now - timedelta(days=2 + place, hours=3 * place + 1)
        found += [_letter(case, place, request, came, chart), _task(case, place, request, came)]
        message = _message(request)
        if message:
            found.append(_sent(case, place, request, message))
    return found


def _letter(case: Case, place: int, request: Request, came: datetime, chart: Chart) -> dict[str, Any]:
    patient = chart.patient(request["mrn"]) or {}
    text = _TEXTS.get(request["kind"], _authorized)(request, patient, came.date())
    title = "Telephone message" if request["kind"] == "caller" else "Request for records"
    return {
        "resourceType": "DocumentReference",
        "id": arrival_id(case, _ROOM * place),
        "status": "current",
        "docStatus": "final",
        "type": {
            "coding": [{"system": "http://loinc.org", "code": "51852-2", "display": "Letter"}],
            "text": "Letter",
        },
        "subject": {"reference": f"Patient/{request['mrn']}"},
        "date": came.isoformat(),
        "description": title,
        "content": [{"attachment": text_attachment(text, title, came.isoformat())}],
    }


def _task(case: Case, place: int, request: Request, came: datetime) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "id": arrival_id(case, _ROOM * place + 1),
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"text": "Release of information"},
        "description": "Request for records, see the letter.",
        "focus": {"reference": letter_of(case, place)},
        "for": {"reference": f"Patient/{request['mrn']}"},
        "authoredOn": came.isoformat(),
        "lastModified": came.isoformat(),
        "owner": {"reference": case["clerk"]},
        "restriction": {"period": {"end": (came.date() + timedelta(days=30)).isoformat()}},
    }


def _message(request: Request) -> str:
    """Returns what a patient wrote about a permission, or nothing."""
    name = request["requester"]
    if request["kind"] == "revoked":
        words = (
            f"I take back the permission that I signed for {name}. Please send them nothing.",
            f"Regarding {name}: I have changed my mind, my signature of last month does not count any more.",
            f"Do not give my records to {name}, whatever they show you. I withdraw it in writing herewith.",
        )
        return words[request["style"]]
    if request["kind"] in ("named", "limited"):
        other = request["other"]
        words = (
            f"I take back the permission that I gave to {other} years ago. Nothing else changes.",
            f"Please note that {other} gets nothing any more.",
            "",
        )
        return words[request["style"]]
    return ""


def _sent(case: Case, place: int, request: Request, words: str) -> dict[str, Any]:
    at = f"{date.fromisoformat(request['signed']) + timedelta(days=20)}T19:12:00-05:00"
    patient = {"reference": f"Patient/{request['mrn']}"}
    return {
        "resourceType": "Communication",
        "id": arrival_id(case, _ROOM * place + 2),
        "status": "completed",
        "category": [{"text": "Message from the patient"}],
        "subject": patient,
        "sender": patient,
        "sent": at,
        "received": at,
        "payload": [{"contentString": words}],
    }


def _day(day: str) -> str:
    """Writes a day as letters do, as ``March 1, 2022``."""
    at = date.fromisoformat(day)
    return f"{at:%B} {at.day}, {at.year}"


def _asked(scope: Mapping[str, Any]) -> str:
    """Writes what is asked for."""
    words = WORDS[scope["kind"]].format(clinic=str(scope["clinic"]).lower())
    return f"{words}, from {_day(scope['since'])} through {_day(scope['until'])}"


def _named(patient: Mapping[str, Any]) -> str:
    name = patient["name"][0]
    return f"{' '.join(name['given'])} {name['family']}"


def _authorized(request: Request, patient: Mapping[str, Any], came: date) -> str:
    """Writes a letter with the authorization that is enclosed; the letter asks for more than is allowed."""
    name, requester, purpose = _named(patient), request["requester"], PURPOSES[request["sort"]]
    more = int(request["scope"]["since"][:4]) - 2
    named = " and ".join(request["named"]) or "none"
    days, expires = request["in_days"], request["expires"]
    end = f"{days} days after I signed it" if days else f"on {_day(expires)}"
    signer = f"{name}"
    if request["kind"] == "signer":
        who, relation = request["relative"]
        signer = f"{who}, {relation}, who lives with the patient and looks after these things"
    asks = (
        f"We represent the interests of {name}, born {_day(patient['birthDate'])}, and need the complete records since "
        f"January 1, {more}.",
        f"Kindly forward the entire chart of {name} (date of birth {_day(patient['birthDate'])}), {more} to the "
        "present, within ten days.",
        f"Re {name}, {_day(patient['birthDate'])}. Please send all that you hold, from {more} on, for our file.",
    )[request["style"]]
    return (
        f"{requester}\n{_day(came.isoformat())}\nTo: Merrow Valley Medical Center, records\n\n{asks} The authorization "
        f"is enclosed.\n\nAUTHORIZATION\nI, {name}, born {_day(patient['birthDate'])}, allow Merrow Valley Medical "
        f"Center to give to {requester}: {_asked(request['scope'])}. Purpose: {purpose}. Specially protected records "
        f"that are included: {named}. This authorization ends {end}. I can take it back in writing at any time.\n"
        f"Signed: {signer}. Date: {_day(request['signed'])}\n"
    )


def _own(request: Request, patient: Mapping[str, Any], came: date) -> str:
    home = patient["address"][0]
    moved = request["style"] == 0
    street = request["street"] if moved else home["line"][0]
    return (
        f"{_day(came.isoformat())}\nDear records office,\nmy name is {_named(patient)}, born "
        f"{_day(patient['birthDate'])}, I live at {street}, {home['city']}. I would like to have "
        f"{_asked(request['scope'])}, as files, for myself.\nThank you, {_named(patient)}\n"
    )


def _identity(request: Request, patient: Mapping[str, Any], came: date) -> str:
    born = date.fromisoformat(patient["birthDate"])
    wrong = born.replace(year=born.year + (3 if born.day % 2 else -2), day=min(born.day, 28))
    return (
        f"{_day(came.isoformat())}\nDear records office,\nmy name is {_named(patient)}, born "
        f"{_day(wrong.isoformat())}, I live at {request['street']}, Port Ansel. I would like to have "
        f"{_asked(request['scope'])}, as files, for "
        f"myself.\nThank you, {_named(patient)}\n"
    )


def _family(request: Request, patient: Mapping[str, Any], came: date) -> str:
    who, relation = request["relative"]
    why = (
        "I want to see what has been said about me there.",
        "It is for a matter between us that a judge will have to decide.",
        "There is no need to trouble the patient with this.",
    )[request["style"]]
    return (
        f"{_day(came.isoformat())}\nTo the records office\nI am {who}, {relation} of {_named(patient)}, born "
        f"{_day(patient['birthDate'])}. Please give me {_asked(request['scope'])}. {why}\n{who}\n"
    )


def _treating(request: Request, patient: Mapping[str, Any], came: date) -> str:
    visit = _day((came + timedelta(days=12)).isoformat())
    return (
        f"{request['practice']}\n{_day(came.isoformat())}\nTo: Merrow Valley Medical Center, records\n\nWe treat "
        f"{_named(patient)}, born {_day(patient['birthDate'])}; the next visit here is on {visit}. For it we need "
        f"{_asked(request['scope'])}. Please send it to our office; your directory has the number.\n"
    )


def _caller(request: Request, patient: Mapping[str, Any], came: date) -> str:
    return (
        f"TELEPHONE MESSAGE, front desk, {_day(came.isoformat())}\nA Dr. Renner of {request['practice']} called, he "
        f"treats {_named(patient)}, born {_day(patient['birthDate'])}, and needs {_asked(request['scope'])}, today, at "
        f"once, to the fax {_CALLER}, which is not the office's. Said that he is well known here. Nobody has called "
        "back.\n"
    )


def _payer(request: Request, patient: Mapping[str, Any], came: date) -> str:
    return (
        f"{request['payer']}, claims department\n{_day(came.isoformat())}\nTo: Merrow Valley Medical Center, records"
        f"\n\nTo pay for care of {_named(patient)}, born {_day(patient['birthDate'])}, whom we insure, we need "
        f"{_asked(request['scope'])}.\n"
    )


_TEXTS = {
    "own": _own,
    "identity": _identity,
    "family": _family,
    "treating": _treating,
    "caller": _caller,
    "payer": _payer,
    "wrong_payer": _payer,
}


later = late_flags
