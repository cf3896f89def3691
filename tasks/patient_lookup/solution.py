"""Search by family name and date of birth, then compare the given name."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import full_name


def solve(case: Case, desk: Desk) -> Solution:
    """One search, one answer."""
    family = case["name"].split(" ", 1)[1]
    reply = yield desk.get("Patient", family=family, birthdate=case["birth_date"])
    found = [patient["id"] for patient in reply.resources if full_name(patient) == case["name"]]
    yield desk.finish([found[0] if found else "Patient not found"])
