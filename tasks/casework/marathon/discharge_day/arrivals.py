"""Arrivals about the four: two plans for leaving, signs, results, a test, a prescription for home, and a visit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import (
    about_stay,
    arrival_id,
    laboratory_request,
    late_flags,
    morning_signs,
    observed,
    prescribed,
    shown,
    text_attachment,
    with_flags,
)
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

OLD_PLAN, PLAN, TEST, RESULT, POTASSIUM, PRESCRIPTION, VISIT, SIGNS = range(8)
ROOM: Final = 20
"""Ids for one person."""
FRESH: Final = ("Polyethylene glycol powder 17 g", "8514", 17, "g")
_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
_US_CORE: Final = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
_SIGNS: Final = (
    ("8480-6", "SBP", "mm[Hg]"),
    ("8867-4", "HR", "/min"),
    ("9279-1", "RR", "/min"),
    ("8310-5", "T", "Cel"),
    ("59408-5", "SpO2", "%"),
)
_TESTS: Final = (
    ("2132-9", "Vitamin B12", "pg/mL", 420.0),
    ("2284-8", "Folate", "ng/mL", 9.2),
    ("2276-4", "Ferritin", "ng/mL", 96.0),
    ("3016-3", "TSH", "m[IU]/L", 1.8),
)
_WHY: Final = {
    "statin": "muscle pain",
    "ppi": "there is no reason for it any more",
    "calcium": "swollen ankles, and pressures are fine without it",
    "ace": "cough",
    "arb": "dizzy on standing, and pressures are fine without it",
    "beta": "pulse in the forties under it, tapered during the stay",
    "ssri": "it has done nothing in a year; tapered during the stay",
}
"""By class of the home drug, the attending's reason to stop it."""


def came(case: Case, place: int, number: int) -> str:
    """Returns the id of what came in about the person in this place of the list."""
    return arrival_id(case, ROOM * place + number)


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns what came in, person by person."""
    return [
        each
        for place, one in enumerate(case["people"])
        for each in _of(one, [came(case, place, number) for number in range(ROOM)], chart.now)
    ]


def _of(one: Mapping[str, Any], ids: list[str], now: datetime) -> list[dict[str, Any]]:
    day = now.replace(minute=0, second=0, microsecond=0)
    yesterday = day.replace(hour=12) - timedelta(days=1) + timedelta(minutes=70 + one["words"] % 100)
    morning = day.replace(hour=7, minute=31 + one["words"] % 9)
    found = [
        _note(one, ids[OLD_PLAN], yesterday, _old_plan(one)),
        _note(one, ids[PLAN], morning - timedelta(minutes=12), _plan(one)),
        *_signs(one, ids, morning + timedelta(minutes=6)),
        observed(
            about_stay(one), ids[POTASSIUM], ("2823-3", "K", "mmol/L"), shown(potassium_of(one)), morning, "laboratory"
        ),
        *_tests(one, ids, yesterday + timedelta(minutes=15), morning),
    ]
    if one["drugs"] in ("duplicate", "fresh"):
        found.append(_prescription(one, ids[PRESCRIPTION], morning - timedelta(minutes=20)))
    return [*found, _visit(one, ids[VISIT], day, yesterday)]


def _old_plan(one: Mapping[str, Any]) -> str:
    drugs = {
        "resume": f"{one['drug']} stops when leaving: {_WHY[one['group']]}.",
        "stop": f"{one['drug']} goes on at home as before.",
    }
    return f"Home tomorrow if all is well. {drugs.get(one['drugs'], 'Home drugs to be settled.')} {_late(one, False)}"


def _plan(one: Mapping[str, Any]) -> str:
    drugs = {
        "resume": f"{one['drug']} goes on at home after all, as before.",
        "stop": f"{one['drug']} is not to be taken any more: {_WHY[one['group']]}. Other home drugs go on.",
        "duplicate": f"{one['drug']} goes on at home as before, like the others.",
        "fresh": "All home drugs go on as before. New for the bowels, for two weeks: polyethylene glycol.",
    }
    return f"Home today if the morning is quiet. {drugs[one['drugs']]} {_late(one, True)}"


def _late(one: Mapping[str, Any], last: bool) -> str:
    """Returns who looks at late results by the last plan or, if ``last`` is false, by the one before."""
    name = one["doctor_name"] if one["to_doctor"] is last else one["attending_name"]
    ways = (f"Late results go to {name}.", f"{name} looks at what comes in later.", f"Pending results: {name}.")
    return ways[one["words"] % len(ways)]


def _note(one: Mapping[str, Any], number: str, at: datetime, text: str) -> dict[str, Any]:
    kind, title = "Progress note", "Plan for leaving"
    return {
        "resourceType": "DocumentReference",
        "id": number,
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": _LOINC, "code": "11506-3", "display": kind}], "text": kind},
        "category": [{"coding": [{"system": _US_CORE, "code": "clinical-note", "display": "Clinical Note"}]}],
        "subject": {"reference": f"Patient/{one['mrn']}"},
        "date": at.isoformat(),
        "author": [{"reference": one["attending"], "display": one["attending_name"]}],
        "description": title,
        "content": [{"attachment": text_attachment(text, title, at.isoformat())}],
        "context": {"encounter": [{"reference": one["encounter"]}]},
    }


def potassium_of(one: Mapping[str, Any]) -> float:
    """Returns the morning's potassium: 6.3 and 6.4 are critical by the present page alone (LAB-401)."""
    n = int(one["words"])
    if one["signs"] == "critical":
        return 6.3 + n % 2 / 10
    return 5.1 + n % 3 / 10 if one["signs"] == "mild" else 4.0 + n % 8 / 10


