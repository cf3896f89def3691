"""Changes what a gold solution writes, as somebody else would write it who does the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mab_gym.actions import ALL_VERBS, Patch, Post, Put, parse_action, render
from tests.casework.playing import scenario

Resource = dict[str, Any]


def written(change: Callable[[Resource], Resource | None]) -> Callable[[str], str | None]:
    """Returns a change of actions that changes each created or replaced resource; None leaves the action out."""

    def changed(action: str) -> str | None:
        match parse_action(action, ALL_VERBS):
            case Post(url, body) if not url.endswith("$wait"):
                resource = change(json.loads(body))
                return None if resource is None else render(Post(url, json.dumps(resource)))
            case Put(url, body):
                resource = change(json.loads(body))
                return None if resource is None else render(Put(url, json.dumps(resource)))
        return action

    return changed


def without_patch(action: str) -> str:
    """Replaces a PATCH of an order's status by a PUT of the whole order, cancelled."""
    match parse_action(action, ALL_VERBS):
        case Patch(url, _):
            kind, _, logical_id = url.rpartition("/fhir/")[2].partition("/")
            found = next(scenario().chart.search(kind, _id=logical_id))
            return render(Put(url, json.dumps({**found, "status": "cancelled"})))
    return action


def drug_of(resource: Resource) -> str:
    """Returns the name of the drug of an order; empty for anything else."""
    if resource["resourceType"] != "MedicationRequest":
        return ""
    return str(resource["medicationCodeableConcept"].get("text", ""))


def dose_of(resource: Resource) -> Resource:
    """Returns the amount of an order, to be changed."""
    rated = resource["dosageInstruction"][0]["doseAndRate"][0]
    amount: Resource = rated["doseQuantity"] if "doseQuantity" in rated else rated["rateQuantity"]
    return amount
