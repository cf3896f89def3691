"""Treats by signs and cause, measures, and stops a rise before it is too quick."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.dynamics.orders import (
    drug_order,
    lab_order,
    message,
    moment_of,
    quantity,
    status_change,
    time_after,
)
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import SSRIS, THIAZIDES

_SODIUM, _URINE = "2951-2", "2695-5"
_WORK_UP = ("2692-2", _URINE, "2955-3", "3016-3", "2143-6")
_END = 34 * 60
_AIM, _SAFE, _TOO_QUICK = 4.0, 6.0, 10.0
"""Rise in mmol/L that is aimed at, that which is not passed on purpose, and that at which the superseded page acts."""
_WATER_LOST = 0.33
"""Litres of water in an hour of thin urine: the solutes of usual food in urine of 50 mOsm/kg."""
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some thirty-five actions."""
    mrn, now = case["mrn"], desk.now
    yield desk.get("DocumentReference", **handbook_page("MED-104"))
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    attending = reply.resources[0]["participant"][0]["individual"]["reference"]
    reply = yield desk.get("DocumentReference", patient=mrn, _sort="-date", _count="3")
    note = _text(next(each for each in reply.resources if "Triage" in str(each.get("type")) + str(each["description"])))
    reply = yield desk.get("Observation", patient=mrn, code=_SODIUM, _sort="-date", _count="3")
    first = reply.resources[0]
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    listed = {each["id"]: _named(each) for each in reply.resources if _named(each)}
    reply = yield desk.get("Observation", patient=mrn, code="29463-7", _sort="-date", _count="3")
    weight = reply.resources[0]["valueQuantity"]["value"]
    quick = desk.decide("the rise of an hour with thin urine", _WATER_LOST * 118 / (0.5 * weight))
    given_up = note.partition("gave up ")[2].partition(" ago ")[0]
    culprits = desk.decide(
        "what is listed, taken, and lowers sodium",
        {number: name for number, name in listed.items() if name not in given_up},
        {"culprit": lambda: listed},
    )
    seizure = "generalized seizure" in note or "Had a seizure" in note
    dry = desk.rule("cause", "lying and the same" not in note and "no change on standing" not in note, lambda: True)
    for code in desk.rule("work_up", _WORK_UP, lambda: (_URINE,)):
        yield desk.post(lab_order(mrn, code, priority="stat"))
    every = desk.rule("monitoring", 4, lambda: 12)
    yield desk.post(_repeated(mrn, now + 2 * _HOUR, every))
    for number in desk.rule("stop", list(culprits), list):
        yield desk.patch(f"MedicationRequest/{number}", status_change("stopped"))
    for name in desk.rule("record", sorted(set(culprits.values())), list):
        yield desk.post(_intolerance(mrn, name))
    thin = False
    if desk.rule("hypertonic", seizure, lambda: False) or desk.rule("no_hypertonic", False, lambda: not seizure):
        for _ in range(3):
            yield desk.post(_bolus(mrn))
            reply = yield desk.wait(42)
            reply = yield desk.get("Communication", patient=mrn, sent=f"ge{now.isoformat()}", _count="50")
            if "awake now" in str(reply.resources):
                break
        yield desk.post(lab_order(mrn, _SODIUM, priority="stat"))
        thin = "clear as water" in str(reply.resources)
        if thin:
            yield desk.post(_repeated(mrn, now + 2.5 * _HOUR, 1, 6))
    saline = ""
    if dry and not seizure:
        reply = yield desk.post(_running(mrn, "sodium chloride 0.9%", 125))
        saline = reply.resources[0]["id"]
    limit = ""
    if not dry and not seizure:
        reply = yield desk.post(_limit(mrn, now))
        limit = reply.resources[0]["id"]
    rescued = False
    clock = begun = now
    while clock < begun + _END * _MINUTE:
        pause = (1 if thin and not rescued else 5) * _HOUR
        target = min(max(clock + pause, begun + 3 * _HOUR), begun + (_END + 6) * _MINUTE)
        target = max(target, clock + 15 * _MINUTE)
        reply = yield desk.operation("$wait", _until(target))
        clock = time_after(reply.resources[0])
        reply = yield desk.get("Observation", patient=mrn, code=_SODIUM, _sort="-date", _count="60")
        results = [(moment_of(each), each["valueQuantity"]["value"]) for each in reply.resources]
        rise = results[0][1] - first["valueQuantity"]["value"]
        newest = reply.resources[0]
        if not dry and not limit and rise < _AIM + 1.5:
            reply = yield desk.post(_limit(mrn, clock))
            limit = reply.resources[0]["id"]
        elif limit and limit != "lifted" and rise >= _AIM + 2.5 and clock < begun + 24 * _HOUR:
            yield desk.patch(f"NutritionOrder/{limit}", status_change("revoked"))
            limit = "lifted"
        elif dry and not thin and not saline and rise < _AIM:
            reply = yield desk.post(_running(mrn, "sodium chloride 0.9%", 100))
            saline = reply.resources[0]["id"]
        if dry and not thin:
            reply = yield desk.get("Communication", patient=mrn, sent=f"ge{now.isoformat()}", _count="50")
            if "clear as water" in str(reply.resources):
                thin = True
                if saline:
                    yield desk.patch(f"MedicationRequest/{saline}", status_change("stopped"))
                    saline = ""
                yield desk.post(_repeated(mrn, clock + 5 * _MINUTE, 1, 8))
        due = desk.rule("limit", 1.5 if seizure else _SAFE - 1.9 * quick, lambda: _TOO_QUICK)
        if thin and not rescued and rise >= due:
            rescued = True
            if desk.rule("rescue", True, lambda: False):
                yield desk.post(_desmopressin(mrn))
                yield desk.post(_repeated(mrn, clock + 2 * _HOUR, 2, 3))
            if desk.rule("nephrology", True, lambda: False):
                reply = yield desk.get("PractitionerRole", _count="200")
                nephrologist = next(_who(each) for each in reply.resources if _is_nephrologist(each))
                text = f"Sodium has risen by {rise:g} mmol/L with thin urine; desmopressin was given. Please advise."
                yield desk.post(message(mrn, nephrologist, newest, text, "urgent"))
    reply = yield desk.get("Observation", patient=mrn, code=_URINE, date=f"ge{now.isoformat()}", _sort="date")
    urine = reply.resources[0]["valueQuantity"]["value"]
    yield desk.post(message(mrn, attending, newest, f"Sodium {results[0][1]:g} mmol/L.", "routine"))
    began = moment_of(first)
    recent = [(at, value) for at, value in results if at >= began]
    rises = [value - before for at, value in recent for then, before in recent if timedelta() < at - then <= 24 * _HOUR]
    yield desk.finish([results[0][1], max(0, *rises), urine])


