"""Puts the decisions on insulin to a learner, and does the routine between them by what an agent is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any

from mab_gym.dynamics.inpatients import CREATININE, WEIGHT, age_of
from mab_gym.dynamics.orders import (
    is_inpatient_order,
    lab_order,
    message,
    moment_of,
    newest_valid,
    status_change,
    time_after,
)
from mab_gym.dynamics.physiology._creatinine import estimated_gfr
from mab_gym.menu import Question
from mab_gym.tasking.solving import Desk

from . import solution
from .cases import A1C
from .protocol import MORNINGS, STOPPED

PER_KG = (0.2, 0.3, 0.4, 0.5, 0.7)
"""First daily doses to choose from, units/kg."""
COLUMNS = ("sensitive", "usual")
MORNING = ((0.8, 0.8), (0.9, 1.0), (1.0, 1.0), (1.2, 1.2), (1.5, 1.5))
"""Factors of basal insulin and of that for meals to choose from."""
_KINDS = ("dose", "column", "drugs", "a1c", "told", "morning")
_MINUTE = timedelta(minutes=1)


def guide(opening: str) -> Any:
    """Plays a case; yields actions and questions.

    Args:
        opening: The episode's first text.
    """
    base_url = opening.split("Its base address is ", 1)[1].split("/\n", 1)[0].split(maxsplit=1)[0].rstrip("/")
    begun = datetime.fromisoformat(_found(r"It is (\d{4}-\S+?)\. You", opening))
    mrn, glucose = _found(r"MRN (\w+) has", opening), float(_found(r"take (\d+) mg/dL", opening))
    desk = Desk(base_url, begun)
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    attending = _resources(reply)[0]["participant"][0]["individual"]["reference"]
    reply = yield desk.get("Patient", _id=mrn)
    patient = _resources(reply)[0]
    reply = yield desk.get("Observation", patient=mrn, code=WEIGHT, _sort="-date", _count="5")
    weight = newest_valid(_resources(reply))["valueQuantity"]["value"]
    reply = yield desk.get("Observation", patient=mrn, code=CREATININE, _sort="-date", _count="5")
    creatinine = newest_valid(_resources(reply))["valueQuantity"]["value"]
    reply = yield desk.get("Observation", patient=mrn, code=A1C, _sort="-date", _count="1")
    found = _resources(reply)
    days = (begun - moment_of(found[0])) / timedelta(days=1) if found else 400.0
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    others = [each["id"] for each in _resources(reply) if is_inpatient_order(each, STOPPED)]
    age = age_of(patient, begun)
    filtration = estimated_gfr(creatinine, patient["gender"], age)
    shared = (age / 100, filtration / 120, weight / 150, glucose / 400, age >= 70, filtration < 60, filtration < 30)

    def ask(kind: str, options: tuple[str, ...], *more: float) -> Question:
        return Question([*(kind == each for each in _KINDS), *map(float, shared), *more], options)

    per_kg = PER_KG[(yield ask("dose", tuple(map(str, PER_KG))))]
    column = COLUMNS[(yield ask("column", COLUMNS))]
    basal, meal = round(weight * per_kg / 2), round(weight * per_kg / 6)
    if (yield ask("drugs", ("leave", "stop"), float(bool(others)))):
        for number in others:
            yield desk.patch(f"MedicationRequest/{number}", status_change("stopped"))
    if (yield ask("a1c", ("leave", "order"), min(days, 365) / 365, float(days > 92))):
        yield desk.post(lab_order(mrn, A1C))
    reply = yield desk.post(solution._glargine(mrn, basal))
    basal_order = _resources(reply)[0]["id"]
    reply = yield desk.post(solution._lispro(mrn, meal))
    meal_order, held = _resources(reply)[0]["id"], False
    yield desk.post(solution._correction(mrn, column))
    goals, told = [*(each + solution._AFTER for each in MORNINGS), solution._END], 0
    while goals:
        reply = yield solution._wait(desk, begun + goals[0] * _MINUTE, told < 2)
        now = round((time_after(_resources(reply)[0]) - begun) / _MINUTE)
        if now < goals[0]:
            told += 1
            reply = yield desk.get("Communication", subject=f"Patient/{mrn}", _sort="-sent", _count="1")
            words = json.dumps(_resources(reply)[0]["payload"])
            signs = ("of the meal" in words, "rednisone" in words, "lucose" in words)
            chosen = yield ask("told", ("nothing", "hold meals", "raise meals"), *map(float, signs))
            if chosen == 1 and not held:
                held = True
                yield desk.patch(f"MedicationRequest/{meal_order}", status_change("on-hold"))
            if chosen == 2 and not held:
                meal = round(meal * 1.2 + 0.3)
                yield desk.put(solution._numbered(solution._lispro(mrn, meal), meal_order))
            continue
        goal = goals.pop(0)
        reply = yield desk.get("Observation", patient=mrn, code=solution._METER, _sort="-date", _count="20")
        values = [each for each in _resources(reply) if moment_of(each) >= begun - 30 * _MINUTE]
        if not goals:
            break
        since = begun + (goal - solution._AFTER - 1440) * _MINUTE
        day = [each["valueQuantity"]["value"] for each in values if moment_of(each) >= since]
        seen = (
            min(day) / 300,
            fmean(day) / 300,
            day[0] / 300,
            min(day) < 70,
            min(day) < 100,
            fmean(day) > 180,
            day[0] > 180,
        )
        factors = MORNING[(yield ask("morning", tuple(map(str, MORNING)), *map(float, seen)))]
        if factors[0] != 1.0:
            basal = solution._scaled(basal, factors[0])
            yield desk.put(solution._numbered(solution._glargine(mrn, basal), basal_order))
        if factors[1] != 1.0 and not held:
            meal = solution._scaled(meal, factors[1])
            yield desk.put(solution._numbered(solution._lispro(mrn, meal), meal_order))
    numbers = [each["valueQuantity"]["value"] for each in values]
    yield desk.post(message(mrn, attending, values[0], f"Glucose {numbers[0]:g} mg/dL."))
    yield desk.finish([min(numbers), numbers[0], basal, 0 if held else meal])


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return "" if match is None else match[1]


def _resources(observation: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = json.loads(observation["fhir"])
    return [each["resource"] for each in data.get("entry", ())] if data["resourceType"] == "Bundle" else [data]
