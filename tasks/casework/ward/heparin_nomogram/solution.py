"""Begins heparin, adjusts it by the aPTT every six hours, and stops it where platelets have fallen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mab_gym.dynamics.inpatients import WEIGHT, handbook_page
from mab_gym.dynamics.orders import (
    drug_order,
    is_inpatient_order,
    lab_order,
    loinc_of,
    message,
    newest_valid,
    quantity,
    status_change,
    time_after,
)
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import OTHERS
from .protocol import BOLUS, bolus, must_end, start, step

_APTT, _COUNT, _PLATELETS, _HAEMOGLOBIN = "14979-9", "58410-2", "777-3", "718-7"
_MINUTE = timedelta(minutes=1)
_END = 34 * 60
"""Minute at which the work ends."""
_SECOND_COUNT = 22 * 60
"""Minute of the second blood count."""
_REPORTED = 48
"""Minutes from a specimen to its result, at most."""


def solve(case: Case, desk: Desk) -> Solution:
    """Some thirty actions."""
    mrn = case["mrn"]
    yield desk.get("DocumentReference", **handbook_page("MED-110"))
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    attending = reply.resources[0]["participant"][0]["individual"]["reference"]
    reply = yield desk.get("Observation", patient=mrn, code=WEIGHT, _sort="-date", _count="3")
    weight = desk.decide("the newest valid weight", newest_valid(reply.resources))["valueQuantity"]["value"]
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    others = desk.rule("others", [each["id"] for each in reply.resources if is_inpatient_order(each, OTHERS)], list)
    yield desk.post(lab_order(mrn, _COUNT, priority="stat"))
    yield desk.post(lab_order(mrn, _APTT, priority="stat"))
    for number in others:
        yield desk.patch(f"MedicationRequest/{number}", status_change("stopped"))
    first = desk.rule("weight", bolus(BOLUS, weight), lambda: 5000.0)
    yield desk.post(_bolus(mrn, first))
    rate = desk.rule("weight", start(weight), lambda: 1000.0)
    reply = yield desk.post(_infusion(mrn, rate))
    order = reply.resources[0]["id"]
    begun = desk.now
    yield desk.post(lab_order(mrn, _COUNT, begun + _SECOND_COUNT * _MINUTE, priority="stat"))
    yield desk.post(lab_order(mrn, _APTT, begun + 400 * _MINUTE, priority="stat"))
    wakes = [400 + _REPORTED, _SECOND_COUNT + _REPORTED, _END + 2]
    reply = yield desk.wait(400 + _REPORTED)
    running, told, before = True, 0.0, None
    while True:
        now = round((time_after(reply.resources[0]) - begun) / _MINUTE)
        reply = yield desk.get(
            "Observation", patient=mrn, code=f"{_APTT},{_PLATELETS},{_HAEMOGLOBIN}", _sort="-date", _count="12"
        )
        newest = _newest(reply.resources)
        counts = sorted(
            (each["effectiveDateTime"], each["valueQuantity"]["value"])
            for each in reply.resources
            if loinc_of(each) == _PLATELETS
        )
        before = max(value for _, value in counts) if before is None else before
        platelets = newest[_PLATELETS]["valueQuantity"]["value"]
        ends = desk.decide("platelets fallen", must_end(platelets, before), {"platelets": lambda: False})
        if running and ends:
            running = False
            yield desk.patch(f"MedicationRequest/{order}", status_change("stopped"))
            yield desk.post(
                message(mrn, attending, newest[_PLATELETS], f"Platelets {platelets:g}: heparin stopped.", "urgent")
            )
        aptt = newest[_APTT]["valueQuantity"]["value"]
        due = step(aptt)
        if running and newest[_APTT]["id"] != told and now <= _END:
            told = newest[_APTT]["id"]
            change = desk.rule("nomogram", due.rate_change_u_kg_h, lambda: 0.0)
            if due.hold_minutes and change:
                yield desk.patch(f"MedicationRequest/{order}", status_change("on-hold"))
                yield desk.wait(60)
            if due.bolus_u_kg and change:
                yield desk.post(_bolus(mrn, bolus(due.bolus_u_kg, weight)))
            if change:
                rate = max(0.0, round(rate + change * weight))
                yield desk.put({**_infusion(mrn, rate), "id": order})
            pause = 62 if due.hold_minutes and change else 0
            after = desk.rule("six_hours", 375, lambda: 720)
            if now + pause + after + 120 <= _END:
                yield desk.post(lab_order(mrn, _APTT, begun + (now + pause + after) * _MINUTE, priority="stat"))
                wakes.append(now + pause + after + _REPORTED)
            now += pause + 8
        if now >= _END:
            break
        reply = yield desk.wait(min(wake for wake in wakes if wake > now) - now)
    haemoglobin = newest[_HAEMOGLOBIN]["valueQuantity"]["value"]
    text = f"aPTT {aptt:g} s, heparin {rate if running else 0:g} units/h, platelets {platelets:g}."
    yield desk.post(message(mrn, attending, newest[_APTT], text, "routine"))
    yield desk.finish([aptt, rate if running else 0, platelets, haemoglobin])


def _newest(resources: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in resources:
        if "valueQuantity" in each:
            found.setdefault(loinc_of(each), each)
    return found


def _heparin(mrn: str, amount: dict[str, Any]) -> dict[str, Any]:
    dosage = {"route": {"text": "IV"}, "doseAndRate": [amount]}
    return drug_order(mrn, "heparin", "5224", dosage, priority="stat")


def _bolus(mrn: str, units: float) -> dict[str, Any]:
    order = _heparin(mrn, {"doseQuantity": quantity(round(units), "[iU]", "units")})
    order["dosageInstruction"][0]["text"] = "bolus"
    return order


def _infusion(mrn: str, rate: float) -> dict[str, Any]:
    return _heparin(mrn, {"rateQuantity": quantity(round(rate), "[iU]/h", "units/h")})
