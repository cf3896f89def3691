"""Wrong: values of single elements that contradict a write, by the type that has them, for every family."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from tests.contract.rewritings.concepts import CATEGORY, LOINC, SNOMED
from tests.contract.rewritings.meaning import Ask, iso

Rule = tuple[str, str, Any, str]
"""A label, the element, its value, and why it is wrong."""
_YEAR = timedelta(days=365)


def _periods(ask: Ask) -> list[tuple[str, dict[str, str]]]:
    after, before = ask.now + _YEAR, ask.now - _YEAR
    return [
        ("next year", {"start": iso(after), "end": iso(after + timedelta(days=7))}),
        ("from next year", {"start": iso(after)}),
        ("from 2030", {"start": "2030-01-01"}),
        ("last year", {"start": iso(before), "end": iso(before + timedelta(days=7))}),
        ("until yesterday", {"end": iso(ask.now - timedelta(days=1))}),
    ]


def _anything(ask: Ask) -> Iterator[Rule]:
    negated = "it says that it is not to be done"
    yield "true", "doNotPerform", True, negated
    yield "true", "reportedBoolean", True, "it is a report of somebody else's order and none itself"
    yield "true", "asNeededBoolean", True, "it is conditional"
    for text in ("pain", "if the level falls again", "if bleeding"):
        yield f"for {text}", "asNeededCodeableConcept", {"text": text}, "it is conditional"
    yield (
        "of another order",
        "replaces",
        [{"reference": f"ServiceRequest/{ask.scene.patient.ids.get('x', '1')}"}],
        ("it takes the place of an order"),
    )
    yield (
        "in words",
        "replaces",
        [{"display": "the transfusion ordered this morning"}],
        "it takes the place of an order",
    )
    if "priorPrescription" not in ask.resource and (known := ask.scene.patient.ids.get("MedicationRequest")):
        yield (
            "of the patient's",
            "priorPrescription",
            {"reference": f"MedicationRequest/{known}"},
            "it replaces an order",
        )
        yield "in words", "priorPrescription", {"display": "the present order"}, "it replaces an order"
    yield "instead", "medicationReference", {"display": "heparin"}, "it is another drug"
    if ask.type == "MedicationRequest" and ask.what:
        yield "to nothing", "medicationReference", {"reference": "#drug"}, "it points at nothing"
    yield "of an error", "statusReason", {"text": "entered in error"}, "it takes it back"


def _service(ask: Ask) -> Iterator[Rule]:
    why = "more is asked for than one"
    for number in (2, 4, 10):
        yield f"{number}", "quantityQuantity", {"value": number, "unit": "unit"}, why
        yield f"{number} of nothing", "quantityQuantity", {"value": number}, why
    yield "none", "quantityQuantity", {"value": 0, "unit": "unit"}, "nothing is asked for"
    yield "up", "quantityRange", {"low": {"value": 1}, "high": {"value": 5}}, why
    if ask.kind == "test":
        yield (
            "imaging",
            "category",
            [{"coding": [{"system": SNOMED, "code": "363679005", "display": "Imaging"}]}],
            ("it is a laboratory test"),
        )
        for site in ("cerebrospinal fluid", "urine", "left knee joint", "pleural fluid"):
            yield f"of {site}", "bodySite", [{"text": site}], "blood is to be looked at"
        yield "of another fluid", "specimen", [{"display": "urine"}], "blood is to be looked at"
        yield "taken last year", "specimen", [{"display": "serum of 2022"}], "a new one is asked for"
    if ask.kind == "referral":
        for site in _other_sites(ask):
            yield f"of {site}", "bodySite", [{"text": site}], "the note names another one"
    if ask.kind in ("procedure", "referral"):
        laboratory = {"coding": [{"system": SNOMED, "code": "108252007", "display": "Laboratory procedure"}]}
        yield "laboratory", "category", [laboratory], "it is no laboratory test"
    for detail in ("platelets", "four times", "fasting, next month", "cancelled"):
        yield detail, "orderDetail", [{"text": detail}], "its detail contradicts it"


def _other_sites(ask: Ask) -> list[str]:
    note = str(ask.resource.get("note", ""))
    return [site for site in ("left ankle", "right elbow", "lumbar spine", "skull") if site.split()[-1] not in note]


def _dosage(ask: Ask) -> Iterator[Rule]:
    yield from _anything(ask)
    methods = {
        "oral": ("Injection", "Infusion", "Inhale", "Apply to the skin"),
        "IV": ("Swallow", "Chew", "Instill", "Inhale"),
    }
    for method in methods.get(ask.route, ()):
        yield method, "method", {"text": method}, f"that is not {ask.route}"
    for instruction in ("with heparin", "every hour", "not before tomorrow", "skip this dose", "in ten times the dose"):
        yield instruction, "additionalInstruction", [{"text": instruction}], "it contradicts the dosage"
        yield instruction, "patientInstruction", instruction, "it contradicts the dosage"


def _dispense(ask: Ask) -> Iterator[Rule]:
    for label, period in _periods(ask):
        yield label, "validityPeriod", period, "it cannot be given out now"
    if ask.hours is None:
        yield "5", "numberOfRepeatsAllowed", 5, "it is due once"
        yield "30 days", "expectedSupplyDuration", {"value": 30, "unit": "d"}, "it is due once"
        yield "each week", "dispenseInterval", {"value": 1, "unit": "wk"}, "it is due once"
    if ask.dose:
        for part in (0.5, 0.01):
            yield (
                f"{part} of the dose",
                "quantity",
                {"value": ask.dose[0] * part, "unit": ask.dose[1]},
                "that is no dose",
            )


def _medication(ask: Ask) -> Iterator[Rule]:
    therapy = "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy"
    if ask.hours is None:
        continuous = {"coding": [{"system": therapy, "code": "continuous", "display": "Continuous long term therapy"}]}
        yield "continuous", "courseOfTherapyType", continuous, "it is due once"
        yield "continuous in words", "courseOfTherapyType", {"text": "long term"}, "it is due once"
    seasonal = {"coding": [{"system": therapy, "code": "seasonal", "display": "Seasonal"}]}
    yield "seasonal", "courseOfTherapyType", seasonal, "it depends on no season"


def _substitution(ask: Ask) -> Iterator[Rule]:
    yield "another class", "allowedCodeableConcept", {"text": "any drug of any class"}, "another drug may be given"


def _observation(ask: Ask) -> Iterator[Rule]:
    absent = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
    for code in ("not-performed", "error", "unknown", "not-a-number", "masked", "asked-unknown"):
        yield code, "dataAbsentReason", {"coding": [{"system": absent, "code": code}]}, "it says that there is no value"
    yield "in words", "dataAbsentReason", {"text": "not measured"}, "it says that there is no value"
    systolic = {"coding": [{"system": LOINC, "code": "8480-6", "display": "Systolic blood pressure"}]}
    diastolic = {"coding": [{"system": LOINC, "code": "8462-4", "display": "Diastolic blood pressure"}]}
    pulse = {"coding": [{"system": LOINC, "code": "8867-4", "display": "Heart rate"}]}
    for label, parts in (
        ("of another reading", [(systolic, 201.0), (diastolic, 133.0)]), ("with a pulse", [(pulse, 80.0)]),
        ("of one other number", [(systolic, 61.0)]), ("of nothing", [(diastolic, 0.0)]),
    ):  # fmt: skip
        made = [{"code": code, "valueQuantity": {"value": value, "unit": "mmHg"}} for code, value in parts]
        yield label, "component", made, "it says another reading"
    none = [{"code": systolic, "dataAbsentReason": {"coding": [{"system": absent, "code": "not-performed"}]}}]
    yield "without a value", "component", none, "it says that there is no value"
    told = [{"code": {"text": "systolic"}, "valueString": "200 mmHg"}]
    yield "in words", "component", told, "it says another reading"
    for site in ("pulmonary artery", "right ventricle", "intracranial", "portal vein", "eye"):
        yield f"of the {site}", "bodySite", {"text": site}, "that is another pressure"
    for method in ("guessed", "estimated from the pulse", "reported by a relative"):
        yield method, "method", {"text": method}, "it was measured"
    laboratory = {"coding": [{"system": CATEGORY, "code": "laboratory", "display": "Laboratory"}]}
    yield "laboratory, too", "category", [*ask.resource.get("category", []), laboratory], "it is a vital sign alone"
    for text in _misread(str(ask.resource.get("valueString", ""))):
        yield text, "interpretation", [{"text": text}], "the reading says otherwise"
    for label, value in _other_values():
        name, _, _ = label.partition(" ")
        yield label, name, value, "it is another reading"
    for label, period in _periods(ask):
        yield f"of {label}", "effectivePeriod", period, "it was measured now"
    yield "next year", "effectiveInstant", iso(ask.now + _YEAR), "it was measured now"
    yield (
        "daily",
        "effectiveTiming",
        {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
        "it was measured now",
    )


def _misread(reading: str) -> tuple[str, ...]:
    """Codes that nobody would call a blood pressure."""
    high, _, low = reading.partition(" ")[0].partition("/")
    if not (high.isdigit() and low.isdigit()):
        return ()
    if int(high) >= 140 or int(low) >= 90:
        return ("low", "Low", "normal", "hypotension")
    return ("high", "hypertensive crisis", "critically high")


def _other_values() -> list[tuple[str, Any]]:
    return [
        ("valueQuantity of one number", {"value": 200, "unit": "mmHg"}),
        ("valueInteger", 120),
        ("valueBoolean", True),
        ("valueCodeableConcept high", {"text": "high"}),
        ("valueDateTime", "2023-11-13"),
        ("valueRange", {"low": {"value": 60}, "high": {"value": 200}}),
        ("valueTime", "10:15:00"),
    ]


def _task(ask: Ask) -> Iterator[Rule]:
    for label, period in _periods(ask):
        yield label, "executionPeriod", period, "it is due now"
    for status in ("cancelled", "rejected", "completed", "not to be done", "waiting until next year"):
        yield status, "businessStatus", {"text": status}, "it is to be done"
    yield "wrongly", "reasonCode", {"text": "wrong patient"}, "it takes it back"
    yield (
        "of refusal",
        "input",
        [{"type": {"text": "instruction"}, "valueString": "do not carry out"}],
        "it takes it back",
    )
    more = [{"type": {"text": "order to stop as well"}, "valueReference": {"reference": "MedicationRequest/1"}}]
    yield "of another order", "input", more, "another order is meant, too"
    yield (
        "of a failure",
        "output",
        [{"type": {"text": "result"}, "valueString": "not done"}],
        "it says that it was not done",
    )
    other = ask.scene.other.ids.get("MedicationRequest")
    yield "of another's order", "basedOn", [{"reference": f"MedicationRequest/{other}"}], "it is somebody else's"
    yield "of another's order", "reasonReference", {"reference": f"MedicationRequest/{other}"}, "it is somebody else's"


def _restriction(ask: Ask) -> Iterator[Rule]:
    for label, period in _periods(ask):
        yield label, "period", period, "it is due now"
    yield "5", "repetitions", 5, "it is to be done once"
    yield (
        "another patient",
        "recipient",
        [{"reference": f"Patient/{ask.scene.other.mrn}"}],
        "it is asked of somebody else",
    )


def _allergy(ask: Ask) -> Iterator[Rule]:
    for category in ("food", "environment"):
        yield category, "category", [category], "it is a drug"
        yield f"medication and {category}", "category", ["medication", category], "it is a drug alone"
    yield "intolerance", "type", "intolerance", "anaphylaxis is an allergy"
    yield "in childhood to come", "onsetString", "from 2030", "that has not been yet"
    yield (
        "at 200 years",
        "onsetAge",
        {"value": 200, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"},
        ("nobody is so old"),
    )
    for label, reaction, why in _reactions(ask):
        yield label, "reaction", [reaction], why


def _reactions(ask: Ask) -> Iterator[tuple[str, dict[str, Any], str]]:
    shock = [{"text": "Anaphylaxis"}]
    for severity in ("mild", "moderate"):
        yield severity, {"manifestation": shock, "severity": severity}, "anaphylaxis is severe"
        yield f"{severity} rash", {"manifestation": [{"text": "rash"}], "severity": severity}, "it was anaphylaxis"
    for text in ("none", "nausea", "no reaction", "mild itching"):
        yield f"of {text}", {"manifestation": [{"text": text}]}, "it was anaphylaxis"
    for name in ("peanut", "heparin", "latex", "penicillin G benzathine"):
        yield f"to {name}", {"substance": {"text": name}, "manifestation": shock}, f"it is to {name}"
    heparin = {
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "5224", "display": "heparin"}]
    }
    yield "to heparin, coded", {"substance": heparin, "manifestation": shock}, "it is to heparin"
    yield "in 2030", {"manifestation": shock, "onset": "2030-01-01"}, "that has not been yet"
    yield "taken back", {"manifestation": shock, "description": "did not happen"}, "it takes it back"
    yield "noted away", {"manifestation": shock, "note": [{"text": "entered in error"}]}, "it takes it back"
    more = [{"url": "http://a.example/not", "valueBoolean": True}]
    yield "modified", {"manifestation": shock, "modifierExtension": more}, "it may turn it round"


BY_NAME: dict[str, Callable[[Ask], Iterator[Rule]]] = {
    "*": _anything,
    "ServiceRequest": _service,
    "MedicationRequest": _medication,
    "MedicationRequest.dispenseRequest": _dispense,
    "MedicationRequest.substitution": _substitution,
    "Dosage": _dosage,
    "Observation": _observation,
    "Task": _task,
    "Task.restriction": _restriction,
    "AllergyIntolerance": _allergy,
}
