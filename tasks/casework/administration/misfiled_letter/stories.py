"""Letters from elsewhere: their matter, and the entries and orders that a hurried reader makes of them.

Each story has three entries: one that refers to the letter, one that refers to the first, and one that names the sender
in a note alone. Doses are usual first doses by the labels of the drugs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

LOINC, RXNORM, SNOMED = "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm", "http://snomed.info/sct"
_VERIFIED: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """A letter's news.

    Attributes:
        tells: What it tells, with ``{value}`` where there is a number.
        asks: What it asks for.
        values: The least and the greatest number; none without one.
        places: Digits after the point.
        first: ``condition``, ``result`` or ``allergy``, with code and words.
        drug: RxNorm code, words, and dosage of what is ordered.
        request: Code, its system, and words of what is requested.
    """

    tells: str
    asks: str
    values: tuple[float, float] | None
    places: int
    first: tuple[str, str, str, str]
    drug: tuple[str, str, str]
    request: tuple[str, str, str]


STORIES: Final = {
    "rhythm": Story(
        "A monitor over two weeks showed atrial fibrillation for hours, at 110 a minute.",
        "Please begin apixaban 5 mg twice a day, and have an echocardiogram done in your house.",
        None, 0, ("condition", "http://hl7.org/fhir/sid/icd-10-cm", "I48.91", "Atrial fibrillation"),
        ("1364430", "Apixaban tablet 5 mg", "5 mg by mouth twice daily"),
        (LOINC, "34552-0", "Echocardiogram"),
    ),
    "sugar": Story(
        "A1c was {value} % in our laboratory.",
        "Please add glipizide 5 mg in the morning, and repeat the A1c in three months.",
        (8.6, 10.9), 1, ("result", LOINC, "4548-4", "Hemoglobin A1c"),
        ("4821", "Glipizide tablet 5 mg", "5 mg by mouth daily"),
        (LOINC, "4548-4", "Hemoglobin A1c in three months"),
    ),
    "thyroid": Story(
        "TSH was {value} mIU/L, twice.",
        "Please begin levothyroxine 50 micrograms a day, and repeat TSH in six weeks.",
        (11.0, 24.0), 1, ("result", LOINC, "3016-3", "TSH"),
        ("10582", "Levothyroxine tablet 50 ug", "50 ug by mouth daily"),
        (LOINC, "3016-3", "TSH in six weeks"),
    ),
    "lipids": Story(
        "LDL cholesterol was {value} mg/dL without treatment.",
        "Please begin atorvastatin 40 mg, and repeat the lipids in two months.",
        (186.0, 244.0), 0, ("result", LOINC, "13457-7", "LDL cholesterol"),
        ("83367", "Atorvastatin tablet 40 mg", "40 mg by mouth daily"),
        (LOINC, "57698-3", "Lipid panel in two months"),
    ),
    "reaction": Story(
        "Ten minutes after cefazolin there were hives, wheezing and a pressure of 80.",
        "Please enter it as an allergy, give an epinephrine pen, and refer to an allergist.",
        None, 0, ("allergy", RXNORM, "2180", "Cefazolin"),
        ("3992", "Epinephrine auto-injector 0.3 mg", "0.3 mg into the thigh if needed"),
        (SNOMED, "183515008", "Referral to an allergist"),
    ),
}  # fmt: skip


def first_entry(story: Story, value: float | None, letter: str, patient: str, author: str, at: str) -> Resource:
    """Returns the entry that refers to the letter: a problem, a result or an allergy."""
    kind, system, code, words = story.first
    concept = {"coding": [{"system": system, "code": code, "display": words}], "text": words}
    subject = {"reference": patient}
    if kind == "condition":
        return {
            "resourceType": "Condition",
            "clinicalStatus": _coded(_CLINICAL, "active"),
            "verificationStatus": _coded(_VERIFIED, "confirmed"),
            "category": [{"text": "Problem List Item", "coding": [{"code": "problem-list-item"}]}],
            "code": concept,
            "subject": subject,
            "recordedDate": at,
            "recorder": {"reference": author},
            "evidence": [{"detail": [{"reference": letter}]}],
        }
    if kind == "result":
        unit = {"4548-4": "%", "3016-3": "m[IU]/L"}.get(code, "mg/dL")
        return {
            "resourceType": "Observation",
            "status": "final",
            "category": [{"text": "Laboratory", "coding": [{"code": "laboratory"}]}],
            "code": concept,
            "subject": subject,
            "effectiveDateTime": at,
            "issued": at,
            "performer": [{"reference": author}],
            "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
            "derivedFrom": [{"reference": letter}],
        }
    return {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": _coded(_CLINICAL.replace("condition", "allergyintolerance"), "active"),
        "verificationStatus": _coded(
            _VERIFIED.replace("condition-ver-status", "allergyintolerance-verification"), "confirmed"
        ),
        "type": "allergy",
        "category": ["medication"],
        "criticality": "high",
        "code": concept,
        "patient": subject,
        "recordedDate": at,
        "recorder": {"reference": author},
        "note": [{"text": f"Hives and wheezing, see {letter}."}],
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/workflow-supportingInfo",
                "valueReference": {"reference": letter},
            }
        ],
    }


def drug_entry(drug: tuple[str, str, str], patient: str, author: str, at: str, **more: Any) -> Resource:
    """Returns an order of a drug for home."""
    code, words, dosage = drug
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "category": [{"text": "Outpatient", "coding": [{"code": "outpatient"}]}],
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": code}], "text": words},
        "subject": {"reference": patient},
        "authoredOn": at,
        "requester": {"reference": author},
        "dosageInstruction": [{"text": dosage}],
        **more,
    }


def request_entry(request: tuple[str, str, str], patient: str, author: str, at: str, note: str) -> Resource:
    """Returns a request that says why in a note alone."""
    system, code, words = request
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "priority": "routine",
        "code": {"coding": [{"system": system, "code": code, "display": words}], "text": words},
        "subject": {"reference": patient},
        "authoredOn": at,
        "requester": {"reference": author},
        "note": [{"text": note}],
    }


def _coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}
