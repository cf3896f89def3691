"""Treats ketoacidosis by the handbook: potassium before insulin, dextrose in time, and an overlap at the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from mab_gym.casework import heeding_flags
from mab_gym.dynamics.emergency import POUNDS
from mab_gym.dynamics.inpatients import WEIGHT
from mab_gym.dynamics.orders import (
    drug_order,
    lab_order,
    loinc_of,
    message,
    newest_by_code,
    quantity,
    status_change,
    time_after,
)
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import CAUSING

_POTASSIUM, _METER, _KETONES, _BICARBONATE, _PANEL = "2823-3", "41653-7", "6873-4", "2028-9", "51990-0"
_MINUTE = timedelta(minutes=1)
_END = 790
"""Minute from which on nothing new is begun."""
Resource = dict[str, Any]


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some fifty actions."""
    mrn, begun = case["mrn"], desk.now
    yield desk.get("DocumentReference", category="handbook", status="current", description="MED-121")
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    attending = reply.resources[0]["participant"][0]["individual"]["reference"]
    reply = yield desk.get("Observation", patient=mrn, code=f"{_POTASSIUM},{WEIGHT}", _sort="-date", _count="8")
    first = newest_by_code(reply.resources)
    weight = first[WEIGHT]["valueQuantity"]
    kilograms = weight["value"] if weight["code"] == "kg" else weight["value"] / POUNDS
    yield desk.get("DocumentReference", patient=mrn, type="54094-8", _sort="-date", _count="1")
    millilitres = desk.rule("fluid", 750, lambda: 125)
    fluid = (yield desk.post(_runs(mrn, "sodium chloride 0.9%", millilitres, "mL/h"))).resources[0]["id"]
    spoilt = "note" in first[_POTASSIUM]
    careless = desk.rule("potassium_first", False, lambda: True)
    level = first[_POTASSIUM]["valueQuantity"]["value"]
    if spoilt and not careless:
        yield desk.post(lab_order(mrn, _POTASSIUM, priority="stat"))
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    for order in reply.resources:
        if any(word in str(order["medicationCodeableConcept"]).lower() for word in CAUSING):
            yield desk.patch(f"MedicationRequest/{order['id']}", status_change("stopped"))
    if desk.rule("trigger", True, lambda: False):
        for text in ("12-lead ECG", "Chest X-ray", "Urine culture"):
            yield desk.post({**lab_order(mrn, "", priority="stat"), "code": {"text": text}})
    hours = desk.rule("hourly", range(60, 860, 60), lambda: range(120, 860, 180))
    yield desk.post(_timed(mrn, _METER, [begun + each * _MINUTE for each in hours]))
    two = [begun + each * _MINUTE for each in range(110, 860, 120)]
    yield desk.post(_timed(mrn, _PANEL, two))
    yield desk.post(_timed(mrn, _KETONES, two))
    if spoilt and not careless:
        yield desk.wait(64)
        reply = yield desk.get("Observation", patient=mrn, code=_POTASSIUM, _sort="-date", _count="2")
        level = next(each for each in reply.resources if "note" not in each)["valueQuantity"]["value"]
    replaces = desk.rule("replace", True, lambda: False)
    salt, rate = "", 0
    if level <= 5.0 and replaces:
        rate = 20 if level < 3.5 else 15
        salt = (yield desk.post(_runs(mrn, "potassium chloride", rate, "meq/h"))).resources[0]["id"]
    while level < 3.5 and not careless:
        yield desk.post(lab_order(mrn, _POTASSIUM, priority="stat"))
        yield desk.wait(64)
        reply = yield desk.get("Observation", patient=mrn, code=_POTASSIUM, _sort="-date", _count="2")
        level = next(each for each in reply.resources if "note" not in each)["valueQuantity"]["value"]
        if not replaces and level < 3.5:
            break
    units = desk.rule("weight", round(0.1 * kilograms, 1), lambda: round(0.14 * weight["value"], 1))
    insulin = (yield desk.post(_runs(mrn, "insulin regular", units, "[iU]/h"))).resources[0]["id"]
    half = glargine = False
    slowed, ends = False, None
    while True:
        reply = yield desk.wait(58)
        minute = round((time_after(reply.resources[0]) - begun) / _MINUTE)
        codes = ",".join((_METER, _POTASSIUM, _KETONES, _BICARBONATE))
        reply = yield desk.get(
            "Observation", patient=mrn, code=codes, date=f"ge{begun.isoformat()}", _sort="-date", _count="30"
        )
        valid = [each for each in reply.resources if "note" not in each]
        found = {code: each["valueQuantity"]["value"] for code, each in newest_by_code(valid).items()}
        if not slowed and minute >= 200:
            slowed = True
            yield desk.put({**_runs(mrn, "sodium chloride 0.9%", 200, "mL/h"), "id": fluid})
        if not half and found.get(_METER, 999) < 250:
            half = True
            if desk.rule("halve", True, lambda: False):
                slower = round(0.05 * kilograms, 1)
                yield desk.put({**_runs(mrn, "insulin regular", slower, "[iU]/h"), "id": insulin})
            if desk.rule("dextrose", True, lambda: False):
                yield desk.post(_runs(mrn, "dextrose 5%", round(0.05 * kilograms, 1), "g/h"))
        wanted = _wanted(found.get(_POTASSIUM, level), rate) if replaces else rate
        if wanted != rate:
            rate = wanted
            resource = _runs(mrn, "potassium chloride", rate, "meq/h")
            if salt and rate:
                yield desk.put({**resource, "id": salt})
            elif salt:
                yield desk.patch(f"MedicationRequest/{salt}", status_change("stopped"))
                salt = ""
            else:
                salt = (yield desk.post(resource)).resources[0]["id"]
        over = found.get(_KETONES, 9) < 0.6 and found.get(_BICARBONATE, 0) >= 18
        over = desk.rule("not_too_soon", over, half.__bool__)
        if ends is not None:
            break
        if (over or minute >= _END) and not glargine:
            glargine = True
            ends = minute
            yield desk.post(_basal(mrn, round(0.2 * kilograms)))
            if not desk.rule("overlap", True, lambda: False):
                yield desk.wait(2)
                break
            yield desk.wait(25)
    yield desk.patch(f"MedicationRequest/{insulin}", status_change("stopped"))
    since = f"ge{begun.isoformat()}"
    codes = ",".join((_METER, "2345-7", _POTASSIUM, _KETONES))
    reply = yield desk.get("Observation", patient=mrn, code=codes, date=since, _sort="-date", _count="100")
    valid = [each for each in reply.resources if "note" not in each]
    last = newest_by_code(valid)
    ketones, potassium = last[_KETONES], last[_POTASSIUM]["valueQuantity"]["value"]
    lowest = min(each["valueQuantity"]["value"] for each in valid if loinc_of(each) in (_METER, "2345-7"))
    value = ketones["valueQuantity"]["value"]
    yield desk.post(message(mrn, attending, ketones, f"Ketoacidosis is over: ketones {value:g} mmol/L."))
    yield desk.finish(desk.decide("the newest values", [value, potassium, lowest]))


def _wanted(potassium: float, rate: int) -> int:
    """Returns potassium in mEq/h by its level."""
    if potassium > 5.0:
        return 0
    if potassium < 3.5:
        return 20
    return 10 if potassium >= 4.6 else 15 if potassium < 4.3 or not rate else rate


def _runs(mrn: str, name: str, rate: float, unit: str) -> Resource:
    dosage = {"route": {"text": "IV"}, "doseAndRate": [{"rateQuantity": quantity(rate, unit)}]}
    return drug_order(mrn, name, "", dosage, priority="stat")


def _basal(mrn: str, units: float) -> Resource:
    repeat = {"frequency": 1, "period": 24, "periodUnit": "h"}
    amount = quantity(units, "[iU]", "units")
    dosage = {"timing": {"repeat": repeat}, "route": {"text": "SC"}, "doseAndRate": [{"doseQuantity": amount}]}
    return drug_order(mrn, "insulin glargine", "274783", dosage, priority="stat")


def _timed(mrn: str, code: str, times: Sequence[Any]) -> Resource:
    order = lab_order(mrn, code, priority="stat")
    return {**order, "occurrenceTiming": {"event": [each.isoformat() for each in times]}}
