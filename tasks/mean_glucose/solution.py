"""Answers with the mean and count of the window's readings, or with the newest before it."""

from __future__ import annotations

from datetime import datetime, timedelta

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution


def solve(case: Case, desk: Desk) -> Solution:
    """Takes one search and one computation."""
    start = desk.now - timedelta(hours=24)
    reply = yield desk.get("Observation", patient=case["mrn"], code="GLU", _sort="-date", _count="100")
    valid = [r for r in reply.resources if r["status"] != "entered-in-error"]
    recent = [r for r in valid if start <= datetime.fromisoformat(r["effectiveDateTime"]) <= desk.now]
    values = [r["valueQuantity"]["value"] for r in recent]

    def in_any_status() -> list[float]:
        taken = [(datetime.fromisoformat(r["effectiveDateTime"]), r) for r in reply.resources]
        return [r["valueQuantity"]["value"] for moment, r in taken if start <= moment <= desk.now]

    careless = {"status": in_any_status, "window": lambda: [r["valueQuantity"]["value"] for r in valid]}
    values = desk.decide("which valid readings lie within the window, and their mean", values, careless)
    if values:
        yield desk.finish([round(sum(values) / len(values), 1), len(values)])
    else:
        yield desk.finish([-1, valid[0]["valueQuantity"]["value"], valid[0]["effectiveDateTime"]])
