"""Works up a suspected embolism: points, D-dimer by age, the image that is safe, and treatment where it is safe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mab_gym.casework import heeding_flags, note_text
from mab_gym.dynamics.emergency import POUNDS, bought_now
from mab_gym.dynamics.inpatients import WEIGHT, age_of
from mab_gym.dynamics.orders import drug_order, lab_order, message, newest_by_code, quantity, status_change
from mab_gym.dynamics.physiology._creatinine import estimated_gfr
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import CHRONIC, NSAIDS, POINTS, SOLD

_D_DIMER, _CREATININE, _PLATELETS, _HCG = "48065-7", "2160-0", "777-3", "19080-1"
Resource = dict[str, Any]


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Some twenty-five actions."""
    mrn, begun = case["mrn"], desk.now
    reply = yield desk.get("Encounter", patient=mrn, status="in-progress")
    visit = reply.resources[0]
    attending = visit["participant"][0]["individual"]["reference"]
    reply = yield desk.get("DocumentReference", patient=mrn, type="54094-8", _sort="-date", _count="1")
    note = note_text(reply.resources[0])
    codes = ",".join((WEIGHT, "8867-4", "59408-5"))
    reply = yield desk.get("Observation", patient=mrn, code=codes, _sort="-date", _count="12")
    signs = newest_by_code(reply.resources)
    patient = (yield desk.get("Patient", _id=mrn)).resources[0]
    age = age_of(patient, desk.now)
    reply = yield desk.get("Condition", patient=mrn, _count="500")
    named = [str(each.get("code", {}).get("text", "")).lower() for each in reply.resources]
    reply = yield desk.get("AllergyIntolerance", patient=mrn)
    allergic = any(_to_contrast(each) for each in reply.resources)
    reply = yield desk.get("MedicationRequest", patient=mrn, status="active", _count="200")
    home = reply.resources
    pulse, saturation = (signs[code]["valueQuantity"]["value"] for code in ("8867-4", "59408-5"))
    points = desk.rule("score", _points(note, pulse, named), lambda: _points(note, pulse, named) + _distracted(note))
    female = patient["gender"] == "female"
    yield desk.post(lab_order(mrn, _CREATININE, priority="stat"))
    yield desk.post(lab_order(mrn, "58410-2", priority="stat"))
    if female and age < 50 and desk.rule("pregnancy_test", True, lambda: False):
        yield desk.post(lab_order(mrn, _HCG, priority="stat"))
    unlikely = points <= 4
    measured = desk.rule("no_d_dimer", unlikely, lambda: True)
    if measured:
        yield desk.post(lab_order(mrn, _D_DIMER, priority="stat"))
    yield desk.wait(70)
    results = ",".join((_CREATININE, _PLATELETS, _D_DIMER, "718-7"))
    since = f"ge{begun.isoformat()}"
    reply = yield desk.get("Observation", patient=mrn, code=results, date=since, _sort="-date", _count="20")
    found = newest_by_code(reply.resources)
    value = found[_D_DIMER]["valueQuantity"]["value"] if measured else -1
    limit = desk.rule("age", age * 0.01 if age > 50 else 0.5, lambda: 0.5)
    if measured and unlikely and value <= limit:
        if not desk.rule("anticoagulate", True, lambda: False):
            yield desk.post(_treatment(mrn, "apixaban", 10))
        yield desk.post(message(mrn, attending, found[_D_DIMER], f"D-dimer {value:g}, ruled out for the age."))
        yield desk.finish([points, value, "no", -1])
        return
    filtration = estimated_gfr(found[_CREATININE]["valueQuantity"]["value"], patient["gender"], age)
    poor = desk.rule("kidneys", filtration < 30, lambda: False)
    scan = "V/Q scan" if poor or allergic else "CT pulmonary angiogram"
    yield desk.post({**lab_order(mrn, "", priority="stat"), "code": {"text": scan}})
    yield desk.wait(108)
    reply = yield desk.get("DiagnosticReport", patient=mrn, _sort="-date", _count="8")
    report = next(each for each in reply.resources if "embolism" in str(each.get("conclusion", "")))
    embolism = "acute pulmonary embolism" in report["conclusion"]
    platelets = found[_PLATELETS]["valueQuantity"]["value"]
    bleeds = desk.rule("bleeding", platelets < 50 or "tarry" in note, lambda: False)
    if embolism:
        yield desk.post(_diagnosis(mrn, visit))
    if embolism and bleeds:
        text = f"Pulmonary embolism, but bleeding: no anticoagulant given, platelets {platelets:g}; filter?"
        yield desk.post(message(mrn, attending, found[_PLATELETS], text, "urgent"))
    elif desk.rule("anticoagulate", embolism, lambda: not embolism):
        weight = signs[WEIGHT]["valueQuantity"]
        kilograms = weight["value"] if weight["code"] == "kg" else weight["value"] / POUNDS
        for order in desk.rule("nsaid", [each["id"] for each in home if _inflames(each)], list):
            yield desk.patch(f"MedicationRequest/{order}", status_change("stopped"))
        reply = yield desk.get("DocumentReference", patient=mrn, date="ge2012-01-01", _count="250")
        bought = desk.rule("nsaid", bought_now(reply.resources, SOLD), lambda: "")
        if bought:
            yield desk.post(_not_taken(mrn, bought))
        usual = _enoxaparin(mrn, weight["value"] if not poor else kilograms)
        yield desk.post(desk.rule("dose", _treatment(mrn, "apixaban", 10), lambda: usual))
        yield desk.wait(12)
    text = report["conclusion"]
    yield desk.post(
        {**message(mrn, attending, report, text), "about": [{"reference": f"DiagnosticReport/{report['id']}"}]}
    )
    severity = (age > 80) + any(_lasting(name) for name in named) + (pulse >= 110) + (saturation < 90)
    severe = desk.rule("severity", severity, lambda: 0 if severity else 1)
    told = "yes" if embolism else "no"
    yield desk.finish(desk.decide("what was found", [points, value, told, severe if embolism else -1]))


