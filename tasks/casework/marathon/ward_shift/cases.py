"""Cases: one job of each of five families of the ward, in any order; in half of them the operation has to wait.

The branches of the other jobs are drawn by the shares of their families.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mab_gym.casework import Shift
from mab_gym.tasking.chart import Chart

BRANCHES = {"put_off": 15, "as_planned": 15}
OPERATIONS: Mapping[str, tuple[str, ...]] = {"put_off": ("late",), "as_planned": ("plain", "sugar", "thin")}
"""By branch, the branches of ``nil_by_mouth``."""
WHO = "parts"
SHIFT = Shift(
    Path(__file__).resolve().parents[2],
    (
        "ward/nil_by_mouth",
        "ward/kidney_injury",
        "judgement/order_review",
        "transitions/admission_reconciliation",
        "transitions/discharge_summary",
    ),
    pace=12,
)


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws the five jobs."""
    branches: dict[str, tuple[str, ...]] = {place.partition("/")[2]: () for place in SHIFT.jobs}
    return SHIFT.draw(chart, rng, {**branches, "nil_by_mouth": OPERATIONS[branch]})
