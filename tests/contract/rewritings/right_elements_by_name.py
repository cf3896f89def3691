"""Right: values of single elements that go with a write, by the type that has them, for every family."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from tests.contract.rewritings.concepts import LOINC, SNOMED
from tests.contract.rewritings.meaning import Ask, iso
from tests.contract.rewritings.words import HARMLESS_NOTES, ROUTES, UCUM, UNITS

Rule = tuple[str, str, Any, bool | None, str]
"""A label, the element, its value, whether it is right, and why."""
REASONS = {"potassium": "hypokalemia", "magnesium": "hypomagnesemia", "KCl": "hypokalemia", "MgSO4": "hypomagnesemia",
           "Meropenem": "intra-abdominal infection", "Warfarin": "anticoagulation", "Phytonadione": "high INR",
           "INR": "anticoagulation", "Red blood cell transfusion": "anaemia", "abort": "duplicate therapy",
           "suspend": "high INR", "HbA1c": "HbA1c out of date", "Hemoglobin": "result withdrawn",
           "Serum potassium": "hypokalemia", "Serum creatinine": "no creatinine in the last 48 hours"}  # fmt: skip
ICD = {"hypokalemia": "E87.6", "hypomagnesemia": "E83.42", "anaemia": "D64.9", "anticoagulation": "Z79.01"}
_CATEGORIES = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
_THERAPY = "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy"


def _anything(ask: Ask) -> Iterator[Rule]:
    why = "it changes nothing"
    for name in ("doNotPerform", "asNeededBoolean", "reportedBoolean"):
        yield "false", name, False, True, "it says what holds anyway"
    noted = ask.resource.get("note", [])
    for text in HARMLESS_NOTES:
        if ask.is_order or text != "Ordered as requested.":
            yield f"says {text}", "note", [*noted, {"text": text}], True, why
    for text in _told(ask, *ask.dose) if ask.dose else ():
        yield f"says {text}", "note", [*noted, {"text": text}], True, "it says the same"
    if ask.is_order:
        yield f"says {ask.sentence}", "note", [*noted, {"text": ask.sentence}], True, "it says the same"
        signed = {"text": "Please.", "authorString": "Dr. Gustafson", "time": iso(ask.now)}
        yield "signed", "note", [*noted, signed], True, why
    reason = next((REASONS[name] for name in ask.concept.names if name in REASONS), None) if ask.concept else None
    if reason and ask.is_order:
        for text in (reason, reason[0].upper() + reason[1:]):
            concept = {"text": text}
            value = concept if ask.type == "Task" else [concept]
            yield f"{text}", "reasonCode", value, True, "it is why"
        yield f"says why: {reason}", "note", [*noted, {"text": f"For {reason}."}], True, "it is why"
    if reason in ICD and ask.is_order:
        coded = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": ICD[reason], "display": reason}]}
        yield f"{reason}, coded", "reasonCode", coded if ask.type == "Task" else [coded], True, "it is why"
    own = ask.scene.patient.ids
    for name, kind in (("supportingInfo", "Observation"), ("supportingInformation", "Observation"),
                       ("reasonReference", "Condition")):  # fmt: skip
        if kind in own:
            reference: Any = {"reference": f"{kind}/{own[kind]}"}
            value = reference if ask.type == "Task" else [reference]
            right = True if name != "reasonReference" else None
            yield f"{kind} of the patient", name, value, right, "it is the patient's own"


def _orders(ask: Ask) -> Iterator[Rule]:
    """The elements that MedicationRequest, ServiceRequest and Task share."""
    if "priority" not in ask.resource:
        for priority in ("routine", "urgent", "asap", "stat"):
            right = True if ask.due == ask.now or priority == "routine" else None
            yield priority, "priority", priority, right, "the prompt names none"
    yield (
        "of a nurse",
        "performerType",
        [{"text": "nurse"}] if ask.type == "Task" else {"text": "nurse"},
        None,
        ("it says who may do it"),
    )


def _medication(ask: Ask) -> Iterator[Rule]:
    yield from _orders(ask)
    inpatient = {"coding": [{"system": _CATEGORIES, "code": "inpatient", "display": "Inpatient"}]}
    yield "inpatient", "category", [inpatient], True, "it says where"
    yield "inpatient in words", "category", [{"text": "Inpatient"}], True, "it says where"
    acute = {"coding": [{"system": _THERAPY, "code": "acute", "display": "Short course (acute) therapy"}]}
    long = {"coding": [{"system": _THERAPY, "code": "continuous", "display": "Continuous long term therapy"}]}
    if ask.hours is None or ask.route == "IV":
        yield "acute", "courseOfTherapyType", acute, True, "it is a short course"
    else:
        yield "continuous", "courseOfTherapyType", long, True, "it goes on"


def _dosage(ask: Ask) -> Iterator[Rule]:
    yield "1", "sequence", 1, True, "there is one dosage"
    yield "false", "asNeededBoolean", False, True, "it says what holds anyway"
    yield "the order", "text", ask.sentence, True, "it says the same"
    if not ask.dose:
        return
    value, unit = ask.dose
    for text in _told(ask, value, unit):
        yield text, "text", text, True, "it says the same"
    yield "the dose", "maxDosePerAdministration", {"value": value, "unit": unit}, True, "the dose is within the limit"
    wide = {"value": value * 100, "unit": unit}
    yield "far above", "maxDosePerAdministration", wide, None, "the dose is within a limit that nobody would set"
    a_day = value if ask.hours is None else value * 24 / ask.hours
    day = {"value": 1, "unit": "d"}
    ratio = {"numerator": {"value": a_day, "unit": unit}, "denominator": day}
    yield "the day's doses", "maxDosePerPeriod", ratio, True, "the doses are within the limit"
    hours = {"numerator": {"value": a_day, "unit": unit}, "denominator": {"value": 24, "unit": "h"}}
    yield "of 24 hours", "maxDosePerPeriod", hours, True, "the doses are within the limit"
    if ask.hours is None:
        yield "the dose", "maxDosePerLifetime", {"value": value, "unit": unit}, True, "the dose is within the limit"
    methods = {"oral": ("Swallow", "swallow"), "IV": ("Infusion", "infuse", "Intravenous infusion")}
    for method in methods.get(ask.route, ()):
        yield method, "method", {"text": method}, True, f"that is {ask.route}"
    if ask.route == "IV":
        yield "of the arm", "site", {"text": "left forearm vein"}, True, "it goes into a vein"
    yield "of questions", "patientInstruction", "Ask the nurse if you have any questions.", True, "it changes nothing"


def _told(ask: Ask, value: float, unit: str) -> list[str]:
    routes = ROUTES[ask.route].names if ask.route in ROUTES else (ask.route,)
    often = ["once"] if ask.hours is None else [f"every {ask.hours:g} hours", f"q{ask.hours:g}h"]
    if ask.hours == 24:
        often += ["daily", "once daily"]
    long = f" over {ask.over:g} h" if ask.over else ""
    units = UNITS[unit].names[:1] if unit in UNITS else (unit,)
    return [
        f"{value:g} {unit_name} {route}{long} {time}" for unit_name in units for route in routes[:4] for time in often
    ]


def _dose_and_rate(ask: Ask) -> Iterator[Rule]:
    ordered = {
        "system": "http://terminology.hl7.org/CodeSystem/dose-rate-type",
        "code": "ordered",
        "display": "Ordered",
    }
    yield "ordered", "type", {"coding": [ordered]}, True, "the dose is the one ordered"
    yield (
        "calculated",
        "type",
        {"coding": [ordered | {"code": "calculated", "display": "Calculated"}]},
        None,
        ("the dose was worked out from the chart"),
    )


def _dispense(ask: Ask) -> Iterator[Rule]:
    month = {"start": iso(ask.now), "end": iso(ask.now + timedelta(days=30))}
    yield "a month from now", "validityPeriod", month, True, "it can be given out now"
    yield "from now", "validityPeriod", {"start": iso(ask.now)}, True, "it can be given out now"
    yield "0", "numberOfRepeatsAllowed", 0, True, "it is given out once"
    yield "by the pharmacy", "performer", {"display": "Ward pharmacy"}, True, "it says who gives it out"
    if ask.dose and ask.hours is None:
        yield "the dose", "quantity", {"value": ask.dose[0], "unit": ask.dose[1]}, True, "one dose is given out"


def _substitution(ask: Ask) -> Iterator[Rule]:
    yield "not allowed", "allowedBoolean", False, True, "nothing else may be given"
    yield "allowed", "allowedBoolean", True, None, "a generic may be given"


def _service(ask: Ask) -> Iterator[Rule]:
    yield from _orders(ask)
    if ask.kind == "test":
        laboratory = {"system": SNOMED, "code": "108252007", "display": "Laboratory procedure"}
        yield "laboratory", "category", [{"coding": [laboratory]}], True, "it is a laboratory test"
        v2 = {"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB", "display": "Laboratory"}
        yield "laboratory by HL7 v2", "category", [{"coding": [v2]}], True, "it is a laboratory test"
        yield "laboratory in words", "category", [{"text": "Laboratory"}], True, "it is a laboratory test"
        yield "one", "quantityQuantity", {"value": 1}, None, "one is asked for anyway"
        yield "of blood", "specimen", [{"display": "venous blood"}], True, "blood is to be looked at"
    if ask.kind == "referral":
        yield "of a referral", "category", [{"text": "Referral"}], True, "it is a referral"
        referral = {"system": SNOMED, "code": "3457005", "display": "Patient referral"}
        yield "of a referral, coded", "category", [{"coding": [referral]}], True, "it is a referral"
        yield "of a surgeon", "performerType", {"text": "Orthopaedic surgeon"}, True, "that is to whom"


def _task(ask: Ask) -> Iterator[Rule]:
    yield from _orders(ask)
    now = iso(ask.now)
    yield "from now", "executionPeriod", {"start": now}, True, "it is due now"
    yield (
        "within the hour",
        "executionPeriod",
        {"start": now, "end": iso(ask.now + timedelta(hours=1))},
        True,
        "it is due now",
    )
    yield "now", "lastModified", now, True, "it was written now"
    for name in ask.concept.names if ask.concept else ():
        yield f"{name}", "description", f"{name}.", True, "it says the same"
    focus = str(ask.resource.get("focus", {}).get("reference", ""))
    for text in (f"Please see to {focus}.", f"{ask.sentence}: {focus}") if focus else ():
        yield text, "description", text, True, "it names the order"
    yield "awaiting", "businessStatus", {"text": "awaiting pharmacist"}, None, "it is to be done"
    if ask.scene.patient.ids.get("Condition"):
        yield "in words", "basedOn", [{"display": "medication review"}], None, "it says where it comes from"


def _restriction(ask: Ask) -> Iterator[Rule]:
    now = iso(ask.now)
    yield "1", "repetitions", 1, True, "it is done once"
    yield "from now", "period", {"start": now}, True, "it is due now"
    yield "today", "period", {"start": now, "end": iso(ask.now + timedelta(hours=12))}, True, "it is due now"
    yield "the pharmacy", "recipient", [{"display": "Ward pharmacy"}], True, "it says who does it"


def _observation(ask: Ask) -> Iterator[Rule]:
    yield "now", "issued", iso(ask.now), True, "it was made known now"
    reading = str(ask.resource.get("valueString", ""))
    high, _, low = reading.partition(" ")[0].partition("/")
    if high.isdigit() and low.isdigit():
        parts = [("8480-6", "Systolic blood pressure", int(high)), ("8462-4", "Diastolic blood pressure", int(low))]
        for label, unit in (("", {"unit": "mmHg"}), (" in UCUM", {"unit": "mmHg", "system": UCUM, "code": "mm[Hg]"})):
            made = [{"code": {"coding": [{"system": LOINC, "code": code, "display": name}]},
                     "valueQuantity": {"value": value, **unit}} for code, name, value in parts]  # fmt: skip
            yield f"of the reading{label}", "component", made, True, "it says the same reading"
        raised = int(high) >= 140 or int(low) >= 90
        if raised or (int(high) >= 100 and int(low) >= 65):
            code, display = ("H", "High") if raised else ("N", "Normal")
            system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
            coding = {"system": system, "code": code, "display": display}
            yield display, "interpretation", [{"coding": [coding]}], True, "the reading says so"
    for site in ("left arm", "right upper arm"):
        yield site, "bodySite", {"text": site}, True, "that is where one measures"
    yield (
        "of the arm, coded",
        "bodySite",
        {"coding": [{"system": SNOMED, "code": "368209003", "display": "Right upper arm"}]},
        (True),
        "that is where one measures",
    )
    yield "cuff", "method", {"text": "auscultation with a cuff"}, None, "nobody said how it was measured"
    yield "monitor", "device", {"display": "Sphygmomanometer"}, True, "that is what one measures with"
    yield "instant", "effectiveInstant", iso(ask.now), None, "the prompt names effectiveDateTime"
    yield (
        "of no length",
        "effectivePeriod",
        {"start": iso(ask.now), "end": iso(ask.now)},
        None,
        "the prompt names effectiveDateTime",
    )


def _allergy(ask: Ask) -> Iterator[Rule]:
    yield "medication", "category", ["medication"], True, "it is a drug"
    yield "allergy", "type", "allergy", True, "anaphylaxis is an allergy"
    past = iso(ask.now - timedelta(days=30))
    yield "a month ago", "lastOccurrence", past, True, "it was before now"
    yield "a year ago", "onsetDateTime", iso(ask.now - timedelta(days=365)), None, "the prompt does not say when"
    coded = {"coding": [{"system": SNOMED, "code": "39579001", "display": "Anaphylaxis"}]}
    substance = ask.resource.get("code", {})
    shock = [{"text": "Anaphylaxis"}]
    for label, reaction in (
        ("anaphylaxis", {"manifestation": shock}),
        ("severe", {"manifestation": shock, "severity": "severe"}),
        ("anaphylaxis, coded", {"manifestation": [coded]}),
        ("coded and severe", {"manifestation": [coded], "severity": "severe"}),
        ("to the same", {"substance": substance, "manifestation": shock}),
        ("described", {"manifestation": shock, "description": "anaphylactic reaction", "severity": "severe"}),
        ("a month ago", {"manifestation": shock, "onset": past}),
        ("anaphylactic shock", {"manifestation": [{"text": "Anaphylactic shock"}], "severity": "severe"}),
    ):
        yield label, "reaction", [reaction], True, "it was anaphylaxis"
    named = ask.concept.names[0] if ask.concept else "it"
    anaphylaxis = [{"text": f"Anaphylactic reaction to {named}."}]
    yield "says what it was and to what", "note", anaphylaxis, True, "it says the same"
    yield "says what it was", "note", [{"text": "Anaphylactic reaction."}], True, "it says the same"


BY_NAME: dict[str, Callable[[Ask], Iterator[Rule]]] = {
    "*": _anything,
    "MedicationRequest": _medication,
    "MedicationRequest.dispenseRequest": _dispense,
    "MedicationRequest.substitution": _substitution,
    "Dosage": _dosage,
    "Dosage.doseAndRate": _dose_and_rate,
    "ServiceRequest": _service,
    "Task": _task,
    "Task.restriction": _restriction,
    "Observation": _observation,
    "AllergyIntolerance": _allergy,
}
