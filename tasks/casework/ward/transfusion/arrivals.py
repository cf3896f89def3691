"""Arrivals: the stay, its note and results, the form of consent, and another hospital's letter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mab_gym.casework import arrival_id, late_flags, text_attachment, with_flags
from mab_gym.dynamics.admissions import admission
from mab_gym.dynamics.bodies._bedside import USUAL_SIGNS
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

_LOINC = "http://loinc.org"
_SCOPES = "http://terminology.hl7.org/CodeSystem/consentscope"
_CATEGORIES = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
RESULTS = ("haemoglobin", "platelets", "mcv", "creatinine")


def consent_address(case: Case) -> str:
    """Returns the address of the form of consent."""
    return f"Consent/{arrival_id(case, 20)}"


def nurse_note_address(case: Case) -> str:
    """Returns the address of the nurse's note about the talk."""
    return f"DocumentReference/{arrival_id(case, 21)}"


@with_flags
def arrive(case: Case, chart: Chart) -> list[Mapping[str, Any]]:
    """Returns the resources."""
    ids = [arrival_id(case, number) for number in range(8 + len(RESULTS))]
    signs = {**USUAL_SIGNS, **case["body"]["signs"]}
    results = {name: float(case[name]) for name in RESULTS}
    came = admission(case, chart, ids, ("271737000", "Anemia"), case["note"], signs, results)
    signed = (chart.now - timedelta(minutes=22)).isoformat()
    written = (chart.now - timedelta(minutes=15)).isoformat()
    nurse = _document(
        case, 21, ("34746-8", "Nurse Note"), "Nurse note", case["consent_note"], signed, {"reference": case["nurse"]}
    )
    place = str(case["letter"]["place"])
    far = _document(
        case, 22, ("51852-2", "Letter"), f"Letter from {place}", case["letter"]["text"], written, {"display": place}
    )
    return [*came, _consent(case, signed), nurse, far]


def _consent(case: Case, signed: str) -> dict[str, Any]:
    given = bool(case["consents"])
    return {
        "resourceType": "Consent",
        "id": arrival_id(case, 20),
        "status": "active" if given else "rejected",
        "scope": {"coding": [{"system": _SCOPES, "code": "treatment", "display": "Treatment"}]},
        "category": [
            {
                "coding": [{"system": _LOINC, "code": "59284-0", "display": "Patient Consent"}],
                "text": "Consent to transfusion",
            }
        ],
        "patient": {"reference": f"Patient/{case['mrn']}"},
        "dateTime": signed,
        "performer": [{"reference": f"Patient/{case['mrn']}"}],
        "provision": {"type": "permit" if given else "deny", "period": {"start": signed}},
    }


def _document(
    case: Case, number: int, kind: tuple[str, str], title: str, text: str, written: str, author: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": arrival_id(case, number),
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": _LOINC, "code": kind[0], "display": kind[1]}], "text": kind[1]},
        "category": [
            {"coding": [{"system": _CATEGORIES, "code": "clinical-note", "display": "Clinical Note"}]},
        ],
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "date": written,
        "author": [dict(author)],
        "description": title,
        "content": [{"attachment": text_attachment(text, title, written)}],
    }


later = late_flags
