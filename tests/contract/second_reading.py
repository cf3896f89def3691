"""The prompts read a second time: what each frozen case's answer and writes are, from the chart's raw resources alone.

Nothing of the families, of their judges or of the project's clinical helpers is used, and every date and dose that a
rule gives is written out, so that an error which a solution and its verifier share shows here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from mab_gym.backends import Backend
from mab_gym.fhir.http._server import Request

Resource = dict[str, Any]
Params = Mapping[str, Any]
Wanted = tuple[list[Any], list[Resource]]
"""An answer and the resources to be written."""

NOW = "2023-11-13T10:15:00+00:00"
A_DAY_AGO = datetime.fromisoformat("2023-11-12T10:15:00+00:00")
TWO_DAYS_AGO = datetime.fromisoformat("2023-11-11T10:15:00+00:00")
A_YEAR_AGO = datetime.fromisoformat("2022-11-13T10:15:00+00:00")
TOMORROW_AT_EIGHT = "2023-11-14T08:00:00+00:00"
IN_A_WEEK_AT_EIGHT = "2023-11-20T08:00:00+00:00"
IN_TWO_WEEKS_AT_EIGHT = "2023-11-27T08:00:00+00:00"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
NDC = "http://hl7.org/fhir/sid/ndc"


class Ward:
    """Raw resources from the FHIR server, with others laid over them."""

    def __init__(self, backend: Backend, laid_over: Sequence[Resource] = ()) -> None:
        self._session = backend.open()
        self._session.prepare(laid_over)
        self._base = backend.base_url
        self._everybody: list[Resource] = []

    def get(self, target: str) -> list[Resource]:
        """All resources of a search, page after page."""
        found: list[Resource] = []
        while target:
            bundle = json.loads(self._session.handle(Request("GET", target)).body)
            found += [entry["resource"] for entry in bundle.get("entry", [])]
            links = {link["relation"]: link["url"] for link in bundle["link"]}
            target = links.get("next", "").removeprefix(self._base).removeprefix("/")
        return found

    def everybody(self) -> list[Resource]:
        """Every Patient."""
        self._everybody = self._everybody or self.get("Patient?_count=500")
        return self._everybody

    def patient(self, mrn: str) -> Resource:
        """One Patient."""
        (found,) = self.get(f"Patient?_id={mrn}")
        return found

    def results(self, mrn: str, code: str) -> list[Resource]:
        """A patient's results of one code that were not entered in error, the newest first."""
        found = [
            each
            for each in self.get(f"Observation?patient={mrn}&code={code}&_count=500")
            if each["status"] != "entered-in-error" and each["code"]["coding"][0]["code"] == code
        ]
        return sorted(found, key=taken, reverse=True)

    def newest(self, mrn: str, code: str) -> Resource:
        """The newest of them."""
        found = self.results(mrn, code)
        assert len(found) == 1 or taken(found[0]) > taken(found[1]), "the newest is one alone"
        return found[0]

    def orders(self, mrn: str) -> list[Resource]:
        """A patient's active medication orders."""
        found = self.get(f"MedicationRequest?patient={mrn}&_count=500")
        return [each for each in found if each["status"] == "active"]


def taken(result: Resource) -> datetime:
    """The moment at which a specimen was taken."""
    return datetime.fromisoformat(result["effectiveDateTime"])


def value_and_time(result: Resource) -> list[Any]:
    """A result as answers give it."""
    return [result["valueQuantity"]["value"], result["effectiveDateTime"]]


def birthdays(born: str) -> int:
    """The number of birthdays that somebody has had by the 13th of November 2023."""
    year, month, day = map(int, born.split("-"))
    had = 0
    while (year + had + 1, month, day) <= (2023, 11, 13):
        had += 1
    return had


def name(patient: Resource) -> str:
    """First given name and family name."""
    return f"{patient['name'][0]['given'][0]} {patient['name'][0]['family']}"


def order(kind: str, mrn: str, **more: Any) -> Resource:
    """An order as all prompts want it: status active, intent order, subject, authoredOn now."""
    return {
        "resourceType": kind,
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{mrn}"},
        "authoredOn": NOW,
        **more,
    }


def coded(system: str, code: str) -> Resource:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code}]}


def dosage(route: str, amount: float, unit: str, **more: Any) -> list[Resource]:
    """One dosageInstruction with one dose."""
    return [{"route": {"text": route}, "doseAndRate": [{"doseQuantity": {"value": amount, "unit": unit}}], **more}]


# --- MedAgentBench's ten --------------------------------------------------------------------------------------------


