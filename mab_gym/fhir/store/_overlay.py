"""The writes of one session on top of the shared, immutable base: copy on write, dropped at reset.

A session with a few writes tests them one by one. With thousands of writes (a server that clients load and share), the
writes of a type are folded into a new table now and then. The base itself never changes, and a search that began on an
earlier table ends on it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any

from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._json_text import pretty_resource
from mab_gym.fhir.store._base import BaseTable
from mab_gym.fhir.store._build import extend_table

MOST_PENDING = 4096
"""The most writes of a type that are tested one by one."""
MOST_LOOKED_AT = 64
"""The number of writes below which they are not folded for their number."""
GROWTH = 4
"""One write for so many rows of a table is enough to fold: it then costs little beside the writing itself."""
WORTH_FOLDING = 16
"""The number of rows that are folded in the time of testing one write."""
SCANS_FREE = 256
"""The number of tests of writes that are never worth a new table."""
MOST_QUESTIONS = 64
"""The number of questions of which a session remembers the writes that satisfy them."""

WRITE_OVERHEAD = 1000
"""The memory that a write takes besides its contents, in bytes."""
LINE_OVERHEAD = 120
"""The memory that each line of a resource's text takes as a Python value, in bytes."""
ITEM_OVERHEAD = 60
"""The memory that each further value on a line takes, in bytes."""

_REFERENCE = re.compile(r"(?<![A-Za-z])[A-Za-z]+/[A-Za-z0-9.-]+")
"""It begins at the start of a word: otherwise each letter of a long word would be tried as the first."""


class Write:
    """One change that the record system has made; nothing of it is changed afterwards.

    Args:
        text: The resource as HAPI prints it; None to print it when it is first asked for.

    Attributes:
        interaction: ``create``, ``update`` or ``delete``; ``prepare`` for a resource that the session began with.
        resource_type: As in ``MedicationRequest``.
        logical_id: The resource's id.
        resource: The resource as it is stored now, with ``meta``; None after a delete.
        version: The version that the change made, from 1.
        position: HAPI's database id of the resource, which gives the order in which resources were first stored.
        updated: The time of the change, as a FHIR instant; that of the version if it was changed in place.
        in_place: True if the version was there before, and only its labels changed.
    """

    __slots__ = (
        "_text", "in_place", "interaction", "logical_id", "position", "resource", "resource_type", "updated", "version",
    )  # fmt: skip

    def __init__(
        self,
        interaction: str,
        resource_type: str,
        logical_id: str,
        resource: dict[str, Any] | None,
        text: str | None = None,
        version: int = 1,
        position: int = 0,
        updated: str = "",
        in_place: bool = False,
    ) -> None:
        self.interaction = interaction
        self.resource_type = resource_type
        self.logical_id = logical_id
        self.resource = resource
        self._text = text
        self.version = version
        self.position = position
        self.updated = updated
        self.in_place = in_place

    @property
    def text(self) -> str:
        """The resource as HAPI prints it; empty after a delete. Most of what a hospital writes is never read."""
        if self._text is None:
            self._text = pretty_resource(self.resource) if self.resource else ""
        return self._text

    @property
    def key(self) -> Key:
        """The resource's type and id."""
        return self.resource_type, self.logical_id


