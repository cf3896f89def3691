"""Cases: a reading of today, or an older one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mab_gym.tasking.chart import Chart

BRANCHES = {"today": 20, "older": 10}


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient in this situation, except those with two newest readings, which would have two right answers."""
    start = chart.now - timedelta(hours=24)
    wanted = []
    for mrn in chart.profiles():
        latest = chart.latest(mrn, "GLU")
        if latest is None or len(chart.readings(mrn, "GLU", latest.moment)) > 1:
            continue
        if (latest.moment >= start) == (branch == "today"):
            wanted.append(mrn)
    return {"mrn": rng.choice(wanted)} if wanted else None
