"""The newest reading."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution


def solve(case: Case, desk: Desk) -> Solution:
    """One search, one answer."""
    reply = yield desk.get("Observation", patient=case["mrn"], code="GLU", _sort="-date", _count="5")
    newest = next(r for r in reply.resources if r["status"] != "entered-in-error")
    yield desk.finish([newest["valueQuantity"]["value"], newest["effectiveDateTime"]])