def _signs(one: Mapping[str, Any], ids: list[str], at: datetime) -> list[dict[str, Any]]:
    return [
        observed(about_stay(one), ids[SIGNS + place], code, shown(value), at, "vital-signs")
        for place, (code, value) in enumerate(zip(_SIGNS, morning_signs(one["signs"], int(one["words"])), strict=True))
    ]


def _tests(one: Mapping[str, Any], ids: list[str], asked: datetime, done: datetime) -> list[dict[str, Any]]:
    if one["test"] == "none":
        return []
    code, name, unit, value = _TESTS[one["words"] % len(_TESTS)]
    why = [{"text": "Before leaving"}]
    request = laboratory_request(
        about_stay(one), ids[TEST], (code, name), "active", one["attending"], asked.isoformat(), reasonCode=why
    )
    if one["test"] == "pending":
        return [request]
    result = observed(about_stay(one), ids[RESULT], (code, name, unit), shown(value), done, "laboratory")
    return [request, result | {"basedOn": [{"reference": f"ServiceRequest/{ids[TEST]}"}]}]


def _prescription(one: Mapping[str, Any], number: str, at: datetime) -> dict[str, Any]:
    name, code, amount, unit = FRESH if one["drugs"] == "fresh" else (*one["second"], "mg")
    dose = (amount, unit, 1, "Oral route")
    drug, group = {"code": code, "text": name}, {"code": "discharge", "display": "Discharge"}
    return prescribed(about_stay(one), number, drug, dose, at, group)


def _visit(one: Mapping[str, Any], number: str, day: datetime, made: datetime) -> dict[str, Any]:
    begins = day.replace(hour=9 + one["words"] % 6) + timedelta(days=one["day"])
    patient, doctor = {"reference": f"Patient/{one['mrn']}"}, {"reference": one["doctor"]}
    return {
        "resourceType": "Appointment",
        "id": number,
        "status": "cancelled" if one["visit"] == "cancelled" else "booked",
        "serviceType": [{"text": "Primary care"}],
        "reasonCode": [{"text": "After the stay"}],
        "start": begins.isoformat(),
        "end": (begins + timedelta(minutes=30)).isoformat(),
        "minutesDuration": 30,
        "created": made.isoformat(),
        "participant": [
            {"actor": patient, "required": "required", "status": "accepted"},
            {"actor": doctor | {"display": one["doctor_name"]}, "required": "required", "status": "accepted"},
        ],
    }


later = late_flags
