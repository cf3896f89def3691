"""The messages of the desk, and the signs that nurses have charted with them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from mab_gym.casework import arrival_id, late_flags, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

_LOINC: Final = "http://loinc.org"
_NAMES: Final = {
    "breathing": ("9279-1", "Respiratory rate", "RR", "breaths/min", "/min"),
    "saturation": ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "SpO2", "%", "%"),
    "pulse": ("8867-4", "Heart rate", "HR", "beats/min", "/min"),
    "temperature": ("8310-5", "Body temperature", "T", "Cel", "Cel"),
}


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns the messages, then the signs."""
    queue = case["queue"]
    messages = [_message(case, chart, place, each) for place, each in enumerate(queue)]
    signs: list[dict[str, Any]] = []
    for each in queue:
        if "signs" in each:
            signs += _charted(case, chart, each, len(queue) + len(signs))
    return [*messages, *signs]


def _message(case: Case, chart: Chart, place: int, each: Mapping[str, Any]) -> dict[str, Any]:
    sent = (chart.now - timedelta(minutes=each["minutes"])).isoformat()
    return {
        "resourceType": "Communication",
        "id": arrival_id(case, place),
        "status": "completed",
        "category": [{"text": "Message from the ward"}],
        "priority": "urgent" if each["urgent"] else "routine",
        "subject": {"reference": f"Patient/{each['mrn']}"},
        "encounter": {"reference": each["encounter"]},
        "sent": sent,
        "received": sent,
        "recipient": [{"reference": case["desk"], "display": case["desk_name"]}],
        "sender": {"reference": each["nurse"]},
        "payload": [{"contentString": each["words"]}],
    }


def _charted(case: Case, chart: Chart, each: Mapping[str, Any], first: int) -> list[dict[str, Any]]:
    at = (chart.now - timedelta(minutes=each["minutes"] + 2)).isoformat()
    category = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
    common = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [category]}],
        "subject": {"reference": f"Patient/{each['mrn']}"},
        "encounter": {"reference": each["encounter"]},
        "effectiveDateTime": at,
        "issued": at,
        "performer": [{"reference": each["nurse"]}],
    }
    found = [
        {
            **common,
            "id": arrival_id(case, first + place),
            "code": {"coding": [{"system": _LOINC, "code": code, "display": display}], "text": text},
            "valueQuantity": _amount(each["signs"][name], unit, ucum),
        }
        for place, (name, (code, display, text, unit, ucum)) in enumerate(_NAMES.items())
    ]
    systolic = each["signs"]["systolic"]
    parts = (("8480-6", "Systolic blood pressure", systolic), ("8462-4", "Diastolic blood pressure", systolic * 3 // 5))
    pressure = {
        **common,
        "id": arrival_id(case, first + len(found)),
        "code": {
            "coding": [
                {"system": _LOINC, "code": "85354-9", "display": "Blood pressure panel with all children optional"}
            ],
            "text": "Blood pressure",
        },
        "component": [
            {
                "code": {"coding": [{"system": _LOINC, "code": code, "display": display}]},
                "valueQuantity": _amount(value, "mmHg", "mm[Hg]"),
            }
            for code, display, value in parts
        ],
    }
    return [*found, pressure]


def _amount(value: float, unit: str, ucum: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": ucum}


later = late_flags
