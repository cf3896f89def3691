"""Requests that a person's chart makes possible: which drug, and what page CLN-240 and the record make of it.

A request is used only where every careful reading leads to the same end: limits are kept or missed by ten days or
more, a specialist's visit or an emergency never decides, a haemolysed or withdrawn result is never the newest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from mab_gym.casework import notes_that_tell
from mab_gym.casework.reading import months_after
from mab_gym.tasking.chart import Chart

from .protocol import (
    CLASSES,
    EGFR,
    NEVER,
    PHQ9,
    PRESSURE,
    PULSE,
    SYSTOLIC,
    UNLISTED,
    Entry,
    class_of,
    never,
    unlisted,
)

__all__ = ["candidates"]

Resource = Mapping[str, Any]
_CLEAR = 10
"""Days by which a limit is kept or missed, so that no way of counting months decides."""
_OLD = 900
"""Days after which a note of what is taken is too old to count."""
_EGFR_BEFORE_2021 = "62238-1"


@dataclass(frozen=True, slots=True)
class _Supply:
    """The pharmacy's last supply: the day it is used up, days since, days it lasts, its address, the pharmacy."""

    out: date
    since: int
    days: int
    address: str
    pharmacy: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Standing:
    """The standing of a drug by visit and tests: if it can be renewed, and until which day.

    Attributes:
        due: The day from which on a visit or a test is too old; None if one is already, or is missing.
        latest: The same, if visits to other services and emergencies count as well.
        against: Addresses of results that are outside the page's limits.
        clear: False where two careful readings could differ.
    """

    due: date | None
    latest: date | None
    against: tuple[str, ...]
    clear: bool


def candidates(chart: Chart, mrn: str) -> tuple[dict[str, Any], ...]:
    """Returns the requests that a person can make; none for people in hospital, under 18, or dead."""
    return chart.remember(("refill candidates", mrn), lambda: tuple(_look(chart, mrn)))


def _look(chart: Chart, mrn: str) -> Iterator[dict[str, Any]]:
    patient = chart.patient(mrn)
    if patient is None or patient.get("deceasedDateTime") or not patient.get("generalPractitioner"):
        return
    if months_after(date.fromisoformat(patient["birthDate"]), 18 * 12) > chart.now.date():
        return
    visits = list(chart.search("Encounter", patient=mrn, _count="500"))
    if any(each["status"] == "in-progress" for each in visits) or _pregnant(chart, mrn):
        return
    orders = [each for each in chart.search("MedicationRequest", patient=mrn, _count="500") if _for_home(each)]
    since = f"ge{(chart.now - timedelta(days=1000)).date().isoformat()}"
    fills = list(chart.search("MedicationDispense", patient=mrn, whenhandedover=since, _count="1000"))
    base = {
        "mrn": mrn,
        "gp": patient["generalPractitioner"][0]["reference"],
        "booked": _booked(chart, mrn),
    }
    current = [each for each in orders if each["status"] == "active"]
    told = _told(chart, mrn)
    for order in current:
        drug = _name(order)
        supply = _supply(chart, order, fills)
        if supply is None or sum(_ingredient(each) == _ingredient(order) for each in current) > 1:
            continue
        about = {**base, **_facts(order), "out": supply.out.isoformat(), "pharmacy": dict(supply.pharmacy)}
        yield from _of_order(chart, order, drug, supply, visits, told, about)
    yield from _not_as_listed(chart, orders, current, fills, base)


