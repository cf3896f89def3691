"""Cases: several readings in the window, a single one, or none."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mab_gym.tasking.chart import Chart

BRANCHES = {"several": 20, "single": 3, "only_before": 7}


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient in this situation."""
    start = chart.now - timedelta(hours=24)
    wanted = []
    for mrn in chart.profiles():
        count = len(chart.readings(mrn, "GLU", start))
        situation = "several" if count > 1 else "single" if count == 1 else "only_before"
        if situation == branch and (count or chart.latest(mrn, "GLU") is not None):
            wanted.append(mrn)
    return {"mrn": rng.choice(wanted)} if wanted else None
