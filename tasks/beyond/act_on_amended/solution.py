"""Reads the result as it is now, and acts on that."""

from __future__ import annotations

from typing import Any

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import THRESHOLD, value


def solve(case: Case, desk: Desk) -> Solution:
    """Takes two or three steps."""
    reply = yield desk.get("Observation", patient=case["mrn"], code="HGB", date=case["taken"], _count="5")
    (result,) = reply.resources
    order: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "priority": "stat",
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "authoredOn": desk.now.isoformat(),
    }
    careless = {"withdrawn": lambda: False}
    withdrawn = desk.decide("how the result stands now", result["status"] == "entered-in-error", careless)
    stands = desk.rule("present value", value(result), lambda: float(case["phoned"]))
    if withdrawn:
        yield desk.post(order | {"code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}})
    elif stands < THRESHOLD:
        coding = {"system": "http://snomed.info/sct", "code": "116863004"}
        yield desk.post(order | {"code": {"coding": [coding]}, "quantityQuantity": {"value": 1, "unit": "unit"}})
    yield desk.finish([-1 if withdrawn else stands, result["issued"]])
