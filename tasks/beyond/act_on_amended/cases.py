"""Cases: a phoned result that is still valid, one that was amended across the threshold, one that was withdrawn.

The threshold of 7 g/dL for adults in hospital who are haemodynamically stable, and transfusing one unit at a time:
Carson et al., AABB guideline, JAMA 2023;330:1892-1902. The meaning of statuses: FHIR R4, Observation.status. Codes:
SNOMED CT 116863004 transfusion of red blood cells, LOINC 718-7 haemoglobin in blood.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mab_gym.tasking.chart import Chart

BRANCHES = {"stands_low": 6, "stands": 5, "amended_low": 6, "amended_up": 6, "withdrawn": 7}

THRESHOLD = 7.0
"""In g/dL; a lower level calls for a transfusion."""
_FIRST_REPORT = re.compile(r"First reported as (\d+\.\d) g/dL")


def taken(result: Mapping[str, Any]) -> datetime:
    """Returns the time at which the specimen was taken, in UTC."""
    return datetime.fromisoformat(result["effectiveDateTime"]).astimezone(UTC)


def value(result: Mapping[str, Any]) -> float:
    """Returns the present value of a result."""
    return float(result["valueQuantity"]["value"])


def phoned(result: Mapping[str, Any]) -> float:
    """Returns the value that was reported first."""
    notes = " ".join(note["text"] for note in result.get("note", ()))
    first = _FIRST_REPORT.search(notes)
    return float(first.group(1)) if first else value(result)


def newest(chart: Chart, mrn: str) -> Mapping[str, Any] | None:
    """Returns a patient's newest haemoglobin in any status."""
    return chart.remember(
        ("newest HGB", mrn),
        lambda: next(chart.search("Observation", patient=mrn, code="HGB", _sort="-date", _count="1"), None),
    )


def situation(result: Mapping[str, Any]) -> str:
    """Returns the branch of a result."""
    if result["status"] == "entered-in-error":
        return "withdrawn"
    low = value(result) < THRESHOLD
    if result["status"] == "final":
        return "stands_low" if low else "stands"
    return "amended_low" if low else "amended_up"


def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws a patient whose newest haemoglobin, of the last day, is such a result."""
    wanted = []
    for mrn in chart.profiles():
        result = newest(chart, mrn)
        if result is None:
            continue
        across = result["status"] in ("final", "entered-in-error") or (value(result) < THRESHOLD) != (
            phoned(result) < THRESHOLD
        )
        if (chart.now - taken(result)).days == 0 and across and situation(result) == branch:
            wanted.append((mrn, result))
    if not wanted:
        return None
    mrn, result = rng.choice(wanted)
    return {"mrn": mrn, "phoned": f"{phoned(result):.1f}", "taken": taken(result).isoformat()}
