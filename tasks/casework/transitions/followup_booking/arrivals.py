"""The discharge plan, who goes along and how the patient rides, what else is booked, and a prescription for home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from mab_gym.casework import arrival_id, late_flags, text_attachment, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

BOOKED: Final = 7
"""The number of the appointment that the patient has with the clinic, where there is one."""
WEEKDAYS: Final = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays")
_DOSES: Final = {
    "lisinopril": ("29046", 5, "mg"),
    "losartan": ("52175", 25, "mg"),
    "spironolactone": ("9997", 25, "mg"),
    "pantoprazole": ("40790", 40, "mg"),
    "cholecalciferol": ("2418", 1000, "units"),
}
"""RxNorm code of the ingredient, and a first dose a day."""
_CODES: Final = {"mg": "mg", "units": "[iU]"}
_LOINC, _RXNORM, _UCUM = "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm", "http://unitsofmeasure.org"
_US_CORE = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"


@with_flags
def arrive(case: Case, chart: Chart) -> Sequence[Mapping[str, Any]]:
    """Returns what came in with a case."""
    now, begun = chart.now, datetime.fromisoformat(case["begun"])

    def at(share: float) -> datetime:
        return (begun + (now - begun) * share).replace(microsecond=0)

    found = [
        _note(case, 0, "18776-5", "Plan of care note", "Discharge plan", case["attending"], at(0.9), _plan(case)),
        _note(case, 1, "34746-8", "Nurse Note", "Case management note", case["nurse"], at(0.6), _rides(case)),
        _message(case, 2, at(0.3), _old(case)),
        _message(case, 3, at(0.95), _new(case)),
        _appointment(case, 4, case["elsewhere"], *case["clash"], "booked", at(0.5)),
        _appointment(case, 5, case["elsewhere"], *case["cancelled"], "cancelled", at(0.4)),
        _prescription(case, at(0.85)),
    ]
    booked = case["booked"]
    if booked is not None:
        visit = _appointment(
            case, BOOKED, case["clinic"], booked["start"], booked["end"], "booked", begun - timedelta(days=40)
        )
        visit["slot"] = [{"reference": f"Slot/{booked['slot']}"}]
        visit["participant"].insert(1, _actor(case["specialist"]))
        found.append(visit)
    return found


def _said(case: Case, place: int, *ways: str) -> str:
    """Returns one of some ways to say the same."""
    return ways[case["words"] // 3**place % len(ways)]


def _plan(case: Case) -> str:
    she, drug, illness = case["she"], case["new_drug"], case["diagnosis"].lower()
    her = "her" if she == "she" else "him"
    when = f"within {case['clinic_days']} days of leaving"
    both = " Both visits on one and the same day, an hour or more from start to start, for want of strength."
    return "\n".join(
        (
            f"Discharge plan. Home on {case['leaves_words']}, if nothing comes between.",
            _said(
                case,
                0,
                f"1. Own doctor in primary care, by when the handbook says for this illness ({illness}). "
                "If the own doctor has no time that fits by then, anybody in primary care who has.",
                f"1. Primary care: {she} sees the own doctor, in the handbook's time for {illness}; another "
                "physician of primary care only if the own one has nothing that fits in that time.",
            ),
            _said(
                case,
                1,
                f"2. {case['clinic']} {when}, with the physician who saw {her} there last.",
                f"2. {case['clinic']}, with whom {she} saw there last, {when}.",
            )
            + (both if case["one_day"] else ""),
            f"3. New at home: {drug} {_DOSES[drug][1]} {_DOSES[drug][2]} a day, prescribed today. "
            "Blood tests by the handbook.",
        )
    )


def _rides(case: Case) -> str:
    limits, she = case["limits"], case["she"]
    return _said(
        case,
        2,
        f"Case management. Rides for the time after: county van, ordered {case['notice']} working days ahead at least; "
        f"visits have to begin from {limits['earliest']} to {limits['latest']}. {she.capitalize()} is not to go alone, "
        f"the {case['relation']} goes along every time and sends the days by message.",
        f"CM note: {she} needs the county van for visits after the stay. The van wants {case['notice']} working days' "
        f"notice; a visit may begin at {limits['earliest']} at the earliest and at {limits['latest']} at the latest. "
        f"{case['relation'].capitalize()} comes to each visit, days by message.",
    )


def _days(days: Sequence[int]) -> str:
    named = [WEEKDAYS[each] for each in days]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _old(case: Case) -> str:
    days = _days(case["old_weekdays"])
    return _said(
        case,
        3,
        f"I can come along to the visits on {days}, the whole day.",
        f"For the appointments afterwards: {days} suit me best, I am off then.",
    )


def _new(case: Case) -> str:
    days = _days(case["limits"]["weekdays"])
    first, last = (date.fromisoformat(each) for each in case["limits"]["away"])
    away = f"on {first:%B} {first.day}" if first == last else f"from {first:%B} {first.day} to {last:%B} {last.day}"
    return _said(
        case,
        4,
        f"My shifts were changed, so what I wrote does not hold any more: I can go along on {days} only. "
        f"And I am out of town {away}.",
        f"Please forget my other message, work has given me new days. It has to be {days} now. I am away {away}.",
    )


def _note(
    case: Case, number: int, code: str, kind: str, title: str, author: str, at: datetime, text: str
) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": arrival_id(case, number),
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": _LOINC, "code": code, "display": kind}], "text": kind},
        "category": [{"coding": [{"system": _US_CORE, "code": "clinical-note", "display": "Clinical Note"}]}],
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "date": at.isoformat(),
        "author": [{"reference": author}],
        "description": title,
        "content": [{"attachment": text_attachment(text, title, at.isoformat())}],
        "context": {"encounter": [{"reference": case["encounter"]}]},
    }


def _message(case: Case, number: int, at: datetime, text: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "id": arrival_id(case, number),
        "status": "completed",
        "category": [{"text": "Message from the family"}],
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "encounter": {"reference": case["encounter"]},
        "sent": at.isoformat(),
        "received": at.isoformat(),
        "recipient": [{"reference": case["nurse"]}],
        "sender": {"reference": case["relative"]},
        "payload": [{"contentString": text}],
    }


def _actor(reference: str) -> dict[str, Any]:
    return {"actor": {"reference": reference}, "required": "required", "status": "accepted"}


def _appointment(
    case: Case, number: int, service: str, start: str, end: str, status: str, created: datetime
) -> dict[str, Any]:
    minutes = round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 60)
    return {
        "resourceType": "Appointment",
        "id": arrival_id(case, number),
        "status": status,
        "serviceType": [{"text": service}],
        "start": start,
        "end": end,
        "minutesDuration": minutes,
        "created": created.isoformat(),
        "participant": [_actor(f"Patient/{case['mrn']}")],
    }


def _prescription(case: Case, at: datetime) -> dict[str, Any]:
    code, dose, unit = _DOSES[case["new_drug"]]
    name = str(case["new_drug"])
    outpatient = {"system": _CATEGORY, "code": "outpatient", "display": "Outpatient"}
    return {
        "resourceType": "MedicationRequest",
        "id": arrival_id(case, 6),
        "status": "active",
        "intent": "order",
        "category": [{"coding": [outpatient]}],
        "priority": "routine",
        "medicationCodeableConcept": {
            "coding": [{"system": _RXNORM, "code": code, "display": name}],
            "text": f"{name.capitalize()} tablet {dose} {unit}",
        },
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "encounter": {"reference": case["encounter"]},
        "authoredOn": at.isoformat(),
        "requester": {"reference": case["attending"]},
        "dosageInstruction": [
            {
                "text": f"{dose} {unit} by mouth daily",
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "route": {"text": "Oral route"},
                "doseAndRate": [{"doseQuantity": {"value": dose, "unit": unit, "system": _UCUM, "code": _CODES[unit]}}],
            }
        ],
    }


later = late_flags
