"""Reads the Patient and counts the years."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .verifier import completed_years


def solve(case: Case, desk: Desk) -> Solution:
    """Takes one search and one answer."""
    reply = yield desk.get("Patient", _id=case["mrn"])
    age = completed_years(reply.resources[0]["birthDate"], desk.now.date())
    year = int(reply.resources[0]["birthDate"][:4])
    careless = {"completed years": lambda: desk.now.year - year}
    yield desk.finish([desk.decide("the age from the date of birth", age, careless)])
