"""All readings of the window; where there is none, the newest before it."""

from __future__ import annotations

from datetime import datetime, timedelta

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution


def solve(case: Case, desk: Desk) -> Solution:
    """One search, or two."""
    start = desk.now - timedelta(hours=24)
    reply = yield desk.get("Observation", patient=case["mrn"], code="GLU", date=f"ge{start.isoformat()}", _count="100")
    values = [
        r["valueQuantity"]["value"]
        for r in reply.resources
        if r["status"] != "entered-in-error" and start <= datetime.fromisoformat(r["effectiveDateTime"]) <= desk.now
    ]
    if values:
        yield desk.finish([round(sum(values) / len(values), 1), len(values)])
        return
    reply = yield desk.get("Observation", patient=case["mrn"], code="GLU", _sort="-date", _count="5")
    newest = next(r for r in reply.resources if r["status"] != "entered-in-error")
    yield desk.finish([-1, newest["valueQuantity"]["value"], newest["effectiveDateTime"]])
