"""Begins insulin by weight, age and kidneys, and adjusts it every morning and where nurses tell something."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from mab_gym.dynamics.inpatients import CREATININE, WEIGHT, age_of, handbook_page
from mab_gym.dynamics.orders import (
    drug_order,
    is_inpatient_order,
    lab_order,
    message,
    moment_of,
    newest_valid,
    quantity,
    status_change,
    time_after,
)
from mab_gym.dynamics.physiology._creatinine import estimated_gfr
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import A1C, column, units_per_kg
from .protocol import BANDS, MORNINGS, SCALE, STOPPED, every_morning

_METER = "41653-7"
_MINUTE = timedelta(minutes=1)
_END = 62 * 60
_AFTER = 8
"""Minutes after 08:00 at which the doses are changed: the insulin for breakfast was given before."""


def solve(case: Case, desk: Desk) -> Solution:
    """Some thirty actions."""
    mrn, begun = case["mrn"], desk.now
    yield desk.get("DocumentReference", **handbook_page("MED-120"))
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    attending = reply.resources[0]["participant"][0]["individual"]["reference"]
    reply = yield desk.get("Patient", _id=mrn)
    patient = reply.resources[0]
    reply = yield desk.get("Observation", patient=mrn, code=WEIGHT, _sort="-date", _count="3")
    weight = desk.decide("the newest valid weight", newest_valid(reply.resources))["valueQuantity"]["value"]
    reply = yield desk.get("Observation", patient=mrn, code=CREATININE, _sort="-date", _count="5")
    creatinine = newest_valid(reply.resources)["valueQuantity"]["value"]
    reply = yield desk.get("Observation", patient=mrn, code=A1C, _sort="-date", _count="1")
    recent = any(moment_of(each) > begun - timedelta(days=90) for each in reply.resources)
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    ended = desk.rule("oral_drugs", [each["id"] for each in reply.resources if is_inpatient_order(each, STOPPED)], list)
    age = age_of(patient, begun)
    filtration = estimated_gfr(creatinine, patient["gender"], age)
    per_kg = units_per_kg(case["glucose"], age, filtration)
    per_kg = desk.decide("the first dose by glucose, age and kidneys", per_kg, {"age_and_kidneys": lambda: 0.5})
    basal = round(weight * per_kg / 2)
    meal = round(weight * per_kg / 6)
    for number in ended:
        yield desk.patch(f"MedicationRequest/{number}", status_change("stopped"))
    if not recent:
        yield desk.post(lab_order(mrn, A1C))
    reply = yield desk.post(_glargine(mrn, basal))
    basal_order = reply.resources[0]["id"]
    reply = yield desk.post(_lispro(mrn, meal))
    meal_order, held, raised = reply.resources[0]["id"], False, False
    yield desk.post(_correction(mrn, column(age, filtration)))
    goals, waking = [*(each + _AFTER for each in MORNINGS), _END], True
    while goals:
        reply = yield _wait(desk, begun + goals[0] * _MINUTE, waking)
        now = round((time_after(reply.resources[0]) - begun) / _MINUTE)
        if now < goals[0]:
            reply = yield desk.get("Communication", subject=f"Patient/{mrn}", _sort="-sent", _count="3")
            told = " ".join(str(each["payload"]) for each in reply.resources)
            if not held and "of the meal alone" in told and desk.rule("appetite", True, lambda: False):
                held, waking = True, False
                yield desk.patch(f"MedicationRequest/{meal_order}", status_change("on-hold"))
            if not raised and "rednisone" in told and desk.rule("steroids", True, lambda: False):
                raised, waking = True, False
                meal = round(meal * 1.2 + 0.3)
                yield desk.put(_numbered(_lispro(mrn, meal), meal_order))
            continue
        goal = goals.pop(0)
        reply = yield desk.get("Observation", patient=mrn, code=_METER, _sort="-date", _count="20")
        values = [each for each in reply.resources if moment_of(each) >= begun - _MINUTE * 30]
        if not goals:
            break
        day = [
            each["valueQuantity"]["value"]
            for each in values
            if moment_of(each) >= begun + (goal - _AFTER - 1440) * _MINUTE
        ]
        factors = desk.decide("the morning's rule", every_morning(day, day[0]), {"mornings": lambda: (1.0, 1.0)})
        if factors[0] != 1.0:
            basal = _scaled(basal, factors[0])
            order = _glargine(mrn, basal)
            yield desk.put(_numbered(order, basal_order))
        if factors[1] != 1.0 and not held:
            meal = _scaled(meal, factors[1])
            yield desk.put(_numbered(_lispro(mrn, meal), meal_order))
    found = [each["valueQuantity"]["value"] for each in values]
    text = f"Glucose {found[0]:g} mg/dL; glargine {basal} units, lispro {0 if held else meal} units with meals."
    yield desk.post(message(mrn, attending, values[0], text))
    yield desk.finish([min(found), found[0], basal, 0 if held else meal])


def _scaled(units: int, factor: float) -> int:
    """Returns a changed dose, by a unit at least."""
    new = round(units * factor)
    return new if new != units else units + (1 if factor > 1 else -1)


def _wait(desk: Desk, until: datetime, waking: bool) -> str:
    asked = [{"name": "until", "valueInstant": until.isoformat()}, {"name": "interruptible", "valueBoolean": waking}]
    return desk.operation("$wait", {"resourceType": "Parameters", "parameter": asked})


def _insulin(mrn: str, name: str, rxnorm: str, units: float, repeat: dict[str, Any]) -> dict[str, Any]:
    dosage = {
        "timing": {"repeat": repeat},
        "route": {"text": "subcutaneous"},
        "doseAndRate": [{"doseQuantity": quantity(units, "[iU]", "units")}],
    }
    return drug_order(mrn, name, rxnorm, dosage)


def _glargine(mrn: str, units: float) -> dict[str, Any]:
    return _insulin(mrn, "insulin glargine", "274783", units, {"frequency": 1, "period": 1, "periodUnit": "d"})


def _lispro(mrn: str, units: float) -> dict[str, Any]:
    return _insulin(mrn, "insulin lispro", "86009", units, {"when": ["AC"]})


def _correction(mrn: str, scale: str) -> dict[str, Any]:
    text = "; ".join(f"{band} mg/dL: {units} units" for band, units in zip(BANDS, SCALE[scale], strict=True))
    order = _insulin(mrn, "insulin lispro", "86009", 1, {"when": ["AC"]})
    del order["dosageInstruction"][0]["doseAndRate"]
    order["dosageInstruction"][0]["text"] = f"Correction before meals. {text}"
    return order


def _numbered(resource: dict[str, Any], number: str) -> dict[str, Any]:
    return {**resource, "id": number}
