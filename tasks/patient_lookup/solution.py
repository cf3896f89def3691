"""Searches by family name, then compares the given name and the date of birth."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import full_name


def solve(case: Case, desk: Desk) -> Solution:
    """Takes one search and one answer."""
    family = case["name"].split(" ", 1)[1]
    reply = yield desk.get("Patient", family=family, _count="100")
    named = [patient for patient in reply.resources if full_name(patient) == case["name"]]
    found = [patient["id"] for patient in named if patient["birthDate"] == case["birth_date"]]
    found = desk.rule("birth date", found, lambda: [patient["id"] for patient in named][:1])
    yield desk.finish(found or ["Patient not found", *(patient["birthDate"] for patient in named)])
