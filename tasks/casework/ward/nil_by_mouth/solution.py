"""Reads letter, sheet and messages, counts the days without a drug, and gets the orders ready or pages the surgeon."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from math import floor
from typing import Any

from mab_gym.casework import heeding_flags, note_text
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.dynamics.orders import is_inpatient_order, lab_order, status_change
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import ANGIOTENSIN, HBA1C, KEPT, operation_at

_THIN = ("apixaban", "rivaroxaban")
_SUGAR = ("metformin", "empagliflozin")


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some fifteen actions."""
    quarter = (desk.now - timedelta(days=91)).date().isoformat()
    mrn, since = case["mrn"], f"ge{(desk.now - timedelta(days=1)).date().isoformat()}"
    yield desk.get("DocumentReference", **handbook_page("ADM-510"))
    reply = yield desk.get("DocumentReference", patient=mrn, date=since, status="current", _count="100")
    letter = next(each for each in reply.resources if "letter of the surgeon" in each.get("description", ""))
    words, surgeon = note_text(letter), letter["author"][0]["reference"]
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    attending = reply.resources[0]["participant"][0]["individual"]["reference"]
    reply = yield desk.get("Communication", patient=mrn, sent=since, _count="50")
    told = " ".join(each["payload"][0]["contentString"] for each in reply.resources)
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    orders = reply.resources
    reply = yield desk.get("Condition", patient=mrn, **{"clinical-status": "active"}, _count="200")
    ill = " ".join(str(each["code"].get("text", "")) for each in reply.resources).lower()
    reply = yield desk.get("Observation", patient=mrn, code=HBA1C, date=f"ge{quarter}", _count="50")
    measured = [each for each in reply.resources if each["status"] != "entered-in-error" and "valueQuantity" in each]
    reply = yield desk.get("ServiceRequest", patient=mrn, status="active", _count="200")
    status = next(each for each in reply.resources if "Code status" in str(each.get("category")))
    yield desk.get("NutritionOrder", patient=mrn, status="active")
    high = "bleeding: high" in words
    missing, culprit = _missing(desk, told, high)
    day = desk.now + timedelta(days=1 + missing)
    waits = desk.rule("late", True, lambda: False) if missing else False
    if not missing and culprit:
        waits = not desk.rule("early", True, lambda: False)
    day = day if waits else desk.now + timedelta(days=1)
    about = f"DocumentReference/{letter['id']}"
    yield desk.post(_message(mrn, attending, about, f"The operation may be on {day.date().isoformat()}."))
    for action in _held(desk, orders, only=culprit if waits else ""):
        yield action
    if waits:
        text = f"Too early after {culprit}: not before {day.date().isoformat()}."
        yield desk.post({**_message(mrn, surgeon, about, text), "priority": "urgent"})
        yield desk.finish([day.date().isoformat()])
        return
    for action in _lessened(desk, orders):
        yield action
    if "type 2 diabetes" in ill and not measured and desk.rule("a1c", True, lambda: False):
        yield desk.post(lab_order(mrn, HBA1C))
    if high and desk.rule("screen", True, lambda: False):
        yield desk.post({**lab_order(mrn, ""), "code": {"text": "Type and screen"}})
    if "not resuscitate" in str(status["code"]).lower() and desk.rule("dnr", True, lambda: False):
        yield desk.post(
            _message(mrn, surgeon, f"ServiceRequest/{status['id']}", "Not to be resuscitated: please talk.")
        )
    for action in _fasting(desk, mrn, words, told):
        yield action
    yield desk.finish([day.date().isoformat()])


def _missing(desk: Desk, told: str, high: bool) -> tuple[int, str]:
    """Returns how many days without a drug are missing, and the drug that asks for most of them."""
    found = (0, "")
    for drug, month, day in re.findall(r"last (\w+) was taken on \w+, (\w+) (\d+) at", told):
        if drug not in ("apixaban", "rivaroxaban", "empagliflozin"):
            continue
        taken = datetime.strptime(f"{desk.now.year} {month} {day}", "%Y %B %d").date()
        passed = (desk.now.date() - taken).days
        free = desk.rule("days", passed, lambda: -1)
        free = passed + 1 if free < 0 else free
        wanted = 3 if drug == "empagliflozin" else 2 if high else 1
        found = max(found, (max(0, wanted - free), drug))
    return found


def _held(desk: Desk, orders: list[dict[str, Any]], only: str) -> Iterator[str]:
    for each in orders:
        if only and not is_inpatient_order(each, (only,)):
            continue
        due = False
        if is_inpatient_order(each, _THIN) or is_inpatient_order(each, _SUGAR):
            due = desk.rule("held", True, lambda: False)
        elif is_inpatient_order(each, ANGIOTENSIN):
            due = desk.rule("angiotensin", True, lambda: False)
        elif is_inpatient_order(each, KEPT):
            due = not desk.rule("kept", True, lambda: False)
        if due:
            yield desk.patch(f"MedicationRequest/{each['id']}", status_change("on-hold"))


def _lessened(desk: Desk, orders: list[dict[str, Any]]) -> Iterator[str]:
    for each in orders:
        if is_inpatient_order(each, ("glargine",)):
            dose = each["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"]
            less = desk.rule("basal", floor(0.8 * dose), lambda: 0) or floor(dose / 2)
            path = "/dosageInstruction/0/doseAndRate/0/doseQuantity/value"
            operations = [{"op": "replace", "path": path, "value": less}]
            if "text" in each["dosageInstruction"][0]:
                said = f"{less} units under the skin daily"
                operations.append({"op": "replace", "path": "/dosageInstruction/0/text", "value": said})
            yield desk.patch(f"MedicationRequest/{each['id']}", operations)


def _fasting(desk: Desk, mrn: str, words: str, told: str) -> Iterator[str]:
    planned = re.search(r" at (\d\d:\d\d), general", words)
    moved = re.search(r"begins tomorrow at (\d\d:\d\d)", told)
    clock = planned[1] if planned else ""
    if moved:
        clock = desk.rule("moved", moved[1], lambda: clock)
    at = operation_at(desk.now, clock)
    midnight = at.replace(hour=0, minute=0)
    clear = desk.rule("food", at - timedelta(hours=8), lambda: at - timedelta(hours=6))
    nothing = desk.rule("fluids", at - timedelta(hours=2), lambda: midnight)
    for text, start in (("Clear fluids only", clear), ("Nil by mouth", nothing)):
        yield desk.post(
            {
                "resourceType": "NutritionOrder",
                "status": "active",
                "intent": "order",
                "patient": {"reference": f"Patient/{mrn}"},
                "dateTime": desk.now.isoformat(),
                "oralDiet": {
                    "type": [{"text": text}],
                    "schedule": [{"repeat": {"boundsPeriod": {"start": start.isoformat()}}}],
                },
            }
        )


def _message(mrn: str, to: str, about: str, text: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": to}],
        "about": [{"reference": about}],
        "payload": [{"contentString": text}],
    }
