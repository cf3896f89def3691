"""Treats sepsis by the handbook: cultures, antibiotics, fluid, pressure, lactate and the source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from mab_gym.casework import heeding_flags, note_text
from mab_gym.dynamics.emergency import POUNDS, ideal_weight
from mab_gym.dynamics.inpatients import HEIGHT, WEIGHT
from mab_gym.dynamics.orders import drug_order, lab_order, loinc_of, message, quantity, time_after
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

_LACTATE = "2524-7"
_MINUTE = timedelta(minutes=1)
_SURGEONS = {"urine": "208800000X", "abdomen": "208600000X"}
Resource = dict[str, Any]


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some thirty actions."""
    mrn, begun = case["mrn"], desk.now
    yield desk.get("DocumentReference", category="handbook", status="current", description="CLN-201")
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    attending = reply.resources[0]["participant"][0]["individual"]["reference"]
    reply = yield desk.get("DocumentReference", patient=mrn, type="54094-8", _sort="-date", _count="1")
    source = desk.decide("the source, by the triage note", _source(note_text(reply.resources[0])))
    two = desk.rule("two_sets", 2, lambda: 1)
    first = desk.rule("cultures_first", True, lambda: False)
    if first:
        for _ in range(two):
            yield desk.post(_request(mrn, "Blood culture"))
    yield desk.post(lab_order(mrn, _LACTATE, priority="stat"))
    codes = ",".join((WEIGHT, HEIGHT, "85354-9"))
    reply = yield desk.get("Observation", patient=mrn, code=codes, _sort="-date", _count="40")
    newest = _newest(reply.resources)
    patient = (yield desk.get("Patient", _id=mrn)).resources[0]
    reply = yield desk.get("AllergyIntolerance", patient=mrn)
    allergic = any(_penicillin(each) for each in reply.resources)
    if allergic:
        reply = yield desk.get("DocumentReference", patient=mrn, date="ge2012-01-01", _count="250")
        allergic = not any(_tolerated(note_text(each)) for each in reply.resources)
    allergic = desk.rule("allergy", allergic, lambda: False)
    reply = yield desk.get("Condition", patient=mrn, category="problem-list-item", _count="200")
    weak = any("heart failure" in str(each["code"]).lower() for each in reply.resources)
    weight = newest[WEIGHT]["valueQuantity"]
    kilograms = weight["value"] if weight["code"] == "kg" else weight["value"] / POUNDS
    if not desk.rule("soon", True, lambda: False):
        yield desk.wait(70)
    drugs = desk.rule("source_fits", _drugs(source, allergic), lambda: ["ceftriaxone"])
    share = desk.rule("full_dose", 1.0, lambda: 0.5)
    for name in drugs:
        yield desk.post(_antibiotic(mrn, name, kilograms, share))
    if not first:
        yield desk.wait(15)
        for _ in range(two):
            yield desk.post(_request(mrn, "Blood culture"))
    if source in ("urine", "lung"):
        yield desk.post(_request(mrn, "Urine culture" if source == "urine" else "Sputum culture"))
    image = {"urine": "Renal ultrasound", "lung": "Chest X-ray", "abdomen": "CT abdomen and pelvis"}.get(source)
    if image and desk.rule("source_seen", True, lambda: False):
        yield desk.post(_request(mrn, image))
    pressure = _mean(newest["85354-9"])
    height = newest[HEIGHT]["valueQuantity"]["value"]
    obese = kilograms / (height / 100) ** 2 > 30
    ideal = ideal_weight(patient["gender"] == "female", height)
    mass = desk.rule("fluid_weight", ideal if obese else kilograms, lambda: weight["value"])
    due, given, order, rate = 30 * mass, 0.0, "", 0.0
    low = pressure < 65
    if low:
        given, order, rate = yield from _fluid(mrn, desk, due, desk.rule("steps", weak, lambda: False))
    reply = yield desk.wait(2 if order else max(2, 50 - round(given / 100)) if low else 40)
    reply = yield desk.get("Observation", patient=mrn, code=_LACTATE, _sort="-date", _count="1")
    lactate = reply.resources[0]
    level = lactate["valueQuantity"]["value"]
    high = desk.rule("fluid_if", level >= 4, lambda: True)
    if not low and high:
        given, order, rate = yield from _fluid(mrn, desk, due, weak)
    if desk.rule("lactate_again", level > 2, lambda: False):
        yield desk.post(lab_order(mrn, _LACTATE, begun + 185 * _MINUTE, priority="stat"))
    if image:
        told = ""
        for minutes in (2 if order else 45, 20, 20):
            yield desk.wait(minutes)
            reply = yield desk.get("DiagnosticReport", patient=mrn, _sort="-date", _count="10")
            told = " ".join(str(each.get("conclusion", "")) for each in reply.resources if _is_new(each, begun))
            if told:
                break
        drain = re.search(r"hydronephrosis\.|cholecystitis|abscess of", told) and "No hydronephrosis" not in told
        if desk.rule("source_control", bool(drain), lambda: False):
            reply = yield desk.get("PractitionerRole", specialty=_SURGEONS[source], _count="20")
            surgeon = next(each for each in reply.resources if each["code"][0].get("text") == "Physician")
            text = f"Sepsis; {told} Please come and drain it within six hours."
            yield desk.post(message(mrn, surgeon["practitioner"]["reference"], lactate, text, "urgent"))
    reply = yield desk.wait(10)
    end = begun + 302 * _MINUTE
    while True:
        reply = yield desk.wait(28)
        now = time_after(reply.resources[0])
        if now >= end:
            break
        if not low:
            continue
        reply = yield desk.get("Observation", patient=mrn, code="85354-9", _sort="-date", _count="1")
        pressure = _mean(reply.resources[0])
        behind = now >= begun + 100 * _MINUTE
        if desk.rule("pressor", pressure < 66 and behind, lambda: False):
            rate = 0.1 if not rate else round(min(rate + 0.04, 0.4), 2)
            resource = _pressor(mrn, rate)
            if order:
                yield desk.put({**resource, "id": order})
            else:
                order = (yield desk.post(resource)).resources[0]["id"]
    since = f"ge{begun.isoformat()}"
    reply = yield desk.get("Observation", patient=mrn, code=_LACTATE, date=since, _sort="-date", _count="5")
    values = [each["valueQuantity"]["value"] for each in reply.resources]
    yield desk.post(message(mrn, attending, reply.resources[0], f"Lactate {values[-1]:g}, now {values[0]:g} mmol/L."))
    yield desk.finish(desk.decide("what was measured and given", [values[-1], values[0], round(given)]))


