"""The patient compartment: the types of resources that can belong to a patient, and the parameters that say to whom.

Source: FHIR R4, https://hl7.org/fhir/R4/compartmentdefinition-patient.html, as HAPI FHIR 7.6's structures state it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from mab_gym.fhir.model._definitions import _read, search_parameters


@cache
def patient_compartment() -> Mapping[str, Sequence[str]]:
    """Returns the search parameters by which resources belong to a patient, by resource type."""
    found: dict[str, Sequence[str]] = _read("patient_compartment.json")
    return found


def patient_parameters(resource_type: str) -> list[str]:
    """Returns the search parameters by which resources of a type may refer to the patient whom they are about."""
    defined = search_parameters(resource_type)
    own = [name for name in ("patient", "subject") if name in defined]
    return list(dict.fromkeys((*patient_compartment().get(resource_type, ()), *own)))


def patient_parameter(resource_type: str) -> str | None:
    """Returns the one parameter by which HAPI finds resources of a type for a group's members, or None."""
    found = patient_parameters(resource_type)
    return next((name for name in ("patient", "subject") if name in found), found[0] if len(found) == 1 else None)
