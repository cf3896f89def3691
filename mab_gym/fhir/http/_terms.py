"""Finds code systems and value sets for the operations of terminology (FHIR R4, terminology-service.html)."""

from __future__ import annotations

from typing import Any

from mab_gym.fhir.http._world import World
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._terminology import (
    CodeSystem,
    ValueSet,
    code_system,
    own_code_system,
    own_value_set,
    value_set,
)
from mab_gym.fhir.search._query import read_query
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._budget import CONDITION, PARAMETER

_CODE = 1.0
"""The work of looking at one code of a code system."""
NO_INDEX = (
    "HAPI-0389: Failed to call access method: org.hibernate.search.util.common.SearchException: HSEARCH800001: "
    "Hibernate Search was not initialized."
)
"""HAPI's fault where it would need its full-text index."""


def parameters(*parts: tuple[str, str, Any]) -> dict[str, Any]:
    """Returns a Parameters resource of names, types and values; parts without a value are left out."""
    listed = [{"name": name, kind: value} for name, kind, value in parts if value is not None]
    return {"resourceType": "Parameters", "parameter": listed}


class Terms:
    """Finds code systems and value sets: those that clients have stored first, then the specification's.

    Args:
        world: The session's resources.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def stored(self, kind: str, url: str) -> dict[str, Any] | None:
        """Returns the resource that was stored for a canonical URL, or None."""
        view = self._world.view()
        if kind not in view.types() or not url:
            return None
        view.budget.spend(PARAMETER + len(url) * CONDITION)
        url, _, version = url.partition("|")
        asked = [("url", _escaped(url)), *((("version", _escaped(version)),) if version else ())]
        found = view.hits(read_query(kind, tuple(asked)))
        logical_id = next(iter(view.ids(kind, found.page(0, 1))), None)
        text = None if logical_id is None else view.text((kind, logical_id))
        if text is None:
            return None
        view.budget.show(len(text), rewritten=True)
        resource: dict[str, Any] = parse_element(text)
        return resource

    def system(self, url: str) -> CodeSystem | None:
        """Returns a code system by its URL, with or without a version, or None."""
        own = self.stored("CodeSystem", url)
        found = code_system(url) if own is None else own_code_system(own)
        self._world.budget.spend(PARAMETER + (0 if found is None else len(found.displays) * _CODE))
        return found

    def listable_system(self, url: str) -> CodeSystem | None:
        """Returns a code system to expand a value set with.

        Raises:
            FhirError: 500, HAPI would need its index.
        """
        if self.stored("CodeSystem", url) is not None:
            raise FhirError(500, NO_INDEX)
        return self.system(url)

    def value_set(self, url: str) -> ValueSet | None:
        """Returns a value set by its URL, with or without a version, or None."""
        self._world.budget.spend(PARAMETER)
        own = self.stored("ValueSet", url)
        return value_set(url) if own is None else own_value_set(own, stored=True)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,").replace("$", "\\$").replace("|", "\\|")
