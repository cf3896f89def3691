"""Arrivals: the surgeon's letter, two sheets, a colleague's orders, and messages of nurse and theatre."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import about_stay, arrival_id, late_flags, prescribed, text_attachment, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

LETTER_AT, ORDERS_AT = 3, 5
"""Places of the letter and of the first of the colleague's orders among the ids."""
_UCUM = "http://unitsofmeasure.org"
SHEET: Final = """\
PREPARATION FOR AN ELECTIVE OPERATION, sheet of July 2024
Fasting. No food from 8 hours before the operation on; from then clear fluids only, until 2 hours before; from then \
nothing by mouth. Times count from the planned beginning.
Apixaban, rivaroxaban: whole days without a dose between the day of the last one and the day of the operation: 1 where \
the risk of bleeding is low, 2 where it is high. No bridging. Orders in force are held.
SGLT2 inhibitors: 3 whole days in the same way (ketoacidosis). Orders in force are held.
If these days have not passed by then, an elective operation is put off.
Metformin: held from now on.
Basal insulin: goes on, this evening and tomorrow at 75 to 80 % of its dose. Correction insulin goes on as it is.
ACE inhibitors and ARBs: held from 24 hours before; from now on for tomorrow.
Beta blockers, statins, steroids, thyroid hormone, aspirin 81 mg: go on without a gap, tomorrow with a sip of water.
Diabetes and no HbA1c in the last three months: HbA1c is ordered.
High risk of bleeding: type and screen is ordered.
Whatever else is ordered goes on."""
_OLD: Final = """\
PREPARATION FOR AN OPERATION, sheet of March 2016
Everybody is nil by mouth from midnight, water too. Beta blockers, statins and all tablets are left out on the day of \
the operation. All insulin is halved. ACE inhibitors go on. Anticoagulants are stopped for 5 days and bridged with \
heparin. SGLT2 inhibitors are left out on the morning of the operation."""
_ORDERS: Final = {
    "metformin": ("Metformin tablet 500 mg", "6809", "mg", 2, "Oral route"),
    "empagliflozin": ("Empagliflozin tablet 10 mg", "1545653", "mg", 1, "Oral route"),
    "insulin glargine": ("Insulin glargine pen 100 [iU]/mL", "274783", "[iU]", 1, "Subcutaneous route"),
    "apixaban": ("Apixaban tablet 5 mg", "1364430", "mg", 2, "Oral route"),
    "rivaroxaban": ("Rivaroxaban tablet 20 mg", "1114195", "mg", 1, "Oral route"),
    "acetaminophen": ("Acetaminophen tablet 325 mg", "161", "mg", 3, "Oral route"),
}


def letter_of(case: Case) -> str:
    """Returns the reference of the surgeon's letter."""
    return f"DocumentReference/{arrival_id(case, LETTER_AT)}"


def orders_of(case: Case) -> dict[str, str]:
    """Returns the references of the colleague's orders, by drug."""
    return {
        drug: f"MedicationRequest/{arrival_id(case, ORDERS_AT + place)}"
        for place, (drug, _, _) in enumerate(case["ordered"])
    }


@with_flags
def arrive(case: Case, chart: Chart) -> list[dict[str, Any]]:
    """Returns what came in."""
    now = chart.now
    yesterday = (now - timedelta(days=1)).replace(hour=15, minute=20, second=0, microsecond=0)
    tomorrow = (now + timedelta(days=1)).date()
    letter = (
        f"For the ward. {case['operation']}, elective, planned for {tomorrow:%A, %B} {tomorrow.day} "
        f"at {case['clock']}, general anesthesia. Risk of bleeding: {case['risk']}. "
        "Consent is signed. Please prepare by the department's sheet, and page me if the day cannot be kept."
    )
    found = [
        _document(case, 1, _OLD, "Preparation for an operation", "superseded", yesterday - timedelta(minutes=2)),
        _document(case, 2, SHEET, "Preparation for an operation", "current", yesterday - timedelta(minutes=1)),
        _document(case, LETTER_AT, letter, "Operation: letter of the surgeon", "current", yesterday),
        _message(case, 0, " ".join(_last(case, now)) or "A quiet night.", now - timedelta(minutes=18), "From the ward"),
    ]
    for place, (drug, dose, _) in enumerate(case["ordered"]):
        at = yesterday + timedelta(hours=4, minutes=40 + place)
        found.append(_order(case, ORDERS_AT + place, drug, dose, at))
    if case["moved"]:
        told = f"Theatre: the list has changed. {case['operation']} begins tomorrow at {case['moved']}."
        found.append(_message(case, 4, told, now - timedelta(minutes=9), "From theatre"))
    return found


def _last(case: Case, now: datetime) -> list[str]:
    told = []
    for drug, _, last in case["ordered"]:
        if drug == "acetaminophen":
            continue
        day = now - timedelta(days=last)
        clock = "07:25" if last == 0 else ("20:05", "08:10")[(case["words"] + last) % 2]
        words = f"The last {drug} was taken on {day:%A, %B} {day.day} at {clock}"
        told.append(f"{words}, none since, and today's has not been given." if last else f"{words}.")
    return told


def _document(case: Case, number: int, words: str, title: str, status: str, at: datetime) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": arrival_id(case, number),
        "status": status,
        "docStatus": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34109-9", "display": "Note"}], "text": "Note"},
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "date": at.isoformat(),
        "author": [{"reference": case["surgeon"]}],
        "description": title,
        "content": [{"attachment": text_attachment(words, title, at.isoformat())}],
        "context": {"encounter": [{"reference": case["encounter"]}]},
    }


def _message(case: Case, number: int, words: str, at: datetime, group: str) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "id": arrival_id(case, number),
        "status": "completed",
        "category": [{"text": group}],
        **about_stay(case),
        "sent": at.isoformat(),
        "sender": {"reference": case["nurse"]},
        "recipient": [{"reference": case["attending"]}],
        "payload": [{"contentString": words}],
    }


def _order(case: Case, number: int, drug: str, dose: float, at: datetime) -> dict[str, Any]:
    name, rxnorm, unit, times, route = _ORDERS[drug]
    named = {"code": rxnorm, "display": drug, "text": name}
    return prescribed(about_stay(case), arrival_id(case, number), named, (dose, unit, times, route), at)


later = late_flags
