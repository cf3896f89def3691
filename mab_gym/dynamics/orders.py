"""The pieces of gold solutions of stays: resources that they write, and facts that they read from replies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

__all__ = [
    "LOINC",
    "drug_order",
    "is_inpatient_order",
    "lab_order",
    "loinc_of",
    "message",
    "moment_of",
    "newest_by_code",
    "newest_valid",
    "quantity",
    "status_change",
    "time_after",
]

LOINC = "http://loinc.org"
_RXNORM, _UCUM = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://unitsofmeasure.org"
Resource = dict[str, Any]


def _order(kind: str, mrn: str) -> Resource:
    return {"resourceType": kind, "status": "active", "intent": "order", "subject": {"reference": f"Patient/{mrn}"}}


def lab_order(mrn: str, code: str, at: datetime | None = None, **more: str) -> Resource:
    """Returns the order of a test.

    Args:
        mrn: The patient.
        code: Its LOINC code.
        at: The time at which the blood is to be drawn; None for as soon as it can be.
        more: Further elements, as in ``priority="stat"``.
    """
    later = {} if at is None else {"occurrenceDateTime": at.isoformat()}
    return {**_order("ServiceRequest", mrn), **more, "code": {"coding": [{"system": LOINC, "code": code}]}, **later}


def drug_order(mrn: str, name: str, rxnorm: str, dosage: Mapping[str, Any], **more: str) -> Resource:
    """Returns the order of a drug.

    Args:
        mrn: The patient.
        name: Its name.
        rxnorm: Its RxNorm code.
        dosage: The dosage instruction.
        more: Further elements, as in ``priority="stat"``.
    """
    drug = {"coding": [{"system": _RXNORM, "code": rxnorm}], "text": name}
    return {
        **_order("MedicationRequest", mrn),
        **more,
        "medicationCodeableConcept": drug,
        "dosageInstruction": [dict(dosage)],
    }


def quantity(value: float, code: str, unit: str = "") -> Resource:
    """Returns an amount.

    Args:
        value: The number.
        code: Its unit by UCUM.
        unit: Its unit in words, where that is another text.
    """
    return {"value": value, "unit": unit or code, "system": _UCUM, "code": code}


def message(mrn: str, to: str, about: Mapping[str, Any], text: str, priority: str = "") -> Resource:
    """Returns a message about a result.

    Args:
        mrn: The patient.
        to: The reference of who is to read it.
        about: The Observation.
        text: The words.
        priority: As in ``urgent``; empty for none.
    """
    return {
        "resourceType": "Communication",
        "status": "completed",
        **({"priority": priority} if priority else {}),
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": to}],
        "about": [{"reference": f"Observation/{about['id']}"}],
        "payload": [{"contentString": text}],
    }


def status_change(status: str) -> list[Resource]:
    """Returns the JSON Patch that gives an order another status."""
    return [{"op": "replace", "path": "/status", "value": status}]


def time_after(waited: Mapping[str, Any]) -> datetime:
    """Returns the time that the answer to ``$wait`` tells."""
    return datetime.fromisoformat(next(each["valueInstant"] for each in waited["parameter"] if each["name"] == "now"))


def newest_valid(results: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Returns the first of some results, the newest first, that has a value and was not taken back."""
    return next(each for each in results if each["status"] != "entered-in-error" and "valueQuantity" in each)


def newest_by_code(results: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Returns of results, the newest first, the first of each LOINC code that has a value and was not taken back."""
    found: dict[str, Mapping[str, Any]] = {}
    for each in results:
        if each["status"] != "entered-in-error" and "valueQuantity" in each:
            found.setdefault(loinc_of(each), each)
    return found


def moment_of(result: Mapping[str, Any]) -> datetime:
    """Returns the time of a result, timezone-aware."""
    return datetime.fromisoformat(result["effectiveDateTime"])


def loinc_of(result: Mapping[str, Any]) -> str:
    """Returns the LOINC code of a result."""
    return next(str(coding["code"]) for coding in result["code"]["coding"] if coding.get("system") == LOINC)


def is_inpatient_order(order: Mapping[str, Any], words: Sequence[str]) -> bool:
    """Tells if an order for a stay is for a drug whose name holds one of these words, in lower case."""
    named = str(order["medicationCodeableConcept"]).lower()
    return "'inpatient'" in str(order.get("category")) and any(word in named for word in words)
