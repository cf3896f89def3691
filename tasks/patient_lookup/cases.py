"""Cases: somebody who is there, somebody with namesakes, and somebody who almost exists."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from mab_gym.tasking.chart import Chart

BRANCHES = {"unique_name": 17, "namesakes": 10, "not_found": 3}


def full_name(patient: Mapping[str, Any]) -> str:
    """First given name and family name, as people say it."""
    name = patient["name"][0]
    return f"{name['given'][0]} {name['family']}"


def namesakes(chart: Chart) -> Counter[str]:
    """How many patients bear each name."""
    return chart.remember("namesakes", lambda: Counter(full_name(p) for p in chart.patients().values()))


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a person; a near miss has a real name and a date of birth that nobody of this name has."""
    counts = namesakes(chart)
    wanted = [p for p in chart.patients().values() if (counts[full_name(p)] > 1) == (branch == "namesakes")]
    if branch == "not_found":
        wanted = list(chart.patients().values())
    if not wanted:
        return None
    patient = rng.choice(wanted)
    name, birth_date = full_name(patient), patient["birthDate"]
    if branch == "not_found":
        taken = {p["birthDate"] for p in chart.patients().values() if full_name(p) == name}
        while birth_date in taken:
            birth_date = (
                date.fromisoformat(patient["birthDate"]) + timedelta(days=rng.choice((-365, -31, -1, 1, 31)))
            ).isoformat()
    return {"name": name, "birth_date": birth_date}
