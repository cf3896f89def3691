"""The resources of one session: the snapshot, the session's own writes on top, and its open searches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from mab_gym.fhir.hapi._counter_ids import CounterIds
from mab_gym.fhir.http._exchange import ServerOrigin
from mab_gym.fhir.http._export_jobs import Exports
from mab_gym.fhir.http._searching import Kept, Searches
from mab_gym.fhir.model._definitions import search_parameters
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._url import parse_query
from mab_gym.fhir.search._match_urls import match_filters, read_match_url
from mab_gym.fhir.search._matching import make_filter
from mab_gym.fhir.search._search import View
from mab_gym.fhir.store._base import BaseTable, empty_table, parse_element
from mab_gym.fhir.store._budget import ROW, STORED, UNLIMITED, Budget, reading_work
from mab_gym.fhir.store._overlay import Overlay, Write
from mab_gym.fhir.store._sorting import stable_order

_HOSPITAL = "hospital"
"""The source that ``meta`` names for what `World.record` stores."""
_Stored = tuple[str, BaseTable, npt.NDArray[np.intp]]
"""A type, its table, and rows of the table, the newest first."""


class Version(NamedTuple):
    """One version of a resource.

    Attributes:
        key: The resource's type and id.
        number: The version, from 1.
        text: Its JSON without indentation; empty for a deletion.
        updated: The time at which it was made, as a FHIR instant.
    """

    key: Key
    number: int
    text: str
    updated: str


class World:
    """A snapshot with the writes of one session.

    Args:
        tables: The snapshot.
        first_free: The id of the first resource that the session creates.
        origin: The server's address and clock.

    Attributes:
        counter_ids: Gives ids that look random.
        origin: The server's address and clock; a request may name another address of the same server.
        budget: The allowance of the current request; without limits between requests.
    """

    __slots__ = (
        "_clock", "_first_free", "_kept", "_overlay", "_started", "_tables", "budget", "counter_ids", "origin",
    )  # fmt: skip

    def __init__(self, tables: Mapping[str, BaseTable], first_free: int, origin: ServerOrigin) -> None:
        self._tables = tables
        self._first_free = first_free
        self._started = origin
        self.budget: Budget = UNLIMITED
        self.reset()

    def reset(self) -> None:
        """Goes back to the snapshot and its time: all writes, open searches and counters are gone."""
        self.origin = self._started
        self._clock: datetime | None = None
        self._overlay: Overlay | None = None
        self._kept: Kept | None = None
        self.counter_ids = CounterIds()

    def release(self) -> None:
        """Does nothing: the session's writes are its own and can be read until it is reset."""

    def prepare(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Goes back to the snapshot and adds resources that count as part of it until the next reset.

        Args:
            resources: The resources with their ``meta``. One with the type and id of another replaces it; one without
                an id gets the next free number.
        """
        self.reset()
        overlay = self._written()
        for resource in resources:
            kind = str(resource["resourceType"])
            known = self.view().position(kind, str(resource["id"])) if "id" in resource else None
            position = overlay.take_number() if known is None else known
            logical_id = str(resource.get("id", position))
            meta = {"versionId": "1", "lastUpdated": self.origin.instant, **resource.get("meta", {})}
            stored = {"resourceType": kind, "id": logical_id, "meta": meta}
            stored.update((name, value) for name, value in resource.items() if name not in stored)
            overlay.add("prepare", kind, logical_id, stored, int(meta["versionId"]), position, str(meta["lastUpdated"]))
        overlay.prepared = len(overlay.writes)

    def _prepared(self) -> Collection[Key]:
        """The resources that `prepare` has added."""
        if self._overlay is None or not self._overlay.prepared:
            return ()
        return {write.key for write in self._overlay.writes[: self._overlay.prepared]}

    @property
    def writes(self) -> Sequence[Write]:
        """The writes of the session's client, in order, without those of `prepare` and `record`."""
        return () if self._overlay is None else self._overlay.of_clients()

    @property
    def recorded(self) -> Sequence[Write]:
        """The writes of `record`, in order."""
        overlay = self._overlay
        if overlay is None or overlay.recorded is None:
            return ()
        return [overlay.writes[number] for number in sorted(overlay.recorded)]

    @property
    def written(self) -> int:
        """The number of `writes` and `recorded`."""
        return 0 if self._overlay is None else len(self._overlay.writes) - self._overlay.prepared

    def view(self) -> View:
        """Returns the resources that the session sees now."""
        return View(self._tables, self._overlay, None if self._overlay is None else self._overlay.seen, self.budget)

    def searches(self) -> Searches:
        """Returns the part of the session that answers searches."""
        if self._kept is None:
            self._kept = Kept()
        return Searches(self.counter_ids, self._kept, self.origin)

    def exports(self) -> Exports:
        """Returns the exports of the session."""
        self._kept = self._kept or Kept()
        self._kept.exports = self._kept.exports or Exports()
        return self._kept.exports

    def forget_exports(self) -> None:
        """Ends all exports, whose files can be had no more."""
        if self._kept is not None:
            self._kept.exports = None

    @property
    def held(self) -> int:
        """The memory that all versions written by the session take, and its exports, in bytes, roughly."""
        exports = None if self._kept is None else self._kept.exports
        return (0 if self._overlay is None else self._overlay.held) + (0 if exports is None else exports.held)

    def snapshot(self, known: Self | None = None) -> Self:
        """Returns the present state, for other threads to read while this session writes on; do not write to it.

        Searches are shared: a search that was made in one snapshot can be paged through in the next.

        Args:
            known: An earlier snapshot; it is returned if nothing has changed since.
        """
        self.fold()
        if known is not None and known._kept is self._kept and known._overlay_shown == self._overlay_shown:
            return known
        self._kept = self._kept or Kept()
        shown = copy(self)
        shown._overlay = None if self._overlay is None else self._overlay.snapshot()
        return shown

    @property
    def _overlay_shown(self) -> tuple[int, int]:
        """The number of writes and the identity of the tables below them; different for two states of a session."""
        return (0, 0) if self._overlay is None else (len(self._overlay.writes), id(self._overlay.tables))

    # --- what there is -------------------------------------------------------------------------------------------

    def exists(self, key: Key) -> bool:
        """True if there is such a resource."""
        return self.view().exists(key)

    def was_deleted(self, key: Key) -> bool:
        """True if there was such a resource and it was deleted."""
        return self.view().was_deleted(key)

    def numbered(self, number: int) -> Key | None:
        """Returns the resource with a number in HAPI's database, also if it was deleted; None if there is none."""
        return self.view().numbered(number)

    def latest_write(self, key: Key) -> Write | None:
        """Returns the latest change to a resource, or None if the session has not changed it."""
        return None if self._overlay is None else self._overlay.find(key)

    def matching(self, resource_type: str, url: str) -> tuple[int, str]:
        """Returns the number of resources that a search such as ``Patient?identifier=1`` finds, and the first one's id.

        Raises:
            FhirError: The search cannot be read.
        """
        self._pay_for_reading(url)
        view = self.view()
        found = view.hits(read_match_url(resource_type, url))
        return len(found), next(iter(view.ids(resource_type, found.page(0, 1))), "")

    def satisfies(self, resource: Mapping[str, Any], url: str) -> bool:
        """True if a search would find a resource, without its conditions on other resources."""
        self._pay_for_reading(url)
        resource = {name: value for name, value in resource.items() if name != "id"}  # it is not its id yet
        return all(wanted.accepts(resource) for wanted in match_filters(str(resource["resourceType"]), url))

    def _pay_for_reading(self, url: str) -> None:
        """Charges for reading a search that is a condition, as for any other search."""
        self.budget.spend(reading_work(parse_query(url.partition("?")[2])))

    def versions(self, key: Key) -> list[Version]:
        """Returns the versions of a resource, the newest first; none if there never was such a resource.

        The oldest known version of a resource is the one in the snapshot.
        """
        written = [] if self._overlay is None else self._overlay.versions(key)
        # a version that got other labels was written twice: the later state counts
        found = {write.version: _written_version(write) for write in written}
        table = self._tables.get(key[0]) or empty_table(key[0])
        row = None if key in self._prepared() else table.find(key[1])
        if row is not None:
            stored = _stored_version(key, table.text(row))
            found = {stored.number: found.pop(stored.number, stored), **found}
        return list(reversed(found.values()))

    def count(self, resource_type: str | None) -> int:
        """Returns the number of resources in the snapshot (of a type, or of all) plus the number of writes."""
        tables = self._tables
        stored = sum(map(len, tables.values())) if resource_type is None else len(tables.get(resource_type, ()))
        return stored + self.written

    def history(
        self,
        resource_type: str | None,
        start: int,
        size: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[int, list[Version]]:
        """Returns versions of the resources of a type (or of all types), the newest first.

        Args:
            resource_type: The type, or None for all.
            start: The number of versions to skip.
            size: The most versions to return.
            since: The earliest time of a version, timezone-aware; None for any.
            until: The latest time of a version; None for any.

        Returns:
            The number of versions in that time, and those asked for.
        """
        self.budget.spend(self.written)
        latest = {(write.key, write.version): write for write in self._history_writes(resource_type)}
        relabelled = {each.key: each for each in latest.values() if each.in_place and self._is_stored(each)}
        written = [
            write
            for (key, version), write in reversed(latest.items())
            if key not in relabelled or version != relabelled[key].version
            if within(write.updated, since, until)
        ]
        total = len(written)
        found = [_written_version(write) for write in written[start : start + size]]
        stored = self._stored_since(resource_type, since, until)
        skipped = max(0, start - total)
        for name, rows in _newest_of_all(stored, skipped, skipped + size - len(found)):
            table = self._tables[name]
            for logical_id, row in zip(table.ids(rows), rows.tolist(), strict=True):
                changed = relabelled.get((name, logical_id))
                text = table.text(row) if changed is None else changed.text
                found.append(_stored_version((name, logical_id), text))
        return total + sum(len(rows) for _, _, rows in stored), found

    def _history_writes(self, resource_type: str | None) -> list[Write]:
        writes = [] if self._overlay is None else self._overlay.writes
        return [write for write in writes if resource_type in (None, write.resource_type)]

    def _is_stored(self, write: Write) -> bool:
        """True if the version that a write has changed in place is one of the snapshot."""
        table = self._tables.get(write.resource_type)
        row = None if table is None or write.key in self._prepared() else table.find(write.logical_id)
        stored = None if table is None or row is None else _stored_version(write.key, table.text(row))
        return stored is not None and stored.number == write.version

    def _stored_since(self, resource_type: str | None, since: datetime | None, until: datetime | None) -> list[_Stored]:
        """Returns the rows of the snapshot, of a type or of all, that `prepare` has not replaced."""
        names = sorted(self._tables, key=lambda name: int(self._tables[name].positions[0]), reverse=True)
        stored = []
        for name in names:
            if resource_type not in (None, name):
                continue
            table = self._tables[name]
            self.budget.spend(len(table) * ROW)
            rows = _newest(table, since, until)
            hidden = [table.find(logical_id) for kind, logical_id in self._prepared() if kind == name]
            if hidden:
                rows = rows[~np.isin(rows, [row for row in hidden if row is not None])]
            if len(rows):
                stored.append((name, table, rows))
        return stored

    # --- changes -------------------------------------------------------------------------------------------------

    def fold(self) -> None:
        """Makes many writes fast to search; call it between requests."""
        if self._overlay is not None:
            self._overlay.fold()

    def take_number(self) -> int:
        """Gives out the next free id."""
        overlay = self._written()
        number = overlay.take_number()
        # the numbers of the snapshot are all below the first free one, and clients cannot choose a number as an id
        taken = {write.logical_id for write in overlay.writes[: overlay.prepared]}
        while str(number) in taken:
            number = overlay.take_number()
        return number

    def create(self, resource_type: str, resource: Mapping[str, Any], source: str, number: int | None = None) -> Write:
        """Stores a new resource under the next free id.

        Args:
            resource_type: Its type.
            resource: The resource to store; its ``id`` and ``meta.versionId`` are replaced.
            source: The id of the request that it came with.
            number: The resource's id, if it was given out already.
        """
        self.budget.read(STORED)
        if number is None:
            number = self.take_number()
        updated = self.now()
        stored = _with_meta((resource_type, str(number)), 1, updated, resource, source)
        return self._written().add("create", resource_type, str(number), stored, 1, number, updated)

    def update(self, key: Key, resource: Mapping[str, Any], source: str, skipped: int = 0) -> Write:
        """Stores a resource under a given id, as a new one or as the next version.

        Args:
            key: The resource's type and id.
            resource: The resource to store.
            source: The id of the request that it came with.
            skipped: The number of versions to leave out.
        """
        self.budget.read(STORED)
        overlay = self._written()
        position = self.view().position(*key)
        version = 1 + skipped + max((v.number for v in self.versions(key)), default=0)
        interaction = "update" if self.exists(key) else "create"
        if position is None:
            position = overlay.take_number()
        updated = self.now()
        stored = _with_meta(key, version, updated, resource, source)
        return overlay.add(interaction, *key, stored, version, position, updated)

    def delete(self, key: Key) -> Write:
        """Deletes a resource that exists."""
        self.budget.read(STORED)
        overlay = self._written()
        version = 1 + max(v.number for v in self.versions(key))
        return overlay.add("delete", *key, None, version, self.view().position(*key) or 0, self.now())

    def tell_time(self, moment: datetime) -> None:
        """Sets the simulated clock of this session, timezone-aware; answers tell it from the next request on."""
        self._clock = moment

    def look_at_clock(self) -> None:
        """Has answers tell the time that `tell_time` has set."""
        if self._clock is not None:
            moment, self._clock = self._clock.astimezone(UTC), None
            instant = moment.isoformat(timespec="milliseconds")
            self.origin = ServerOrigin(self.origin.base_url, instant, format_datetime(moment, usegmt=True))

    def record(self, resources: Sequence[Mapping[str, Any]], moment: datetime) -> list[str]:
        """Stores resources as the hospital itself, unchecked, at a simulated time.

        Args:
            resources: The resources; those without an id have no ``meta``, one with an id
                is the next version of what is there, or a new one of that id.
            moment: The time, timezone-aware.

        Returns:
            Their addresses, as in ``Observation/17``.
        """
        self._clock = moment
        begun = moment.astimezone(UTC)
        overlay = self._written()
        if overlay.recorded is None:
            overlay.recorded = set()
        addresses = []
        for resource in resources:
            kind, given = str(resource["resourceType"]), resource.get("id")
            written = len(overlay.writes)
            updated = (begun + timedelta(milliseconds=written - overlay.prepared)).isoformat(timespec="milliseconds")
            overlay.recorded.add(written)
            if given is None:
                number = self.take_number()
                key: Key = (kind, str(number))
                meta = {"versionId": "1", "lastUpdated": updated, "source": f"#{_HOSPITAL}"}
                stored = {"resourceType": kind, "id": key[1], "meta": meta, **resource}
                overlay.add("create", *key, stored, 1, number, updated)
            else:
                key = (kind, str(given))
                there = self.view().position(*key)
                version = 1 + max((v.number for v in self.versions(key)), default=0)
                stored = _with_meta(key, version, updated, {**resource, "meta": {}}, _HOSPITAL)
                position = overlay.take_number() if there is None else there
                overlay.add("create" if there is None else "update", *key, stored, version, position, updated)
            addresses.append(f"{kind}/{key[1]}")
        return addresses

    def relabel(self, key: Key, resource: dict[str, Any], version: Version) -> dict[str, Any]:
        """Stores the current version of a resource once more, with other labels; its number and its time stay.

        Returns:
            The resource as it is stored now.
        """
        self.budget.read(STORED)
        position = self.view().position(*key) or 0
        self._written().add("update", *key, resource, version.number, position, version.updated, in_place=True)
        return resource

    def undo(self, writes: int) -> None:
        """Takes back all writes after the first ``writes``."""
        if self._overlay is not None:
            self._overlay.undo(self._overlay.prepared + writes)

    def _written(self) -> Overlay:
        if self._overlay is None:
            self._overlay = Overlay(self._tables, self._first_free)
        if self._kept is not None:
            self._kept.forget_answers()
        return self._overlay

    def now(self) -> str:
        """Returns the time of the next write: the simulated clock plus a millisecond for each earlier write."""
        if not self.written:
            return self.origin.instant
        moment = _moment(self.origin.instant) + timedelta(milliseconds=self.written)
        return moment.isoformat(timespec="milliseconds")


@lru_cache(maxsize=16)
def _moment(instant: str) -> datetime:
    return datetime.fromisoformat(instant)


def _with_meta(key: Key, version: int, updated: str, resource: Mapping[str, Any], source: str) -> dict[str, Any]:
    supplied = resource.get("meta", {})
    own = {"versionId": str(version), "lastUpdated": updated, "source": f"{supplied.get('source', '')}#{source}"}
    first = {name: supplied[name] for name in ("id", "extension") if name in supplied}
    meta = {**first, **own, **{**supplied, **first, **own}} if supplied else own
    stored = {"resourceType": key[0], "id": key[1], "meta": meta}
    stored.update((name, value) for name, value in resource.items() if name not in stored)
    return stored


def _newest_of_all(stored: Sequence[_Stored], start: int, end: int) -> Iterator[tuple[str, npt.NDArray[np.intp]]]:
    """Yields the rows from one place to before another, from the newest to the oldest, in runs of one type."""
    ends = [table.places(rows[[0, -1]]) for _, table, rows in stored]
    if all(one[1] > other[0] for one, other in pairwise(ends)):
        passed = 0
        for name, _, rows in stored:
            chosen = rows[max(0, start - passed) : max(0, end - passed)]
            passed += len(rows)
            if len(chosen):
                yield name, chosen
        return
    kinds = np.concatenate([np.full(len(rows), kind) for kind, (_, _, rows) in enumerate(stored)])
    all_rows = np.concatenate([rows for _, _, rows in stored])
    order = stable_order(-np.concatenate([table.places(rows) for _, table, rows in stored]))[start:end]
    for row in order.tolist():
        yield stored[int(kinds[row])][0], all_rows[row : row + 1]


def within(updated: str, since: datetime | None, until: datetime | None) -> bool:
    """True if a FHIR instant lies in a time, of which both ends belong to it."""
    if since is None and until is None:
        return True
    moment = datetime.fromisoformat(updated)
    return (since is None or moment >= since) and (until is None or moment <= until)


def _newest(table: BaseTable, since: datetime | None, until: datetime | None) -> npt.NDArray[np.intp]:
    """Returns the rows of a table that were stored in a time, the last one first."""
    if since is None and until is None:
        return np.arange(len(table) - 1, -1, -1)
    name = table.table.resource_type
    bounds = [f"{prefix}{end.isoformat()}" for prefix, end in (("ge", since), ("le", until)) if end is not None]
    updated = search_parameters(name)["_lastUpdated"]
    filters = [make_filter(name, updated, "", bound) for bound in bounds]
    return table.search([each for each in filters if each is not None], UNLIMITED)[::-1]


def _written_version(write: Write) -> Version:
    return Version(write.key, write.version, write.text, write.updated)


def _stored_version(key: Key, text: str) -> Version:
    meta = parse_element(text).get("meta", {})
    return Version(key, int(meta.get("versionId", 1)), text, str(meta.get("lastUpdated", "")))
