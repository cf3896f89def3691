"""Treats a high potassium by the handbook, after it has asked if it is real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags
from mab_gym.dynamics.emergency import POUNDS, bought_now
from mab_gym.dynamics.inpatients import WEIGHT, age_of
from mab_gym.dynamics.orders import (
    drug_order,
    lab_order,
    message,
    newest_by_code,
    quantity,
    status_change,
    time_after,
)
from mab_gym.dynamics.physiology._creatinine import estimated_gfr
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import CORONARY, RAISING, SOLD

_POTASSIUM, _CREATININE, _GLUCOSE, _METER = "2823-3", "2160-0", "2345-7", "41653-7"
_MINUTE = timedelta(minutes=1)
Resource = dict[str, Any]


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some thirty actions."""
    mrn = case["mrn"]
    reply = yield desk.get("DocumentReference", category="handbook", status="current", description="MED-103")
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    visit = reply.resources[0]
    attending = visit["participant"][0]["individual"]["reference"]
    patient = (yield desk.get("Patient", _id=mrn)).resources[0]
    codes = ",".join((_POTASSIUM, _CREATININE, _GLUCOSE, WEIGHT))
    reply = yield desk.get("Observation", patient=mrn, code=codes, _sort="-date", _count="12")
    first = newest_by_code(reply.resources)
    potassium, begun = first[_POTASSIUM], desk.now
    spoilt = desk.decide("a haemolysed specimen", "note" in potassium, {"haemolysed": lambda: False})
    level = potassium["valueQuantity"]["value"]
    if level >= 6.0:
        urgent = desk.rule("ecg", True, lambda: False)
        if urgent:
            yield desk.post(_request(mrn, "12-lead ECG"))
        yield desk.post(_request(mrn, "Cardiac telemetry"))
    if spoilt:
        yield desk.post(lab_order(mrn, _POTASSIUM, priority="stat"))
    yield desk.get("DocumentReference", patient=mrn, type="54094-8", _sort="-date")
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    home = reply.resources
    reply = yield desk.get("Condition", patient=mrn, category="problem-list-item", _count="200")
    coronary = any(words in str(each["code"]).lower() for each in reply.resources for words in CORONARY)
    reply = yield desk.get("DocumentReference", patient=mrn, date=f"ge{_years_ago(desk.now, 12)}", _count="250")
    bought = desk.rule("otc", bought_now(reply.resources, SOLD), lambda: "")
    if spoilt:
        yield desk.wait(62)
        reply = yield desk.get("Observation", patient=mrn, code=_POTASSIUM, _sort="-date", _count="2")
        potassium = next(each for each in reply.resources if "note" not in each)
        level = potassium["valueQuantity"]["value"]
    if level < 5.5:
        yield desk.post(message(mrn, attending, potassium, f"Potassium is {level:g}; the first was haemolysed."))
        yield desk.finish([level, 0, -1])
        return
    for order in desk.rule("stop", [each["id"] for each in home if _raises(each)], list):
        yield desk.patch(f"MedicationRequest/{order}", status_change("on-hold"))
    if bought:
        yield desk.post(_not_taken(mrn, bought))
    weight = first[WEIGHT]["valueQuantity"]
    kilograms = weight["value"] if weight["code"] == "kg" else weight["value"] / POUNDS
    creatinine, sugar = (first[code]["valueQuantity"]["value"] for code in (_CREATININE, _GLUCOSE))
    filtration = estimated_gfr(creatinine, patient["gender"], age_of(patient, desk.now))
    less = desk.decide(
        "weight below 60 kg, eGFR below 30 or glucose below 126",
        kilograms < 60 or filtration < 30 or sugar < 126,
        {"insulin_less": lambda: False},
    )
    shifts = desk.rule("mild", level >= 6.0, lambda: True)
    heart = False
    if shifts and level >= 6.0:
        if not spoilt:
            yield desk.wait(24)
        reply = yield desk.get("DiagnosticReport", patient=mrn, code="11524-6", _sort="-date", _count="1")
        written = reply.resources[0]["conclusion"] if reply.resources else ""
        heart = "hyperkalemia" in written
    if desk.rule("page", level >= 6.5 and not spoilt, lambda: False):
        reply = yield desk.get("PractitionerRole", specialty="207RN0300X", _count="20")
        nephrologist = _physician(reply.resources)
        text = f"Potassium {level:g} mmol/L, creatinine {creatinine:g} mg/dL; please see the patient now."
        yield desk.post(message(mrn, nephrologist, potassium, text, "urgent"))
    digoxin = any("digoxin" in str(each["medicationCodeableConcept"]).lower() for each in home)
    if desk.rule("calcium", heart, lambda: not heart and level >= 6.0):
        yield desk.post(_calcium(mrn, 1, digoxin))
    units = 5 if less else 10
    if shifts:
        yield desk.post(_dose(mrn, "insulin regular", "253182", quantity(units, "[iU]", "units"), "IV", "push"))
        if desk.rule("dextrose", True, lambda: False):
            yield desk.post(_dose(mrn, "dextrose", "4850", quantity(25, "g"), "IV", "push"))
        if less:
            yield desk.post(_dose(mrn, "dextrose 10%", "", quantity(25, "g"), "IV", "", 5))
    if desk.rule("albuterol", heart, lambda: False):
        milligrams = 10 if coronary else 20
        yield desk.post(_dose(mrn, "albuterol", "435", quantity(milligrams, "mg"), "inhaled"))
    elif heart:
        yield desk.post(_dose(mrn, "albuterol", "435", quantity(20, "mg"), "inhaled"))
    if desk.rule("binder", True, lambda: False):
        yield desk.post(_binder(mrn))
    given, now = desk.now + 0 * _MINUTE, None
    if not shifts:
        yield desk.post(_diet(mrn))
        yield desk.post(lab_order(mrn, _POTASSIUM, begun + 240 * _MINUTE, priority="stat"))
        yield desk.wait(280)
    else:
        reply = yield desk.wait(14)
        now = time_after(reply.resources[0])
        given = now - 12 * _MINUTE
        halves = (
            [30, 60, 90, 120, 180, 240, 300, 360] if desk.rule("glucose_watched", True, lambda: False) else [60, 240]
        )
        yield desk.post(_timed(mrn, _METER, [given + each * _MINUTE for each in halves]))
        hours = desk.rule("potassium_again", [60, 120, 240, 360], lambda: [120, 360])
        for after in hours:
            yield desk.post(lab_order(mrn, _POTASSIUM, given + after * _MINUTE, priority="stat"))
        if heart:
            yield desk.post(_request(mrn, "12-lead ECG"))
            yield desk.wait(30)
            reply = yield desk.get("DiagnosticReport", patient=mrn, code="11524-6", _sort="-date", _count="1")
            better = "hyperkalemia" not in reply.resources[0]["conclusion"]
            if desk.rule("calcium_again", not better, lambda: False):
                yield desk.post(_calcium(mrn, 3, digoxin))
                yield desk.wait(40)
        reply = yield desk.wait(round((given + 362 * _MINUTE + 52 * _MINUTE - now) / _MINUTE) - (80 if heart else 6))
    reply = yield desk.get("Observation", patient=mrn, code=_POTASSIUM, _sort="-date", _count="3")
    newest = next(each for each in reply.resources if "note" not in each)
    reply = yield desk.get(
        "Observation", patient=mrn, code=f"{_GLUCOSE},{_METER}", date=f"ge{desk.now.isoformat()}", _count="60"
    )
    lowest = min((each["valueQuantity"]["value"] for each in reply.resources), default=-1)
    final = newest["valueQuantity"]["value"]
    yield desk.post(message(mrn, attending, newest, f"Potassium {level:g}, now {final:g} mmol/L."))
    yield desk.finish(desk.decide("what was given and seen", [final, units if shifts else 0, lowest]))


