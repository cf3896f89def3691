"""Cases: a person with a unique name, a person with namesakes, and a name with another date of birth."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from mab_gym.tasking.chart import Chart

BRANCHES = {"unique_name": 17, "namesakes": 10, "not_found": 3}


def full_name(patient: Mapping[str, Any]) -> str:
    """Returns the first given name and the family name."""
    name = patient["name"][0]
    return f"{name['given'][0]} {name['family']}"


def namesakes(chart: Chart) -> Counter[str]:
    """Returns the number of patients of each name."""
    return chart.remember("namesakes", lambda: Counter(full_name(p) for p in chart.patients().values()))


def named(chart: Chart, name: str) -> Sequence[Mapping[str, Any]]:
    """Returns the patients of this name, in load order."""

    def by_name() -> Mapping[str, list[Mapping[str, Any]]]:
        found: dict[str, list[Mapping[str, Any]]] = {}
        for patient in chart.patients().values():
            found.setdefault(full_name(patient), []).append(patient)
        return found

    return chart.remember("patients by name", by_name).get(name, ())


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a person; one who is not there has a patient's name and another date of birth."""

    def by_branch() -> Mapping[bool, list[Mapping[str, Any]]]:
        counts = namesakes(chart)
        found: dict[bool, list[Mapping[str, Any]]] = {True: [], False: []}
        for patient in chart.patients().values():
            found[counts[full_name(patient)] > 1].append(patient)
        return found

    wanted = chart.remember("patients with and without namesakes", by_branch)[branch == "namesakes"]
    if not wanted:
        return None
    patient = rng.choice(wanted)
    name, birth_date = full_name(patient), patient["birthDate"]
    if branch == "not_found":
        days = rng.choice((-1, 1)) * rng.randrange(1, 400)
        birth_date = (date.fromisoformat(birth_date) + timedelta(days=days)).isoformat()
    return {"name": name, "birth_date": birth_date}
