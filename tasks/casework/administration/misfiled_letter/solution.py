"""Reads the letter, finds whose it is by two identifiers, takes back what came of it, files it anew and tells."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags, note_text
from mab_gym.casework.reading import references_in
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

Resource = Mapping[str, Any]
_WRONG = {"MedicationRequest": "stopped", "ServiceRequest": "revoked", "Observation": "entered-in-error"}


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some twenty actions; six where the letter is right."""
    yield desk.get("DocumentReference", **handbook_page("ADM-501"))
    reply = yield desk.get("Task", owner=case["nurse"], status="requested", _count="50")
    task = next(each for each in reply.resources if each["code"].get("text") == "Document on the wrong chart?")
    letter = (yield desk.get("DocumentReference", _id=task["focus"]["reference"].split("/")[1])).resources[0]
    wrong = str(letter["subject"]["reference"]).split("/")[1]
    initial, family, born = _named(note_text(letter))
    yield desk.get("Patient", _id=wrong)
    reply = yield desk.get("Patient", family=family, _count="50")
    namesakes = [each for each in reply.resources if _agrees(each, initial, family)]
    found = [each for each in namesakes if each["birthDate"] == born.isoformat()]
    found = desk.decide("name and birth date agree", found, {"identified": lambda: namesakes[:1] or found})
    if found and found[0]["id"] == wrong:
        others = [each for each in reply.resources if each["id"] != wrong]
        found = desk.rule("theirs", found, lambda: others)
    if found and found[0]["id"] == wrong:
        yield from _read(desk, wrong, letter)
        yield desk.patch(f"Task/{task['id']}", _status("rejected"))
        yield desk.finish([wrong, 0])
        return
    rows = yield from _read(desk, wrong, letter)
    taken = _because(desk, rows, letter)
    address = f"DocumentReference/{letter['id']}"
    moved = [
        {"op": "replace", "path": "/subject", "value": {"reference": f"Patient/{(found or [{'id': wrong}])[0]['id']}"}}
    ]
    yield desk.patch(address, desk.rule("marked", _status("entered-in-error"), lambda: moved))
    for each in taken:
        yield desk.patch(f"{each['resourceType']}/{each['id']}", _mark(each))
    stopped = (yield desk.get("MedicationRequest", patient=wrong, status="stopped", _count="200")).resources
    resumed = [each for each in stopped if _sender(letter) in str(each.get("statusReason"))]
    resumed = desk.rule("resumed", resumed, lambda: [])
    for each in resumed:
        yield desk.patch(f"MedicationRequest/{each['id']}", _status("active"))
    if found:
        yield from _file(desk, found[0], letter)
    elif desk.rule("sender", True, lambda: False):
        yield desk.post(_message(None, letter["author"][0]["reference"], address, "This is nobody here.", ""))
    handed = [each for each in rows if each["resourceType"] == "MedicationDispense"]
    reached = any(set(references_in(each)) & {f"MedicationRequest/{one['id']}" for one in taken} for each in handed)
    urgent = desk.rule("page", reached, lambda: False)
    urgent = desk.rule("calm", urgent, lambda: True)
    to = next(each["requester"]["reference"] for each in taken if "requester" in each)
    words = "The letter is somebody else's; what was ordered by it is taken back."
    yield desk.post(_message(wrong, to, address, words, "urgent" if urgent else "routine"))
    actuality = desk.rule("actual", "actual", lambda: "potential") if reached else "potential"
    if reached or desk.rule("near_miss", True, lambda: False):
        day = min(map(_at, taken), default=desk.now).date()
        yield desk.post(_report(wrong, case["nurse"], address, day, actuality))
    yield desk.patch(f"Task/{task['id']}", _status("completed"))
    yield desk.finish([found[0]["id"] if found else "nobody", len(taken) + len(resumed)])


def _named(text: str) -> tuple[str, str, date]:
    """Reads initial, family name and birth date in a letter's third line."""
    line = text.splitlines()[2]
    numbers = re.search(r"(\d\d)/(\d\d)/(\d{4})", line)
    words = re.search(r"born (\w+ \d+, \d{4})", line)
    if numbers is not None:
        born = date(int(numbers[3]), int(numbers[1]), int(numbers[2]))
    else:
        assert words is not None
        born = datetime.strptime(words[1], "%B %d, %Y").date()
    before = re.sub(r"^(Re: |Concerning |Your patient )", "", line)
    name = re.split(r", DOB|, born| \(|, \*", before)[0]
    last = re.fullmatch(r"(.+), (\w)\.", name)
    first = re.fullmatch(r"(\w)\. (.+)", name)
    if last is not None:
        return last[2], last[1], born
    assert first is not None
    return first[1], first[2], born


