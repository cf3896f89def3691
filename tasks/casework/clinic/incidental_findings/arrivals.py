"""Arrivals: flags on the charts of the people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.casework import late_flags, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart


@with_flags
def arrive(case: Case, chart: Chart) -> list[Mapping[str, Any]]:
    """Returns what came in: nothing else."""
    del case, chart
    return []


later = late_flags