def patient_lookup(ward: Ward, params: Params) -> Wanted:
    """The id of who has name and date of birth, or when who has the name was born."""
    named = [each for each in ward.everybody() if name(each) == params["name"]]
    found = [each["id"] for each in named if each["birthDate"] == params["birth_date"]]
    return found or ["Patient not found", *[each["birthDate"] for each in named]], []


def patient_age(ward: Ward, params: Params) -> Wanted:
    """Completed years."""
    return [birthdays(ward.patient(params["mrn"])["birthDate"])], []


def record_blood_pressure(ward: Ward, params: Params) -> Wanted:
    """The reading of the prompt as an Observation."""
    assert ward.patient(params["mrn"])
    assert re.fullmatch(r"\d{2,3}/\d{2,3} mmHg", params["reading"])
    category = {
        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
        "code": "vital-signs",
        "display": "Vital Signs",
    }
    return [], [
        {
            "resourceType": "Observation",
            "status": "final",
            "category": [{"coding": [category]}],
            "code": {"text": "BP"},
            "subject": {"reference": f"Patient/{params['mrn']}"},
            "effectiveDateTime": NOW,
            "valueString": params["reading"],
        }
    ]


def latest_magnesium(ward: Ward, params: Params) -> Wanted:
    """The newest magnesium, and -1 before it where it is older than a day."""
    newest = ward.newest(params["mrn"], "MG")
    return ([] if taken(newest) >= A_DAY_AGO else [-1]) + value_and_time(newest), []


def replace_magnesium(ward: Ward, params: Params) -> Wanted:
    """The same, and 1, 2 or 4 g over as many hours at 1.9 mg/dL or less."""
    newest = ward.newest(params["mrn"], "MG")
    if taken(newest) < A_DAY_AGO:
        return [-1, *value_and_time(newest)], []
    value = newest["valueQuantity"]["value"]
    grams = 0 if value > 1.9 else 1 if value >= 1.5 else 2 if value >= 1.0 else 4
    given = dosage("IV", grams, "g")
    given[0]["doseAndRate"][0]["rateQuantity"] = {"value": grams, "unit": "h"}
    medication = coded(NDC, "0338-1715-40")
    wanted = order("MedicationRequest", params["mrn"], medicationCodeableConcept=medication, dosageInstruction=given)
    return value_and_time(newest), [wanted] if grams else []


def mean_glucose(ward: Ward, params: Params) -> Wanted:
    """The mean of the last day's readings to one decimal and their number, or -1 with the newest before."""
    found = ward.results(params["mrn"], "GLU")
    now = datetime.fromisoformat(NOW)
    values = [Fraction(str(each["valueQuantity"]["value"])) for each in found if A_DAY_AGO <= taken(each) <= now]
    if not values:
        return [-1, *value_and_time(ward.newest(params["mrn"], "GLU"))], []
    mean = sum(values, Fraction()) / len(values)
    tenths = Decimal(mean.numerator * 10) / Decimal(mean.denominator)
    # A tie may go either way (the verifier takes both); the solution's goes to the even side.
    return [float(tenths.quantize(Decimal(1), ROUND_HALF_EVEN) / 10), len(values)], []


def latest_glucose(ward: Ward, params: Params) -> Wanted:
    """The newest glucose, whenever."""
    return value_and_time(ward.newest(params["mrn"], "GLU")), []


def refer_orthopaedics(ward: Ward, params: Params) -> Wanted:
    """The referral with the prompt's text, which introduces the patient as the chart has them."""
    patient = ward.patient(params["mrn"])
    full = " ".join([*patient["name"][0]["given"], patient["name"][0]["family"]])
    kind = {"female": "woman", "male": "man"}[patient["gender"]]
    assert params["text"].startswith(f"Situation: {full}, {kind} of {birthdays(patient['birthDate'])} years, ")
    code, note = coded(SNOMED, "306181000000106"), [{"text": params["text"]}]
    return [], [order("ServiceRequest", params["mrn"], priority="stat", code=code, note=note)]


def replace_potassium(ward: Ward, params: Params) -> Wanted:
    """Below 3.5, 10 mEq for each tenth below, and a level tomorrow at eight."""
    newest = ward.newest(params["mrn"], "K")
    tenths = (Decimal("3.5") - Decimal(str(newest["valueQuantity"]["value"]))) * 10
    if tenths <= 0:
        return value_and_time(newest), []
    repletion = order(
        "MedicationRequest",
        params["mrn"],
        medicationCodeableConcept=coded(NDC, "40032-917-01"),
        dosageInstruction=dosage("oral", float(tenths * 10), "mEq"),
    )
    code = coded(LOINC, "2823-3")
    control = order("ServiceRequest", params["mrn"], priority="stat", code=code, occurrenceDateTime=TOMORROW_AT_EIGHT)
    return value_and_time(newest), [repletion, control]


