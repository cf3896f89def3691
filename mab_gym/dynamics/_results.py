"""Observations and reports as the laboratory and nurses write them, like those of the hospital's charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from mab_gym.cohort.hospital._catalogue_results import Analyte
from mab_gym.dynamics._catalogues import Panel
from mab_gym.dynamics._hospital import Hospital, Resource, concept, concepts, references
from mab_gym.fhir.model._json_text import DecimalNumber, repeated
from mab_gym.tasking.meaning.terms import LOINC

HAEMOLYSIS_NOTE: Final = "Specimen haemolysed: the result may be falsely high. Repeat it on a new specimen."
_UCUM: Final = "http://unitsofmeasure.org"
_FLAGS: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_FLAG_WORDS: Final = {"L": "Low", "H": "High", "N": "Normal", "LL": "Critical low", "HH": "Critical high"}
_REASON: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_CATEGORIES: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_CATEGORY_WORDS: Final = {"laboratory": "Laboratory", "vital-signs": "Vital Signs"}
_REPORTS: Final = repeated([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}])


def quantity(value: float, analyte: Analyte) -> Resource:
    """Returns a Quantity in the unit and with the decimals of an analyte."""
    number = DecimalNumber(f"{value:.{analyte.places}f}") if analyte.places else round(value)
    return {"value": number, "unit": analyte.unit or analyte.ucum, "system": _UCUM, "code": analyte.ucum}


def told(value: float | None, analyte: Analyte, name: str) -> str:
    """Returns a result in words."""
    if value is None:
        return f"{name}: no result, the specimen was haemolysed"
    return f"{name} {value:.{analyte.places}f} {analyte.unit or analyte.ucum}".rstrip()


def observation(
    hospital: Hospital, analyte: Analyte, minute: int, by: str, category: str = "laboratory", **more: Any
) -> Resource:
    """Returns a new Observation without a value, issued now.

    Args:
        hospital: The stay.
        analyte: What is measured.
        minute: When it was measured, or the specimen taken.
        by: Reference of who reports it; empty for nobody.
        category: ``laboratory`` or ``vital-signs``.
        more: Further elements, before the status.
    """
    resource: Resource = {
        "resourceType": "Observation",
        **more,
        "status": "final",
        "category": concepts(_CATEGORIES, category, _CATEGORY_WORDS[category]),
        "code": concept(LOINC, analyte.loinc, analyte.display, analyte.short),
    }
    hospital.stamped(resource)
    resource["effectiveDateTime"] = hospital.time(minute)
    resource["issued"] = hospital.time()
    if by:
        resource["performer"] = references(by)
    return resource


def with_value(resource: Resource, analyte: Analyte, value: float | None, *, female: bool, spoilt: bool) -> Resource:
    """Adds a value with its interpretation and reference range; None for a specimen that could not be used."""
    if value is None:
        resource["dataAbsentReason"] = concept(_REASON, "error", "Error")
    else:
        resource["valueQuantity"] = quantity(value, analyte)
        code = analyte.flag(value, female)
        if code:
            resource["interpretation"] = concepts(_FLAGS, code, _FLAG_WORDS[code])
    if spoilt:
        resource["note"] = [{"text": HAEMOLYSIS_NOTE}]
    limits = _reference_range(analyte, female)
    if limits:
        resource["referenceRange"] = limits
    return resource


@lru_cache(maxsize=512)
def _reference_range(analyte: Analyte, female: bool) -> list[Resource]:
    ends = zip(("low", "high"), analyte.reference(female), strict=True)
    limits = {name: quantity(limit, analyte) for name, limit in ends if not math.isnan(limit)}
    return repeated([limits]) if limits else []


def report(hospital: Hospital, panel: Panel, order: str, drawn: int, specimen: str, results: Sequence[str]) -> Resource:
    """Returns a new DiagnosticReport of a panel."""
    resource = hospital.stamped(
        {
            "resourceType": "DiagnosticReport",
            "basedOn": [{"reference": order}],
            "status": "final",
            "category": _REPORTS,
            "code": concept(LOINC, panel.loinc, panel.display),
            "effectiveDateTime": hospital.time(drawn),
            "issued": hospital.time(),
            "specimen": [{"reference": specimen}],
            "result": [{"reference": address} for address in results],
        }
    )
    if hospital.course.laboratory:
        resource["performer"] = references(hospital.course.laboratory)
    return resource