def _fluid(mrn: str, desk: Desk, due: float, steps: bool) -> Any:
    """Gives fluid: at once, or in steps with a look after each; returns the mL, and norepinephrine with its rate."""
    order, rate = "", 0.0
    if not steps:
        amount = round(due / 50) * 50
        yield desk.post(_drug(mrn, "lactated ringer's", quantity(amount, "mL"), 2.0))
        return amount, order, rate
    given = 0.0
    while given < due - 260:
        yield desk.post(_drug(mrn, "lactated ringer's", quantity(500, "mL"), 0.25))
        yield desk.wait(27)
        reply = yield desk.get("Observation", patient=mrn, code="85354-9", _sort="-date", _count="2")
        given += 500
        if given >= 1500 and not order and _mean(reply.resources[0]) < 65:
            rate = 0.1
            order = (yield desk.post(_pressor(mrn, rate))).resources[0]["id"]
    return given, order, rate


def _source(note: str) -> str:
    if "flank" in note:
        return "urine"
    if "sputum" in note:
        return "lung"
    return "skin" if "lower leg" in note else "abdomen"


def _drugs(source: str, allergic: bool) -> list[str]:
    if source == "lung":
        return ["ceftriaxone", "azithromycin"]
    if source == "urine":
        return ["cefepime"] if allergic else ["piperacillin and tazobactam"]
    if source == "abdomen":
        return ["meropenem"] if allergic else ["piperacillin and tazobactam"]
    return ["vancomycin", "cefepime" if allergic else "piperacillin and tazobactam"]


_DOSES = {
    "ceftriaxone": (2, "g", 0.5), "azithromycin": (500, "mg", 1), "cefepime": (2, "g", 0.5), "meropenem": (1, "g", 0.5),
    "piperacillin and tazobactam": (4.5, "g", 0.5),
}  # fmt: skip


def _antibiotic(mrn: str, name: str, kilograms: float, share: float) -> Resource:
    if name == "vancomycin":
        milligrams = min(round(25 * kilograms / 250) * 250, 3000) * share
        return _drug(mrn, name, quantity(milligrams, "mg"), max(1.0, milligrams / 1000))
    amount, unit, hours = _DOSES[name]
    return _drug(mrn, name, quantity(amount * share, unit), hours)


def _drug(mrn: str, name: str, amount: Resource, hours: float) -> Resource:
    repeat = {"count": 1, "duration": hours, "durationUnit": "h"}
    dosage = {"timing": {"repeat": repeat}, "route": {"text": "IV"}, "doseAndRate": [{"doseQuantity": amount}]}
    return drug_order(mrn, name, "", dosage, priority="stat")


def _pressor(mrn: str, rate: float) -> Resource:
    dosage = {"route": {"text": "IV"}, "doseAndRate": [{"rateQuantity": quantity(rate, "ug/kg/min")}]}
    return drug_order(mrn, "norepinephrine", "7512", dosage, priority="stat")


def _request(mrn: str, text: str) -> Resource:
    return {**lab_order(mrn, "", priority="stat"), "code": {"text": text}}


def _newest(resources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in resources:
        if each["status"] != "entered-in-error":
            found.setdefault(loinc_of(each), each)
    return found


def _mean(pressure: Mapping[str, Any]) -> float:
    values = {loinc_of(part): part["valueQuantity"]["value"] for part in pressure["component"]}
    return float((values["8480-6"] + 2 * values["8462-4"]) / 3)


def _penicillin(allergy: Mapping[str, Any]) -> bool:
    status = str(allergy.get("verificationStatus"))
    return "penicillin" in str(allergy["code"]).lower() and "refuted" not in status and "entered" not in status


def _tolerated(text: str) -> bool:
    drug = "amoxicillin|amoxicillin and clavulanate|piperacillin and tazobactam|ampicillin|penicillin"
    return bool(
        re.search(rf"(?:{drug}) (?:tolerated|taken without reaction|in \d+ (?:without|and had no))", text, re.I)
    )


def _is_new(report: Mapping[str, Any], begun: datetime) -> bool:
    issued = report.get("issued")
    return issued is not None and datetime.fromisoformat(issued) >= begun
