"""Arrivals: results, their requests, a Task for each, and calls that colleagues made or tried."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import arrival_id, late_flags, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

ROOM: Final = 5
"""Ids for one result: its Task, request, result, and two calls."""
_LOINC: Final = "http://loinc.org"
_GROWTH: Final = (
    "Gram-positive cocci in clusters in 1 of 4 bottles after 14 hours. Identification to follow.",
    "Growth after 11 hours: gram-negative rods in the anaerobic bottle of one set.",
    "One of two sets grows gram-positive cocci in chains.",
)
_FOUND: Final = (
    "New solid nodule of {mm} mm in the right upper lobe. No effusion. CT in 3 months or PET is suggested.",
    "Left lower lobe: a nodule of {mm} mm that was not there before, edges smooth. Otherwise unchanged.",
    "Solid nodule of {mm} mm near the right hilum, new. Heart and vessels as before.",
)


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns what came in, result by result."""
    found: list[dict[str, Any]] = []
    for place, result in enumerate(case["results"]):
        ids = [arrival_id(case, ROOM * place + each) for each in range(ROOM)]
        issued = chart.now - timedelta(minutes=118 - 4 * place)
        found += [
            _task(case, result, ids, issued.isoformat()),
            _request(result, ids, (issued - timedelta(hours=1)).isoformat()),
        ]
        found += [_result(result, ids, issued.isoformat()), *_calls(case, result, ids, issued, chart.now)]
    return found


def _kind(result: dict[str, Any]) -> str:
    return "DiagnosticReport" if result["kind"] in ("culture", "nodule") else "Observation"


def _about(result: dict[str, Any]) -> dict[str, Any]:
    stay = {"encounter": {"reference": result["encounter"]}} if "encounter" in result else {}
    return {"subject": {"reference": f"Patient/{result['mrn']}"}, **stay}


def _task(case: Case, result: dict[str, Any], ids: list[str], issued: str) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "id": ids[0],
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"text": "Result to be looked at"},
        "focus": {"reference": f"{_kind(result)}/{ids[2]}"},
        "for": {"reference": f"Patient/{result['mrn']}"},
        "authoredOn": issued,
        "lastModified": issued,
        "owner": {"reference": case["desk"]},
    }


def _code(result: dict[str, Any]) -> dict[str, Any]:
    if result["kind"] == "culture":
        return {"coding": [{"system": _LOINC, "code": "600-7"}], "text": "Blood culture"}
    if result["kind"] == "nodule":
        return {"text": "CT of the chest"}
    return {"coding": [{"system": _LOINC, "code": result["code"]}], "text": result["name"]}


def _request(result: dict[str, Any], ids: list[str], written: str) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "id": ids[1],
        "status": "completed",
        "intent": "order",
        "priority": "routine",
        "code": _code(result),
        **_about(result),
        "authoredOn": written,
        "requester": {"reference": result["orderer"]},
    }


def _result(result: dict[str, Any], ids: list[str], issued: str) -> dict[str, Any]:
    base = {"id": ids[2], "basedOn": [{"reference": f"ServiceRequest/{ids[1]}"}], "status": "final"}
    timed = {"code": _code(result), **_about(result), "effectiveDateTime": issued, "issued": issued}
    table = "http://terminology.hl7.org/CodeSystem/v2-0074"
    if _kind(result) == "DiagnosticReport":
        words = (_GROWTH if result["kind"] == "culture" else _FOUND)[result["words"]]
        group = {"system": table, "code": "MB" if result["kind"] == "culture" else "RAD"}
        return {
            "resourceType": "DiagnosticReport",
            **base,
            "category": [{"coding": [group]}],
            **timed,
            "conclusion": words.format(mm=result["mm"]),
        }
    unit = {"unit": result["unit"], "system": "http://unitsofmeasure.org", "code": result["unit"]}
    low, high = ({"value": each, **unit} for each in result["usual"])
    laboratory = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
    spoilt = (
        {"note": [{"text": "Specimen hemolyzed; potassium may be falsely raised."}]}
        if result["kind"] == "hemolyzed"
        else {}
    )
    return {
        "resourceType": "Observation",
        **base,
        **({"status": "entered-in-error"} if result["kind"] == "withdrawn" else {}),
        "category": [{"coding": [laboratory]}],
        **timed,
        "valueQuantity": {"value": result["value"], **unit},
        **spoilt,
        "referenceRange": [{"low": low, "high": high}],
    }


def _calls(case: Case, result: dict[str, Any], ids: list[str], issued: datetime, now: datetime) -> list[dict[str, Any]]:
    """Returns calls of the desk's last shift: to both, to the nurse alone, or one that nobody answered."""
    kind = result["kind"]
    if kind not in ("called", "half_called", "no_answer"):
        return []
    reached = [result["nurse"], result["orderer"]] if kind == "called" else [result["nurse"]]
    found = [_call(case, result, ids[3], ids[2], reached, issued + timedelta(minutes=3), "completed")]
    if kind == "no_answer":
        tried = now - timedelta(minutes=41)
        found.append(_call(case, result, ids[4], ids[2], [result["orderer"]], tried, "not-done"))
    return found


def _call(
    case: Case, result: dict[str, Any], number: str, about: str, to: list[str], at: datetime, status: str
) -> dict[str, Any]:
    words = f"{result['name']} {result['value']} {result['unit']}."
    missed = {"statusReason": {"text": "No answer to the pager."}} if status == "not-done" else {}
    return {
        "resourceType": "Communication",
        "id": number,
        "status": status,
        **missed,
        "category": [{"text": "Critical result"}],
        "priority": "urgent",
        **_about(result),
        "about": [{"reference": f"Observation/{about}"}],
        "sent": at.isoformat(),
        "recipient": [{"reference": each} for each in to],
        "sender": {"reference": case["desk"]},
        "payload": [{"contentString": words + (" Read back." if status == "completed" else "")}],
    }


later = late_flags
