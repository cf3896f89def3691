"""The requests of the queue, as pharmacies send them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from mab_gym.casework import arrival_id, late_flags, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns a Task for each request."""
    return [_request(case, chart, place, each) for place, each in enumerate(case["queue"])]


def _request(case: Case, chart: Chart, place: int, asked: Mapping[str, Any]) -> dict[str, Any]:
    sent = (chart.now - timedelta(minutes=asked["sent"])).replace(second=0)
    fills = asked["fills"] - 1
    words = f"Refill: {asked['drug']}, {asked['dosage']}, {asked['size']} days, {fills} refill{'s' * (fills != 1)}"
    return {
        "resourceType": "Task",
        "id": arrival_id(case, place),
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"text": "Refill request"},
        "description": f"{words}. Needed by {asked['needed']}.",
        "for": {"reference": f"Patient/{asked['mrn']}"},
        "authoredOn": sent.isoformat(),
        "lastModified": sent.isoformat(),
        "requester": asked["pharmacy"],
        "owner": {"reference": case["nurse"], "display": case["nurse_name"]},
        "restriction": {"period": {"end": (date.fromisoformat(asked["needed"])).isoformat()}},
    }


later = late_flags
