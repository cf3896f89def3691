"""People whose stay can be summed up: diagnoses, results, drugs, what is pending, allergies and code status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.cohort.hospital._catalogue import DRUGS
from mab_gym.dynamics.inpatients import inpatient
from mab_gym.tasking.chart import Chart

ANALYTES: Final = {"creatinine": "2160-0", "hemoglobin": "718-7", "potassium": "2823-3"}
_LOW, _HIGH = 3.5, 5.0
_CALM: Final = frozenset({
    "statin", "ras", "thiazide", "antidepressant", "acid", "urate", "prostate", "alpha_blocker", "antihistamine",
    "biguanide", "gliptin", "lipid", "bone", "dementia", "thyroid", "leukotriene", "sulfonylurea", "neuropathic",
    "hypnotic", "iron", "vitamin",
})  # fmt: skip
"""Classes of which a drug may be stopped or changed at leaving without anybody wondering."""


@dataclass(frozen=True, slots=True)
class HomeDrug:
    """A drug that was prescribed before.

    Attributes:
        order: Id of the prescription.
        statement: Id of the MedicationStatement of the stay; empty if there is none.
        name: The ingredient.
        code: Its RxNorm code.
        dose: Each dose.
        unit: Its unit.
        calm: True if it may be stopped or changed.
        others: Other doses that are usual, where it is one dose a day.
    """

    order: str
    statement: str
    name: str
    code: str
    dose: float
    unit: str
    calm: bool
    others: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who goes home.

    Attributes:
        params: The facts of the person that a case keeps.
        drugs: Drugs prescribed before.
        known: Names and classes of all drugs in the chart.
        worst: By analyte, its least and greatest valid value.
    """

    params: Mapping[str, Any]
    drugs: tuple[HomeDrug, ...]
    known: frozenset[str]
    worst: Mapping[str, tuple[float, float]]


def person(chart: Chart, mrn: str) -> Person | None:
    """Returns a person who can be a case, or None."""
    return chart.remember(("discharge summary", mrn), lambda: _look(chart, mrn))


def _look(chart: Chart, mrn: str) -> Person | None:
    lies, patient = inpatient(chart, mrn), chart.patient(mrn)
    if lies is None or patient is None or not patient.get("generalPractitioner"):
        return None
    stay = next(chart.search("Encounter", _id=lies.encounter.partition("/")[2]))
    begun = datetime.fromisoformat(stay["period"]["start"])
    if chart.now - begun < timedelta(hours=12):
        return None
    encounters, arrived = _from_emergency(chart, mrn, begun)
    encounters.add(lies.encounter)
    results = _results(chart, mrn, arrived)
    if results is None:
        return None
    diagnoses = _diagnoses(chart, mrn, lies.encounter, stay, arrived)
    requests = list(chart.search("ServiceRequest", patient=mrn, _count="1000"))
    codes = [each for each in requests if _category(each) == "Code status"]
    now_valid = [each for each in codes if each["status"] == "active"]
    if diagnoses is None or len(now_valid) != 1:
        return None
    allergies = list(chart.search("AllergyIntolerance", patient=mrn, _count="100"))
    active = [each for each in allergies if _coded(each, "clinicalStatus") == "active" and _sure(each)]
    if not active:
        return None
    orders = list(chart.search("MedicationRequest", patient=mrn, status="active", _count="500"))
    home = [each for each in orders if "'inpatient'" not in str(each.get("category"))]
    statements = {
        each["derivedFrom"][0]["reference"]: each["id"]
        for each in chart.search("MedicationStatement", patient=mrn, _count="500")
        if each.get("context", {}).get("reference") == lies.encounter and each.get("derivedFrom")
    }
    drugs = tuple(_home_drug(each, statements) for each in home)
    if len({one.name for one in drugs}) < len(drugs) or not any(one.calm for one in drugs):
        return None
    names = {_name(each) for each in orders}
    classes = {one.klass for one in DRUGS.values() if one.ingredient in names}
    params = {
        "mrn": mrn,
        "encounter": lies.encounter,
        "attending": lies.attending,
        "nurse": lies.nurse,
        "doctor": patient["generalPractitioner"][0]["reference"],
        "doctor_name": patient["generalPractitioner"][0].get("display", "the family doctor"),
        "attending_name": stay["participant"][0]["individual"].get("display", "the attending"),
        "begun": stay["period"]["start"],
        "arrived": arrived.isoformat(),
        "results": results[0],
        **diagnoses,
        "pending": _pending(chart, mrn, requests, encounters),
        "code_status": now_valid[0]["id"],
        "old_codes": [each["id"] for each in codes if each["status"] != "active"],
        "allergies": [each["id"] for each in active],
        "no_allergies": [each["id"] for each in allergies if each not in active],
    }
    return Person(params, drugs, frozenset(names | classes), results[1])


def _from_emergency(chart: Chart, mrn: str, begun: datetime) -> tuple[set[str], datetime]:
    """Returns the visit to the emergency department from which somebody came in, and when it began."""
    for each in chart.search(
        "Encounter", patient=mrn, date=f"ge{(begun - timedelta(days=2)).isoformat()}", _count="50"
    ):
        ended = each.get("period", {}).get("end")
        if each["class"].get("code") == "EMER" and ended is not None:
            gap = begun - datetime.fromisoformat(ended)
            if timedelta(hours=-1) <= gap <= timedelta(hours=6):
                return {f"Encounter/{each['id']}"}, datetime.fromisoformat(each["period"]["start"])
    return set(), begun


