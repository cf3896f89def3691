"""The requests that wait: a prescription on hold and a Task about it for each of three people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mab_gym.casework import arrival_id, late_flags, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

from .cases import DRUGS

_RXNORM, _UCUM = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://unitsofmeasure.org"
_WORDS = (
    "A1c about {a1c} % at the last visit, metformin at full dose for years, nothing against it. Please send today.",
    "On metformin 1000 mg twice a day, A1c {a1c} %. No contraindication. Should be quick.",
    "Meets all criteria: type 2 diabetes, A1c {a1c} %, metformin 2000 mg. Thank you!",
)


def prescription_of(case: Case, place: int) -> str:
    """Returns the reference of the prescription that a request is about."""
    return f"MedicationRequest/{arrival_id(case, 2 * place)}"


def task_of(case: Case, place: int) -> str:
    """Returns the reference of a request."""
    return f"Task/{arrival_id(case, 2 * place + 1)}"


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns prescriptions and Tasks."""
    found: list[dict[str, Any]] = []
    for place, request in enumerate(case["requests"]):
        asked = chart.now - timedelta(hours=14 + 3 * place, minutes=7 * place)
        found += [_prescription(case, place, request, asked.isoformat()), _task(case, place, request, asked, chart)]
    return found


def _prescription(case: Case, place: int, request: Mapping[str, Any], asked: str) -> dict[str, Any]:
    code, name, words, dose = DRUGS[request["drug"]]
    weekly = "week" in words
    return {
        "resourceType": "MedicationRequest",
        "id": arrival_id(case, 2 * place),
        "status": "on-hold",
        "statusReason": {"text": "Prior authorization"},
        "intent": "order",
        "category": [{"text": "community", "coding": [{"code": "community"}]}],
        "medicationCodeableConcept": {
            "coding": [{"system": _RXNORM, "code": code, "display": request["drug"]}],
            "text": name,
        },
        "subject": {"reference": f"Patient/{request['mrn']}"},
        "authoredOn": asked,
        "requester": {"reference": request["prescriber"]},
        "dosageInstruction": [
            {
                "text": words,
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk" if weekly else "d"}},
                "doseAndRate": [{"doseQuantity": {"value": dose, "unit": "mg", "system": _UCUM, "code": "mg"}}],
            }
        ],
    }


def _task(case: Case, place: int, request: Mapping[str, Any], asked: Any, chart: Chart) -> dict[str, Any]:
    stated = _WORDS[(place + int(10 * request["stated"])) % len(_WORDS)].format(a1c=request["stated"])
    return {
        "resourceType": "Task",
        "id": arrival_id(case, 2 * place + 1),
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"text": "Prior authorization"},
        "description": f"Prior authorization: {DRUGS[request['drug']][1]}, new. {stated}",
        "focus": {"reference": prescription_of(case, place)},
        "for": {"reference": f"Patient/{request['mrn']}"},
        "authoredOn": asked.isoformat(),
        "lastModified": asked.isoformat(),
        "requester": {"reference": request["prescriber"]},
        "owner": {"reference": case["pharmacist"]},
        "restriction": {"period": {"end": (chart.now + timedelta(days=1)).date().isoformat()}},
    }


later = late_flags
