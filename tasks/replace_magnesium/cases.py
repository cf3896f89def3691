"""Cases: no deficiency, three degrees of it, and no recent result."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mab_gym.tasking.chart import Chart, Reading

BRANCHES = {"normal": 6, "mild": 6, "moderate": 6, "severe": 6, "not_recorded": 6}

GRAMS = {"mild": 1, "moderate": 2, "severe": 4}
"""The dose in grams by degree of deficiency; the infusion takes as many hours."""


def degree(value: float) -> str:
    """Returns the degree of deficiency of a magnesium level in mg/dL."""
    if value > 1.9:
        return "normal"
    if value >= 1.5:
        return "mild"
    return "moderate" if value >= 1.0 else "severe"


def situation(latest: Reading | None, now: datetime) -> str:
    """Returns the branch of a patient with this latest level."""
    if latest is None or latest.moment < now - timedelta(hours=24):
        return "not_recorded"
    return degree(latest.value)


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient in this situation who has at least one magnesium level."""
    levels = {mrn: chart.latest(mrn, "MG") for mrn in chart.profiles()}
    wanted = [mrn for mrn, level in levels.items() if level is not None and situation(level, chart.now) == branch]
    return {"mrn": rng.choice(wanted)} if wanted else None
