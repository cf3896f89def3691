"""Arrivals: the drafts of a colleague."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mab_gym.casework import arrival_id, late_flags, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

from .drafts import DRAFTS

_RXNORM, _UCUM, _SNOMED = (
    "http://www.nlm.nih.gov/research/umls/rxnorm", "http://unitsofmeasure.org", "http://snomed.info/sct",
)  # fmt: skip
_ROUTES = {
    "26643006": ("Oral route", "by mouth"),
    "47625008": ("Intravenous route", "intravenously"),
    "34206005": ("Subcutaneous route", "under the skin"),
    "447694001": ("Respiratory tract route", "inhaled"),
    "45890007": ("Transdermal route", "on the skin"),
    "46713006": ("Nasal route", "into the nose"),
}
_TIMES = {0: "once", 6: "every 6 hours", 8: "every 8 hours", 12: "every 12 hours", 24: "daily"}


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns the drafts, in the order in which they were written."""
    found = []
    for place, each in enumerate(case["drafts"]):
        own = _of_home(chart, each["order"]) if each["key"] == "home" else _of_table(each["key"])
        written = chart.now - timedelta(minutes=40 - 3 * place)
        found.append(
            {
                "resourceType": "MedicationRequest",
                "id": arrival_id(case, place),
                "status": "draft",
                "intent": "order",
                "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category",
                                          "code": "inpatient", "display": "Inpatient"}]}],
                "priority": "routine",
                "subject": {"reference": f"Patient/{case['mrn']}"},
                "encounter": {"reference": case["encounter"]},
                "authoredOn": written.isoformat(),
                "requester": {"reference": case["prescriber"]},
                **own,
            }
        )  # fmt: skip
    return found


def _of_home(chart: Chart, order: str) -> dict[str, Any]:
    """Returns what a draft takes over from a prescription for home."""
    number = order.partition("|")[0].removeprefix("MedicationRequest/")
    listed = next(chart.search("MedicationRequest", _id=number))
    return {
        "medicationCodeableConcept": listed["medicationCodeableConcept"],
        "reasonCode": [{"text": "as at home"}],
        "dosageInstruction": listed["dosageInstruction"],
    }


def _of_table(key: str) -> dict[str, Any]:
    draft = DRAFTS[key]
    shown, said = _ROUTES[draft.route]
    repeat = {"count": 1} if not draft.hours else {"frequency": 24 // draft.hours, "period": 1, "periodUnit": "d"}
    unit = {"meq": "mEq", "{puff}": "puffs", "{patch}": "patch", "{spray}": "sprays", "[iU]": "units"}.get(
        draft.unit, draft.unit
    )
    words = f"{draft.dose:g} {unit} {said} {_TIMES[draft.hours]}{' as needed' if draft.needed else ''}"
    dosage = {
        "text": words,
        "timing": {"repeat": repeat},
        **({"asNeededBoolean": True} if draft.needed else {}),
        "route": {"coding": [{"system": _SNOMED, "code": draft.route, "display": shown}], "text": shown},
        "doseAndRate": [{"doseQuantity": {"value": draft.dose, "unit": unit, "system": _UCUM, "code": draft.unit}}],
    }
    return {
        "medicationCodeableConcept": {
            "coding": [{"system": _RXNORM, "code": draft.code, "display": draft.drug}],
            "text": draft.name,
        },
        "reasonCode": [{"text": draft.reason}],
        "dosageInstruction": [dosage],
    }


later = late_flags
