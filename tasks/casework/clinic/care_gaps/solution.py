"""Reads each chart with its notes, orders what is due, and records what was done elsewhere."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from mab_gym.casework import heeding_flags, note_text
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

from .gaps import DUE, ELSEWHERE, NEVER, TOLD_AS, TOPICS, assess, lapsed
from .people import of_resources

Resource = Mapping[str, Any]
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_TOLD: Final = (
    ("colonoscopy", "colonoscopy"),
    ("mammogram", "mammogram"),
    ("pap_smear", "pap smear"),
    ("hiv_test", "hiv test"),
    ("bone_density", "bone density"),
    ("hepatitis_b", "hepatitis b antibody"),
    ("influenza", r"(?:high-dose )?flu shot"),
    ("zoster", "both shingles shots"),
    ("tdap", "tetanus booster"),
    ("pneumococcal", "pneumonia shot"),
    ("rsv", "rsv shot"),
)
"""Tests and vaccines that notes tell of, by key."""
_MONTH: Final = rf"({'|'.join(_MONTHS)}) (\d{{4}})"
_PEOPLE: Final = re.compile(r"\(MRN (\w+)\): ([^;]+)")
_ORDERS: Final = {
    "breast": "Screening mammogram",
    "cervical": "Pap and HPV",
    "colorectal": "Fecal immunochemical test (FIT)",
    "hiv": "HIV screen",
    "osteoporosis": "DXA",
    "hepatitis_b": "Hepatitis B vaccine",
    "influenza": "Influenza vaccine",
    "pneumococcal": "Pneumococcal conjugate vaccine PCV20",
    "rsv": "RSV vaccine",
    "tetanus": "Tdap vaccine",
    "zoster": "Zoster vaccine, recombinant",
}
_AS_EXAMS: Final = {"hepatitis_b": "Hepatitis B antibody", "colorectal": "Colonoscopy"}


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Goes through the people one by one."""
    count = 0
    for mrn, titles in _PEOPLE.findall(case["people"]):
        names = [name for name, topic in TOPICS.items() if topic.title in titles.split(", ")]
        count += yield from _close(desk, mrn, names)
    yield desk.finish([desk.decide("how many orders were due", count)])


def _close(desk: Desk, mrn: str, names: Sequence[str]) -> Generator[str, Reply, int]:
    """Closes the gaps of one person; returns how many orders were due."""
    reply = yield desk.get("Patient", _id=mrn)
    patient = reply.resources[0]
    rows: dict[str, Sequence[Resource]] = {}
    for kind in ("Immunization", "Procedure", "DiagnosticReport", "Condition", "DocumentReference"):
        reply = yield desk.get(kind, patient=mrn, _count="1000")
        rows[kind] = reply.resources
    told, stool = _elsewhere([note_text(each) for each in rows["DocumentReference"]])
    told = desk.rule("elsewhere", told, dict)
    who = of_resources(
        patient,
        rows["Immunization"],
        rows["Procedure"],
        rows["DiagnosticReport"],
        rows["Condition"],
        told,
        stool,
    )
    today = desk.now.date()
    states = assess(who, today)
    long_ago = lapsed(who, today)
    count = 0
    for name in names:
        state = states.get(name, "")
        key = TOLD_AS.get(name, "")
        if state == DUE and key in told:
            state = desk.rule("old", state, lambda: ELSEWHERE)
        elif state == DUE and name in long_ago:
            state = desk.rule("interval", state, lambda: "done")
        elif state == NEVER:
            state = desk.rule("age", state, lambda: DUE)
        if state == DUE:
            count += 1
            yield desk.post(_order(mrn, _ORDERS[name]))
        elif state == ELSEWHERE and desk.rule("record", True, lambda: False):
            yield desk.post(_record(mrn, name, told[key][0]))
    return count


def _elsewhere(notes: Sequence[str]) -> tuple[dict[str, tuple[date, float]], bool]:
    """Returns what notes tell of things that were done elsewhere, and if a stool test was agreed on."""
    found: dict[str, tuple[date, float]] = {}
    for key, words in _TOLD:
        for text in notes:
            match = re.search(rf"{words}(?:St\. |[^.;\n]){{0,90}}?{_MONTH}", text, re.IGNORECASE)
            outside = match and re.search(
                r"\b(at|by|from|reports?|wrote|had|got|underwent|elsewhere|outside|records|done|\()",
                match[0] + text[max(0, match.start() - 90) : match.start()],
                re.IGNORECASE,
            )
            if match is None or not outside:
                continue
            month = date(int(match[2]), _MONTHS.index(match[1].capitalize()) + 1, 15)
            years = re.search(r"next in (\d+) years", text[match.start() : match.end() + 120])
            found.setdefault(key, (month, float(years[1]) if years else 0.0))
            break
    stool = any("stool test each year instead" in text for text in notes)
    return found, stool


def _order(mrn: str, words: str) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": {"text": words},
        "subject": {"reference": f"Patient/{mrn}"},
    }


def _record(mrn: str, name: str, month: date) -> dict[str, Any]:
    when, who = f"{month:%Y-%m}", {"reference": f"Patient/{mrn}"}
    if TOPICS[name].vaccine and name != "hepatitis_b":
        code = {"text": _ORDERS[name]}
        kept = {"status": "completed", "vaccineCode": code, "patient": who, "occurrenceDateTime": when}
        return {"resourceType": "Immunization", **kept, "primarySource": False}
    code = {"text": _AS_EXAMS.get(name, _ORDERS[name])}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": code,
        "subject": who,
        "effectiveDateTime": when,
        "valueString": "Done elsewhere, see the notes.",
    }
