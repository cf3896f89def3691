"""Arrivals: the visit, the triage note, vital signs, a weight, and the first results."""

from __future__ import annotations

from typing import Any

from mab_gym.casework import late_flags, with_flags
from mab_gym.dynamics.emergency import laboratory, triage, visit_ids
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns the resources."""
    ids = visit_ids(case)
    values = {**case["first"], **case["values"]}
    seen = triage(case, chart, ids[:8], ("422400008", "Vomiting"), case["note"], case["signs"])
    return [*seen, *laboratory(case, chart, [ids[0], *ids[8:]], values, case["arrived"] - 8, case["haemolysed"])]


later = late_flags
