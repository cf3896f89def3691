"""The gold solution of the official tasks, which the official graders accept.

It knows no more than an agent does: context and question, the base address, and the responses of the record system.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from mab_gym.official._phrases import named_mrns, named_person, quoted
from mab_gym.official._tasks import NOW
from mab_gym.tasking.solving import Desk, Reply, Solution

PAGE = "200"
"""The number of entries that a search asks for."""
MOST_PAGES = 5
"""The turns for reading: eight, less two POSTs and FINISH."""

_NOW = datetime.fromisoformat(NOW)
_DAY_AGO = _NOW - timedelta(hours=24)
_YEAR_AGO = _NOW.replace(year=_NOW.year - 1)
_NEXT_MORNING = "2023-11-14T08:00:00+00:00"
_LOINC = "http://loinc.org"
_CODE = re.compile(r'\bcode for [^".]*? is "([^"]+)"')


@dataclass(frozen=True, slots=True)
class _Found:
    """One result; ``written`` is its time as the chart writes it."""

    moment: datetime
    written: str
    value: Any


_Pages = Generator[str, Reply, list[dict[str, Any]]]


def solve(context: str, question: str, desk: Desk) -> Solution:
    """Plays one official task.

    Args:
        context: The task's context, as the opening message holds it.
        question: The task's question, as the opening message holds it.
        desk: The address and clock of the record system.

    Yields:
        Actions; the reply to each has to be sent in.
    """
    mrn = next(iter(named_mrns(question)), "")
    code = _CODE.search(context)
    if "SNOMED" in context:
        yield desk.post(_referral(mrn, quoted(question)))
        yield desk.finish([])
    elif "flowsheet" in context:
        yield desk.post(_pressure(mrn, quoted(question)))
        yield desk.finish([])
    elif code is None and mrn:
        yield from _age(mrn, desk)
    elif code is None:
        yield from _find(question, desk)
    elif code[1] == "MG":
        yield from _magnesium(mrn, "Dosing" in context, desk)
    elif code[1] == "GLU":
        yield from _glucose(mrn, "average" in question, desk)
    elif code[1] == "K":
        yield from _potassium(mrn, desk)
    else:
        yield from _a1c(mrn, code[1], desk)


def _find(question: str, desk: Desk) -> Solution:
    person = named_person(question)
    if person is None:
        yield desk.finish(["Patient not found"])
        return
    found = yield from _read(
        desk, "Patient", family=person.family, given=person.given[0], birthdate=person.birth.isoformat()
    )
    mrns = [
        patient["id"]
        for patient in found
        for name in patient.get("name", ())
        # A search also finds names that begin alike.
        if (tuple(name.get("given", ())), name.get("family")) == (person.given, person.family)
    ]
    yield desk.finish(mrns[:1] or ["Patient not found"])


def _age(mrn: str, desk: Desk) -> Solution:
    found = yield from _read(desk, "Patient", identifier=mrn)
    written = str(found[0].get("birthDate", "")) if found else ""
    if len(written) != len("YYYY-MM-DD"):
        yield desk.finish([])  # nothing that a grader could expect
        return
    born = date.fromisoformat(written)
    before_birthday = (_NOW.month, _NOW.day) < (born.month, born.day)
    yield desk.finish([_NOW.year - born.year - before_birthday])


def _magnesium(mrn: str, replace: bool, desk: Desk) -> Solution:
    found = yield from _results(desk, mrn, "MG", since=_DAY_AGO)
    newest = _newest(found)
    if replace and newest is not None and newest.value <= 1.9:
        yield desk.post(_magnesium_order(mrn, 1 if newest.value >= 1.5 else 2 if newest.value >= 1 else 4))
    yield desk.finish([-1 if newest is None else newest.value])


def _glucose(mrn: str, mean: bool, desk: Desk) -> Solution:
    found = yield from _results(desk, mrn, "GLU", since=_DAY_AGO if mean else None)
    newest = _newest(found)
    if newest is None:
        yield desk.finish([-1])
    else:
        yield desk.finish([sum(each.value for each in found) / len(found) if mean else newest.value])


def _potassium(mrn: str, desk: Desk) -> Solution:
    newest = _newest((yield from _results(desk, mrn, "K")))
    if newest is not None and newest.value < 3.5:
        yield desk.post(_potassium_order(mrn, round((3.5 - newest.value) / 0.1 * 10, 3)))
        yield desk.post(_laboratory_order(mrn, "2823-3", occurrenceDateTime=_NEXT_MORNING))
    yield desk.finish([-1 if newest is None else newest.value])


def _a1c(mrn: str, code: str, desk: Desk) -> Solution:
    newest = _newest((yield from _results(desk, mrn, code)))
    if newest is None or newest.moment < _YEAR_AGO:
        yield desk.post(_laboratory_order(mrn, "4548-4"))
    yield desk.finish([-1] if newest is None else [newest.value, newest.written])


# --- reading ---------------------------------------------------------------------------------------------------------


def _results(desk: Desk, mrn: str, code: str, since: datetime | None = None) -> Generator[str, Reply, list[_Found]]:
    """Reads a patient's results of one kind, in the server's order, which decides between results of one moment."""
    bound = {} if since is None else {"date": f"ge{since.isoformat()}"}
    found = yield from _read(desk, "Observation", patient=mrn, code=code, **bound)
    results = [
        _Found(datetime.fromisoformat(written), written, value)
        for each in found
        if (value := each.get("valueQuantity", {}).get("value")) is not None
        and "T" in (written := each.get("effectiveDateTime", ""))
    ]
    return [each for each in results if since is None or each.moment >= since]


def _newest(found: list[_Found]) -> _Found | None:
    return max(found, key=lambda each: each.moment, default=None)  # max keeps the first of equals


def _read(desk: Desk, resource_type: str, **parameters: str) -> _Pages:
    """Reads all that a search finds, page after page while the turns allow it."""
    resources: list[dict[str, Any]] = []
    action = desk.get(resource_type, **parameters, _count=PAGE)
    for _ in range(MOST_PAGES):
        bundle = json.loads((yield action).body or "{}")
        resources += [entry["resource"] for entry in bundle.get("entry", ())]
        following = next((link["url"] for link in bundle.get("link", ()) if link["relation"] == "next"), None)
        if following is None:
            break
        action = f"GET {following}"
    return resources


# --- writing ---------------------------------------------------------------------------------------------------------


def _subject(mrn: str) -> dict[str, str]:
    return {"reference": f"Patient/{mrn}"}


def _coding(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _pressure(mrn: str, reading: str) -> dict[str, Any]:
    category = _coding("http://hl7.org/fhir/observation-category", "vital-signs")
    category["coding"][0]["display"] = "Vital Signs"
    return {
        "resourceType": "Observation",
        "category": [category],
        "code": {"text": "BP"},
        "effectiveDateTime": NOW,
        "status": "final",
        "valueString": reading,
        "subject": _subject(mrn),
    }


def _service(mrn: str, code: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "code": code,
        "authoredOn": NOW,
        "status": "active",
        "intent": "order",
        "priority": "stat",
        "subject": _subject(mrn),
        **more,
    }


def _referral(mrn: str, text: str) -> dict[str, Any]:
    return _service(mrn, _coding("http://snomed.info/sct", "306181000000106"), note={"text": text})


def _laboratory_order(mrn: str, code: str, **more: Any) -> dict[str, Any]:
    return _service(mrn, _coding(_LOINC, code), **more)


def _medication(mrn: str, code: str, dosage: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "medicationCodeableConcept": _coding("http://hl7.org/fhir/sid/ndc", code),
        "authoredOn": NOW,
        "dosageInstruction": [dosage],
        "status": "active",
        "intent": "order",
        "subject": _subject(mrn),
    }


def _magnesium_order(mrn: str, grams: int) -> dict[str, Any]:
    dose = {"doseQuantity": {"value": grams, "unit": "g"}, "rateQuantity": {"value": grams, "unit": "h"}}
    return _medication(mrn, "0338-1715-40", {"route": "IV", "doseAndRate": [dose]})


def _potassium_order(mrn: str, amount: float) -> dict[str, Any]:
    dose = {"doseQuantity": {"value": amount, "unit": "mEq"}}
    return _medication(mrn, "40032-917-01", {"route": "oral", "doseAndRate": [dose]})