def _raises(order: Mapping[str, Any]) -> bool:
    named = str(order["medicationCodeableConcept"]).lower()
    return any(word in named for word in RAISING)


def _physician(roles: Sequence[Mapping[str, Any]]) -> str:
    found = [each for each in roles if each["code"][0].get("text") == "Physician"]
    return str(found[0]["practitioner"]["reference"])


def _years_ago(now: datetime, years: int) -> str:
    return f"{now.year - years}-01-01"


def _request(mrn: str, text: str) -> Resource:
    order = lab_order(mrn, "", priority="stat")
    return {**order, "code": {"text": text}}


def _timed(mrn: str, code: str, times: Sequence[datetime]) -> Resource:
    order = lab_order(mrn, code, priority="stat")
    return {**order, "occurrenceTiming": {"event": [each.isoformat() for each in times]}}


def _dose(mrn: str, name: str, code: str, amount: Resource, route: str, text: str = "", hours: float = 0.0) -> Resource:
    repeat: Resource = {"count": 1}
    if hours:
        repeat |= {"duration": hours, "durationUnit": "h"}
    dosage: Resource = {
        "timing": {"repeat": repeat},
        "route": {"text": route},
        "doseAndRate": [{"doseQuantity": amount}],
    }
    if text:
        dosage["text"] = text
    return drug_order(mrn, name, code, dosage, priority="stat")


def _calcium(mrn: str, grams: int, digoxin: bool) -> Resource:
    minutes = 30 if digoxin else 10
    return _dose(mrn, "calcium gluconate", "1908", quantity(grams, "g"), "IV", "", minutes / 60)


def _binder(mrn: str) -> Resource:
    repeat = {"frequency": 1, "period": 8, "periodUnit": "h", "count": 6}
    amount = quantity(10, "g")
    dosage = {"timing": {"repeat": repeat}, "route": {"text": "oral"}, "doseAndRate": [{"doseQuantity": amount}]}
    return drug_order(mrn, "sodium zirconium cyclosilicate", "", dosage)


def _diet(mrn: str) -> Resource:
    return {
        "resourceType": "NutritionOrder",
        "status": "active",
        "intent": "order",
        "patient": {"reference": f"Patient/{mrn}"},
        "dateTime": "2024-11-12T08:00:00-05:00",
        "oralDiet": {"type": [{"text": "Diet low in potassium"}]},
    }


def _not_taken(mrn: str, name: str) -> Resource:
    return {
        "resourceType": "MedicationStatement",
        "status": "stopped",
        "subject": {"reference": f"Patient/{mrn}"},
        "medicationCodeableConcept": {"text": name},
        "note": [{"text": "Bought without a prescription; raises potassium."}],
    }
