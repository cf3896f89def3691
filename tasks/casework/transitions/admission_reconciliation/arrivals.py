"""A talk with the patient, and what a relative wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from mab_gym.casework import arrival_id, late_flags, text_attachment, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

PATIENT: Final = 0
RELATIVE: Final = 1
_US_CORE = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"


@with_flags
def arrive(case: Case, chart: Chart) -> Sequence[Mapping[str, Any]]:
    """Returns what came in with a case."""
    now, begun = chart.now, datetime.fromisoformat(case["begun"])
    talk = (begun + (now - begun) * 0.6).replace(microsecond=0).isoformat()
    wrote = (begun + (now - begun) * 0.9).replace(microsecond=0).isoformat()
    kind, title = "Nurse Note", "Nursing note: drugs at home"
    note = {
        "resourceType": "DocumentReference",
        "id": arrival_id(case, PATIENT),
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34746-8", "display": kind}], "text": kind},
        "category": [{"coding": [{"system": _US_CORE, "code": "clinical-note", "display": "Clinical Note"}]}],
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "date": talk,
        "author": [{"reference": case["nurse"]}],
        "description": title,
        "content": [{"attachment": text_attachment(_talk(case), title, talk)}],
        "context": {"encounter": [{"reference": case["encounter"]}]},
    }
    message = {
        "resourceType": "Communication",
        "id": arrival_id(case, RELATIVE),
        "status": "completed",
        "category": [{"text": "Message from the family"}],
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "encounter": {"reference": case["encounter"]},
        "sent": wrote,
        "received": wrote,
        "recipient": [{"reference": case["nurse"]}],
        "sender": {"reference": case["relative"]},
        "payload": [{"contentString": _wrote(case)}],
    }
    return [note, message]


def _said(case: Case, place: int, *ways: str) -> str:
    """Returns one of some ways to say the same."""
    return ways[case["words"] // 3**place % len(ways)]


def _talk(case: Case) -> str:
    she, relation = case["she"], case["relation"]
    his = "her" if she == "she" else "his"
    if case["giver"]:
        who = _said(
            case,
            0,
            f"The {relation} fills the pill box these days; {she} swallows what is in it without looking.",
            f"Pills at home come from the {relation}, who sets them out each evening. Cannot name all of them.",
        )
    else:
        who = _said(
            case,
            0,
            f"Keeps and takes the pills alone, knows each by name. The {relation} comes by on weekends.",
            f"Has {his} own system with two boxes and nobody else touches them; the {relation} lives elsewhere.",
        )
    told = [_sentence(case, place, each, "Says: ") for place, each in enumerate(case["said"]["patient"])]
    return "\n".join(
        ("Asked about drugs at home, in bed, awake and clear.", who, *told, "Short talk, taken to a test.")
    )


def _wrote(case: Case) -> str:
    begin = (
        _said(case, 1, "I do the pill box for the family.", "As I am the one who sets out the pills:")
        if case["giver"]
        else _said(case, 1, "I do not see the pills every day, but I want to help.", "As far as I can tell:")
    )
    told = [_sentence(case, place + 3, each, "") for place, each in enumerate(case["said"]["relative"])]
    return " ".join((begin, *told))


def _sentence(case: Case, place: int, said: Sequence[Any], before: str) -> str:
    """Returns a statement about a drug as a sentence."""
    name, kind, *more = said
    if kind == "takes":
        text = _said(case, place, f"{name} is taken every day as prescribed.", f"no day without {name}, every day.")
    elif kind == "stopped":
        text = _said(case, place, f"no {name} any more since {more[0]}.", f"{name} was given up in {more[0]}.")
    elif kind == "half":
        amount = f"{more[0]:g} {more[1]}"
        text = _said(case, place, f"of {name} only half a dose, {amount}.", f"{name} is cut in half, so {amount} each.")
    elif kind == "shelf":
        ways = (
            f"from the drugstore comes {name} {more[0]} mg, {more[2]} days a week for {more[1]}.",
            f"{name} {more[0]} mg from the drugstore for {more[1]}, {more[2]} days a week.",
        )
        text = _said(case, place, *ways)
    else:
        ways = (
            f"another clinic prescribes {name} {more[0]} mg a day since {more[1]}.",
            f"there is also {name} {more[0]} mg a day from another clinic since {more[1]}.",
        )
        text = _said(case, place, *ways)
    whole = before + text
    return whole[0].upper() + whole[1:]


later = late_flags