def check_a1c(ward: Ward, params: Params) -> Wanted:
    """A new one where the last is from before a year ago or there is none; then the newest glucose is told, too."""
    new = order("ServiceRequest", params["mrn"], priority="stat", code=coded(LOINC, "4548-4"))
    if not ward.results(params["mrn"], "A1C"):
        return [-1, *value_and_time(ward.newest(params["mrn"], "GLU"))], [new]
    newest = ward.newest(params["mrn"], "A1C")
    return value_and_time(newest), [new] if taken(newest) < A_YEAR_AGO else []


# --- the five beyond ------------------------------------------------------------------------------------------------


def act_on_amended(ward: Ward, params: Params) -> Wanted:
    """One unit below 7.0, nothing from there on, a new haemoglobin where it was withdrawn."""
    found = ward.get(f"Observation?patient={params['mrn']}&code=HGB&_count=500")
    (result,) = [each for each in found if taken(each) == datetime.fromisoformat(params["taken"])]
    assert result["id"] == max(found, key=taken)["id"]
    notes = " ".join(note["text"] for note in result.get("note", []))
    shown = f"{result['valueQuantity']['value']:.1f}"
    assert f"First reported as {params['phoned']} g/dL" in notes or (
        "First reported" not in notes and shown == params["phoned"]
    )
    if result["status"] == "entered-in-error":
        return [-1, result["issued"]], [
            order("ServiceRequest", params["mrn"], priority="stat", code=coded(LOINC, "718-7"))
        ]
    assert result["status"] in ("final", "amended", "corrected")
    value = result["valueQuantity"]["value"]
    unit = {"value": 1, "unit": "unit"}
    blood = order(
        "ServiceRequest", params["mrn"], priority="stat", code=coded(SNOMED, "116863004"), quantityQuantity=unit
    )
    return [value, result["issued"]], [blood] if value < 7.0 else []


def dose_by_kidneys(ward: Ward, params: Params) -> Wanted:
    """Meropenem by Cockcroft and Gault, or a creatinine where none is of the last 48 hours."""
    creatinine = ward.newest(params["mrn"], "CREA")
    if taken(creatinine) < TWO_DAYS_AGO:
        code = coded(LOINC, "2160-0")
        return [-1, *value_and_time(creatinine)], [order("ServiceRequest", params["mrn"], priority="stat", code=code)]
    weights = ward.get(f"Observation?patient={params['mrn']}&code:text=WT&_count=500")
    valid = [each for each in weights if each["status"] != "entered-in-error" and each["code"]["text"] == "WT"]
    weight = max(valid, key=taken)["valueQuantity"]
    assert weight["unit"] == "kg"
    patient = ward.patient(params["mrn"])
    clearance = Decimal(140 - birthdays(patient["birthDate"])) * Decimal(str(weight["value"]))
    clearance /= 72 * Decimal(str(creatinine["valueQuantity"]["value"]))
    clearance *= {"female": Decimal("0.85"), "male": Decimal(1)}[patient["gender"]]
    rounded = int(clearance.quantize(Decimal(1), ROUND_HALF_UP))
    milligrams, hours = (1000, 8) if rounded > 50 else (1000, 12) if rounded >= 26 else (500, 12)
    hours = 24 if rounded < 10 else hours
    timing = {"repeat": {"frequency": 1, "period": hours, "periodUnit": "h"}}
    meropenem = order(
        "MedicationRequest",
        params["mrn"],
        medicationCodeableConcept=coded(RXNORM, "29561"),
        dosageInstruction=dosage("IV", milligrams, "mg", timing=timing),
    )
    return [rounded, *value_and_time(creatinine)], [meropenem]


