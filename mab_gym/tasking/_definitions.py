"""The hospital's own definitions: results as ObservationDefinitions, orders as ActivityDefinitions.

They are in the record system when a case is played without codes in its prompt (the variant ``lookup``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.cohort._measurement import MEASUREMENTS, NUMBER
from mab_gym.tasking.meaning.terms import LOINC, NDC, SNOMED

_LOCAL = LOINC
"""The system under which the record system keeps its own short names."""


def _result(code: str, name: str) -> dict[str, Any]:
    return {
        "resourceType": "ObservationDefinition",
        "id": f"result-{code.lower()}",
        "code": {"coding": [{"system": _LOCAL, "code": code, "display": name}], "text": name},
        "preferredReportName": name,
        "quantitativeDetails": {"unit": {"text": MEASUREMENTS[NUMBER[code]].unit}},
    }


def _order(logical_id: str, title: str, kind: str, system: str, code: str) -> dict[str, Any]:
    concept = {"coding": [{"system": system, "code": code, "display": title}], "text": title}
    field = "productCodeableConcept" if kind == "MedicationRequest" else "code"
    return {
        "resourceType": "ActivityDefinition",
        "id": f"order-{logical_id}",
        "name": logical_id.replace("-", " ").title().replace(" ", ""),
        "title": title,
        "status": "active",
        "kind": kind,
        field: concept,
    }


CATALOGUE: tuple[Mapping[str, Any], ...] = (
    _result("MG", "Magnesium"),
    _result("K", "Potassium"),
    _result("GLU", "Glucose, capillary (CBG)"),
    _result("A1C", "Haemoglobin A1c"),
    _result("NA", "Sodium"),
    _result("CREA", "Creatinine"),
    _order("magnesium-iv", "Magnesium sulfate, IV", "MedicationRequest", NDC, "0338-1715-40"),
    _order("potassium-oral", "Potassium chloride, oral", "MedicationRequest", NDC, "40032-917-01"),
    _order("potassium-serum", "Potassium, serum", "ServiceRequest", LOINC, "2823-3"),
    _order("haemoglobin-a1c", "Haemoglobin A1c", "ServiceRequest", LOINC, "4548-4"),
    _order("orthopaedics", "Referral to orthopaedic surgery", "ServiceRequest", SNOMED, "306181000000106"),
)
