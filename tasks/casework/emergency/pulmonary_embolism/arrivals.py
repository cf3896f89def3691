"""Arrivals: the visit, the triage note, vital signs and a weight."""

from __future__ import annotations

from typing import Any

from mab_gym.casework import late_flags, with_flags
from mab_gym.dynamics.emergency import triage, visit_ids
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns the resources."""
    reason = ("29857009" if case["complaint"] == "chest pain" else "267036007", case["complaint"])
    return triage(case, chart, visit_ids(case, 8), reason, case["note"], case["signs"])


later = late_flags
