"""What one session has written on top of the shared, immutable base: copy on write, dropped at reset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mab_gym.fhir.json_text import pretty


@dataclass(frozen=True, slots=True)
class Write:
    """One change that the record system has really made.

    Attributes:
        interaction: ``create``, ``update`` or ``delete``.
        resource_type: As in ``MedicationRequest``.
        logical_id: The resource's id.
        resource: What is stored now, meta included; None after a delete.
        text: The same as HAPI prints it; empty after a delete.
    """

    interaction: str
    resource_type: str
    logical_id: str
    resource: dict[str, Any] | None
    text: str


@dataclass(slots=True)
class Overlay:
    """A session's writes, in order, and the latest state of every resource that they touch."""

    writes: list[Write] = field(default_factory=list)
    latest: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, interaction: str, resource_type: str, logical_id: str, resource: dict[str, Any] | None) -> Write:
        """Records a change and returns it."""
        write = Write(interaction, resource_type, logical_id, resource, pretty(resource) if resource else "")
        self.latest[resource_type, logical_id] = len(self.writes)
        self.writes.append(write)
        return write

    def find(self, resource_type: str, logical_id: str) -> Write | None:
        """The latest change to a resource, or None where it was not touched."""
        number = self.latest.get((resource_type, logical_id))
        return None if number is None else self.writes[number]

    def touched(self, resource_type: str, until: int | None = None) -> Iterator[tuple[int, Write]]:
        """Numbers and states of the resources of a type that were written, in order of their (last) writing.

        Args:
            resource_type: The type.
            until: How many writes to look at; all where None.
        """
        for number, write in enumerate(self.writes[:until]):
            if write.resource_type == resource_type and self.latest[resource_type, write.logical_id] == number:
                yield number, write
