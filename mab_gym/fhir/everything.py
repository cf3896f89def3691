"""``Patient/[id]/$everything``: a patient, all that refers to it, and all that this refers to in turn.

Source: FHIR R4, https://hl7.org/fhir/R4/patient-operation-everything.html; the order is HAPI FHIR 7.6's: the patient,
what refers to it in load order, then the rest as HAPI includes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from mab_gym.fhir.includes import Include, Key, Resources, included, pointing_here
from mab_gym.fhir.outcome import FhirError

_ALL_REFERENCES = Include(False, "", "*", "", True, "*")
_TAKEN = ("_count", "_format", "_pretty")


def check_parameters(parameters: Mapping[str, str]) -> None:
    """Refuses what narrows ``$everything`` down.

    Raises:
        FhirError: 501, for HAPI would answer.
    """
    for name in parameters:
        if name not in _TAKEN:
            raise FhirError(501, f"This server does not answer $everything with {name} yet")


def everything(patient: Key, resources: Resources) -> list[Key]:
    """The keys of all resources, in order.

    Args:
        patient: The patient.
        resources: All resources.
    """
    found = {key for key in pointing_here([patient], resources) if key != patient}
    direct = sorted(found, key=lambda key: resources.position(*key) or 0)
    rest = included([_ALL_REFERENCES], [patient, *direct], resources)
    # HAPI keeps other patients out, though what else they led to stays.
    return [patient, *direct, *(key for key in rest if key[0] != patient[0])]
