"""Cases: a value in the window, or only older ones."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mab_gym.tasking.chart import Chart

BRANCHES = {"in_window": 20, "only_before": 10}


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient in this situation."""
    start = chart.now - timedelta(hours=24)
    wanted = []
    for mrn in chart.profiles():
        latest = chart.latest(mrn, "MG")
        if latest is not None and (latest.moment >= start) == (branch == "in_window"):
            wanted.append(mrn)
    return {"mrn": rng.choice(wanted)} if wanted else None
