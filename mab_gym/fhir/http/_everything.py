"""``$everything``: a patient or an encounter, the resources that refer to it, and those that they refer to in turn.

Source: FHIR R4, https://hl7.org/fhir/R4/patient-operation-everything.html. The order is that of HAPI FHIR 7.6
(``SearchBuilder``): the patients, the resources that refer to them in load order, then the rest as HAPI includes it.
HAPI reads ``_type``, ``_count``, ``_offset`` and, for all patients, ``_id``. It does not know ``start``, ``end`` and
``_since``, and ignores ``_lastUpdated``, ``_sort`` and ``_filter``.
"""

from __future__ import annotations

from collections.abc import Sequence

from mab_gym.fhir.hapi._hashes import java_set_order
from mab_gym.fhir.model._definitions import resource_types
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.fhir.search._includes import Include, included, pointing_here
from mab_gym.fhir.search._search import View

MOST_FOUND = 20_000
"""The most resources of one answer; HAPI has no limit. An agent that asks for more is told to name one patient."""
_NOT_FOLLOWED = ("Provenance", "List", "Group")
"""From these one patient's ``$everything`` goes no further (``JpaConstants``, UNDESIRED_RESOURCE_LINKAGES)."""


def read_types(text: str) -> list[str]:
    """Returns the types that ``_type`` asks for; an empty list stands for all.

    Raises:
        FhirError: 404 if there is no such type.
    """
    types = [part.strip() for part in text.split(",")] if text else []
    for name in types:
        if name not in resource_types():
            raise FhirError(404, f"HAPI-2197: Unknown resource type '{name}' in _type parameter.")
    return types


def read_ids(values: Sequence[str]) -> list[str]:
    """Returns the ids that values of ``_id`` ask for, split at commas, without types."""
    return [part.rpartition("/")[2] for value in values if value.strip() for part in value.split(",")]


def in_hash_order(starts: Sequence[Key], view: View) -> list[Key]:
    """Returns patients in the order of HAPI's ``HashSet<Long>`` of their database ids."""
    return java_set_order(starts, lambda key: view.position(*key) or 0)


def everything(starts: Sequence[Key], types: Sequence[str], view: View, *, one_patient: bool) -> list[Key]:
    """Returns the keys of all resources that belong to some patients or encounters, in order.

    Args:
        starts: The patients or encounters.
        types: The types that may refer to them, and from which references are followed; all if empty.
        view: All resources.
        one_patient: True for a single patient; references to other patients are then not followed.

    Raises:
        FhirError: There would be more than `MOST_FOUND`.
    """
    first = set(starts)
    found = pointing_here(starts, view, MOST_FOUND, types)
    if found is None:
        text = f"This server answers $everything up to {MOST_FOUND} resources; ask for one patient at a time"
        raise FhirError(501, Issue(text, "too-costly"))
    direct = [key for key in found if key not in first]

    def follow(kind: str) -> bool:
        return (not types or kind in types) and not (one_patient and kind in _NOT_FOLLOWED)

    every = Include(False, "", "*", "", True, "*")
    not_to = ("Patient",) if one_patient else ()
    rest = included([every], [*starts, *direct], view, follow=follow, not_to=not_to, most=MOST_FOUND)
    return [*starts, *direct, *rest]