class Overlay:
    """A session's writes, in order, and the latest state of every resource that they touch.

    Args:
        tables: The base.
        first_free: The database id, and logical id, of the next resource.

    Attributes:
        tables: The base, with the writes that were folded into it.
        pending: The numbers of the writes that were not folded, by type.
        replacing: The pending writes of resources that the base has, by type: number and row, in order.
        writes: All writes.
        prepared: The number of writes, at the beginning, with which the session began.
        recorded: The numbers of the writes that are the hospital's own, not a client's; None for no such write.
        clients: The other writes, as far as they were told apart; see `of_clients`.
        seen: The number of writes that a snapshot shows; None if this is no snapshot.
    """

    __slots__ = (
        "_latest",
        "_matched",
        "_mentioned",
        "_next",
        "_scanned",
        "_sorted",
        "_tested",
        "_unsettled",
        "_versions",
        "_weighed",
        "_weight",
        "clients",
        "pending",
        "prepared",
        "recorded",
        "replacing",
        "seen",
        "tables",
        "writes",
    )  # fmt: skip

    def __init__(self, tables: Mapping[str, BaseTable], first_free: int) -> None:
        self.tables = tables
        self.pending: dict[str, list[int]] = {}
        self.replacing: dict[str, list[tuple[int, int]]] = {}
        self.writes: list[Write] = []
        self.prepared = 0
        self.recorded: set[int] | None = None
        self.clients: list[Write] = []
        self._sorted = 0  # the number of writes of which the clients' were told apart
        self._weight = self._weighed = 0  # of so many writes, the memory that they take
        self.seen: int | None = None
        self._latest: dict[Key, int] = {}
        # most sessions need none of these, and thousands of sessions may be alive
        self._versions: dict[Key, list[int]] | None = None  # of resources that were written more than once
        self._scanned: dict[str, int] | None = None  # the number of tests of pending writes, by type; of all by ""
        self._tested = 0  # the number of tests after which nothing was to be folded
        self._unsettled: tuple[str, ...] = ()  # the types that were written since
        self._matched: dict[tuple[object, ...], Matched] | None = None
        self._mentioned: dict[int, frozenset[str]] | None = None  # the resources that a write may refer to, by number
        self._next = first_free

    def snapshot(self) -> Overlay:
        """Returns a copy for other threads to read while this overlay is written to.

        Lists that only grow at their ends are shared: a snapshot does not look beyond `seen`.
        """
        if self._scanned is None:
            self._scanned = {}  # shared, so that the tests of all readers count
        shown = copy(self)
        shown.seen = len(self.writes)
        shown.writes = list(self.writes)
        shown.pending = dict(self.pending)
        shown.replacing = dict(self.replacing)
        shown._latest = dict(self._latest)
        shown._versions = dict(self._versions or {})
        shown._mentioned = shown._matched = None
        return shown

    def take_number(self) -> int:
        """Returns the next database id."""
        number = self._next
        self._next += 1
        return number

    def add(
        self,
        interaction: str,
        resource_type: str,
        logical_id: str,
        resource: dict[str, Any] | None,
        version: int,
        position: int,
        updated: str,
        *,
        in_place: bool = False,
    ) -> Write:
        """Records a change and returns it."""
        write = Write(interaction, resource_type, logical_id, resource, None, version, position, updated, in_place)
        key, number = (resource_type, logical_id), len(self.writes)
        self.writes.append(write)
        before = self._latest.get(key)
        if before is not None:
            self._versions = self._versions or {}
            self._versions.setdefault(key, [before]).append(number)
        self._latest[key] = number
        pending = self.pending.get(resource_type)
        if pending is None:
            self.pending[resource_type] = [number]
        else:
            pending.append(number)
        table = self.tables.get(resource_type)
        if table is not None and (row := table.find(logical_id)) is not None:
            self.replacing.setdefault(resource_type, []).append((number, row))
        if resource_type not in self._unsettled:
            self._unsettled += (resource_type,)
        return write

    @property
    def held(self) -> int:
        """The memory that all written versions take, in bytes, roughly; worked out when somebody asks."""
        for write in self.writes[self._weighed :]:
            self._weight += _weight(write.text)
        self._weighed = len(self.writes)
        return self._weight

    def of_clients(self) -> list[Write]:
        """Returns the writes of clients, without those of `prepared` and `recorded`, in order."""
        if self.recorded is None:
            return self.writes[self.prepared :]
        start = max(self._sorted, self.prepared)
        if start < len(self.writes):
            told = enumerate(self.writes[start:], start)
            self.clients += [write for number, write in told if number not in self.recorded]
            self._sorted = len(self.writes)
        return self.clients

    def find(self, key: Key) -> Write | None:
        """Returns the latest change to a resource, or None if it was not changed."""
        number = self._latest.get(key)
        return None if number is None else self.writes[number]

    def number(self, key: Key, until: int | None) -> int | None:
        """Returns the number of the latest pending change to a resource before a number, or None."""
        pending = self.pending.get(key[0])
        if not pending or key not in self._latest:
            return None
        numbers = (self._versions or {}).get(key, [self._latest[key]])
        return next((n for n in reversed(numbers) if n >= pending[0] and (until is None or n < until)), None)

    def mentions(self, number: int) -> frozenset[str]:
        """Returns the resources that a write may refer to, as in ``Patient/S1``, and perhaps other words like it."""
        self._mentioned = self._mentioned or {}
        known = self._mentioned.get(number)
        if known is None:
            known = self._mentioned[number] = frozenset(_REFERENCE.findall(self.writes[number].text))
        return known

    def matched(self, resource_type: str, question: tuple[object, ...]) -> Matched:
        """Returns what is remembered of the pending writes that satisfy a question, to be gone on with.

        An episode asks the same again and again: only what was written since has to be looked at.

        Args:
            resource_type: The type.
            question: Equal for equal conditions.
        """
        if self._matched is None or len(self._matched) >= MOST_QUESTIONS:
            self._matched = {}
        return self._matched.setdefault((resource_type, question), Matched())

    def superseded(self, numbers: Sequence[int], until: int | None) -> set[int]:
        """Returns those among some pending writes after which the same resource was written again, before a number."""
        if not self._versions:
            return set()
        return {number for number in numbers if self.number(self.writes[number].key, until) != number}

    def versions(self, key: Key) -> list[Write]:
        """Returns all changes to a resource, the oldest first."""
        if self._versions and key in self._versions:
            known = len(self.writes)
            return [self.writes[number] for number in self._versions[key] if number < known]
        return [self.writes[self._latest[key]]] if key in self._latest else []

    def undo(self, count: int) -> None:
        """Takes back all writes after the first ``count``; none of them may have been folded."""
        versions = self._versions or {}
        self._matched = None
        if count < self._sorted:
            self.clients, self._sorted = [], 0
        for number in range(len(self.writes) - 1, count - 1, -1):
            write = self.writes.pop()
            if number < self._weighed:
                self._weighed, self._weight = number, self._weight - _weight(write.text)
            if self._mentioned:
                self._mentioned.pop(number, None)
            self.pending[write.resource_type].remove(number)
            over = self.replacing.get(write.resource_type)
            if over and over[-1][0] == number:
                over.pop()
            before = versions.get(write.key)
            if before is None:
                del self._latest[write.key]
                continue
            before.pop()
            self._latest[write.key] = before[-1]
            if len(before) == 1:
                del versions[write.key]

    def note_scan(self, resource_type: str, looks: int) -> None:
        """Counts the pending writes of a type that a search has tested one by one."""
        if self._scanned is None:
            self._scanned = {}
        self._scanned[resource_type] = self._scanned.get(resource_type, 0) + looks
        self._scanned[""] = self._scanned.get("", 0) + looks

    def fold(self) -> None:
        """Folds the writes of a type into a new table, if that costs less than testing them again."""
        if self.seen is not None:
            return  # other threads may be reading this snapshot
        scanned = self._scanned or {}
        tested = scanned.get("", 0)
        looked_at = self.pending if tested != self._tested else self._unsettled
        if not looked_at:
            return
        self._tested, self._unsettled = tested, ()
        for resource_type in list(looked_at):
            numbers = self.pending.get(resource_type, ())
            table = self.tables.get(resource_type)
            worth = SCANS_FREE + (0 if table is None else len(table) // WORTH_FOLDING)
            few = len(numbers) < max(MOST_LOOKED_AT, 0 if table is None else len(table) // GROWTH)
            if few and len(numbers) < MOST_PENDING and scanned.get(resource_type, 0) < worth:
                continue
            latest = {self.writes[number].logical_id: self.writes[number] for number in numbers}
            self.tables = {**self.tables, resource_type: _folded(resource_type, table, latest)}
            # a new mapping: views that are still in use keep the old one
            self.pending = {name: each for name, each in self.pending.items() if name != resource_type}
            self.replacing = {name: each for name, each in self.replacing.items() if name != resource_type}
            self._matched = None
            scanned.pop(resource_type, None)


class Matched:
    """The pending writes of a type that satisfy a question, each looked at for itself.

    Attributes:
        looked_at: The number of pending writes of the type that were looked at, from the first on.
        numbers: The numbers of those that satisfy it, rising.
        tests: The tests of its conditions, which remember elements that resources share; empty at first.
    """

    __slots__ = ("looked_at", "numbers", "tests")

    def __init__(self) -> None:
        self.tests: Sequence[Callable[[Mapping[str, Any]], bool]] = ()
        self.looked_at = 0
        self.numbers: list[int] = []


def touched(writes: Sequence[Write], numbers: Sequence[int], until: int | None = None) -> Iterator[tuple[int, Write]]:
    """Yields the latest write of each resource, with its number, in the order of the first writes.

    Args:
        writes: All writes.
        numbers: The numbers of the writes to look at, rising.
        until: The number before which to stop, or None.
    """
    latest: dict[str, int] = {}
    for number in numbers:
        if until is not None and number >= until:
            break
        latest[writes[number].logical_id] = number
    for number in latest.values():
        yield number, writes[number]


def _folded(resource_type: str, table: BaseTable | None, latest: Mapping[str, Write]) -> BaseTable:
    """Returns a table with the latest writes in it."""
    changed = [] if table is None else [row for key in latest if (row := table.find(key)) is not None]
    stored = [write for write in latest.values() if write.resource is not None]
    resources = [write.resource for write in stored if write.resource is not None]
    positions = [write.position for write in stored]
    if table is None:
        return BaseTable(*extend_table(resource_type, None, (), changed, resources, positions))
    extended = extend_table(resource_type, table.table, table.positions, changed, resources, positions)
    return BaseTable(*extended, table.pools)


def _weight(text: str) -> int:
    """Returns the memory that a version takes as text and as Python values, in bytes, rather too much than too little.

    Many small values take ten times their text, one long value twice its text.
    """
    values = LINE_OVERHEAD * text.count("\n") + ITEM_OVERHEAD * text.count('", "')
    return 2 * sys.getsizeof(text) + values + WRITE_OVERHEAD
