"""The people who work in the hospital, as `draw` and verifiers find them in the chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mab_gym.tasking.chart import Chart

__all__ = ["clinicians"]


def clinicians(chart: Chart, specialty: str = "", role: str = "Physician") -> tuple[str, ...]:
    """Returns the references of those who work in a specialty, in the order of the chart.

    Args:
        chart: The chart.
        specialty: Words of the specialty's name, as in ``Nephrology`` or ``surgery``; empty for all.
        role: The name of the role, as in ``Nurse``, ``Resident``, ``Clerk``.
    """

    def look() -> Sequence[tuple[str, str, str]]:
        roles = (each for each in chart.search("PractitionerRole", _count="500") if each.get("active") is not False)
        return [
            (_text(each.get("specialty")), _text(each.get("code")), str(each["practitioner"]["reference"]))
            for each in roles
        ]

    known = chart.remember("people by specialty and role", look)
    found = (who for field, job, who in known if job == role and specialty in field)
    return tuple(dict.fromkeys(found))


def _text(concepts: Any) -> str:
    return str(concepts[0].get("text", "")) if concepts else ""
