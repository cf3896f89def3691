"""Writes one Observation."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution


def solve(case: Case, desk: Desk) -> Solution:
    """Stores the reading, then finishes."""
    yield desk.post(
        {
            "resourceType": "Observation",
            "status": "final",
            "category": [
                {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                            "code": "vital-signs",
                            "display": "Vital Signs",
                        }
                    ]
                }
            ],
            "code": {"text": "BP"},
            "subject": {"reference": f"Patient/{case['mrn']}"},
            "effectiveDateTime": desk.now.isoformat(),
            "valueString": case["reading"],
        }
    )
    yield desk.finish([])
