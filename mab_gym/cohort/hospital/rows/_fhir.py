"""FHIR elements and terms that several of the hospital's types share, and the addresses of US Core's profiles."""

from __future__ import annotations

from typing import Any, Final

from mab_gym.cohort._columns import Digits, digits, pretty
from mab_gym.cohort._elements import HL7, ICD, RXNORM, concept
from mab_gym.cohort.hospital._zone import written

Element = dict[str, Any]
LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
UCUM: Final = "http://unitsofmeasure.org"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
US_CORE: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
OWN: Final = "urn:oid:2.16.840.1.113883.19.5"
"""The root of the hospital's own identifiers; HL7 keeps 2.16.840.1.113883.19 for examples."""
__all__ = [
    "CVX", "HL7", "ICD", "LOINC", "OWN", "RXNORM", "SNOMED", "UCUM", "US_CORE", "Element", "coded", "concept",
    "decimal", "period", "period_text", "quantity", "reference", "reference_text", "references_text", "said",
]  # fmt: skip


def reference(resource_type: str, number: int | str, display: str = "") -> Element:
    """Returns a reference to a resource."""
    found = {"reference": f"{resource_type}/{number}"}
    return found | {"display": display} if display else found


def reference_text(resource_type: str, number: int | str) -> str:
    """Returns the JSON of a reference as an element's value; a tenth of the time of `pretty`."""
    return f'{{\n    "reference": "{resource_type}/{number}"\n  }}'


def references_text(*targets: str) -> str:
    """Returns the JSON of a list of references, each as `reference_text` writes it."""
    return f"[ {', '.join(targets)} ]"


def said(text: str) -> str:
    """Returns the JSON of a text."""
    return pretty(text)


def coded(text: str, *codings: tuple[str, str, str]) -> Element:
    """Returns a CodeableConcept with a text and those codings (system, code, display) that have a code."""
    found = [
        {"system": system, "code": code} | ({"display": display} if display else {})
        for system, code, display in codings
        if code
    ]
    return ({"coding": found} if found else {}) | ({"text": text} if text else {})


def period(start: int | None, end: int | None) -> Element:
    """Returns a Period, with the ends that are known."""
    found = {} if start is None else {"start": written(start)}
    return found if end is None else found | {"end": written(end)}


def period_text(start: int, end: int | None) -> str:
    """Returns the JSON of a Period as an element's value."""
    follows = "" if end is None else f',\n    "end": "{written(end)}"'
    return f'{{\n    "start": "{written(start)}"{follows}\n  }}'


def decimal(value: float) -> Digits:
    """Returns a number with as many digits as it needs, at most four places."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return Digits(text if text != "-0" else "0")


def quantity(value: float, unit: str, code: str, places: int | None = None) -> Element:
    """Returns a Quantity in a UCUM unit.

    Args:
        value: The number.
        unit: The unit as people write it; empty for none.
        code: Its UCUM code.
        places: The decimal places that are written; None for as many as the number needs.
    """
    number = decimal(value) if places is None or value < 0 else digits(round(value * 10**places), places)
    return {"value": number} | ({"unit": unit} if unit else {}) | {"system": UCUM, "code": code}
