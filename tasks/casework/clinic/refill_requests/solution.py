"""Reads the queue and the page, then each chart: order, fills, visits, results, allergies and notes; and acts."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags, note_text
from mab_gym.casework.reading import months_after
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Reply, Solution

from .protocol import (
    BRIDGE_DAYS,
    CLASSES,
    EGFR,
    PRESSURE,
    PULSE,
    SYSTOLIC,
    class_of,
    never,
)

Resource = Mapping[str, Any]
_ASKED = re.compile(r"Refill: (.+?), (.+), (\d+) days, (\d+) refills?\. Needed by (\d{4}-\d\d-\d\d)")
_OTHERWISE = (
    r"(stopped|quit|came off|gave up) {drug} (on (his|her) own|without telling us|by (him|her)self)",
    r"(has not taken|is no longer taking|off) {drug} since",
    r"{drug} (still on the list|on our list), but",
    r"(bottle of|pill box holds no) {drug}",
    r"takes [\d.,]+ mg of {drug} (and not|instead of)",
    r"(cuts|splits|breaks) the {drug}",
    r"(really takes|actual dose): {drug}",
    r"{drug} (held|paused|on hold) from",
)
"""Ways in which notes say that a drug is not taken as ordered."""
_EGFRS = (EGFR, "62238-1")


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Works off the queue, request by request."""
    reply = yield desk.get("Task", owner=case["nurse"], status="requested", _count="50")
    queue = [each for each in reply.resources if each["code"].get("text") == "Refill request"]
    yield desk.get("DocumentReference", **handbook_page("CLN-240"))
    given = 0
    for task in queue:
        given += yield from _work_off(desk, task)
    yield desk.finish([desk.decide("how many were renewed or bridged", given)])


