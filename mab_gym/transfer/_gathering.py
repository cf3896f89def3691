"""Builds tables from the JSON of resources; what is not a valid resource is refused with the reason."""

from __future__ import annotations

import re
import uuid
from array import array
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from mab_gym.fhir.http._checks import IndexingError, check_amounts, check_lengths, check_numbers
from mab_gym.fhir.http._server import DEFAULT_NOW
from mab_gym.fhir.model._definitions import resource_types
from mab_gym.fhir.model._json_text import compact
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._parse import parse_resource
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._gather import TableGatherer
from mab_gym.fhir.store._table import Table
from mab_gym.transfer._differences import differences
from mab_gym.transfer._ordering import with_positions

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_META: Final = {"versionId": "1", "lastUpdated": DEFAULT_NOW.isoformat(timespec="milliseconds")}
"""The members of ``meta`` that each resource gets, as from a server, if it has none."""


class RefusedError(Exception):
    """A piece is not a resource that can be taken; the text says why."""


class Gathering:
    """Takes resources one after another; of several with the same type and id, it keeps the first.

    Attributes:
        undated: True if any resource had no ``meta.lastUpdated``.
        repeated: The number of resources that came again with the same content.
        named: The number of resources that had no id and were given one.
    """

    def __init__(self) -> None:
        self._gatherers: dict[str, TableGatherer] = {}
        self._positions: dict[str, array[int]] = {}
        self._taken = 0
        self.undated = False
        self.repeated, self.named = 0, 0

    @property
    def counts(self) -> dict[str, int]:
        """The number of taken resources of each type."""
        return {name: len(gatherer) for name, gatherer in self._gatherers.items()}

    def take(self, text: str, *, repeatable: bool = False) -> list[str]:
        """Takes the JSON of a resource.

        Args:
            text: The JSON.
            repeatable: True if the same resource may come again with the same content.

        Returns:
            The differences between the resource and what was stored (see `differences`).

        Raises:
            RefusedError: It is not JSON, not a resource, not storable by a server, has an invalid id, or another one
                with its id was taken before.
        """
        try:
            raw = parse_element(text)
        except (ValueError, RecursionError) as error:
            raise RefusedError(f"not JSON: {error}") from None
        return self.take_resource(raw, text, repeatable=repeatable)

    def take_resource(self, raw: Any, text: str | None = None, *, repeatable: bool = False) -> list[str]:
        """Takes a resource as Python values; returns and raises as `take` does.

        Args:
            raw: The values from `parse_element`.
            text: The resource's JSON, if it is at hand.
            repeatable: True if the same resource may come again with the same content.
        """
        kind = raw.get("resourceType") if isinstance(raw, Mapping) else None
        if not isinstance(kind, str) or kind not in resource_types():
            what = "no FHIR resource" if not isinstance(raw, Mapping) else f"its resourceType is {kind!r}"
            raise RefusedError(f"{what}; a FHIR R4 resource names one of R4's types")
        given = raw.get("id")
        if given is not None and (not isinstance(given, str) or not _ID.fullmatch(given)):
            raise RefusedError(f"the {kind} has the id {given!r}; an id is 1 to 64 letters, digits, - and .")
        try:
            resource = parse_resource(compact(raw) if text is None else text, kind)
            check_amounts(resource, updating=True)
            check_lengths(resource)
            check_numbers(resource)
        except IndexingError as error:
            reason = str(error.issues[0].diagnostics).partition("; SQL")[0]
            raise RefusedError(f"a number that no FHIR server indexes: {reason}") from None
        except FhirError as error:
            raise RefusedError(str(error.issues[0].diagnostics)) from None
        except RecursionError:
            raise RefusedError("it nests too deep") from None
        changed = list(differences(raw, resource))
        meta = resource.get("meta", {})
        resource["meta"] = {**_META, **meta}
        gatherer = self._gatherers.get(kind)
        if gatherer is None:
            gatherer = self._gatherers[kind] = TableGatherer(kind)
            self._positions[kind] = array("q")
        if given is None:
            self.named += 1
            resource["id"] = self._made_id(resource, gatherer)
        if not gatherer.add(resource):
            if not repeatable or not gatherer.holds(resource):
                raise RefusedError(f"{kind}/{given} was there before; the first one stays")
            self.repeated += 1
            return []
        self.undated = self.undated or "lastUpdated" not in meta
        self._taken += 1
        self._positions[kind].append(self._taken)
        return changed

    def _made_id(self, resource: Mapping[str, Any], gatherer: TableGatherer) -> str:
        """Makes an id from a resource's content; if that is taken, from its content and number."""
        content = compact(resource)
        made = str(uuid.uuid5(uuid.NAMESPACE_OID, content))
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.named} {content}")) if made in gatherer else made

    def tables(self) -> list[Table]:
        """Returns the tables in the order of their first resources, with the load order of rows if types came mixed."""
        tables = [gatherer.table() for gatherer in self._gatherers.values()]
        return with_positions(tables, [np.frombuffer(each, dtype=np.int64) for each in self._positions.values()])
