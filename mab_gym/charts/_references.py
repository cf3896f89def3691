"""Names of people, wards and insurers behind references, read from the archive that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mab_gym.charts._elements import Elements, full_name, named
from mab_gym.fhir.store._archive import Archive


class Names:
    """The names of an archive's resources by address.

    Args:
        archive: The archive.
    """

    def __init__(self, archive: Archive) -> None:
        self._tables = archive.tables
        self._places: dict[str, dict[str, int]] = {}

    def at(self, address: str) -> str:
        """Returns the name of a resource; an empty text where it is not here or has none.

        Args:
            address: As in ``Practitioner/12``.
        """
        resource = self.resource(address)
        name = resource.get("name")
        return full_name(name) if isinstance(name, list) else str(name or "") or named(resource.get("code"))

    def resource(self, address: str) -> Mapping[str, Any]:
        """Returns a resource by its address; an empty one where it is not here."""
        kind, _, logical_id = address.partition("/")
        table = self._tables.get(kind)
        if table is None:
            return {}
        if kind not in self._places:
            self._places[kind] = {str(each): row for row, each in enumerate(table.ids)}
        row = self._places[kind].get(logical_id)
        return {} if row is None else Elements(table, np.array([row], dtype=np.intp)).resources()[0]

    def of(self, reference: object) -> str:
        """Returns the words of a Reference, or of the first of several: its display, or the name of its target."""
        if isinstance(reference, list):
            return next((said for each in reference if (said := self.of(each))), "")
        if not isinstance(reference, dict):
            return ""
        if reference.get("display"):
            return str(reference["display"])
        if isinstance(reference.get("actor"), dict):
            return self.of(reference["actor"])
        return self.at(str(reference.get("reference") or ""))
