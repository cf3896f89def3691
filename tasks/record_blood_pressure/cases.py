"""Cases: any patient, any plausible reading."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from mab_gym.tasking.chart import Chart

BRANCHES = {"normal": 12, "raised": 12, "low": 6}
_SYSTOLIC = {"normal": (104, 134), "raised": (140, 192), "low": (78, 98)}


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient and a reading of this kind."""
    systolic = rng.randint(*_SYSTOLIC[branch])
    diastolic = round(systolic * rng.uniform(0.58, 0.68))
    return {"mrn": rng.choice(chart.profiles()), "reading": f"{systolic}/{diastolic} mmHg"}