def _text(document: Mapping[str, Any]) -> str:
    return base64.b64decode(document["content"][0]["attachment"]["data"]).decode()


def _named(order: Mapping[str, Any]) -> str:
    """Returns the thiazide or SSRI that an order is for; empty where it is for something else."""
    words = str(order.get("medicationCodeableConcept")).lower()
    return next((word for word in (*THIAZIDES, *SSRIS) if word in words), "")


def _is_nephrologist(role: Mapping[str, Any]) -> bool:
    return "Nephrology" in str(role.get("specialty")) and "Physician" in str(role.get("code"))


def _who(role: Mapping[str, Any]) -> str:
    return str(role["practitioner"]["reference"])


def _until(moment: datetime) -> dict[str, Any]:
    asked = [{"name": "until", "valueInstant": moment.isoformat()}, {"name": "interruptible", "valueBoolean": True}]
    return {"resourceType": "Parameters", "parameter": asked}


def _repeated(mrn: str, start: datetime, every: int, count: int = 12) -> dict[str, Any]:
    repeat = {
        "boundsPeriod": {"start": start.isoformat()},
        "count": count,
        "frequency": 1,
        "period": every,
        "periodUnit": "h",
    }
    return {**lab_order(mrn, _SODIUM, priority="stat"), "occurrenceTiming": {"repeat": repeat}}


def _bolus(mrn: str) -> dict[str, Any]:
    rated = {"doseQuantity": quantity(150, "mL"), "rateQuantity": quantity(20, "min")}
    dosage = {"route": {"text": "IV"}, "doseAndRate": [rated], "timing": {"repeat": {"count": 1}}}
    return drug_order(mrn, "sodium chloride 3%", "", dosage, priority="stat")


def _running(mrn: str, name: str, rate: float) -> dict[str, Any]:
    dosage = {"route": {"text": "IV"}, "doseAndRate": [{"rateQuantity": quantity(rate, "mL/h")}]}
    return drug_order(mrn, name, "", dosage, priority="stat")


def _desmopressin(mrn: str) -> dict[str, Any]:
    repeat = {"count": 5, "frequency": 1, "period": 8, "periodUnit": "h"}
    rated = {"doseQuantity": quantity(2, "ug")}
    dosage = {"route": {"text": "IV"}, "doseAndRate": [rated], "timing": {"repeat": repeat}}
    return drug_order(mrn, "desmopressin", "", dosage, priority="stat")


def _limit(mrn: str, now: datetime) -> dict[str, Any]:
    return {
        "resourceType": "NutritionOrder",
        "status": "active",
        "intent": "order",
        "patient": {"reference": f"Patient/{mrn}"},
        "dateTime": now.isoformat(),
        "oralDiet": {"type": [{"text": "fluid restriction 1000 mL/day"}]},
    }


def _intolerance(mrn: str, name: str) -> dict[str, Any]:
    return {
        "resourceType": "AllergyIntolerance",
        "type": "intolerance",
        "category": ["medication"],
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "patient": {"reference": f"Patient/{mrn}"},
        "code": {"text": name},
        "reaction": [{"manifestation": [{"text": "hyponatremia"}]}],
    }
