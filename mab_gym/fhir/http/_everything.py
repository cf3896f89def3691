"""``$everything``: a patient or an encounter, all that refers to it, and all that this refers to in turn.

Source: FHIR R4, https://hl7.org/fhir/R4/patient-operation-everything.html; what is found in which order is HAPI FHIR
7.6's (``SearchBuilder``): the patients, what refers to them in load order, then the rest as HAPI includes it. HAPI
takes ``_type``, ``_count``, ``_offset`` and, for all patients, ``_id``; ``start``, ``end`` and ``_since`` it does not
know, and ``_lastUpdated``, ``_sort`` and ``_filter`` do not matter to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mab_gym.fhir.hapi._hashes import java_set_order
from mab_gym.fhir.model._definitions import resource_types
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.fhir.search._includes import Include, Resources, included, pointing_here

MOST_FOUND = 20_000
"""More HAPI would answer; here an agent that asks for a whole hospital's charts is told to ask for fewer patients."""
_NOT_FOLLOWED = ("Provenance", "List", "Group")
"""From these one patient's ``$everything`` goes no further (``JpaConstants``, UNDESIRED_RESOURCE_LINKAGES)."""


def read_types(text: str) -> list[str]:
    """The types that ``_type`` asks for; none where it does not narrow anything down.

    Raises:
        FhirError: 404 where there is no such type.
    """
    types = [part.strip() for part in text.split(",")] if text else []
    for name in types:
        if name not in resource_types():
            raise FhirError(404, f"HAPI-2197: Unknown resource type '{name}' in _type parameter.")
    return types


def read_ids(values: Sequence[str]) -> list[str]:
    """The ids that ``_id`` asks for, each value with commas, a type before an id left out."""
    return [part.rpartition("/")[2] for value in values if value.strip() for part in value.split(",")]


def in_hash_order(starts: Sequence[Key], resources: Resources) -> list[Key]:
    """Patients asked for by id in the order of HAPI's ``HashSet<Long>`` of their database ids."""
    return java_set_order(starts, lambda key: resources.position(*key) or 0)


def everything(starts: Sequence[Key], types: Sequence[str], resources: Resources, *, one_patient: bool) -> list[Key]:
    """The keys of all resources, in order.

    Args:
        starts: The patients or encounters.
        types: What may refer to them, and what to follow references from; all where empty.
        resources: All resources.
        one_patient: Whether it is about one patient, in which case references to patients lead nowhere.

    Raises:
        FhirError: It would be too much.
    """
    first = set(starts)
    found = pointing_here(starts, resources, MOST_FOUND, types)
    if found is None:
        text = f"This server answers $everything up to {MOST_FOUND} resources; ask for one patient at a time"
        raise FhirError(501, Issue(text, "too-costly"))
    direct = [key for key in found if key not in first]

    def follow(kind: str) -> bool:
        return (not types or kind in types) and not (one_patient and kind in _NOT_FOLLOWED)

    every = Include(False, "", "*", "", True, "*")
    not_to = ("Patient",) if one_patient else ()
    rest = included([every], [*starts, *direct], resources, follow=follow, not_to=not_to, most=MOST_FOUND)
    return [*starts, *direct, *rest]
