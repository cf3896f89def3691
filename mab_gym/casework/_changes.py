"""The state of the records after an agent's work, beside that before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from mab_gym.casework.reading import patient_of
from mab_gym.fhir.store._overlay import Write
from mab_gym.tasking.chart import Chart

_MOST: Final = 400
"""Writes that are read; an episode allows fewer actions."""
_PRIVATE: Final = ("meta", "text")
"""Elements that the record system changes by itself, or that only repeat the others."""


@dataclass(frozen=True, eq=False)  # without slots, for the cached properties
class Written:
    """A resource that an agent wrote, in its last state.

    Attributes:
        address: As in ``Task/17``.
        kind: The resource type.
        resource: The resource; None if it was deleted.
        before: Its state before the agent's work; None if the agent created it.
        order: Its place among all that were written.
    """

    address: str
    kind: str
    resource: Mapping[str, Any] | None
    before: Mapping[str, Any] | None
    order: int

    @property
    def created(self) -> bool:
        """True if the agent created it."""
        return self.before is None

    @cached_property
    def about(self) -> str:
        """The address of the patient whom it is about; empty if it names none, or was deleted."""
        return patient_of(self.resource)

    @cached_property
    def was_about(self) -> str:
        """The same of its state before."""
        return patient_of(self.before)

    @cached_property
    def differs(self) -> bool:
        """True if it is other than before; a resource that was created and deleted again is not."""
        if self.before is None or self.resource is None:
            return (self.before is None) != (self.resource is None)
        return _plain(self.resource) != _plain(self.before)

    def get(self, name: str) -> Any:
        """Returns an element of the last state; None if there is none."""
        return None if self.resource is None else self.resource.get(name)


class Changes:
    """All resources that an agent wrote, by their last states.

    Args:
        writes: The writes that the record system executed, in order.
        chart: The records before.
        arrivals: What came in with the case.
        known: A cache, for an episode that is judged after each write.
    """

    def __init__(
        self,
        writes: Sequence[Write],
        chart: Chart,
        arrivals: Iterable[Mapping[str, Any]] = (),
        known: dict[Any, Any] | None = None,
    ) -> None:
        read: dict[str, tuple[Write, Written]] = {} if known is None else known.setdefault("changes", {})
        came = {f"{each['resourceType']}/{each['id']}": each for each in arrivals}
        last: dict[str, Write] = {}
        first: dict[str, Write] = {}
        for write in writes[:_MOST]:
            address = f"{write.resource_type}/{write.logical_id}"
            last[address] = write
            first.setdefault(address, write)
        self._all: dict[str, Written] = {}
        for place, (address, write) in enumerate(last.items()):
            if address not in read or read[address][0] is not write:
                before = came.get(address)
                if before is None and first[address].interaction != "create":
                    before = _read(chart, address)
                read[address] = write, Written(address, write.resource_type, write.resource, before, place)
            self._all[address] = read[address][1]

    def __iter__(self) -> Iterator[Written]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def created(self, *kinds: str) -> list[Written]:
        """Returns what was created and is still there, of these types; of all types without any."""
        return [
            w for w in self._all.values() if w.created and w.resource is not None and (not kinds or w.kind in kinds)
        ]

    def updated(self, *kinds: str) -> list[Written]:
        """Returns what was there before and is other now, of these types; of all types without any."""
        return [
            w
            for w in self._all.values()
            if not w.created and w.resource is not None and w.differs and (not kinds or w.kind in kinds)
        ]

    def deleted(self) -> list[Written]:
        """Returns what was there before and is gone."""
        return [w for w in self._all.values() if w.before is not None and w.resource is None]

    def of(self, address: str) -> Written | None:
        """Returns what was written of a resource, as in ``Task/17``; None if nothing was."""
        return self._all.get(address)


def _read(chart: Chart, address: str) -> Mapping[str, Any] | None:
    kind, _, logical_id = address.partition("/")
    return chart.remember(("resource", address), lambda: next(chart.search(kind, _id=logical_id), None))


def _plain(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in _PRIVATE}
