"""Loads, doses by clearance, measures two levels, and changes, holds or ends the drug by what comes in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags
from mab_gym.dynamics.inpatients import CREATININE, HEIGHT, WEIGHT, handbook_page
from mab_gym.dynamics.orders import (
    drug_order,
    is_inpatient_order,
    lab_order,
    loinc_of,
    message,
    moment_of,
    newest_valid,
    quantity,
    status_change,
    time_after,
)
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import NEPHROTOXINS
from .protocol import (
    AREA,
    AREAS,
    LOAD,
    LOAD_OBESE,
    MOST_LOAD,
    OBESE,
    RATE,
    bmi,
    clearance,
    dosing_weights,
    fitted_clearance,
    stage,
)

_LEVEL = "20578-1"
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_REPORTED = 62
"""Minutes from an urgent specimen to its result, at most."""
_END = 70 * 60
_REDOSE, _REDOSE_AT = 10.0, 15.0
"""mg/kg, and the level in mg/L from which down it is given: the attending's answer."""


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some thirty actions."""
    mrn, now = case["mrn"], desk.now
    yield desk.get("DocumentReference", **handbook_page("MED-130"))
    yield desk.get("DocumentReference", **handbook_page("CLN-210"))
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    attending = reply.resources[0]["participant"][0]["individual"]["reference"]
    reply = yield desk.get("Patient", _id=mrn)
    female, age = reply.resources[0]["gender"] == "female", _years(reply.resources[0]["birthDate"], now)
    reply = yield desk.get("Observation", patient=mrn, code=f"{WEIGHT},{HEIGHT}", _sort="-date", _count="30")
    found = _by_code(reply.resources)
    weight = desk.decide("the newest valid weight", newest_valid(found[WEIGHT])["valueQuantity"]["value"])
    height = newest_valid(found[HEIGHT])["valueQuantity"]["value"]
    since = (now - timedelta(days=90)).date().isoformat()
    reply = yield desk.get("Observation", patient=mrn, code=CREATININE, date=f"ge{since}", _sort="-date", _count="100")
    valid = [each for each in reply.resources if "valueQuantity" in each and each["status"] != "entered-in-error"]
    creatinine = valid[0]["valueQuantity"]["value"]
    recent = (each for each in valid if moment_of(each) >= now - timedelta(days=90))
    baseline = min(each["valueQuantity"]["value"] for each in recent)
    two_days = (each for each in valid if moment_of(each) >= now - timedelta(days=2))
    before_stay = min(each["valueQuantity"]["value"] for each in two_days)
    per_kg = LOAD_OBESE if bmi(weight, height) >= OBESE else LOAD
    load = desk.rule("weight", min(round(per_kg * weight / 250) * 250, MOST_LOAD), lambda: 1000.0)
    yield desk.post(_dose(mrn, load, desk))
    reply = yield desk.wait(15)
    reply = yield desk.get("MedicationAdministration", patient=mrn, _sort="-effective-time", _count="10")
    begun = next(_begin(each) for each in reply.resources if "vancomycin" in str(each).lower())
    own = clearance(age, dosing_weights(weight, height, female)[-1], creatinine, female)
    every = 24 if own < clearance(50, 70.0, 1.6, False) else 12
    daily = desk.rule("clearance", _rounded(AREA * own, every), lambda: 30 * weight)
    every = desk.rule("clearance", every, lambda: 12)
    reply = yield desk.post(_course(mrn, daily, every, begun + every * _HOUR, desk))
    order = reply.resources[0]["id"]
    # the interval after the second dose, or after the first where there is one dose a day
    before, size = (begun, load) if every == 24 else (begun + 12 * _HOUR, daily / 2)
    end = before + size / RATE * _HOUR
    first = desk.rule("not_running", end + 75 * _MINUTE, lambda: before + 20 * _MINUTE)
    draws = [first, before + every * _HOUR - 25 * _MINUTE]
    for at in desk.rule("two_levels", draws, lambda: draws[1:]):
        yield desk.post(lab_order(mrn, _LEVEL, at, priority="stat"))
    checks = [begun + hours * _HOUR for hours in (23, 46, 68)]
    for at in desk.rule("creatinine", checks, lambda: checks[1:2]):
        yield desk.post(lab_order(mrn, CREATININE, at, priority="stat"))
    wakes = sorted({at + _REPORTED * _MINUTE for at in (draws[1], *checks)} | {now + _END * _MINUTE})
    held = stopped = adjusted = False
    clock, told, results = begun, list[str](), dict[str, list[Mapping[str, Any]]]()
    while wakes:
        if wakes[0] <= clock:
            wakes.pop(0)
            continue
        reply = yield desk.operation("$wait", _until(min(max(wakes[0], clock + 12 * _MINUTE), clock + 24 * _HOUR)))
        clock = time_after(reply.resources[0])
        reply = yield desk.get(
            "Observation", patient=mrn, code=f"{_LEVEL},4092-3,{CREATININE}", date=f"ge{now.isoformat()}",
            _sort="-date", _count="40",
        )  # fmt: skip
        results = _by_code(reply.resources)
        news = ""
        if not held:
            reply = yield desk.get("Communication", patient=mrn, sent=f"ge{now.isoformat()}", _count="50")
            news = str(reply.resources).lower()
        rises = [(_hours(each, now), each["valueQuantity"]["value"]) for each in results.get(CREATININE, [])]
        hurt = desk.rule("hold", stage(baseline, before_stay, rises) > 0, lambda: False)
        levels = [each for code in (_LEVEL, "4092-3") for each in results.get(code, [])]
        if "negative" in news and "nares" in news and not stopped:
            stopped = desk.rule("stop", True, lambda: False)
            if stopped:
                yield desk.patch(f"MedicationRequest/{order}", status_change("stopped"))
        elif hurt and not held and not stopped:
            held = True
            yield desk.patch(f"MedicationRequest/{order}", status_change("stopped"))
            text = f"Creatinine {rises[0][1]:g} mg/dL, was {baseline:g}; vancomycin is held. Please advise."
            if desk.rule("page", True, lambda: False):
                yield desk.post(message(mrn, attending, results[CREATININE][0], text, "urgent"))
            reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
            bad = [each["id"] for each in reply.resources if is_inpatient_order(each, NEPHROTOXINS)]
            for number in desk.rule("nephrotoxins", bad, list):
                yield desk.patch(f"MedicationRequest/{number}", status_change("on-hold"))
            reply = yield desk.wait(20)
            clock = time_after(reply.resources[0])
            yield desk.get("Communication", patient=mrn, _sort="-sent", _count="5")
            if desk.rule("by_level", True, lambda: False):
                later = [
                    clock + hours * _HOUR for hours in (0.6, 12, 24, 36, 42) if clock + hours * _HOUR < now + 69 * _HOUR
                ]
                for at in later:
                    yield desk.post(lab_order(mrn, _LEVEL, at, priority="stat"))
                    wakes.append(at + _REPORTED * _MINUTE)
                wakes = sorted(set(wakes))
            else:
                yield desk.post(_course(mrn, daily / 2, 24, clock + 12 * _HOUR, desk))
        elif held and not stopped and levels and levels[0]["id"] not in told:
            told.append(levels[0]["id"])
            low = levels[0]["valueQuantity"]["value"] <= _REDOSE_AT
            if desk.decide("the level is low enough", low) and clock < now + _END * _MINUTE:
                yield desk.post(_dose(mrn, round(_REDOSE * weight / 50) * 50, desk))
        elif not held and not stopped and not adjusted and len(levels) >= 2:
            adjusted = True
            given = [(_hour(begun, now), load / RATE, load)]
            if every == 12:
                given.append((_hour(before, now), daily / 2 / RATE, daily / 2))
            told_by = [(_hours(each, now), each["valueQuantity"]["value"]) for each in levels[:2]]
            own = desk.decide("the patient's own clearance", fitted_clearance(given, told_by, weight))
            right = AREAS[0] * 1.1 <= daily / own <= AREAS[1] * 0.9
            if not desk.rule("adjust", right, lambda: True):
                daily = _rounded(AREA * own, every)
                following = before + (1 if clock < before + every * _HOUR - 15 * _MINUTE else 2) * every * _HOUR
                yield desk.patch(f"MedicationRequest/{order}", status_change("stopped"))
                reply = yield desk.post(_course(mrn, daily, every, following, desk))
                order = reply.resources[0]["id"]
    newest, levels = results[CREATININE][0], [*results.get(_LEVEL, []), *results.get("4092-3", [])]
    present = 0.0 if stopped or held else daily
    yield desk.post(message(mrn, attending, newest, f"Vancomycin {present:g} mg a day.", "routine"))
    reached = stage(
        baseline, creatinine, [(_hours(each, now), each["valueQuantity"]["value"]) for each in results[CREATININE]]
    )
    level = levels[0]["valueQuantity"]["value"] if levels else -1
    yield desk.finish([present, level, newest["valueQuantity"]["value"], reached])


def _years(born: str, now: datetime) -> int:
    year, month, day = (int(each) for each in born.split("-"))
    return now.year - year - ((now.month, now.day) < (month, day))


def _by_code(results: Iterable[dict[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Returns the results with a value by their LOINC code, the newest first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in results:
        if "valueQuantity" in each and each["status"] != "entered-in-error":
            found.setdefault(loinc_of(each), []).append(each)
    return found


def _hours(result: Mapping[str, Any], since: datetime) -> float:
    return (moment_of(result) - since) / _HOUR


def _until(moment: datetime) -> dict[str, Any]:
    """Returns the parameters of a wait that a page ends."""
    asked = [{"name": "until", "valueInstant": moment.isoformat()}, {"name": "interruptible", "valueBoolean": True}]
    return {"resourceType": "Parameters", "parameter": asked}


def _hour(moment: datetime, since: datetime) -> float:
    return (moment - since) / _HOUR


def _begin(given: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(given["effectivePeriod"]["start"])


def _rounded(daily: float, every: int) -> float:
    """Returns a daily dose whose single doses are rounded to 250 mg."""
    doses = 24 // every
    return max(round(daily / doses / 250) * 250, 250) * doses


def _dosage(amount: float, desk: Desk) -> dict[str, Any]:
    minutes = desk.rule("rate", math.ceil(amount / RATE * 60), lambda: 45)
    rated = {"doseQuantity": quantity(amount, "mg"), "rateQuantity": quantity(minutes, "min")}
    return {"route": {"text": "IV"}, "doseAndRate": [rated]}


def _dose(mrn: str, amount: float, desk: Desk) -> dict[str, Any]:
    return drug_order(mrn, "vancomycin", "11124", _dosage(amount, desk), priority="stat")


def _course(mrn: str, daily: float, every: int, start: datetime, desk: Desk) -> dict[str, Any]:
    repeat = {"boundsPeriod": {"start": start.isoformat()}, "frequency": 1, "period": every, "periodUnit": "h"}
    dosage = {**_dosage(daily * every / 24, desk), "timing": {"repeat": repeat}}
    return drug_order(mrn, "vancomycin", "11124", dosage)
