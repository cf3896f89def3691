"""Arrivals: the stay, the note of the admission, vital signs and first results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.casework import arrival_id, late_flags, with_flags
from mab_gym.dynamics.admissions import admission
from mab_gym.dynamics.bodies._bedside import USUAL_SIGNS
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart


@with_flags
def arrive(case: Case, chart: Chart) -> list[Mapping[str, Any]]:
    """Returns the resources."""
    results = {name: float(case[name]) for name in ("sodium", "potassium", "creatinine", "glucose")}
    ids = [arrival_id(case, number) for number in range(8 + len(results))]
    signs = {**USUAL_SIGNS, **case["body"]["signs"]}
    return [*admission(case, chart, ids, ("89627008", "Hyponatremia"), case["note"], signs, results)]


later = late_flags
