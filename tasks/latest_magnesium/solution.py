"""Answers with the newest value, after -1 if it is too old."""

from __future__ import annotations

from datetime import datetime, timedelta

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution


def solve(case: Case, desk: Desk) -> Solution:
    """Takes one search and one answer."""
    reply = yield desk.get("Observation", patient=case["mrn"], code="MG", _sort="-date", _count="5")
    valid = [r for r in reply.resources if r["status"] != "entered-in-error"]
    newest = desk.decide("the newest valid result", valid[0], {"status": lambda: reply.resources[0]})
    written = newest["effectiveDateTime"]
    value = newest["valueQuantity"]["value"]
    current = datetime.fromisoformat(written) >= desk.now - timedelta(hours=24)
    current = desk.rule("window", current, lambda: True)
    yield desk.finish([value, written] if current else [-1, value, written])
