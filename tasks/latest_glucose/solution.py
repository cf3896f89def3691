"""Answers with the newest reading."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution


def solve(case: Case, desk: Desk) -> Solution:
    """Takes one search and one answer."""
    reply = yield desk.get("Observation", patient=case["mrn"], code="GLU", _sort="-date", _count="5")
    valid = [r for r in reply.resources if r["status"] != "entered-in-error"]
    newest = desk.decide("the newest valid result", valid[0], {"status": lambda: reply.resources[0]})
    yield desk.finish([newest["valueQuantity"]["value"], newest["effectiveDateTime"]])
