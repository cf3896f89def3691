"""Cases: up to date, out of date, never measured."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mab_gym.tasking.chart import Chart, Reading

BRANCHES = {"up_to_date": 14, "out_of_date": 13, "never": 3}


def situation(latest: Reading | None, now: datetime) -> str:
    """Returns the branch of a patient with this latest result."""
    if latest is None:
        return "never"
    return "out_of_date" if latest.moment < now.replace(year=now.year - 1) else "up_to_date"


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient in this situation."""
    wanted = [
        mrn
        for mrn in chart.profiles()
        if situation(chart.latest(mrn, "A1C"), chart.now) == branch
        and (branch != "never" or chart.latest(mrn, "GLU") is not None)
    ]
    return {"mrn": rng.choice(wanted)} if wanted else None
