"""Arrivals of this morning: creatinine, potassium, vital signs, a nurse's message, a urine, a colleague's order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import about_stay, arrival_id, late_flags, observed, prescribed, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

from .cases import morning

CREATININE_AT, ORDER_AT, URINE_AT = 1, 9, 8
"""Places of the creatinine, of the colleague's order and of the urine among the ids."""
_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_INTAKE: Final = {
    True: (
        "Nine loose stools since yesterday noon, and hardly drinks.",
        "Has had watery stools all night and keeps little down.",
    ),
    False: ("Eats and drinks as usual, no diarrhea, no vomiting.", "Breakfast eaten, drinks well, bowels normal."),
}
_URINE: Final = {
    True: (
        "No urine for nine hours, and the lower belly is full and hurts.",
        "Feels the urge and cannot pass urine since midnight; the belly is tense above the pubis.",
    ),
    False: ("Passes urine without trouble.", "Urine comes, less than on other days, without effort."),
}
_DOSES: Final = {
    "Ibuprofen": (600, "mg", 3, "Oral route", "5640"),
    "Naproxen": (500, "mg", 2, "Oral route", "7258"),
    "Ketorolac": (15, "mg", 4, "Intravenous route", "35827"),
    "Potassium": (20, "meq", 2, "Oral route", "8591"),
    "Magnesium": (400, "mg", 2, "Oral route", "6582"),
}


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns what came in, the creatinine first."""
    ids = [arrival_id(case, each) for each in range(12)]
    at, n = morning(chart.now) + timedelta(minutes=4), case["words"]
    pressure = (91 + n % 8, 51 + n % 7) if case["dry"] else (124 + n % 20, 70 + n % 12)
    signs = [
        (("8480-6", "SBP", "mm[Hg]"), pressure[0]),
        (("8462-4", "DBP", "mm[Hg]"), pressure[1]),
        (("8867-4", "HR", "/min"), 100 + n % 9 if case["dry"] else 70 + n % 14),
        (("8310-5", "T", "Cel"), 36.5 + n % 8 / 10),
    ]
    about = about_stay(case)
    found = [
        observed(about, ids[1], ("2160-0", "Creatinine", "mg/dL"), round(case["creatinine"], 2), at, "laboratory"),
        observed(about, ids[2], ("2823-3", "K", "mmol/L"), round(3.9 + n % 8 / 10, 2), at, "laboratory"),
    ]
    found += [
        observed(about, ids[3 + place], code, round(value, 2), at, "vital-signs")
        for place, (code, value) in enumerate(signs)
    ]
    found.append(_message(case, ids[0], at + timedelta(minutes=6)))
    found.append(_order(case, ids[ORDER_AT], at - timedelta(minutes=2)))
    return [*found, *_urine(case, ids[URINE_AT], at)]


def _message(case: Case, number: str, at: datetime) -> dict[str, Any]:
    n = case["words"]
    told = [_INTAKE[case["stools"]][n % 2], _URINE[case["full"]][n // 2 % 2]]
    return {
        "resourceType": "Communication",
        "id": number,
        "status": "completed",
        "category": [{"text": "From the ward"}],
        **about_stay(case),
        "sent": at.isoformat(),
        "sender": {"reference": case["nurse"]},
        "recipient": [{"reference": case["attending"]}],
        "payload": [{"contentString": " ".join(told[:: 1 if n % 3 else -1])}],
    }


def _urine(case: Case, number: str, at: datetime) -> list[dict[str, Any]]:
    if not case["urine"]:
        return []
    bad = "Protein 3+, blood 3+; 40 red cells a field, many of them deformed, and red cell casts."
    good = "Protein negative, blood negative; no cells, no casts."
    category = {"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}
    return [
        {
            "resourceType": "DiagnosticReport",
            "id": number,
            "status": "final",
            "category": [{"coding": [category]}],
            "code": {
                "coding": [{"system": _LOINC, "code": "24356-8"}],
                "text": "Urinalysis with microscopy",
            },
            **about_stay(case),
            "effectiveDateTime": at.isoformat(),
            "issued": at.isoformat(),
            "conclusion": bad if case["urine"] == "blood" else good,
        }
    ]


def _order(case: Case, number: str, at: datetime) -> dict[str, Any]:
    dose, unit, times, route, rxnorm = _DOSES[case["order"].split()[0]]
    drug = {"code": rxnorm, "text": case["order"]}
    return prescribed(about_stay(case), number, drug, (dose, unit, times, route), at)


later = late_flags