def _results(
    chart: Chart, mrn: str, arrived: datetime
) -> tuple[dict[str, dict[str, list[str]]], dict[str, tuple[float, float]]] | None:
    """Returns by analyte the ids of first, worst and last results and of all others, with the extremes."""
    found: dict[str, dict[str, list[str]]] = {}
    extremes: dict[str, tuple[float, float]] = {}
    for name, code in ANALYTES.items():
        asked = {"code": code, "date": f"ge{arrived.isoformat()}", "_count": "200"}
        every = sorted(chart.search("Observation", patient=mrn, **asked), key=lambda each: each["effectiveDateTime"])
        valid = [each for each in every if _is_valid(each)]
        times = [datetime.fromisoformat(each["effectiveDateTime"]) for each in valid]
        if len(valid) < 2 or len(set(times)) < len(times) or len(every) > 30:
            return None
        values = {each["id"]: float(each["valueQuantity"]["value"]) for each in valid}
        low, high = min(values.values()), max(values.values())
        worst = {low} if name == "hemoglobin" else {high}
        if name == "potassium":
            worst = {value for value, out in ((low, low < _LOW), (high, high > _HIGH)) if out} or {low, high}
        kept = {
            "first": [valid[0]["id"]],
            "last": [valid[-1]["id"]],
            "worst": [each for each, value in values.items() if value in worst],
        }
        used = {each for group in kept.values() for each in group}
        found[name] = {**kept, "others": [each["id"] for each in every if each["id"] not in used]}
        extremes[name] = (low, high)
    return found, extremes


def _is_valid(result: Mapping[str, Any]) -> bool:
    told = " ".join(str(each.get("text")) for each in result.get("note", ())).lower()
    return (
        result["status"] not in ("entered-in-error", "cancelled") and "valueQuantity" in result and "emoly" not in told
    )


def _diagnoses(
    chart: Chart, mrn: str, encounter: str, stay: Mapping[str, Any], arrived: datetime
) -> dict[str, Any] | None:
    """Returns the principal diagnosis, what is new since, and what is over; each with all its ids."""
    ranked = sorted(stay.get("diagnosis", ()), key=lambda each: int(each.get("rank", 9)))
    every = {f"Condition/{each['id']}": each for each in chart.search("Condition", patient=mrn, _count="1000")}
    here = [(each["condition"]["reference"], every.get(each["condition"]["reference"])) for each in ranked]
    if not here or any(each is None for _, each in here):
        return None
    main = here[0][1]
    assert main is not None

    def same(text: str) -> list[str]:
        return [
            address.partition("/")[2]
            for address, each in every.items()
            if each["code"].get("text") == text and _coded(each, "clinicalStatus") == "active"
        ]

    new = [
        same(each["code"]["text"])
        for _, each in here[1:]
        if each is not None and each.get("onsetDateTime", "")[:10] >= arrived.date().isoformat()
    ]
    over = [address.partition("/")[2] for address, each in every.items() if _coded(each, "clinicalStatus") != "active"]
    return {"principal": same(main["code"]["text"]), "diagnosis": main["code"]["text"], "new": new, "over": over[-60:]}


def _coded(resource: Mapping[str, Any], name: str) -> str:
    return str(resource.get(name, {}).get("coding", [{}])[0].get("code", ""))


def _sure(allergy: Mapping[str, Any]) -> bool:
    return _coded(allergy, "verificationStatus") not in ("refuted", "entered-in-error")


def _category(request: Mapping[str, Any]) -> str:
    return next((str(each.get("text", "")) for each in request.get("category", ())), "")


def _pending(chart: Chart, mrn: str, requests: Sequence[Mapping[str, Any]], encounters: set[str]) -> list[list[str]]:
    """Returns what has no result yet: the addresses of each request with those of its reports."""
    reports = list(chart.search("DiagnosticReport", patient=mrn, status="registered", _count="100"))
    found = []
    for each in requests:
        if each["status"] != "active" or _category(each) in ("Code status", "Patient referral"):
            continue
        if each.get("encounter", {}).get("reference") in encounters:
            address = f"ServiceRequest/{each['id']}"
            mine = [r["id"] for r in reports if address in str(r.get("basedOn"))]
            found.append([address, *(f"DiagnosticReport/{one}" for one in mine)])
    return found


def _name(order: Mapping[str, Any]) -> str:
    concept = order["medicationCodeableConcept"]
    coded = next((each["display"] for each in concept.get("coding", ()) if each.get("display")), "")
    return str(coded or concept.get("text", "")).lower()


def _home_drug(order: Mapping[str, Any], statements: Mapping[str, str]) -> HomeDrug:
    code = next((str(each["code"]) for each in order["medicationCodeableConcept"].get("coding", ())), "")
    catalogued = next((each for each in DRUGS.values() if code and each.rxnorm == code), None)
    klass = "" if catalogued is None else catalogued.klass
    dosage = order["dosageInstruction"][0]
    repeat = dosage.get("timing", {}).get("repeat", {})
    quantity = dosage.get("doseAndRate", [{}])[0].get("doseQuantity", {})
    needed, dose = bool(dosage.get("asNeededBoolean")), float(quantity.get("value", 0))
    usual = () if catalogued is None else catalogued.dose
    once = repeat.get("frequency") == 1 and repeat.get("period") == 1 and repeat.get("periodUnit") == "d"
    return HomeDrug(
        order=str(order["id"]),
        statement=statements.get(f"MedicationRequest/{order['id']}", ""),
        name=_name(order),
        code=code,
        dose=dose,
        unit=str(quantity.get("unit", "")),
        calm=bool(code) and klass in _CALM and not needed,
        others=tuple(each for each in usual if each != dose) if once and not needed else (),
    )
