"""Resources of this morning in the chart of somebody who lies in the hospital: signs, results, orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
Resource = dict[str, Any]


def about_stay(case: Any) -> Resource:
    """Returns the elements that name the patient and the stay.

    Args:
        case: A case, or a part of one, with ``mrn`` and ``encounter``.
    """
    return {"subject": {"reference": f"Patient/{case['mrn']}"}, "encounter": {"reference": case["encounter"]}}


def observed(
    about: Mapping[str, Any], number: str, code: tuple[str, str, str], value: float, at: datetime, group: str
) -> Resource:
    """Returns an Observation with a number.

    Args:
        about: See `about_stay`.
        number: Its id.
        code: LOINC code, name and unit (UCUM).
        value: As it is shown.
        at: When it was taken and issued, timezone-aware.
        group: Its category, as in ``laboratory``.
    """
    loinc, name, unit = code
    return {
        "resourceType": "Observation",
        "id": number,
        "status": "final",
        "category": [{"coding": [{"system": f"{_TERMS}observation-category", "code": group}]}],
        "code": {"coding": [{"system": _LOINC, "code": loinc}], "text": name},
        **about,
        "effectiveDateTime": at.isoformat(),
        "issued": at.isoformat(),
        "valueQuantity": {"value": value, "unit": unit, "system": _UCUM, "code": unit},
    }


def prescribed(
    about: Mapping[str, Any],
    number: str,
    drug: Mapping[str, Any],
    dose: tuple[float, str, int, str],
    at: datetime,
    group: Mapping[str, str] | None = None,
) -> Resource:
    """Returns an active MedicationRequest.

    Args:
        about: See `about_stay`.
        number: Its id.
        drug: RxNorm ``code`` and, where it has one, ``display``, with the ``text`` of the concept.
        dose: Amount, unit (UCUM), times a day, and the words of the route.
        at: When it was written, timezone-aware.
        group: Code, and where it has one display, of its category; None for an order of a stay.
    """
    amount, unit, times, route = dose
    coding = {"system": _RXNORM, **{name: drug[name] for name in ("code", "display") if name in drug}}
    category = {"system": f"{_TERMS}medicationrequest-category", **(group or {"code": "inpatient"})}
    return {
        "resourceType": "MedicationRequest",
        "id": number,
        "status": "active",
        "intent": "order",
        "category": [{"coding": [category]}],
        "priority": "routine",
        "medicationCodeableConcept": {"coding": [coding], "text": drug["text"]},
        **about,
        "authoredOn": at.isoformat(),
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}},
                "route": {"text": route},
                "doseAndRate": [{"doseQuantity": {"value": amount, "unit": unit, "system": _UCUM, "code": unit}}],
            }
        ],
    }


def laboratory_request(
    about: Mapping[str, Any], number: str, test: Sequence[str], status: str, by: str, at: str, **more: Any
) -> Resource:
    """Returns the ServiceRequest of a test by the laboratory.

    Args:
        about: See `about_stay`.
        number: Its id.
        test: LOINC code and name.
        status: As in ``active``.
        by: Who asks for it.
        at: When it was written, as a dateTime.
        more: Further elements.
    """
    code, name = test[0], test[1]
    laboratory = {"system": "http://snomed.info/sct", "code": "108252007", "display": "Laboratory procedure"}
    return {
        "resourceType": "ServiceRequest",
        "id": number,
        "status": status,
        "intent": "order",
        "category": [{"coding": [laboratory], "text": "Laboratory procedure"}],
        "priority": "routine",
        "code": {"coding": [{"system": _LOINC, "code": code, "display": name}], "text": name},
        **about,
        "authoredOn": at,
        "requester": {"reference": by},
        **more,
    }


def morning_signs(state: str, number: int) -> tuple[float, ...]:
    """Returns systolic pressure, pulse, breaths, temperature and saturation of a morning.

    By NEWS 2 (Royal College of Physicians, 2017) they add up to 8 where somebody gets worse, without any that is
    alarming by itself; to 2 where one is off; to 0 in the others.

    Args:
        state: ``news`` for who gets worse, ``one_sign`` for one that is off, anything else for none.
        number: A whole number that varies them.
    """
    n = number
    if state == "news":
        return (101.0 + n % 8, 112.0 + n % 11, 22.0 + n % 3, 38.2 + n % 7 / 10, 92.0 + n % 2)
    if state == "one_sign":
        return (118.0 + n % 20, *((113.0 + n % 9, 16.0) if n % 2 else (82.0, 22.0)), 36.9, 97.0)
    return (116.0 + n % 24, 64.0 + n % 22, 13.0 + n % 6, 36.4 + n % 10 / 10, 96.0 + n % 3)


def shown(value: float) -> float:
    """Returns a number as a chart shows it: whole, or to one place."""
    return int(value) if value == int(value) else round(value, 1)
