"""The questions that following a reference asks of a session's resources.

They stand apart from `View`, which answers them, because a view itself follows references: through chains.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Protocol

from mab_gym.fhir.model._definitions import SearchParameter
from mab_gym.fhir.model._filter import Filter
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._paths import Path
from mab_gym.fhir.model._values import Value
from mab_gym.fhir.store._table import Rows

Placed = tuple[int, Key]
"""A resource behind its place in load order."""


class Resources(Protocol):
    """The resources that a session sees, by their references; `View` documents each method."""

    def exists(self, key: Key) -> bool:
        """Tells if there is such a resource."""
        ...

    def read(self, key: Key) -> dict[str, Any] | None:
        """Returns a resource as Python values, or None if there is none."""
        ...

    def references(self, key: Key, paths: Sequence[Path]) -> Iterator[tuple[int, Value]]:
        """Yields the references of a resource at some paths, with the paths' numbers."""
        ...

    def pointing(self, resource_type: str, wanted: Filter, most: int) -> list[Placed]:
        """Returns the first resources of a type that satisfy a filter, in load order."""
        ...

    def pointed_to(self, resource_type: str, parameter: SearchParameter, keys: Collection[Key]) -> Collection[Key]:
        """Returns the resources, among some, that a type may refer to by a parameter; perhaps too many."""
        ...

    def types(self) -> Iterable[str]:
        """Returns the resource types that have resources."""
        ...

    def position(self, resource_type: str, logical_id: str) -> int | None:
        """Returns the place of a resource in load order, or None if there is no such resource."""
        ...

    def number(self, resource_type: str, logical_id: str) -> int | None:
        """Returns the hit of a resource, or None if there is no such resource."""
        ...

    def named(self, resource_type: str, hits: Rows) -> bytes:
        """Returns a digest of hits in their order."""
        ...
