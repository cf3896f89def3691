"""The letter, the Task about it, what was entered, ordered and stopped because of it, and what stands beside it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from mab_gym.casework import arrival_id, late_flags, text_attachment, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

from .stories import STORIES, drug_entry, first_entry, request_entry

LETTER, FIRST, DRUG, REQUEST, COUNT, TABLET, DISPENSE, TASK = range(8)
"""Places of arrivals among the ids of a case."""
_KINDS = {"condition": "Condition", "result": "Observation", "allergy": "AllergyIntolerance"}
_PAINKILLER = ("161", "Acetaminophen tablet 500 mg", "500 mg by mouth up to four times a day as needed")


def letter_of(case: Case) -> str:
    """Returns the reference of the letter."""
    return f"DocumentReference/{arrival_id(case, LETTER)}"


def task_of(case: Case) -> str:
    """Returns the reference of the Task."""
    return f"Task/{arrival_id(case, TASK)}"


def entries_of(case: Case) -> tuple[str, str, str]:
    """Returns the references of what came of the letter."""
    kind = _KINDS[STORIES[case["story"]].first[0]]
    return (
        f"{kind}/{arrival_id(case, FIRST)}",
        f"MedicationRequest/{arrival_id(case, DRUG)}",
        f"ServiceRequest/{arrival_id(case, REQUEST)}",
    )


def entered_at(now: datetime) -> datetime:
    """Returns the time at which the first thing was entered because of the letter."""
    return now - timedelta(days=2, hours=-2)


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns what came in, the letter first."""
    story, patient, author = STORIES[case["story"]], f"Patient/{case['mrn']}", case["author"]
    came = chart.now - timedelta(days=case["days"], hours=-3)
    entered = entered_at(chart.now)
    first, drug, request = entries_of(case)
    at = [(entered + timedelta(minutes=minutes)).isoformat() for minutes in (0, 3, 4, 9, 11)]
    reason = "supportingInformation" if story.first[0] == "allergy" else "reasonReference"
    short = " ".join(str(case["sender"]).split(" ")[:2])
    found = [
        _letter(case, came, patient),
        _with_id(first_entry(story, case["value"], letter_of(case), patient, author, at[0]), first),
        _with_id(drug_entry(story.drug, patient, author, at[1], **{reason: [{"reference": first}]}), drug),
        _with_id(request_entry(story.request, patient, author, at[2], f"As {short} asks."), request),
        _with_id(
            request_entry(("http://loinc.org", "58410-2", "Complete blood count"), patient, author, at[3], "Yearly."),
            f"ServiceRequest/{arrival_id(case, COUNT)}",
        ),
        _with_id(
            drug_entry(_PAINKILLER, patient, author, at[4], note=[{"text": "For the back, asked by phone."}]),
            f"MedicationRequest/{arrival_id(case, TABLET)}",
        ),
        _stopped(case, chart, f"{short} changes the treatment."),
        _task(case, chart.now, patient),
    ]
    if case["reached"]:
        found.append(_dispense(case, chart.now, patient, drug))
    return found


def _with_id(resource: dict[str, Any], address: str) -> dict[str, Any]:
    return {"resourceType": resource["resourceType"], "id": address.split("/")[1], **resource}


def _letter(case: Case, came: datetime, patient: str) -> dict[str, Any]:
    title = f"Letter from {case['sender']}"
    return {
        "resourceType": "DocumentReference",
        "id": arrival_id(case, LETTER),
        "status": "current",
        "docStatus": "final",
        "type": {
            "coding": [{"system": "http://loinc.org", "code": "51852-2", "display": "Letter"}],
            "text": "Letter",
        },
        "subject": {"reference": patient},
        "date": came.isoformat(),
        "author": [{"reference": case["sender_address"], "display": case["sender"]}],
        "description": title,
        "content": [{"attachment": text_attachment(_text(case, came.date()), title, came.isoformat())}],
    }


def _text(case: Case, day: date) -> str:
    story, born = STORIES[case["story"]], date.fromisoformat(case["born"])
    seen = day - timedelta(days=3)
    who = (
        f"Re: {case['family']}, {case['initial']}., DOB {born:%m/%d/%Y}",
        f"Concerning {case['initial']}. {case['family']}, born {born:%B} {born.day}, {born.year}",
        f"{case['family'].upper()}, {case['initial']}. ({born:%m/%d/%Y})",
        f"Your patient {case['initial']}. {case['family']}, * {born:%m/%d/%Y}",
    )[case["style"]]
    drugs = ", ".join(case["drugs"])
    value = "" if case["value"] is None else f"{case['value']:.{story.places}f}"
    return (
        f"{case['sender']}\n{day:%B} {day.day}, {day.year}\n{who}\n\nDear colleague,\nwe saw your patient on "
        f"{seen:%m/%d/%Y}. {story.tells.format(value=value)} Medicines as told: {drugs}. {story.asks}\nWith kind "
        "regards\n"
    )


def _stopped(case: Case, chart: Chart, why: str) -> dict[str, Any]:
    """Returns what the person has taken for long, stopped because of the letter."""
    address = str(case["stopped"])
    number = address.split("/")[1]
    order = chart.remember(("order", address), lambda: next(chart.search("MedicationRequest", _id=number)))
    return {**order, "status": "stopped", "statusReason": {"text": why}}


def _task(case: Case, now: datetime, patient: str) -> dict[str, Any]:
    asked = now - timedelta(hours=15)
    words = (
        "Does not sound like this patient to me. Somebody else's?",
        "Never heard that we work with them. Please look whose it is.",
        "Front desk: wrong chart? Was scanned in a hurry.",
        "Please check whose letter this is.",
    )[(case["style"] + case["days"]) % 4]
    return {
        "resourceType": "Task",
        "id": arrival_id(case, TASK),
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"text": "Document on the wrong chart?"},
        "description": words,
        "focus": {"reference": letter_of(case)},
        "for": {"reference": patient},
        "authoredOn": asked.isoformat(),
        "lastModified": asked.isoformat(),
        "owner": {"reference": case["nurse"]},
    }


def _dispense(case: Case, now: datetime, patient: str, order: str) -> dict[str, Any]:
    code, words, dosage = STORIES[case["story"]].drug
    return {
        "resourceType": "MedicationDispense",
        "id": arrival_id(case, DISPENSE),
        "status": "completed",
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}],
            "text": words,
        },
        "subject": {"reference": patient},
        "authorizingPrescription": [{"reference": order}],
        "quantity": {"value": 30, "unit": "doses"},
        "whenHandedOver": (now - timedelta(hours=16)).isoformat(),
        "dosageInstruction": [{"text": dosage}],
    }


later = late_flags
