"""Writes one referral."""

from __future__ import annotations

from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution


def solve(case: Case, desk: Desk) -> Solution:
    """Orders the referral, then finishes."""
    yield desk.post(
        {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "priority": "stat",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "306181000000106"}]},
            "subject": {"reference": f"Patient/{case['mrn']}"},
            "authoredOn": desk.now.isoformat(),
            "note": [{"text": case["text"]}],
        }
    )
    yield desk.finish([])
