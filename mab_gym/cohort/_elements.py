"""FHIR elements as the hospital's records write them, for the tables and for what a layer adds to them."""

from __future__ import annotations

from typing import Any, Final

from mab_gym.cohort._columns import digits
from mab_gym.cohort._measurement import ANALYTES, MEASUREMENTS
from mab_gym.cohort._medications import Dose, Drug

Element = dict[str, Any]
HL7: Final = "http://terminology.hl7.org/CodeSystem/"
ICD: Final = "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"


def concept(system: str, code: str, display: str = "", text: str = "") -> Element:
    """A CodeableConcept with one coding; without a display or a text where they are empty."""
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]} | ({"text": text} if text else {})


LABORATORY: Final = [concept(f"{HL7}observation-category", "laboratory", "Laboratory")]
VITAL_SIGNS: Final = [concept("http://hl7.org/fhir/observation-category", "vital-signs", "Vital Signs")]


def subject(mrn: str, *, identified: bool = False) -> Element:
    """A reference to a patient; laboratory results name the MRN too, as the laboratory's interface does."""
    identifier = {"identifier": {"system": f"{HL7}v2-0203", "value": mrn}}
    return {"reference": f"Patient/{mrn}"} | (identifier if identified else {})


def measured(number: int) -> Element:
    """The code of a measurement, by its place in `MEASUREMENTS`; of a flowsheet row it is a text alone."""
    code = MEASUREMENTS[number].code
    return {"text": code} if number >= ANALYTES else concept("http://loinc.org", code, code, code)


def quantity(number: int, whole: int) -> Element:
    """A measurement's value, given as a whole number of its last digit."""
    measurement = MEASUREMENTS[number]
    unit = {"unit": measurement.unit} if measurement.unit else {}
    value = {"value": digits(whole, measurement.places)}
    return value | unit | {"system": "http://unitsofmeasure.org", "code": measurement.ucum}


def category_of_order(code: str) -> list[Element]:
    """The category of a MedicationRequest, as in ``inpatient``."""
    return [concept(f"{HL7}medicationrequest-category", code, text=code.capitalize())]


def product(drug: Drug) -> Element:
    """The drug of a MedicationRequest."""
    return concept("http://hl7.org/fhir/sid/ndc", drug.code, drug.display, drug.display)


def dosage(dose: Dose, route: str) -> list[Element]:
    """The dosage instruction of a MedicationRequest."""
    return [
        {
            "text": f"{dose.value:g} {dose.unit} {route} {dose.often}",
            "route": {"text": route},
            "doseAndRate": [{"doseQuantity": {"value": dose.value, "unit": dose.unit}}],
        }
    ]