def _points(note: str, pulse: float, named: Sequence[str]) -> float:
    """Returns Wells points by the triage note, the pulse and the history."""
    clot = any("pulmonary embolism" in name or "deep vein thrombosis" in name for name in named)
    items = {
        "leg": "thicker than the right" in note,
        "first_look": "no other diagnosis is as likely" in note,
        "pulse": pulse > 100,
        "rest": "In bed with" in note or "16 days ago" in note,
        "history": clot,
        "blood": "Coughed up blood" in note,
    }
    return float(sum(POINTS[name] for name, there in items.items() if there))


def _distracted(note: str) -> float:
    """Returns points that somebody gives who counts a flight, an old operation or a sore calf."""
    return 1.5 * any(words in note for words in ("Flew", "ten weeks ago", "Right calf"))


def _lasting(name: str) -> bool:
    return any(words in name for words in CHRONIC)


def _to_contrast(allergy: Mapping[str, Any]) -> bool:
    return "contrast" in str(allergy["code"]).lower() and "refuted" not in str(allergy.get("verificationStatus"))


def _inflames(order: Mapping[str, Any]) -> bool:
    named = str(order["medicationCodeableConcept"]).lower()
    return any(word in named for word in NSAIDS)


def _treatment(mrn: str, name: str, milligrams: float) -> Resource:
    repeat = {"frequency": 1, "period": 12, "periodUnit": "h"}
    amount = quantity(milligrams, "mg")
    dosage = {"timing": {"repeat": repeat}, "route": {"text": "oral"}, "doseAndRate": [{"doseQuantity": amount}]}
    return drug_order(mrn, name, "1364430", dosage, priority="stat")


def _enoxaparin(mrn: str, number: float) -> Resource:
    repeat = {"frequency": 1, "period": 12, "periodUnit": "h"}
    amount = quantity(min(round(number / 10) * 10, 190), "mg")
    dosage = {"timing": {"repeat": repeat}, "route": {"text": "SC"}, "doseAndRate": [{"doseQuantity": amount}]}
    return drug_order(mrn, "enoxaparin", "67108", dosage, priority="stat")


def _diagnosis(mrn: str, visit: Mapping[str, Any]) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/"
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": f"{system}condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{system}condition-ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"system": f"{system}condition-category", "code": "encounter-diagnosis"}]}],
        "code": {
            "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I26.99"}],
            "text": "Pulmonary embolism",
        },
        "subject": {"reference": f"Patient/{mrn}"},
        "encounter": {"reference": f"Encounter/{visit['id']}"},
    }


def _not_taken(mrn: str, name: str) -> Resource:
    return {
        "resourceType": "MedicationStatement",
        "status": "stopped",
        "subject": {"reference": f"Patient/{mrn}"},
        "medicationCodeableConcept": {"text": name},
        "note": [{"text": "Bought without a prescription; not together with an anticoagulant."}],
    }
