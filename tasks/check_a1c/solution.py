"""Reads the latest HbA1c, orders a new one if it is due, answers."""

from __future__ import annotations

from datetime import datetime

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution


def solve(case: Case, desk: Desk) -> Solution:
    """Takes two to four steps."""
    reply = yield desk.get("Observation", patient=case["mrn"], code="A1C", _sort="-date", _count="5")
    valid = [r for r in reply.resources if r["status"] != "entered-in-error"]
    results = desk.rule("status", valid, lambda: reply.resources)
    a_year_ago = desk.now.replace(year=desk.now.year - 1)
    due = not results or datetime.fromisoformat(results[0]["effectiveDateTime"]) < a_year_ago
    careless = {"out of date": lambda: not results, "never out of date": lambda: True}
    if desk.decide("whether the newest valid result is older than a year", due, careless):
        yield desk.post(
            {
                "resourceType": "ServiceRequest",
                "status": "active",
                "intent": "order",
                "priority": "stat",
                "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
                "subject": {"reference": f"Patient/{case['mrn']}"},
                "authoredOn": desk.now.isoformat(),
            }
        )
    if results:
        yield desk.finish([results[0]["valueQuantity"]["value"], results[0]["effectiveDateTime"]])
    else:
        reply = yield desk.get("Observation", patient=case["mrn"], code="GLU", _sort="-date", _count="5")
        glucose = next(r for r in reply.resources if r["status"] != "entered-in-error")
        yield desk.finish([-1, glucose["valueQuantity"]["value"], glucose["effectiveDateTime"]])
