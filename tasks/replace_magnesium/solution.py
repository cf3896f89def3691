"""Reads the latest magnesium, orders a replacement if it is due, answers."""

from __future__ import annotations

from datetime import datetime, timedelta

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import GRAMS, degree


def solve(case: Case, desk: Desk) -> Solution:
    """Takes two or three steps."""
    reply = yield desk.get("Observation", patient=case["mrn"], code="MG", _sort="-date", _count="5")
    valid = [r for r in reply.resources if r["status"] != "entered-in-error"]
    newest = desk.decide(
        "the newest valid result, and what it calls for", valid[0], {"status": lambda: reply.resources[0]}
    )
    written, value = newest["effectiveDateTime"], newest["valueQuantity"]["value"]
    current = datetime.fromisoformat(written) >= desk.now - timedelta(hours=24)
    if not desk.rule("window", current, lambda: True):
        yield desk.finish([-1, value, written])
        return
    grams = GRAMS.get(degree(value))
    if grams is not None:
        grams = desk.rule("dose by degree", grams, lambda: 2)
        yield desk.post(
            {
                "resourceType": "MedicationRequest",
                "status": "active",
                "intent": "order",
                "medicationCodeableConcept": {
                    "coding": [{"system": "http://hl7.org/fhir/sid/ndc", "code": "0338-1715-40"}],
                    "text": "Magnesium sulfate",
                },
                "subject": {"reference": f"Patient/{case['mrn']}"},
                "authoredOn": desk.now.isoformat(),
                "dosageInstruction": [
                    {
                        "route": {"text": "IV"},
                        "doseAndRate": [
                            {
                                "doseQuantity": {"value": grams, "unit": "g"},
                                "rateQuantity": {"value": grams, "unit": "h"},
                            }
                        ],
                    }
                ],
            }
        )
    yield desk.finish([value, written])
