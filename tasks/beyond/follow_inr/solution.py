"""Reads the INR and the order of warfarin, and follows the rules."""

from __future__ import annotations

from typing import Any

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import DAYS, FACTORS, course, daily_dose, eight_o_clock, new_dose, warfarin

_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def solve(case: Case, desk: Desk) -> Solution:
    """Takes three steps if nothing is due, up to six if warfarin is reversed."""
    reply = yield desk.get("Observation", patient=case["mrn"], code="INR", _sort="-date", _count="5")
    valid = [r for r in reply.resources if r["status"] != "entered-in-error"]
    newest = desk.decide("the newest valid result", valid[0], {"status": lambda: reply.resources[0]})
    ratio = newest["valueQuantity"]["value"]
    reply = yield desk.get("MedicationRequest", patient=case["mrn"], status="active", _count="100")
    order = warfarin(reply.resources)
    if order is None:
        yield desk.finish([])
        return
    present, todo = daily_dose(order), course(ratio)
    patient, now = {"reference": f"Patient/{case['mrn']}"}, desk.now.isoformat()
    shared: dict[str, Any] = {"status": "active", "intent": "order", "subject": patient, "authoredOn": now}

    def medication(code: str, milligrams: float, timing: dict[str, Any]) -> dict[str, Any]:
        dose = {"route": {"text": "oral"}, "doseAndRate": [{"doseQuantity": {"value": milligrams, "unit": "mg"}}]}
        return {
            "resourceType": "MedicationRequest",
            **shared,
            "medicationCodeableConcept": {"coding": [{"system": _RXNORM, "code": code}]},
            "dosageInstruction": [timing | dose],
        }

    if todo in FACTORS:
        daily = {"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
        changed = medication("11289", new_dose(present, FACTORS[todo]), daily)
        yield desk.post(changed | {"priorPrescription": {"reference": f"MedicationRequest/{order['id']}"}})
    if todo in ("hold", "reverse"):
        yield desk.post(
            {
                "resourceType": "Task",
                "status": "requested",
                "intent": "order",
                "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "suspend"}]},
                "focus": {"reference": f"MedicationRequest/{order['id']}"},
                "for": patient,
                "authoredOn": now,
            }
        )
    if todo == "reverse":
        yield desk.post(medication("8308", 5, {}))
    if todo in DAYS:
        coding = {"system": "http://loinc.org", "code": "6301-6"}
        when = {"occurrenceDateTime": eight_o_clock(desk.now, DAYS[todo]).isoformat()}
        yield desk.post({"resourceType": "ServiceRequest", **shared, "code": {"coding": [coding]}, **when})
    yield desk.finish([ratio, newest["effectiveDateTime"], present])