def follow_inr(ward: Ward, params: Params) -> Wanted:
    """The clinic's rules by the newest INR."""
    newest = ward.newest(params["mrn"], "INR")
    (warfarin,) = [each for each in ward.orders(params["mrn"]) if "warfarin" in json.dumps(each).lower()]
    present = warfarin["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
    assert present["unit"] == "mg"
    ratio = Decimal(str(newest["valueQuantity"]["value"]))
    assert ratio * 10 == int(ratio * 10), "a ratio of one decimal"
    mrn, existing = params["mrn"], {"reference": f"MedicationRequest/{warfarin['id']}"}

    def new_dose(factor: str) -> Resource:
        halves = Decimal(str(present["value"])) * Decimal(factor) * 2
        assert halves % 1 != Decimal("0.5"), "the nearest half milligram is one alone"
        return order(
            "MedicationRequest",
            mrn,
            medicationCodeableConcept=coded(RXNORM, "11289"),
            priorPrescription=existing,
            dosageInstruction=dosage(
                "oral",
                float(halves.quantize(Decimal(1), ROUND_HALF_UP) / 2),
                "mg",
                timing={"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
            ),
        )

    def next_ratio(when: str) -> Resource:
        return order("ServiceRequest", mrn, code=coded(LOINC, "6301-6"), occurrenceDateTime=when)

    hold = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": coded("http://hl7.org/fhir/CodeSystem/task-code", "suspend"),
        "focus": existing,
        "for": {"reference": f"Patient/{mrn}"},
        "authoredOn": NOW,
    }
    vitamin = order(
        "MedicationRequest",
        mrn,
        medicationCodeableConcept=coded(RXNORM, "8308"),
        dosageInstruction=dosage("oral", 5, "mg"),
    )
    if ratio <= Decimal("1.4"):
        wanted = [new_dose("1.2"), next_ratio(IN_A_WEEK_AT_EIGHT)]
    elif ratio <= Decimal("1.9") or Decimal("3.1") <= ratio <= Decimal("3.5"):
        wanted = [next_ratio(IN_TWO_WEEKS_AT_EIGHT)]
    elif ratio <= Decimal("3.0"):
        wanted = []
    elif ratio <= Decimal("4.4"):
        wanted = [new_dose("0.9"), next_ratio(IN_A_WEEK_AT_EIGHT)]
    elif ratio <= 10:
        wanted = [hold, next_ratio(TOMORROW_AT_EIGHT)]
    else:
        wanted = [hold, vitamin, next_ratio(TOMORROW_AT_EIGHT)]
    return [*value_and_time(newest), present["value"]], wanted


def reconcile_medications(ward: Ward, params: Params) -> Wanted:
    """The older of two active orders of one ingredient by one route is to be stopped."""
    active = ward.orders(params["mrn"])
    active.sort(key=lambda each: datetime.fromisoformat(each["authoredOn"]))
    same = [
        (one, two)
        for place, one in enumerate(active)
        for two in active[place + 1 :]
        if drug(one) == drug(two) and route(one) == route(two)
    ]
    if not same:
        return ["none", active[-1]["id"]], []
    ((stop, keep),) = same
    assert datetime.fromisoformat(stop["authoredOn"]) < datetime.fromisoformat(keep["authoredOn"])
    abort = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": coded("http://hl7.org/fhir/CodeSystem/task-code", "abort"),
        "focus": {"reference": f"MedicationRequest/{stop['id']}"},
        "for": {"reference": f"Patient/{params['mrn']}"},
        "authoredOn": NOW,
    }
    return [stop["id"], keep["id"]], [abort]


def drug(order: Resource) -> str:
    """The ingredient: what its text says before the strength."""
    found = re.match(r"[A-Za-z]+", order["medicationCodeableConcept"]["text"])
    assert found is not None
    return found[0].casefold()


def route(order: Resource) -> str:
    """The route."""
    return str(order["dosageInstruction"][0]["route"]["text"])


def record_allergy(ward: Ward, params: Params) -> Wanted:
    """The allergy of the one person meant, where it is not on record."""
    named = [each for each in ward.everybody() if name(each) == params["name"]]
    meant = [each["id"] for each in named if each["birthDate"] == params["birth_date"]]
    if not meant:
        (only,) = named
        return ["none", only["id"]], []
    (mrn,) = meant
    for allergy in ward.get(f"AllergyIntolerance?patient={mrn}&_count=500"):
        status = allergy["verificationStatus"]["coding"][0]["code"]
        if allergy["code"]["coding"][0]["code"] == params["code"] and status not in ("entered-in-error", "refuted"):
            return [mrn, "known"], []
    terms = "http://terminology.hl7.org/CodeSystem/allergyintolerance"
    return [mrn, "recorded"], [
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": coded(f"{terms}-clinical", "active"),
            "verificationStatus": coded(f"{terms}-verification", "confirmed"),
            "criticality": "high",
            "code": coded(RXNORM, params["code"]),
            "patient": {"reference": f"Patient/{mrn}"},
            "recordedDate": NOW,
        }
    ]


READINGS: dict[str, Callable[[Ward, Params], Wanted]] = {
    reading.__name__: reading
    for reading in (
        patient_lookup, patient_age, record_blood_pressure, latest_magnesium, replace_magnesium, mean_glucose,
        latest_glucose, refer_orthopaedics, replace_potassium, check_a1c, act_on_amended, dose_by_kidneys, follow_inr,
        reconcile_medications, record_allergy,
    )
}  # fmt: skip