def _agrees(patient: Resource, initial: str, family: str) -> bool:
    name = patient["name"][0]
    return bool(name["family"].casefold() == family.casefold() and name["given"][0].startswith(initial))


def _read(desk: Desk, mrn: str, letter: Resource) -> Generator[str, Reply, list[dict[str, Any]]]:
    """Returns what was entered, ordered and handed over since the letter came."""
    since = "ge" + str(letter["date"])[:10]
    rows: list[dict[str, Any]] = []
    for kind, name in (
        ("Condition", "recorded-date"),
        ("Observation", "date"),
        ("AllergyIntolerance", "date"),
        ("MedicationRequest", "authoredon"),
        ("ServiceRequest", "authored"),
        ("MedicationDispense", "whenhandedover"),
    ):
        reply = yield desk.get(kind, **{"patient": mrn, name: since, "_count": "100"})
        rows += reply.resources
    return rows


def _because(desk: Desk, rows: Sequence[dict[str, Any]], letter: Resource) -> list[dict[str, Any]]:
    """Returns the entries and orders that came of the letter."""
    known = {f"DocumentReference/{letter['id']}"}
    entries = [each for each in rows if each["resourceType"] != "MedicationDispense"]
    linked = [each for each in entries if known & set(references_in(each))]
    linked = desk.rule("linked", linked, lambda: [])
    known = {f"{each['resourceType']}/{each['id']}" for each in linked}
    chain = [each for each in entries if known & set(references_in(each)) and each not in linked]
    chain = desk.rule("chain", chain, lambda: [])
    noted = [each for each in entries if _sender(letter) in str(each.get("note"))]
    noted = desk.rule("noted", noted, lambda: [])
    found = [*linked, *chain, *(each for each in noted if each not in linked and each not in chain)]
    start = min((_at(each) for each in found), default=desk.now)
    same = [each for each in entries if timedelta(0) <= _at(each) - start < timedelta(hours=1)]
    return desk.decide("what came of the letter", found, {"others": lambda: same or found})


def _sender(letter: Resource) -> str:
    """Returns the first words of a sender's name, as notes have them."""
    return " ".join(str(letter["author"][0]["display"]).split()[:2])


def _at(each: Resource) -> datetime:
    written = each.get("authoredOn") or each.get("recordedDate") or each.get("effectiveDateTime")
    return datetime.fromisoformat(str(written))


def _status(status: str) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": "/status", "value": status}]


def _mark(each: Resource) -> list[dict[str, Any]]:
    """Returns the patch that takes back an entry or an order."""
    kind = each["resourceType"]
    if kind in _WRONG:
        return _status(_WRONG[kind])
    system = each["verificationStatus"]["coding"][0]["system"]
    wrong = {"coding": [{"system": system, "code": "entered-in-error"}]}
    return [
        {"op": "replace", "path": "/verificationStatus", "value": wrong},
        {"op": "remove", "path": "/clinicalStatus"},
    ]


def _file(desk: Desk, patient: Resource, letter: Resource) -> Generator[str, Reply, None]:
    kept = {name: letter[name] for name in ("type", "date", "author", "description", "content") if name in letter}
    subject = {"reference": f"Patient/{patient['id']}"}
    if not desk.rule("filed", True, lambda: False):
        return
    reply = yield desk.post({"resourceType": "DocumentReference", "status": "current", "subject": subject, **kept})
    if desk.rule("handed", True, lambda: False):
        yield desk.post(
            {
                "resourceType": "Task",
                "status": "requested",
                "intent": "order",
                "code": {"text": "Result to be reviewed"},
                "for": subject,
                "owner": {"reference": patient["generalPractitioner"][0]["reference"]},
                "focus": {"reference": f"DocumentReference/{reply.resources[0]['id']}"},
            }
        )


def _report(mrn: str, nurse: str, letter: str, day: date, actuality: str) -> dict[str, Any]:
    return {
        "resourceType": "AdverseEvent",
        "actuality": actuality,
        "event": {"text": "Entries and orders for this patient by a letter about somebody else"},
        "subject": {"reference": f"Patient/{mrn}"},
        "date": day.isoformat(),
        "recorder": {"reference": nurse},
        "referenceDocument": [{"reference": letter}],
    }


def _message(mrn: str | None, to: str, about: str, words: str, priority: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        **({"priority": priority} if priority else {}),
        **({"subject": {"reference": f"Patient/{mrn}"}} if mrn else {}),
        "recipient": [{"reference": to}],
        "about": [{"reference": about}],
        "payload": [{"contentString": words}],
    }
