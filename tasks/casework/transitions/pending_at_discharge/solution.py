"""Goes through the people one by one: plan, orders, reports, results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from mab_gym.casework import heeding_flags, note_text
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

_LIMITS = {"2823-3": (2.8, 6.2), "2951-2": (120, 158)}
_OLD_LIMITS = {"2823-3": (2.5, 6.5), "2951-2": (120, 158)}
_MONTHS = {"November": 11, "December": 12}
Resource = Mapping[str, Any]


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some thirty actions."""
    yield desk.get("DocumentReference", **handbook_page("LAB-401"))
    for mrn in case["people"]:
        reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
        stay = reply.resources[0]
        begun, attending = datetime.fromisoformat(stay["period"]["start"]), stay["participant"][0]["individual"]
        reply = yield desk.get(
            "DocumentReference", patient=mrn, date=f"ge{begun.isoformat()}", _sort="-date", _count="99"
        )
        plans = [note_text(each) for each in reply.resources if each.get("description") == "Plan for leaving"]
        plan = desk.rule("last_plan", plans[0], plans[-1:].pop)
        if "today" not in plans[0] and desk.rule("stays", True, lambda: False):
            continue
        reply = yield desk.get("Patient", _id=mrn)
        doctor = reply.resources[0]["generalPractitioner"][0]
        owner = attending if str(attending.get("display")) in plan else doctor
        reply = yield desk.get("ServiceRequest", patient=mrn, _sort="-authored", _count="100")
        tests = [each for each in reply.resources if _is_test(each)]
        orders = [each for each in tests if each["status"] == "active"]
        orders = desk.rule("revoked", orders, partial(_open, tests))
        asked = ",".join(f"ServiceRequest/{each['id']}" for each in orders)
        reply = yield desk.get("DiagnosticReport", patient=mrn, **{"based-on": asked}, _count="100")
        reports = reply.resources
        reply = yield desk.get("Observation", patient=mrn, **{"based-on": asked}, _count="100")
        results = reply.resources
        for order in orders:
            address = f"ServiceRequest/{order['id']}"
            refused = [each for each in _based(reports, address) if each["status"] == "cancelled"]
            if refused and desk.rule("not_done", True, lambda: False):
                yield desk.post(_again(order))
                continue
            found = _based(results, address)
            if found and desk.rule("answered", True, lambda: False):
                if _is_critical(desk, found[0]) and desk.rule("paged", True, lambda: False):
                    whom = desk.rule("orderer", order["requester"], partial(_other, attending, order, doctor))
                    yield desk.post(_page(mrn, str(whom["reference"]), found[0]))
                continue
            due = _due(desk, order, desk.now.date())
            yield desk.post(_task(mrn, str(owner["reference"]), address, due))
    yield desk.finish([])


def _is_test(order: Resource) -> bool:
    return str(order.get("category", [{}])[0].get("text")) not in ("Code status", "Patient referral")


def _open(orders: Iterable[Resource]) -> list[Resource]:
    """Returns what the careless take for open: revoked orders, too."""
    return [each for each in orders if each["status"] in ("active", "revoked")]


def _based(resources: Iterable[Resource], address: str) -> list[Resource]:
    return [each for each in resources if address in str(each.get("basedOn"))]


def _other(attending: Resource, order: Resource, doctor: Resource) -> Resource:
    """Returns whom the careless page: the attending, or the family doctor where the attending has ordered."""
    return doctor if order["requester"]["reference"] == attending["reference"] else attending


def _is_critical(desk: Desk, result: Resource) -> bool:
    code = next(each["code"] for each in result["code"]["coding"] if each["code"] in _LIMITS)
    low, high = desk.rule("limits", _LIMITS, lambda: _OLD_LIMITS)[code]
    value = float(result["valueQuantity"]["value"])
    return not desk.rule("paged_in_vain", low < value < high, lambda: False)


def _due(desk: Desk, order: Resource, today: date) -> date:
    told = re.search(r"expected on (\w+) (\d+)", str(order.get("note")))
    week = today + timedelta(days=7)
    if told is None:
        return week
    day = date(today.year, _MONTHS[told[1]], int(told[2]))
    return desk.rule("expected", day + timedelta(days=1), lambda: week if week != day + timedelta(days=1) else day)


def _task(mrn: str, owner: str, focus: str, due: date) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"text": "Result to be looked at after discharge"},
        "for": {"reference": f"Patient/{mrn}"},
        "owner": {"reference": owner},
        "focus": {"reference": focus},
        "restriction": {"period": {"end": due.isoformat()}},
    }


def _again(order: Resource) -> dict[str, Any]:
    kept = ("resourceType", "status", "intent", "category", "priority", "code", "subject", "encounter")
    return {name: order[name] for name in kept if name in order}


def _page(mrn: str, whom: str, result: Resource) -> dict[str, Any]:
    amount = result["valueQuantity"]
    return {
        "resourceType": "Communication",
        "status": "completed",
        "priority": "urgent",
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": whom}],
        "about": [{"reference": f"Observation/{result['id']}"}],
        "payload": [{"contentString": f"{result['code']['text']} {amount['value']} {amount['unit']}, leaves today."}],
    }
