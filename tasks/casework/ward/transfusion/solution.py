"""Reads what is signed and known of antibodies, transfuses unit by unit by the threshold, and watches for bleeding."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.dynamics.orders import drug_order, lab_order, moment_of, quantity, time_after
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import HEART

_HAEMOGLOBIN = "718-7"
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_LATE, _END = 18 * 60, 22 * 60 + 4
_RUNS = 150
"""Minutes of a unit."""


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some twenty actions."""
    mrn, now = case["mrn"], desk.now
    yield desk.get("DocumentReference", **handbook_page("CLN-220"))
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    attending = reply.resources[0]["participant"][0]["individual"]["reference"]
    reply = yield desk.get("DocumentReference", patient=mrn, date=f"ge{(now - _HOUR * 4).isoformat()}", _count="20")
    notes = "\n".join(map(_text, reply.resources))
    reply = yield desk.get("Consent", patient=mrn, _count="50")
    forms = [each for each in reply.resources if "transfusion" in str(each["category"]).lower()]
    form = max(forms, key=lambda each: str(each["dateTime"]))
    reply = yield desk.get("Condition", patient=mrn, category="problem-list-item", _count="200")
    listed = "\n".join(str(each["code"].get("text")).lower() for each in reply.resources if _is_active(each))
    reply = yield desk.get("Observation", patient=mrn, code=_HAEMOGLOBIN, _sort="-date", _count="3")
    newest = reply.resources[0]
    symptoms = "ainted " in notes and "has not fainted" not in notes
    heart = any(word in listed for word in HEART)
    threshold = desk.decide(
        "the threshold that holds",
        10.0 if symptoms else 8.0 if heart else 7.0,
        {"threshold": lambda: 7.0},
    )
    found = re.search(r"anti-(\w+)", notes)
    antigen = desk.rule("antibody", found[1] if found else "", lambda: "")
    consents = desk.rule("consent", form["provision"]["type"] == "permit", lambda: True)
    if not consents:
        yield desk.post(_message(mrn, attending, f"Consent/{form['id']}", "Red cells are refused.", "urgent"))
    level, units, screened, clock = newest["valueQuantity"]["value"], 0, False, now
    bled, late = False, now + _LATE * _MINUTE
    first = min(late, now + 6 * _HOUR) if level >= threshold or not consents else None
    wakes = [at for at in (first, late) if at is not None]
    for at in wakes:
        yield desk.post(lab_order(mrn, _HAEMOGLOBIN, at, priority="stat"))
    wakes = [at + _HOUR for at in wakes]
    due = consents and level < threshold
    while True:
        if due:
            if not screened:
                screened = True
                if desk.rule("screen", True, lambda: False):
                    yield desk.post(_screen(mrn))
                    reply = yield desk.wait(75)
                    yield desk.get("DiagnosticReport", patient=mrn, _sort="-date", _count="3")
            many = desk.rule("one_unit", 1, lambda: 2)
            yield desk.post(_unit(mrn, antigen, desk.rule("rate", _RUNS, lambda: 60), many))
            units += many
            reply = yield desk.wait(_RUNS + 15)
            clock = time_after(reply.resources[0])
            if desk.rule("recheck", True, lambda: False):
                yield desk.post(lab_order(mrn, _HAEMOGLOBIN, priority="stat"))
                reply = yield desk.wait(60)
                clock = time_after(reply.resources[0])
        else:
            wakes = [at for at in wakes if at > clock + 5 * _MINUTE]
            target = min([*wakes, now + _END * _MINUTE])
            if target <= clock + 5 * _MINUTE:
                break
            reply = yield desk.operation("$wait", _until(max(target, clock + 8 * _MINUTE)))
            clock = time_after(reply.resources[0])
        reply = yield desk.get("Observation", patient=mrn, code=_HAEMOGLOBIN, _sort="-date", _count="3")
        newest = reply.resources[0]
        level = newest["valueQuantity"]["value"]
        if consents and not bled and not due:
            reply = yield desk.get("Communication", patient=mrn, sent=f"ge{now.isoformat()}", _count="50")
            new = not bled and "black stools" in str(reply.resources)
            if new and desk.rule("bleeding", True, lambda: False):
                bled = True
                checks = [clock + hours * _HOUR for hours in (0.2, 3, 6, 9, 12)]
                for at in [each for each in checks if each < late]:
                    yield desk.post(lab_order(mrn, _HAEMOGLOBIN, at, priority="stat"))
                    wakes.append(at + _HOUR)
        fresh = moment_of(newest) >= clock - 3 * _HOUR
        eased = symptoms and units > 0
        due = consents and fresh and level < threshold and not eased and clock < now + 21 * _HOUR
    yield desk.post(_message(mrn, attending, f"Observation/{newest['id']}", f"Hemoglobin {level:g} g/dL.", "routine"))
    yield desk.finish([threshold, level, units])


def _text(document: Mapping[str, Any]) -> str:
    return base64.b64decode(document["content"][0]["attachment"]["data"]).decode()


def _is_active(condition: Mapping[str, Any]) -> bool:
    return "'active'" in str(condition.get("clinicalStatus"))


def _until(moment: datetime) -> dict[str, Any]:
    asked = [{"name": "until", "valueInstant": moment.isoformat()}, {"name": "interruptible", "valueBoolean": True}]
    return {"resourceType": "Parameters", "parameter": asked}


def _screen(mrn: str) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "priority": "stat",
        "subject": {"reference": f"Patient/{mrn}"},
        "code": {"text": "Type and screen"},
    }


def _unit(mrn: str, antigen: str, minutes: int, many: int) -> dict[str, Any]:
    rated = {"doseQuantity": quantity(many, "{unit}", "unit"), "rateQuantity": quantity(minutes * many, "min")}
    order = drug_order(mrn, "red blood cells", "", {"route": {"text": "IV"}, "doseAndRate": [rated]}, priority="stat")
    text = f"{antigen}-negative units: anti-{antigen} was found elsewhere." if antigen else "No special requirement."
    return {**order, "note": [{"text": text}]}


def _message(mrn: str, to: str, about: str, text: str, priority: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "priority": priority,
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": to}],
        "about": [{"reference": about}],
        "payload": [{"contentString": text}],
    }