def _work_off(desk: Desk, task: Resource) -> Generator[str, Reply, int]:
    """Works off a request; returns 1 if something was given."""
    mrn = task["for"]["reference"].removeprefix("Patient/")
    chart = yield from _read(desk, mrn)
    name, dosage, size, repeats, needed = _ASKED.match(task["description"]).groups()  # type: ignore[union-attr]
    today = desk.now.date()
    old = [each for each in chart["orders"] if each["medicationCodeableConcept"]["text"] == name]
    active = [each for each in old if each["status"] == "active"]
    asked = [each for each in old if each["dosageInstruction"][0]["text"] == dosage]
    order = next(iter(active or asked or old))
    drug = str(order["medicationCodeableConcept"]["coding"][0]["display"]).lower()
    listed = bool(active) and active[0]["dosageInstruction"][0]["text"] == dosage
    if not desk.rule("list", listed, lambda: True):
        yield from _pass_on(desk, task, chart, f"MedicationRequest/{order['id']}")
        return 0
    line = class_of(f"{drug} {name.lower()}")
    kept = never(f"{drug} {name.lower()}") or line is None
    if desk.rule("never", kept, lambda: False):
        yield from _pass_on(desk, task, chart, f"MedicationRequest/{order['id']}")
        return 0
    note = desk.rule("notes", _otherwise(drug, chart["notes"], order["authoredOn"], desk.now), lambda: None)
    if note is not None:
        yield from _pass_on(desk, task, chart, f"DocumentReference/{note['id']}")
        return 0
    fill = _last_fill(order, chart["fills"])
    out = today
    if fill is not None:
        out = _day(fill["whenHandedOver"]) + timedelta(days=int(fill["daysSupply"]["value"]))
        early = (out - date.fromisoformat(needed)).days > 7
        if desk.rule("early", early, lambda: False):
            yield from _ask(desk, task, mrn, f"MedicationDispense/{fill['id']}")
            return 0
    due, against = _standing(line or "rate", chart, today)
    if desk.rule("result", bool(against), lambda: False):
        yield from _pass_on(desk, task, chart, against[0])
        return 0
    if desk.rule("bridge", due is None, lambda: False):
        days = desk.rule("version", BRIDGE_DAYS, lambda: 90)
        yield desk.post(_renewal(order, days, 0))
        yield desk.post(_visit(chart["patient"]))
        yield desk.post(_message(mrn, f"Patient/{mrn}", "Please come for the visit and tests that are due.", None))
    else:
        room = (due - date.fromisoformat(needed)).days if due is not None else 365
        room = desk.rule("quantity", room, lambda: 10_000)
        days = min(int(size), room)
        fills = max(1, min(int(repeats) + 1, room // days))
        yield desk.post(_renewal(order, days, fills - 1))
    yield desk.patch(f"Task/{task['id']}", [{"op": "replace", "path": "/status", "value": "completed"}])
    return 1


def _read(desk: Desk, mrn: str) -> Generator[str, Reply, dict[str, Any]]:
    """Reads what decides on a refill in a chart."""
    chart: dict[str, Any] = {}
    reply = yield desk.get("Patient", _id=mrn)
    chart["patient"] = reply.resources[0]
    reply = yield desk.get("MedicationRequest", patient=mrn, category="outpatient", _count="100", _sort="-authoredon")
    chart["orders"] = [
        each
        for each in reply.resources
        if each["medicationCodeableConcept"].get("coding") and "doseAndRate" in each["dosageInstruction"][0]
    ]
    reply = yield desk.get("MedicationDispense", patient=mrn, _sort="-whenhandedover", _count="100")
    chart["fills"] = reply.resources
    reply = yield desk.get("Encounter", patient=mrn, status="finished", _sort="-date", _count="30")
    chart["visits"] = reply.resources
    codes = [code for entry in CLASSES.values() for code in entry.tests] + [PRESSURE, PULSE, *_EGFRS]
    reply = yield desk.get("Observation", patient=mrn, code=",".join(dict.fromkeys(codes)), _sort="-date", _count="150")
    chart["results"] = reply.resources
    reply = yield desk.get("DocumentReference", patient=mrn, _sort="-date", _count="60")
    chart["notes"] = reply.resources
    return chart


def _otherwise(drug: str, notes: Sequence[Resource], ordered: str, now: datetime) -> Resource | None:
    """Returns the newest note since the order, and of the last years, that says that the drug is taken otherwise."""
    since = max(datetime.fromisoformat(ordered), now - timedelta(days=1000))
    notes = [each for each in notes if datetime.fromisoformat(each["date"]) >= since]
    patterns = [re.compile(each.format(drug=re.escape(drug)), re.IGNORECASE) for each in _OTHERWISE]
    return next((each for each in notes if any(one.search(note_text(each)) for one in patterns)), None)


def _last_fill(order: Resource, fills: Sequence[Resource]) -> Resource | None:
    address = f"MedicationRequest/{order['id']}"
    return next((each for each in fills if address in str(each.get("authorizingPrescription"))), None)


def _standing(line: str, chart: Mapping[str, Any], today: date) -> tuple[date | None, list[str]]:
    """Returns the day on which a visit or a test is due, None if one is due now; and results outside the limits."""
    entry = CLASSES[line]
    visits = [_day(each["period"]["start"]) for each in chart["visits"] if each["class"]["code"] == "AMB"]
    primary = [
        _day(each["period"]["start"])
        for each in chart["visits"]
        if each["class"]["code"] == "AMB" and each["serviceType"]["text"] == "Primary care"
    ]
    due = [months_after(max(primary or visits), entry.visit)] if visits else [today]
    against: list[str] = []
    for code, (months, low, high) in entry.tests.items():
        result = _newest(chart["results"], _EGFRS if code == EGFR else (code,))
        if result is None:
            due.append(today)
            continue
        due.append(months_after(_day(result["effectiveDateTime"]), months))
        if not low <= result["valueQuantity"]["value"] <= high:
            against.append(f"Observation/{result['id']}")
    if line == "rate":
        pressure, pulse = _newest(chart["results"], (PRESSURE,)), _newest(chart["results"], (PULSE,))
        if pressure is not None and _systolic(pressure) >= 160:
            against.append(f"Observation/{pressure['id']}")
        if pulse is not None and pulse["valueQuantity"]["value"] < 50:
            against.append(f"Observation/{pulse['id']}")
    return (min(due) if min(due) > today else None), against


def _newest(results: Sequence[Resource], codes: Sequence[str]) -> Resource | None:
    return next(
        (
            each
            for each in results
            if each["code"].get("coding")
            and each["code"]["coding"][0]["code"] in codes
            and each["status"] not in ("entered-in-error", "cancelled")
            and ("valueQuantity" in each or "component" in each)
        ),
        None,
    )


def _systolic(pressure: Resource) -> float:
    return next(
        float(part["valueQuantity"]["value"])
        for part in pressure["component"]
        if part["code"]["coding"][0]["code"] == SYSTOLIC
    )


def _day(written: str) -> date:
    return datetime.fromisoformat(written).date()


# --- what is written -------------------------------------------------------------------------------------------------


def _renewal(order: Resource, days: int, repeats: int) -> dict[str, Any]:
    """Returns the order that renews another."""
    kept = ("category", "medicationCodeableConcept", "subject", "dosageInstruction", "reasonReference")
    supply = {"value": days, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        **{name: order[name] for name in kept if name in order},
        "priorPrescription": {"reference": f"MedicationRequest/{order['id']}"},
        "dispenseRequest": {"numberOfRepeatsAllowed": repeats, "expectedSupplyDuration": supply},
    }


def _visit(patient: Resource) -> dict[str, Any]:
    doctor = patient["generalPractitioner"][0]["reference"]
    people = (f"Patient/{patient['id']}", doctor)
    return {
        "resourceType": "Appointment",
        "status": "proposed",
        "serviceType": [{"text": "Primary care"}],
        "participant": [{"actor": {"reference": each}, "status": "needs-action"} for each in people],
    }


def _message(mrn: str, to: str, text: str, about: str | None) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": f"Patient/{mrn}"},
        "recipient": [{"reference": to}],
        **({"about": [{"reference": about}]} if about else {}),
        "payload": [{"contentString": text}],
    }


def _pass_on(desk: Desk, task: Resource, chart: Mapping[str, Any], about: str) -> Solution:
    """Gives a request to the physician, with what decides it."""
    patient = chart["patient"]
    doctor = patient["generalPractitioner"][0]["reference"]
    yield desk.post(_message(patient["id"], doctor, "Not for the protocol; please decide on this refill.", about))
    yield desk.patch(f"Task/{task['id']}", [{"op": "replace", "path": "/owner", "value": {"reference": doctor}}])


def _ask(desk: Desk, task: Resource, mrn: str, about: str) -> Solution:
    """Asks the patient why the drug is wanted so early."""
    text = "You should have enough for now. Why do you need it earlier?"
    yield desk.post(_message(mrn, f"Patient/{mrn}", text, about))
    yield desk.patch(f"Task/{task['id']}", [{"op": "replace", "path": "/status", "value": "on-hold"}])
