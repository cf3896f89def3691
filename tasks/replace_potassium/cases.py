"""Cases: low, exactly at the threshold, above it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from mab_gym.tasking.chart import Chart

BRANCHES = {"low": 15, "at_threshold": 4, "normal": 11}

THRESHOLD = 3.5
"""In mmol/L; lower levels are low."""


def milliequivalents(value: float) -> float:
    """Returns the dose in mEq for a level in mmol/L: 10 for every 0.1 below the threshold."""
    return round((THRESHOLD - value) * 100, 6)


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient in this situation."""
    wanted = []
    for mrn in chart.profiles():
        latest = chart.latest(mrn, "K")
        if latest is not None:
            level = latest.value
            situation = "low" if level < THRESHOLD else "at_threshold" if level == THRESHOLD else "normal"
            if situation == branch:
                wanted.append(mrn)
    return {"mrn": rng.choice(wanted)} if wanted else None
