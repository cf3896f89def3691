"""Doses as nurses write them down (FHIR R4 MedicationAdministration)."""

from __future__ import annotations

from typing import Final

from mab_gym.dynamics._body import CONTINUOUS
from mab_gym.dynamics._catalogues import Drug
from mab_gym.dynamics._hospital import Hospital, Resource, concept, reference
from mab_gym.dynamics._prescriptions import Instruction
from mab_gym.tasking.meaning.terms import RXNORM, SNOMED

_ROUTES: Final = {
    "iv": ("47625008", "Intravenous route"),
    "oral": ("26643006", "Oral route"),
    "sc": ("34206005", "Subcutaneous route"),
    "im": ("78421000", "Intramuscular route"),
}
_UCUM: Final = "http://unitsofmeasure.org"
_UNITS: Final = {"[iU]": "units", "{unit}": "units", "meq": "mEq"}


def administration(hospital: Hospital, order: str, drug: Drug, each: Instruction) -> Resource:
    """Returns a new MedicationAdministration without its time.

    Args:
        hospital: The stay.
        order: The address of the order.
        drug: The drug.
        each: What is given.
    """
    course = hospital.course
    unit = _UNITS.get(drug.unit, drug.unit)
    amount = {
        "value": round(each.amount, 3),
        "unit": unit,
        "system": _UCUM,
        "code": drug.unit,
    }
    dosage: Resource = {"text": f"{drug.drug} {in_words(drug.unit, each)} {each.route}"}
    code, display = _ROUTES.get(each.route, ("", each.route))
    dosage["route"] = concept(SNOMED, code, display)
    if each.minutes == CONTINUOUS:
        dosage["rateQuantity"] = {**amount, "unit": f"{unit}/h", "code": f"{drug.unit}/h"}
    else:
        dosage["dose"] = amount
    resource: Resource = {
        "resourceType": "MedicationAdministration",
        "status": "completed",
        "medicationCodeableConcept": concept(RXNORM, drug.rxnorm, drug.drug),
        "subject": reference(f"Patient/{course.patient}"),
        "request": {"reference": order},
        "dosage": dosage,
    }
    if course.encounter:
        resource["context"] = reference(course.encounter)
    if course.nurse:
        resource["performer"] = [{"actor": {"reference": course.nurse}}]
    return resource


def in_words(unit: str, each: Instruction) -> str:
    """Returns a dose, or the rate of an infusion, in words."""
    told = f"{each.amount:.4g} {_UNITS.get(unit, unit)}"
    if each.minutes == CONTINUOUS:
        return f"{told}/h"
    return f"{told} over {each.minutes:.0f} min" if each.minutes else told
