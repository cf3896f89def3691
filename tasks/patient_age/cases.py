"""Cases: ordinary birthdays, and those for which counting years easily goes wrong by one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date
from typing import Any

from mab_gym.tasking.chart import Chart

BRANCHES = {"birthday_passed": 14, "birthday_to_come": 10, "birthday_within_a_day": 6}


def branch_of(birth_date: str, today: date) -> str:
    """Returns the branch by the calendar day of this year's birthday."""
    born = date.fromisoformat(birth_date)
    days = date(2000, born.month, born.day).toordinal() - date(2000, today.month, today.day).toordinal()
    if abs(days) <= 1:
        return "birthday_within_a_day"
    return "birthday_passed" if days < 0 else "birthday_to_come"


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient with such a birthday."""

    def by_branch() -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for mrn, patient in chart.patients().items():
            if len(patient["birthDate"]) == len("YYYY-MM-DD"):
                found.setdefault(branch_of(patient["birthDate"], chart.now.date()), []).append(mrn)
        return found

    wanted = chart.remember("patients by birthday", by_branch).get(branch)
    return {"mrn": rng.choice(wanted)} if wanted else None