def _of_order(
    chart: Chart,
    order: Resource,
    drug: str,
    supply: _Supply,
    visits: Sequence[Resource],
    told: Mapping[str, tuple[bool, Sequence[str]]],
    about: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Yields the requests for a drug that stands on the list as it is asked for."""
    today = chart.now.date()
    soon = (supply.out - today).days <= 45 and supply.since < 88
    line = class_of(drug)
    word = _ingredient(order)
    if word in _unwanted(chart, about["mrn"], line):
        return
    if (supply.out - today).days >= 20 and line and not never(drug) and word not in told:
        standing = _standing(chart, about["mrn"], CLASSES[line], visits, order)
        if standing.clear and not standing.against:
            yield {**about, "kind": "early", "ways": ["ask"], "evidence": [supply.address, about["order"]]}
    if not soon:
        return
    if never(drug) or unlisted(drug):
        yield {**about, "kind": "never", "ways": ["physician"], "evidence": [about["order"]], "kept": never(drug)}
        return
    if word in told:
        stopped, documents = told[word]
        if documents and line:
            # A result may speak against it as well, and is a right reason, too.
            evidence = [*documents, *_outside(chart, about["mrn"], CLASSES[line])]
            yield {**about, "kind": "notes", "ways": ["physician", "ask"], "evidence": evidence, "stop": stopped}
        return
    if line is None:
        return
    standing = _standing(chart, about["mrn"], CLASSES[line], visits, order)
    if not standing.clear:
        return
    if standing.against:
        yield {**about, "kind": "result", "ways": ["physician"], "evidence": list(standing.against)}
    elif standing.due is None or standing.latest is None:
        if line == "ssri" and not _old_questions(chart, about["mrn"]):
            return  # a recent PHQ-9 doesn't say item 9 by itself in this hospital
        yield {**about, "kind": "bridge", "ways": ["bridge"], "evidence": []}
    elif (
        line != "ssri" and (standing.due - max(today, supply.out)).days >= 21
    ):  # item 9 of the PHQ-9 is no result of its own in this hospital, so that none can be renewed
        due = [standing.due.isoformat(), standing.latest.isoformat()]
        yield {**about, "kind": "renew", "ways": ["renew"], "evidence": [], "due": due}


def _not_as_listed(
    chart: Chart,
    orders: Sequence[Resource],
    current: Sequence[Resource],
    fills: Sequence[Resource],
    base: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Yields requests by an old prescription: another dose than today's, or a drug that was stopped."""
    seen: set[str] = set()
    since = chart.now - timedelta(days=900)
    for old in sorted(orders, key=lambda each: str(each["authoredOn"]), reverse=True):
        word = _ingredient(old)
        if old["status"] not in ("stopped", "completed") or word in seen or _moment(old["authoredOn"]) < since:
            continue
        if class_of(_name(old)) is None:
            continue
        seen.add(word)
        now = [each for each in current if _ingredient(each) == word]
        if len(now) > 1 or (now and (_dose(now[0]) == _dose(old) or _dose(now[0]) is None)):
            continue
        if not now and old["status"] != "stopped":
            continue
        supply = _supply(chart, now[0], fills) if now else None
        if now and (supply is None or not ((supply.out - chart.now.date()).days <= 45 and supply.since < 88)):
            continue
        last = supply or _supply(chart, old, fills)
        if last is None:
            continue
        kept = {"out": (supply.out if supply else chart.now.date()).isoformat(), "pharmacy": dict(last.pharmacy)}
        line = CLASSES[class_of(_name(old)) or ""]
        evidence = [*(f"MedicationRequest/{each['id']}" for each in (*now, old)), *_outside(chart, base["mrn"], line)]
        ways = ["physician"] if now else ["physician", "ask"]
        yield {**base, **_facts(old), **kept, "kind": "list", "ways": ways, "evidence": evidence}


# --- what a chart says -----------------------------------------------------------------------------------------------


def _pregnant(chart: Chart, mrn: str) -> bool:
    active = chart.search("Condition", patient=mrn, **{"clinical__status": "active"}, _count="200")
    return any("pregnan" in str(each.get("code", {}).get("text", "")).lower() for each in active)


def _unwanted(chart: Chart, mrn: str, line: str | None) -> frozenset[str]:
    """Returns ingredients that a case leaves out: an allergy may speak against them, or a request is open already."""

    def look() -> tuple[str, str]:
        allergies = chart.search("AllergyIntolerance", patient=mrn, _count="100")
        requests = chart.search("Task", patient=mrn, status="requested", _count="100")
        open_ones = [str(each.get("description", "")) for each in requests if each["code"].get("text") == _REFILL]
        return " ".join(str(each.get("code", {})).lower() for each in allergies), " ".join(open_ones).lower()

    allergies, asked = chart.remember(("refill allergies", mrn), look)
    drugs = {drug for entry in CLASSES.values() for drug in entry.drugs} | {*NEVER, *UNLISTED}
    found = {drug for drug in drugs if drug in allergies or drug in asked}
    if line is not None and any(word in allergies for word in _ALIKE.get(line, ())):
        found.update(CLASSES[line].drugs)
    return frozenset(found)


_REFILL = "Refill request"
_ALIKE: Mapping[str, Sequence[str]] = {
    "ras": ("ace inhib", "angiotensin", "lisinopril"),
    "diuretic": ("sulf", "thiazide"),
    "statin": ("statin",),
    "rate": ("beta block", "calcium"),
}
"""Words of allergies that a careful reader may hold against a whole line of the table."""


def _old_questions(chart: Chart, mrn: str) -> bool:
    """Tells if the newest PHQ-9 is too old for the page, or if there is none."""
    result = _newest(chart, mrn, PHQ9)
    limit = chart.now - timedelta(days=375)
    return result is None or _moment(result["effectiveDateTime"]) < limit


def _booked(chart: Chart, mrn: str) -> bool:
    """Tells if a visit in primary care is booked within the days of a bridge."""
    end = chart.now + timedelta(days=30)
    return any(
        chart.now < _moment(each["start"]) <= end and each["serviceType"][0].get("text") == "Primary care"
        for each in chart.search("Appointment", patient=mrn, status="booked", _count="50")
    )


def _told(chart: Chart, mrn: str) -> Mapping[str, tuple[bool, Sequence[str]]]:
    """Returns, by ingredient, if notes say that a drug is stopped, and in which; no notes where they are not clear.

    They are clear where the newest note that says anything of it is right, and not too old to count.
    """
    found: dict[str, tuple[bool, Sequence[str]]] = {}
    days = _note_days(chart, mrn)
    recently = (chart.now - timedelta(days=_OLD)).isoformat()
    for fact in chart.facts(mrn):
        kind, _, rest = fact.subject.partition(":")
        if kind != "drug" or rest.endswith(":cost"):
            continue
        word = rest.split(":")[0].split("_")[0]
        if fact.until is not None:
            if any(days.get(each, "") >= recently for each in fact.documents):
                found.setdefault(word, (False, ()))
            continue
        stopped = fact.says.get("takes") is False or bool(fact.says.get("held"))
        newest = max((days.get(each, "") for each in fact.documents), default="")
        against = max((days.get(each, "") for each in fact.contradicted_in), default="")
        clear = (stopped or "dose" in fact.says) and newest >= recently and newest > against
        stopped |= found.get(word, (False, ()))[0]
        told = notes_that_tell(chart, mrn, fact) if clear else ()
        found[word] = (stopped, [*found.get(word, (False, ()))[1], *told])
    return found


def _note_days(chart: Chart, mrn: str) -> Mapping[str, str]:
    return {
        each["id"]: str(each.get("date", ""))
        for each in chart.search("DocumentReference", patient=mrn, _count="500", _elements="date")
    }


def _standing(chart: Chart, mrn: str, entry: Entry, visits: Sequence[Resource], order: Resource) -> _Standing:
    today = chart.now.date()
    unclear = _Standing(None, None, (), False)
    seen = _last_visits(visits)
    if seen is None:
        return unclear
    due: list[date] = []
    against: list[str] = []
    missing = False
    for code, (months, low, high) in entry.tests.items():
        result = _newest(chart, mrn, f"{code},{_EGFR_BEFORE_2021}" if code == EGFR else code)
        if result is None:
            missing = True
            continue
        if result.get("note") or result["status"] in ("entered-in-error", "cancelled", "preliminary"):
            return unclear
        value = float(result["valueQuantity"]["value"])
        limit = months_after(_moment(result["effectiveDateTime"]).date(), months)
        if code == EGFR and "metformin" in _name(order) and 30 <= value < 46:
            return unclear
        if not low <= value <= high:
            if (limit - today).days < _CLEAR:
                return unclear
            against += _shown(chart, mrn, result)
        due.append(limit)
    if "metoprolol" in entry.drugs:
        found = _pressure_and_pulse(chart, mrn)
        if found is None:
            return unclear
        against += found
    ends = [min((months_after(day, entry.visit), *due)) for day in seen]
    if any(abs((end - today).days) < _CLEAR for end in ends):
        return unclear
    late = [missing or end < today for end in ends]
    if any(late) != all(late) or (any(late) and against):
        return unclear
    if late[0]:
        return _Standing(None, None, tuple(against), True)
    return _Standing(ends[0], ends[1], tuple(against), True)


def _outside(chart: Chart, mrn: str, entry: Entry) -> list[str]:
    """Returns the addresses of newest results that are outside a line's limits, be they near to too old or not."""
    found: list[str] = []
    for code, (_, low, high) in entry.tests.items():
        result = _newest(chart, mrn, f"{code},{_EGFR_BEFORE_2021}" if code == EGFR else code)
        if result is not None and not low <= float(result["valueQuantity"]["value"]) <= high:
            found += _shown(chart, mrn, result)
    return found + ((_pressure_and_pulse(chart, mrn) or []) if "metoprolol" in entry.drugs else [])


def _last_visits(visits: Sequence[Resource]) -> tuple[date, date] | None:
    """Returns the days of the last visit in primary care, and of the last one in person at all."""
    done = [each for each in visits if each["status"] == "finished"]
    primary = [_day(each) for each in done if each["class"]["code"] == "AMB" and _service(each) == "Primary care"]
    seen = [_day(each) for each in done if "Telephone" not in str(each["type"])]
    return (max(primary), max(seen)) if primary else None


def _pressure_and_pulse(chart: Chart, mrn: str) -> list[str] | None:
    """Returns the newest pressure or pulse that is outside the limits; None where that is not clear."""
    against: list[str] = []
    pressure, pulse = _newest(chart, mrn, PRESSURE), _newest(chart, mrn, PULSE)
    if pressure is None or pulse is None:
        return None
    systolic = next(
        (
            float(part["valueQuantity"]["value"])
            for part in pressure.get("component", ())
            if part["code"]["coding"][0]["code"] == SYSTOLIC and "valueQuantity" in part
        ),
        None,
    )
    if systolic is None or "valueQuantity" not in pulse:
        return None
    if systolic >= 160:
        against.append(f"Observation/{pressure['id']}")
    if float(pulse["valueQuantity"]["value"]) < 50:
        against.append(f"Observation/{pulse['id']}")
    return against


def _newest(chart: Chart, mrn: str, code: str) -> Resource | None:
    def look() -> Resource | None:
        found = chart.search("Observation", patient=mrn, code=code, _sort="-date", _count="3")
        return next((each for each in found if "valueQuantity" in each or "component" in each), None)

    return chart.remember(("newest", mrn, code), look)


def _shown(chart: Chart, mrn: str, result: Resource) -> list[str]:
    """Returns the addresses under which a result can be named: its own, and its report's."""
    address = f"Observation/{result['id']}"
    reports = chart.search("DiagnosticReport", patient=mrn, result=address, _count="5")
    return [address, *(f"DiagnosticReport/{each['id']}" for each in reports)]


def _supply(chart: Chart, order: Resource, fills: Sequence[Resource]) -> _Supply | None:
    address = f"MedicationRequest/{order['id']}"
    own = [
        each
        for each in fills
        if any(one.get("reference") == address for one in each.get("authorizingPrescription", ()))
    ]
    if not own:
        return None
    last = max(own, key=lambda each: str(each["whenHandedOver"]))
    day, days = _moment(last["whenHandedOver"]).date(), int(last["daysSupply"]["value"])
    today = chart.now.date()
    return _Supply(
        day + timedelta(days=days),
        (today - day).days,
        days,
        f"MedicationDispense/{last['id']}",
        last["performer"][0]["actor"],
    )


def _facts(order: Resource) -> dict[str, Any]:
    dosage = order["dosageInstruction"][0]
    return {
        "order": f"MedicationRequest/{order['id']}",
        "drug": order["medicationCodeableConcept"]["text"],
        "ingredient": _ingredient(order),
        "rxnorm": order["medicationCodeableConcept"]["coding"][0]["code"],
        "dose": _dose(order),
        "dosage": dosage["text"],
        "pack": int(order["dispenseRequest"]["expectedSupplyDuration"]["value"]),
    }


def _for_home(order: Resource) -> bool:
    """Tells if an order is for home, to be taken every day, with all that a request needs."""
    dosage = (order.get("dosageInstruction") or [{}])[0]
    return (
        order["category"][0]["coding"][0]["code"] == "outpatient"
        and bool(order["medicationCodeableConcept"].get("coding"))
        and "asNeededBoolean" not in dosage
        and "doseAndRate" in dosage
        and "text" in dosage
        and "expectedSupplyDuration" in order.get("dispenseRequest", {})
    )


def _dose(order: Resource) -> float | None:
    part = order["dosageInstruction"][0]["doseAndRate"][0].get("doseQuantity")
    repeat = order["dosageInstruction"][0].get("timing", {}).get("repeat", {})
    return None if part is None else float(part["value"]) * float(repeat.get("frequency", 1))


def _ingredient(order: Resource) -> str:
    return str(order["medicationCodeableConcept"]["coding"][0].get("display", "")).lower()


def _name(order: Resource) -> str:
    return f"{_ingredient(order)} {order['medicationCodeableConcept']['text']}".lower()


def _service(visit: Resource) -> str:
    return str(visit.get("serviceType", {}).get("text", ""))


def _day(visit: Resource) -> date:
    return _moment(visit["period"]["start"]).date()


def _moment(written: str) -> datetime:
    moment = datetime.fromisoformat(written)
    return moment if moment.tzinfo else moment.astimezone()
