"""Plans for leaving, of which the last holds, and what became of tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from mab_gym.casework import about_stay, arrival_id, laboratory_request, late_flags, text_attachment, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

OLD_PLAN, PLAN, TEST, OTHER, ANSWER = range(5)
ROOM: Final = 10
_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
_US_CORE: Final = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"


def came(case: Case, place: int, number: int) -> str:
    """Returns the id of what came in about a patient.

    Args:
        case: The case.
        place: The patient's place among those of the case.
        number: Which of the things.
    """
    return arrival_id(case, place * ROOM + number)


@with_flags
def arrive(case: Case, chart: Chart) -> Sequence[Mapping[str, Any]]:
    """Returns what came in with a case."""
    return [each for place, one in enumerate(case["patients"]) for each in _of(case, place, one, chart.now)]


def orderer(one: Mapping[str, Any]) -> str:
    """Returns who ordered the test that was answered."""
    return str(one["resident"] if one.get("by_resident") and one["resident"] else one["attending"])


def _of(case: Case, place: int, one: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    begun = datetime.fromisoformat(one["begun"])

    def at(share: float) -> str:
        return (begun + (now - begun) * share).replace(microsecond=0).isoformat()

    expected = one["expected"]
    told = (
        f"Result expected on {date.fromisoformat(expected):%B} {date.fromisoformat(expected).day}." if expected else ""
    )
    found = [
        _note(case, place, one, OLD_PLAN, at(0.55), _old_plan(case, place, one, now)),
        _note(case, place, one, PLAN, at(0.95), _plan(case, place, one)),
        _request(case, place, one, TEST, one["test"], "active", at(0.8), one["attending"], told),
    ]
    if one["role"] == "revoked":
        found.append(_request(case, place, one, OTHER, one["other"], "revoked", at(0.7), one["attending"], ""))
    elif one["role"] == "rejected":
        found.append(_request(case, place, one, OTHER, one["other"], "active", at(0.7), one["attending"], ""))
        found.append(_not_done(case, place, one, at(0.9)))
    elif one["role"] == "answered":
        found.append(_request(case, place, one, OTHER, one["other"], "active", at(0.9), orderer(one), ""))
        found.append(_answer(case, place, one, at(0.97)))
    return found


def _said(case: Case, place: int, *ways: str) -> str:
    """Returns one of some ways to say the same."""
    return ways[case["words"] // 2**place % len(ways)]


def _late(case: Case, place: int, one: Mapping[str, Any], to_doctor: bool) -> str:
    name = one["doctor_name"] if to_doctor else one["attending_name"]
    return _said(case, place, f"Late results go to {name}.", f"{name} looks at what comes in later.")


def _old_plan(case: Case, place: int, one: Mapping[str, Any], now: datetime) -> str:
    leaves = f"Home on {now:%A}, {now:%B} {now.day}." if one["role"] == "stays" else "Home tomorrow or the day after."
    return f"{leaves} {_late(case, place, one, not one['late_to_doctor'])}"


def _plan(case: Case, place: int, one: Mapping[str, Any]) -> str:
    if one["role"] == "stays":
        begin = _said(case, place + 1, "Not ready: stays until the end of the week.", "Leaving is off for now.")
        return f"{begin} All else as it was."
    return f"Goes home today. {_late(case, place, one, one['late_to_doctor'])}"


def _note(case: Case, place: int, one: Mapping[str, Any], number: int, at: str, text: str) -> dict[str, Any]:
    kind, title = "Progress note", "Plan for leaving"
    return {
        "resourceType": "DocumentReference",
        "id": came(case, place, number),
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": _LOINC, "code": "11506-3", "display": kind}], "text": kind},
        "category": [{"coding": [{"system": _US_CORE, "code": "clinical-note", "display": "Clinical Note"}]}],
        "subject": {"reference": f"Patient/{one['mrn']}"},
        "date": at,
        "author": [{"reference": one["attending"]}],
        "description": title,
        "content": [{"attachment": text_attachment(text, title, at)}],
        "context": {"encounter": [{"reference": one["encounter"]}]},
    }


def _request(
    case: Case,
    place: int,
    one: Mapping[str, Any],
    number: int,
    test: Sequence[Any],
    status: str,
    at: str,
    by: str,
    note: str,
) -> dict[str, Any]:
    noted = {"note": [{"text": note}]} if note else {}
    return laboratory_request(about_stay(one), came(case, place, number), test, status, by, at, **noted)


def _not_done(case: Case, place: int, one: Mapping[str, Any], at: str) -> dict[str, Any]:
    code, name = one["other"]
    laboratory = {"system": f"{_TERMS}v2-0074", "code": "LAB", "display": "Laboratory"}
    return {
        "resourceType": "DiagnosticReport",
        "id": came(case, place, ANSWER),
        "basedOn": [{"reference": f"ServiceRequest/{came(case, place, OTHER)}"}],
        "status": "cancelled",
        "category": [{"coding": [laboratory]}],
        "code": {"coding": [{"system": _LOINC, "code": code, "display": name}], "text": name},
        **about_stay(one),
        "effectiveDateTime": at,
        "issued": at,
        "conclusion": "Not done: the specimen leaked. Please send another one.",
    }


def _answer(case: Case, place: int, one: Mapping[str, Any], at: str) -> dict[str, Any]:
    code, name, unit = one["other"]
    laboratory = {"system": f"{_TERMS}observation-category", "code": "laboratory", "display": "Laboratory"}
    return {
        "resourceType": "Observation",
        "id": came(case, place, ANSWER),
        "basedOn": [{"reference": f"ServiceRequest/{came(case, place, OTHER)}"}],
        "status": "final",
        "category": [{"coding": [laboratory]}],
        "code": {"coding": [{"system": _LOINC, "code": code, "display": name}], "text": name},
        **about_stay(one),
        "effectiveDateTime": at,
        "issued": at,
        "valueQuantity": {"value": one["value"], "unit": unit, "system": _UCUM, "code": unit},
    }


later = late_flags
