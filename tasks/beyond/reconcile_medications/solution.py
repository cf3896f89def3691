"""Reads the active orders, compares them, asks for the end of a duplicate."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import ingredient, review


def solve(case: Case, desk: Desk) -> Solution:
    """Takes one search, a Task if there is a duplicate, and one answer."""
    reply = yield desk.get("MedicationRequest", patient=case["mrn"], status="active", _count="100")
    found = reply.resources
    careless = {
        "route": lambda: review(found, kind=ingredient),
        "coding": lambda: review(found, kind=lambda order: (order["medicationCodeableConcept"]["coding"][0]["code"],)),
        "time zone": lambda: review(found, key=lambda order: order["authoredOn"]),
    }
    result = desk.decide("which orders say the same", review(found), careless)
    if result is None:
        yield desk.finish([])
        return
    if result.stop is not None:
        yield desk.post(
            {
                "resourceType": "Task",
                "status": "requested",
                "intent": "order",
                "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]},
                "focus": {"reference": f"MedicationRequest/{result.stop['id']}"},
                "for": {"reference": f"Patient/{case['mrn']}"},
                "authoredOn": desk.now.isoformat(),
            }
        )
    yield desk.finish(["none" if result.stop is None else result.stop["id"], result.keep["id"]])
