"""Begins heparin, adjusts it by the aPTT every six hours, and stops it where platelets have fallen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mab_gym.dynamics.inpatients import WEIGHT, handbook_page
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import OTHERS
from .protocol import BOLUS, bolus, must_end, start, step

_LOINC = "http://loinc.org"
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
    attending = {"reference": reply.resources[0]["participant"][0]["individual"]["reference"]}
    reply = yield desk.get("Observation", patient=mrn, code=WEIGHT, _sort="-date", _count="3")
    weight = desk.decide("the newest valid weight", _valid(reply.resources))["valueQuantity"]["value"]
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    others = desk.rule("others", [each["id"] for each in reply.resources if _is_other(each)], list)
    yield desk.post(_test(mrn, _COUNT))
    yield desk.post(_test(mrn, _APTT))
    for number in others:
        stopped = [{"op": "replace", "path": "/status", "value": "stopped"}]
        yield desk.patch(f"MedicationRequest/{number}", stopped)
    first = desk.rule("weight", bolus(BOLUS, weight), lambda: 5000.0)
    yield desk.post(_bolus(mrn, first))
    rate = desk.rule("weight", start(weight), lambda: 1000.0)
    reply = yield desk.post(_infusion(mrn, rate))
    order = reply.resources[0]["id"]
    begun = desk.now
    yield desk.post(_test(mrn, _COUNT, begun + _SECOND_COUNT * _MINUTE))
    yield desk.post(_test(mrn, _APTT, begun + 400 * _MINUTE))
    wakes = [400 + _REPORTED, _SECOND_COUNT + _REPORTED, _END + 2]
    reply = yield desk.wait(400 + _REPORTED)
    running, told, before = True, 0.0, None
    while True:
        now = round((_time(reply.resources[0]) - begun) / _MINUTE)
        reply = yield desk.get(
            "Observation", patient=mrn, code=f"{_APTT},{_PLATELETS},{_HAEMOGLOBIN}", _sort="-date", _count="12"
        )
        newest = _newest(reply.resources)
        counts = sorted(
            (each["effectiveDateTime"], each["valueQuantity"]["value"])
            for each in reply.resources
            if _code(each) == _PLATELETS
        )
        before = max(value for _, value in counts) if before is None else before
        platelets = newest[_PLATELETS]["valueQuantity"]["value"]
        ends = desk.decide("platelets fallen", must_end(platelets, before), {"platelets": lambda: False})
        if running and ends:
            running = False
            yield desk.patch(f"MedicationRequest/{order}", [{"op": "replace", "path": "/status", "value": "stopped"}])
            yield desk.post(
                _message(mrn, attending, newest[_PLATELETS], f"Platelets {platelets:g}: heparin stopped.", "urgent")
            )
        aptt = newest[_APTT]["valueQuantity"]["value"]
        due = step(aptt)
        if running and newest[_APTT]["id"] != told and now <= _END:
            told = newest[_APTT]["id"]
            change = desk.rule("nomogram", due.rate_change_u_kg_h, lambda: 0.0)
            if due.hold_minutes and change:
                yield desk.patch(
                    f"MedicationRequest/{order}", [{"op": "replace", "path": "/status", "value": "on-hold"}]
                )
                yield desk.wait(60)
            if due.bolus_u_kg and change:
                yield desk.post(_bolus(mrn, bolus(due.bolus_u_kg, weight)))
            if change:
                rate = max(0.0, round(rate + change * weight))
                yield desk.put({**_infusion(mrn, rate), "id": order})
            pause = 62 if due.hold_minutes and change else 0
            after = desk.rule("six_hours", 375, lambda: 720)
            if now + pause + after + 120 <= _END:
                yield desk.post(_test(mrn, _APTT, begun + (now + pause + after) * _MINUTE))
                wakes.append(now + pause + after + _REPORTED)
            now += pause + 8
        if now >= _END:
            break
        reply = yield desk.wait(min(wake for wake in wakes if wake > now) - now)
    haemoglobin = newest[_HAEMOGLOBIN]["valueQuantity"]["value"]
    text = f"aPTT {aptt:g} s, heparin {rate if running else 0:g} units/h, platelets {platelets:g}."
    yield desk.post(_message(mrn, attending, newest[_APTT], text, "routine"))
    yield desk.finish([aptt, rate if running else 0, platelets, haemoglobin])


def _valid(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the newest result that was not taken back."""
    return next(each for each in results if each["status"] != "entered-in-error" and "valueQuantity" in each)


def _is_other(order: Mapping[str, Any]) -> bool:
    named = str(order["medicationCodeableConcept"]).lower()
    within = "'inpatient'" in str(order.get("category"))
    return within and any(word in named for word in OTHERS)


def _code(result: Mapping[str, Any]) -> str:
    return next(str(coding["code"]) for coding in result["code"]["coding"] if coding.get("system") == _LOINC)


def _newest(resources: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in resources:
        if "valueQuantity" in each:
            found.setdefault(_code(each), each)
    return found


def _time(waited: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(next(each["valueInstant"] for each in waited["parameter"] if each["name"] == "now"))


def _shared(mrn: str) -> dict[str, Any]:
    return {"status": "active", "intent": "order", "subject": {"reference": f"Patient/{mrn}"}}


def _test(mrn: str, code: str, at: datetime | None = None) -> dict[str, Any]:
    later = {} if at is None else {"occurrenceDateTime": at.isoformat()}
    coded = {"coding": [{"system": _LOINC, "code": code}]}
    return {"resourceType": "ServiceRequest", **_shared(mrn), "priority": "stat", "code": coded, **later}


def _heparin(mrn: str, amount: dict[str, Any]) -> dict[str, Any]:
    coding = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "5224"}
    return {
        "resourceType": "MedicationRequest",
        **_shared(mrn),
        "priority": "stat",
        "medicationCodeableConcept": {"coding": [coding], "text": "heparin"},
        "dosageInstruction": [{"route": {"text": "IV"}, "doseAndRate": [amount]}],
    }


def _bolus(mrn: str, units: float) -> dict[str, Any]:
    quantity = {"value": round(units), "unit": "units", "system": "http://unitsofmeasure.org", "code": "[iU]"}
    order = _heparin(mrn, {"doseQuantity": quantity})
    order["dosageInstruction"][0]["text"] = "bolus"
    return order


def _infusion(mrn: str, rate: float) -> dict[str, Any]:
    quantity = {"value": round(rate), "unit": "units/h", "system": "http://unitsofmeasure.org", "code": "[iU]/h"}
    return _heparin(mrn, {"rateQuantity": quantity})


def _message(mrn: str, to: Mapping[str, Any], about: Mapping[str, Any], text: str, priority: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "priority": priority,
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [dict(to)],
        "about": [{"reference": f"Observation/{about['id']}"}],
        "payload": [{"contentString": text}],
    }
