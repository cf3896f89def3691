"""Reads the latest potassium, orders the drug and a test if it is low, answers."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import THRESHOLD, milliequivalents
from .verifier import tomorrow_at_eight


def solve(case: Case, desk: Desk) -> Solution:
    """Takes two or four steps."""
    reply = yield desk.get("Observation", patient=case["mrn"], code="K", _sort="-date", _count="5")
    valid = [r for r in reply.resources if r["status"] != "entered-in-error"]
    newest = desk.decide(
        "the newest valid result, and what it calls for", valid[0], {"status": lambda: reply.resources[0]}
    )
    value = newest["valueQuantity"]["value"]
    dose = desk.rule("dose by level", milliequivalents(value), lambda: 40.0)
    if desk.rule("threshold", value < THRESHOLD, lambda: value < 4.0):
        shared = {
            "status": "active",
            "intent": "order",
            "subject": {"reference": f"Patient/{case['mrn']}"},
            "authoredOn": desk.now.isoformat(),
        }
        yield desk.post(
            {
                "resourceType": "MedicationRequest",
                **shared,
                "medicationCodeableConcept": {
                    "coding": [{"system": "http://hl7.org/fhir/sid/ndc", "code": "40032-917-01"}],
                    "text": "Potassium chloride",
                },
                "dosageInstruction": [
                    {
                        "route": {"text": "oral"},
                        "doseAndRate": [{"doseQuantity": {"value": dose, "unit": "mEq"}}],
                    }
                ],
            }
        )
        yield desk.post(
            {
                "resourceType": "ServiceRequest",
                **shared,
                "priority": "stat",
                "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
                "occurrenceDateTime": tomorrow_at_eight(desk.now).isoformat(),
            }
        )
    yield desk.finish([value, newest["effectiveDateTime"]])
