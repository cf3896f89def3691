"""Categories and kinds that several types of rows share."""

from __future__ import annotations

from functools import cache
from typing import Final

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital.rows._fhir import (
    HL7,
    LOINC,
    SNOMED,
    coded,
    concept,
)


@cache
def category_text(code: str) -> str:
    """Returns the category of an Observation as JSON."""
    display = {
        "laboratory": "Laboratory", "vital-signs": "Vital Signs", "survey": "Survey", "imaging": "Imaging",
        "procedure": "Procedure", "social-history": "Social History", "exam": "Exam", "therapy": "Therapy",
        "activity": "Activity",
    }[code]  # fmt: skip
    return pretty([concept(f"{HL7}observation-category", code, display)])


SPECIMENS: Final = {
    "serum": ("119364003", "Serum specimen"), "plasma": ("119361006", "Plasma specimen"),
    "citrated plasma": ("119361006", "Plasma specimen"), "blood": ("119297000", "Blood specimen"),
    "arterial blood": ("122552005", "Arterial blood specimen"), "capillary": ("122554006", "Capillary blood specimen"),
    "urine": ("122575003", "Urine specimen"), "stool": ("119339001", "Stool specimen"),
    "sputum": ("119334006", "Sputum specimen"), "cerebrospinal fluid": ("258450006", "Cerebrospinal fluid sample"),
}  # fmt: skip
"""Specimens in SNOMED CT."""


@cache
def specimen_type(kind: str) -> str:
    """Returns the type of a specimen as JSON."""
    if kind not in SPECIMENS:
        return pretty({"text": kind.capitalize()})
    code, display = SPECIMENS[kind]
    return pretty(coded(kind.capitalize(), (SNOMED, code, display)))


_REQUESTS: Final = {
    "laboratory": ("108252007", "Laboratory procedure"), "imaging": ("363679005", "Imaging"),
    "referral": ("3457005", "Patient referral"), "procedure": ("387713003", "Surgical procedure"),
    "counselling": ("409063005", "Counseling"), "diagnostic": ("103693007", "Diagnostic procedure"),
}  # fmt: skip


@cache
def request_category(kind: str) -> str:
    """Returns the category of a ServiceRequest as JSON."""
    code, display = _REQUESTS[kind]
    return pretty([coded(display, (SNOMED, code, display))])


_SECTIONS: Final = {
    "LAB": "Laboratory", "RAD": "Radiology", "MB": "Microbiology", "EC": "Electrocardiac (e.g., EKG, EEC, Holter)",
    "CUS": "Cardiac Ultrasound", "BLB": "Blood Bank", "SP": "Surgical Pathology", "CP": "Cytopathology",
    "VR": "Virology",
}  # fmt: skip
_US_CORE_REPORTS: Final = {
    "RAD": ("LP29684-5", "Radiology"), "EC": ("LP29708-2", "Cardiology"), "CUS": ("LP29708-2", "Cardiology"),
    "SP": ("LP7839-6", "Pathology"), "CP": ("LP7839-6", "Pathology"),
}  # fmt: skip


@cache
def report_category(section: str) -> str:
    """Returns the category of a DiagnosticReport as JSON: HL7's section, and US Core's where it has one."""
    found = [concept(f"{HL7}v2-0074", section, _SECTIONS[section])]
    if section in ("MB", "BLB", "SP", "CP", "VR"):
        found.append(concept(f"{HL7}v2-0074", "LAB", "Laboratory"))
    if section in _US_CORE_REPORTS:
        found.append(concept(LOINC, *_US_CORE_REPORTS[section]))
    return pretty(found)
