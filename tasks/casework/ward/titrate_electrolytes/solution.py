"""Replaces potassium and magnesium by the handbook, step by step, as results come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mab_gym.dynamics.inpatients import age_of, handbook_page
from mab_gym.dynamics.orders import drug_order, lab_order, loinc_of, message, moment_of, quantity, time_after
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .protocol import doses_due, weak_kidneys

_CODES = {"potassium": "2823-3", "magnesium": "19123-9", "creatinine": "2160-0"}
_HOURS = timedelta(hours=1)
_LAST = 43
"""Hour from which no further test is ordered."""


def solve(case: Case, desk: Desk) -> Solution:
    """Measures, replaces, waits and measures again; some thirty to forty actions."""
    mrn = case["mrn"]
    for number in ("MED-101", "MED-102"):
        yield desk.get("DocumentReference", **handbook_page(number))
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    attending = reply.resources[0]["participant"][0]["individual"]
    reply = yield desk.get("Patient", _id=mrn)
    patient = reply.resources[0]
    reply = yield desk.get("Observation", patient=mrn, code=_CODES["creatinine"], _sort="-date", _count="5")
    creatinines = _values(reply.resources)
    yield desk.post(lab_order(mrn, "51990-0", priority="stat"))
    yield desk.post(lab_order(mrn, _CODES["magnesium"], priority="stat"))
    reply = yield desk.wait(70)
    begun, now = desk.now, time_after(reply.resources[0])
    last_magnesium = -99.0
    while True:
        reply = yield desk.get("Observation", patient=mrn, code=",".join(_CODES.values()), _sort="-date", _count="8")
        newest = _newest(reply.resources)
        potassium, creatinine = newest["potassium"], newest["creatinine"]["valueQuantity"]["value"]
        spoilt = desk.decide("a haemolysed specimen", "note" in potassium, {"haemolysed": lambda: False})
        if spoilt:
            yield desk.post(lab_order(mrn, "51990-0", priority="stat"))
            reply = yield desk.wait(70)
            now = time_after(reply.resources[0])
            continue
        level, hour = potassium["valueQuantity"]["value"], (now - begun) / _HOURS
        creatinines |= _values(reply.resources)
        found = weak_kidneys(_minutes(creatinines), patient["gender"] == "female", age_of(patient, begun))
        bad = desk.decide("kidneys for which doses are halved", found, {"kidneys": lambda: False})
        doses, hours = doses_due(level, bad)
        hours = desk.rule("rechecks", hours, lambda: 12.0)
        if doses and hour <= _LAST + 1:
            yield desk.post(_potassium(mrn, 20 if bad else 40, doses))
        grams = _magnesium_due(newest["magnesium"], bad) if hour - last_magnesium >= 8 else 0.0
        grams = desk.rule("magnesium", grams, lambda: 0.0)
        if grams and hour <= _LAST + 1:
            last_magnesium = hour
            yield desk.post(_magnesium(mrn, grams))
        if hour >= _LAST - 2:
            break
        at = min(now + hours * _HOURS, begun + _LAST * _HOURS)
        yield desk.post(lab_order(mrn, "51990-0", at, priority="stat"))
        if (at - begun) / _HOURS - last_magnesium >= 7 or last_magnesium < 0:
            yield desk.post(lab_order(mrn, _CODES["magnesium"], at, priority="stat"))
        reply = yield desk.wait(round((at - now) / timedelta(minutes=1)) + 52)
        now = time_after(reply.resources[0])
    yield desk.post(_handover(mrn, attending, potassium, creatinine))
    found = yield desk.get(
        "MedicationAdministration", patient=mrn, status="completed", _count="100", _sort="-_lastUpdated"
    )
    given = sum(_mmol(each, begun) for each in found.resources)
    answer = [level, newest["magnesium"]["valueQuantity"]["value"], creatinine, given]
    yield desk.finish(desk.decide("the sum of what was given", answer))


def _values(resources: Sequence[Mapping[str, Any]]) -> dict[datetime, float]:
    """Returns the valid results of creatinine by the time of their specimens."""
    found = (each for each in resources if loinc_of(each) == _CODES["creatinine"] and "valueQuantity" in each)
    return {moment_of(each): each["valueQuantity"]["value"] for each in found if each["status"] != "entered-in-error"}


def _minutes(values: Mapping[datetime, float]) -> list[tuple[float, float]]:
    return sorted((moment.timestamp() / 60, value) for moment, value in values.items())


def _magnesium_due(result: Mapping[str, Any], bad: bool) -> float:
    """Returns grams of magnesium sulfate (MED-102)."""
    level = result["valueQuantity"]["value"]
    grams = 0.0 if level >= 2.0 else 1.0 if level >= 1.5 else 2.0
    return grams / 2 if bad else grams


def _newest(resources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the newest result of each kind."""
    names = {code: name for name, code in _CODES.items()}
    found: dict[str, Any] = {}
    for each in resources:
        found.setdefault(names[loinc_of(each)], each)
    return found


def _potassium(mrn: str, milliequivalents: float, doses: int) -> dict[str, Any]:
    repeat = {"frequency": 1, "period": 4, "periodUnit": "h", "count": doses}
    amount = quantity(milliequivalents, "meq", "mEq")
    dosage = {"timing": {"repeat": repeat}, "route": {"text": "oral"}, "doseAndRate": [{"doseQuantity": amount}]}
    return drug_order(mrn, "potassium chloride", "8591", dosage)


def _magnesium(mrn: str, grams: float) -> dict[str, Any]:
    repeat = {"count": 1, "duration": grams, "durationUnit": "h"}
    amount = quantity(grams, "g")
    dosage = {"timing": {"repeat": repeat}, "route": {"text": "IV"}, "doseAndRate": [{"doseQuantity": amount}]}
    return drug_order(mrn, "magnesium sulfate", "6585", dosage)


def _handover(mrn: str, attending: Mapping[str, Any], result: Mapping[str, Any], creatinine: float) -> dict[str, Any]:
    level = result["valueQuantity"]["value"]
    text = f"Potassium {level:g} mmol/L, creatinine {creatinine:g} mg/dL; replaced by MED-101."
    return message(mrn, attending["reference"], result, text)


def _mmol(given: Mapping[str, Any], begun: datetime) -> float:
    concept, start = given["medicationCodeableConcept"], given.get("effectivePeriod", {}).get("start")
    if start is None or datetime.fromisoformat(start) < begun or "potassium" not in concept["text"].lower():
        return 0.0
    return float(given["dosage"]["dose"]["value"])
