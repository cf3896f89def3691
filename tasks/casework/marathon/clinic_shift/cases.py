"""Cases: four jobs out of eight families of desks and the clinic, in any order.

Branches say how many of them are jobs in which somebody may have to be called at once.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mab_gym.casework import Shift
from mab_gym.tasking.chart import Chart

BRANCHES = {"one_of_haste": 15, "two_of_haste": 15}
HASTY = ("judgement/results_desk", "judgement/code_status_requests", "clinic/inbox_triage")
CALM = (
    "administration/prior_authorization",
    "administration/release_of_information",
    "clinic/refill_requests",
    "clinic/incidental_findings",
    "clinic/care_gaps",
)
WHO = "parts"
SHIFT = Shift(Path(__file__).resolve().parents[2], (*HASTY, *CALM), pace=20)
_JOBS = 4


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws the four jobs."""
    hasty = 1 if branch == "one_of_haste" else 2
    chosen = [*rng.sample(HASTY, hasty), *rng.sample(CALM, _JOBS - hasty)]
    return SHIFT.draw(chart, rng, {place.partition("/")[2]: () for place in chosen})
