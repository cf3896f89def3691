"""Answers searches over the snapshot's columns and a session's own writes: filters, sorts and follows references."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from mab_gym.fhir.hapi._order import (
    UNCOUNTED,
    DrivingFilter,
    arrange,
    choose_driver,
    choose_driver_of_sorted,
    reference_first,
)
from mab_gym.fhir.model._definitions import SearchParameter
from mab_gym.fhir.model._filter import Filter
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._paths import Path, compile_paths
from mab_gym.fhir.model._remembered import is_short
from mab_gym.fhir.model._values import Reference, Value, read_values
from mab_gym.fhir.search._chains import Chain, Reverse, but_not_filter, chain_filter, reverse_filter
from mab_gym.fhir.search._found import FirstRows, Found
from mab_gym.fhir.search._matching import LABEL_PARAMETERS, make_filter
from mab_gym.fhir.search._query import Query, asks_for_others, read_query
from mab_gym.fhir.search._resources import Placed
from mab_gym.fhir.search._targets import Targets
from mab_gym.fhir.store._base import LONGEST_REMEMBERED, BaseTable, empty_table, sort_keys
from mab_gym.fhir.store._budget import (
    COMPARISON,
    ELEMENT,
    ID,
    LINK,
    MENTION_LOOKED_AT,
    ROW,
    SORTED_ROW,
    UNLIMITED,
    WRITE_LOOKED_AT,
    Bill,
    Budget,
)
from mab_gym.fhir.store._instants import LOW, NO_PERIOD
from mab_gym.fhir.store._overlay import Matched, Overlay, Write, touched
from mab_gym.fhir.store._row_keys import RowKeys, date_fields, grouped, id_keys, ranked, split, spread, together
from mab_gym.fhir.store._sorting import Keys, SortedRows
from mab_gym.fhir.store._table import Rows, blocks

_MOST_COUNTED = 503
"""Of more hits the rows are not counted: HAPI knows their total from its second pass on, if at all."""
_NO_ROWS: Rows = np.empty(0, dtype=np.intp)
_NOTHING: Mapping[str, list[int]] = {}


class View:
    """The resources that a session sees: the snapshot with its own writes on top.

    A *hit* is a row of the snapshot's table or, counted on from the table's size, the number of a write.

    Args:
        tables: The snapshot, by resource type.
        overlay: The session's writes, or None.
        until: The number of writes that searches look at; None for all.
        budget: The request's allowance.

    Attributes:
        budget: The request's allowance.
    """

    __slots__ = ("_known", "_overlay", "_pending", "_tables", "_until", "budget")

    def __init__(
        self,
        tables: Mapping[str, BaseTable],
        overlay: Overlay | None,
        until: int | None = None,
        budget: Budget = UNLIMITED,
    ) -> None:
        self._overlay = overlay
        self._tables = tables if overlay is None else overlay.tables
        self._pending: Mapping[str, list[int]] = _NOTHING if overlay is None else overlay.pending
        self._until = until
        self._known: dict[tuple[object, ...], tuple[list[Value], list[Any]]] = {}
        self.budget = budget

    def frozen(self) -> View:
        """Returns a view of the present state; it holds no writes itself (see `over`), so that many can be kept."""
        return self._as_of(self.writes, None, UNLIMITED)

    def over(self, now: View) -> View:
        """Returns what a frozen view shows, with the writes and the budget of the present view."""
        return self._as_of(self._until, now._overlay, now.budget)

    def _as_of(self, until: int | None, overlay: Overlay | None, budget: Budget) -> View:
        view = View(self._tables, overlay, until, budget)
        view._tables, view._pending = self._tables, self._pending
        return view

    def _table(self, resource_type: str) -> BaseTable:
        return self._tables.get(resource_type) or empty_table(resource_type)

    def hits(self, query: Query) -> Found:
        """Returns the matches of a search in order."""
        return self._hits(query, None)

    def _hits(self, query: Query, leading: FirstRows | None) -> Found:
        """Returns the matches; those in a table without any writes over it are remembered with the table.

        Args:
            query: The search.
            leading: The rows in which HAPI's database finds what leads here, for a search through references.
        """
        table = self._table(query.resource_type)
        if not len(table) or self._overlay is not None or query.chains or leading is not None:
            return self._looked_up(query, leading)
        asked = tuple(wanted.key for wanted in query.filters)
        key = (asked, tuple((by.name, down) for by, down in query.sort))
        known: tuple[Found, Bill] | None = table.arranged.get(key)
        if known is not None:
            self.budget.pay(known[1])
            return known[0]
        with self.budget.recording() as bill:
            found = self._looked_up(query, None)
        if len(found) <= LONGEST_REMEMBERED and is_short(asked):
            table.arranged.put(key, (found, bill), len(found))
        return found

    def _looked_up(self, query: Query, leading: FirstRows | None) -> Found:
        resource_type = query.resource_type
        table = self._table(resource_type)
        filters: Sequence[Filter] = query.filters
        for wanted in filters:
            if wanted.negated and wanted.ids and not any(self.exists((resource_type, key)) for key in wanted.ids):
                return Found(_NO_ROWS, leading)  # HAPI finds nothing where it is not to find what is not there
        driver = query.driver
        if query.chains:
            filters = [*filters]
            for chain in query.chains:
                wanted, leading = self._resolve(resource_type, chain, leading)
                filters.append(wanted)
            driver = choose_driver(resource_type, filters)
        hits = self.filtered(resource_type, filters)
        if len(hits) < 2:
            return Found(hits, leading)
        if query.sort:
            driver = choose_driver_of_sorted(resource_type, filters)
        elif driver is not None and reference_first(driver, filters) and self._number_of_resources() < UNCOUNTED:
            driver = None
        hits = hits if driver is None else self._arranged(resource_type, driver, table, hits)
        if query.sort:
            return self._sorted(query, table, hits, filters, leading)
        if leading is None and len(hits) <= _MOST_COUNTED:
            leading = self._first_rows(resource_type, filters, driver, hits)
        return Found(hits, leading)

    def filtered(self, resource_type: str, filters: Sequence[Filter]) -> Rows:
        """Returns the hits that satisfy all filters, in the order in which the resources were first stored."""
        table = self._table(resource_type)
        rows = table.search(filters, self.budget)
        numbers = self._pending.get(resource_type)
        if not numbers or self._overlay is None:
            return rows
        names = filters[0].names if len(filters) == 1 else None
        looks = len(numbers) * max(1, len(filters))
        self.budget.spend(len(rows) * ROW + looks * (WRITE_LOOKED_AT if names is None else MENTION_LOOKED_AT))
        self._overlay.note_scan(resource_type, len(numbers))
        if names is None and self._pending is self._overlay.pending:
            found = self._matching(resource_type, filters, numbers)
            over = self._overlay.replacing.get(resource_type, ())
            replaced = [row for number, row in over if self._until is None or number < self._until]
        else:
            found, replaced = self._mentioning(resource_type, filters, numbers, names)
        if not found and not replaced:
            return rows
        writes = self._overlay.writes
        pairs = sorted((writes[number].position, number + len(table)) for number in found)
        # rows and places rise together: put the few writes between the rows
        after = [bisect_right(table.positions, place) for place, _ in pairs]
        return _merged(rows, replaced, after, [hit for _, hit in pairs])

    def _matching(self, resource_type: str, filters: Sequence[Filter], numbers: Sequence[int]) -> list[int]:
        """Returns the numbers of the pending writes that satisfy all filters; each is tested once in a session."""
        overlay = self._overlay
        assert overlay is not None
        question = tuple(wanted.key for wanted in filters)
        # threads may share a snapshot, and what was found through references may be found no more
        remembers = overlay.seen is None and is_short(question) and all(wanted.ranks is None for wanted in filters)
        known = overlay.matched(resource_type, question) if remembers else Matched()
        end = len(numbers) if self._until is None else bisect_left(numbers, self._until)
        if known.looked_at < end:
            known.tests = known.tests or [wanted.for_many(resource_type) for wanted in filters]
            for number in numbers[known.looked_at : end]:
                resource = overlay.writes[number].resource
                if resource is None:
                    continue
                for accepts in known.tests:
                    if not accepts(resource):
                        break
                else:
                    known.numbers.append(number)
            known.looked_at = end
        found = known.numbers
        if self._until is not None:
            found = found[: bisect_left(found, self._until)]
        left_out = overlay.superseded(found, self._until)
        return [number for number in found if number not in left_out] if left_out else found

    def _mentioning(
        self, resource_type: str, filters: Sequence[Filter], numbers: Sequence[int], names: frozenset[str] | None
    ) -> tuple[list[int], list[int]]:
        """Returns the numbers of the writes that satisfy all filters, and the rows of which there are writes.

        Args:
            resource_type: The type.
            filters: The filters.
            numbers: The numbers of the writes.
            names: The references of which a resource must hold one; None for any resource.
        """
        table, overlay = self._table(resource_type), self._overlay
        assert overlay is not None
        found, replaced = [], []
        for number, write in touched(overlay.writes, numbers, self._until):
            if (row := table.find(write.logical_id)) is not None:
                replaced.append(row)
            if names is not None and names.isdisjoint(overlay.mentions(number)):
                continue
            if write.resource is not None and all(wanted.accepts(write.resource) for wanted in filters):
                found.append(number)
        return found, replaced

    def ids(self, resource_type: str, hits: Rows) -> list[str]:
        """Returns the hits' logical ids."""
        table = self._table(resource_type)
        size = len(table)
        found = table.ids(hits[hits < size])
        if len(found) == len(hits):
            return found
        waiting = iter(found)
        return [next(waiting) if hit < size else self._written(hit - size).logical_id for hit in hits.tolist()]

    def values(self, resource_type: str, hit: int, parameter: SearchParameter) -> list[Value]:
        """Returns all values that a search parameter finds in one hit."""
        table = self._table(resource_type)
        if hit < len(table):
            return table.values(hit, parameter)
        resource = self._written(hit - len(table)).resource
        return self._values_in({"resourceType": resource_type} if resource is None else resource, parameter)

    def _values_in(self, resource: Mapping[str, Any], parameter: SearchParameter) -> list[Value]:
        """Returns all values that a search parameter finds in a resource that was written.

        A search asks for them when it filters, counts and sorts, and many resources share their elements.
        """
        paths = compile_paths(str(resource["resourceType"]), parameter.expression)
        elements = [resource.get(path.top) for path in paths]
        key = (parameter.expression, *map(id, elements))
        known = self._known.get(key)
        if known is None:
            values = [
                value
                for path, element in zip(paths, elements, strict=True)
                if element is not None
                for node in path.nodes(element)
                for value in read_values(parameter.type, node)
            ]
            known = self._known[key] = values, elements  # while they are held, no other element has their identity
        return known[0]

    def references(self, key: Key, paths: Sequence[Path]) -> Iterator[tuple[int, Value]]:
        """Yields the references of a resource at some paths, with the paths' numbers, from the indexes if possible."""
        table = self._table(key[0])
        written = self._overlay is not None and self._overlay.find(key) is not None
        row = None if written else table.find(key[1])
        resource = (self.read(key) or {}) if row is None else {}
        self.budget.spend(LINK + len(paths))
        for number, path in enumerate(paths):
            if row is not None:
                yield from ((number, value) for value in table.references(row, path))
            else:
                nodes = path.nodes(resource.get(path.top))
                yield from ((number, value) for node in nodes for value in read_values("reference", node))

    def read(self, key: Key) -> dict[str, Any] | None:
        """Returns a resource as Python values, or None if there is none."""
        if self._overlay is not None and (write := self._overlay.find(key)):
            return write.resource
        table = self._table(key[0])
        row = table.find(key[1])
        return None if row is None else table.resource(row)

    @property
    def writes(self) -> int:
        """The number of writes that the session has made."""
        if self._until is not None:
            return self._until
        return 0 if self._overlay is None else len(self._overlay.writes)

    def exists(self, key: Key) -> bool:
        """Tells if there is such a resource."""
        if self._overlay is not None and (write := self._overlay.find(key)):
            return write.resource is not None
        return self._table(key[0]).find(key[1]) is not None

    def was_deleted(self, key: Key) -> bool:
        """Tells if there was such a resource and it was deleted."""
        write = None if self._overlay is None else self._overlay.find(key)
        return write is not None and write.resource is None

    def text(self, key: Key) -> str | None:
        """Returns a resource's JSON in HAPI's pretty form, or None if there is none."""
        if self._overlay is not None and (write := self._overlay.find(key)):
            return write.text or None
        table = self._table(key[0])
        row = table.find(key[1])
        return None if row is None else table.text(row)

    def entries(self, resource_type: str, hits: Rows) -> list[tuple[str, str]]:
        """Returns the hits' ids, and their JSON as in an entry of a Bundle, indented by four blanks."""
        table = self._table(resource_type)
        size = len(table)
        stored = hits[hits < size]
        ids = table.ids(stored)
        ready = list(zip(ids, table.entries(stored, ids), strict=True)) if ids else []
        if len(stored) == len(hits):
            return ready
        waiting = iter(ready)
        return [next(waiting) if hit < size else _entry(self._written(hit - size)) for hit in hits.tolist()]

    def lengths(self, resource_type: str, hits: Rows) -> Rows:
        """Returns the lengths of the hits' JSON, roughly."""
        table = self._table(resource_type)
        self.budget.spend(len(hits) * ROW)
        lengths = np.empty(len(hits), dtype=np.intp)
        stored = hits < len(table)
        lengths[stored] = table.lengths(hits[stored], self.budget)
        lengths[~stored] = [len(self._written(hit - len(table)).text) for hit in hits[~stored].tolist()]
        return lengths

    def pointing(self, resource_type: str, wanted: Filter, most: int) -> list[Placed]:
        """Returns the first resources of a type that satisfy a filter, in load order."""
        hits = self.filtered(resource_type, [wanted])[:most]
        if not len(hits):
            return []
        self.budget.spend(len(hits))
        ids = self.ids(resource_type, hits)
        return [
            (place, (resource_type, logical_id))
            for place, logical_id in zip(self._places(resource_type, hits), ids, strict=True)
        ]

    def pointed_to(self, resource_type: str, parameter: SearchParameter, keys: Collection[Key]) -> Collection[Key]:
        """Returns the resources, among some, that a type may refer to by a parameter; perhaps too many."""
        table = self._table(resource_type)
        pending = self._pending.get(resource_type, ())
        self.budget.spend((len(keys) + len(pending)) * MENTION_LOOKED_AT)
        found = {key for key in keys if table.may_refer_to(key[1], parameter)}
        if pending and self._overlay is not None:
            mentioned = frozenset().union(*map(self._overlay.mentions, pending))
            found.update(key for key in keys if "/".join(key) in mentioned)
        return found

    def _places(self, resource_type: str, hits: Rows) -> list[int]:
        """Returns the places of hits in the load order of all resources."""
        table = self._table(resource_type)
        size = len(table)
        if not len(hits) or int(hits.max()) < size:
            places: list[int] = table.places(hits).tolist()
            return places
        return [
            int(table.positions[hit]) if hit < size else self._written(hit - size).position for hit in hits.tolist()
        ]

    def _number_of_resources(self) -> int:
        """The number of resources of all types, each version of a written one counted."""
        return sum(map(len, self._tables.values())) + sum(map(len, self._pending.values()))

    def types(self) -> list[str]:
        """Returns the resource types that have resources, in alphabetical order."""
        return sorted({*self._tables, *self._pending})

    def position(self, resource_type: str, logical_id: str) -> int | None:
        """Returns HAPI's database id of a resource, its place in load order from 1, or None if there is none."""
        if self._overlay is not None and (write := self._overlay.find((resource_type, logical_id))):
            return write.position
        table = self._table(resource_type)
        row = table.find(logical_id)
        return None if row is None else int(table.positions[row])

    def numbered(self, number: int) -> Key | None:
        """Returns the resource whose id is a number, or else the one at that place in load order; deleted ones, too."""
        types = self.types()
        self.budget.spend(len(types) * ID)
        for kind in types:
            if self.exists((kind, str(number))) or self.was_deleted((kind, str(number))):
                return kind, str(number)
        for kind in types:
            table = self._table(kind)
            row = bisect_left(table.positions, number)
            if row < len(table) and table.positions[row] == number:
                key = kind, table.ids(np.array([row]))[0]
                return None if key[1].isdecimal() else key
        writes = [] if self._overlay is None else self._overlay.writes[: self._until]
        self.budget.spend(len(writes))
        return next((write.key for write in writes if write.position == number), None)

    def number(self, resource_type: str, logical_id: str) -> int | None:
        """Returns the hit of a resource, or None if there is no such resource."""
        table = self._table(resource_type)
        if self._overlay is not None:
            written = self._overlay.number((resource_type, logical_id), self._until)
            if written is not None:
                return len(table) + written
        return table.find(logical_id)

    def named(self, resource_type: str, hits: Rows) -> bytes:
        """Returns a digest of hits in their order, which differs for different resources."""
        table = self._table(resource_type)
        size = len(table)
        digest = hashlib.blake2b(str(table.serial).encode(), digest_size=16)
        digest.update(np.where(hits < size, hits, -1).tobytes())
        digest.update("\n".join(self.ids(resource_type, hits[hits >= size])).encode())
        return digest.digest()

    def _written(self, number: int) -> Write:
        assert self._overlay is not None
        return self._overlay.writes[number]

    def _first_rows(
        self, resource_type: str, filters: Sequence[Filter], driver: DrivingFilter | None, hits: Rows
    ) -> FirstRows | None:
        """Returns the rows in which HAPI's database finds hits: each once for every value that a filter asks for.

        They come in the order of the driver's index; None if each hit has one row.
        """
        several = [wanted for wanted in filters if wanted.finds_several]
        if not several:
            return None
        self._spend_on_values(hits, several)
        rows: list[tuple[Any, int]] = []
        for place, hit in enumerate(hits.tolist()):
            keys: list[Any] = [None]
            for wanted in several:
                found = self._found_by(resource_type, hit, wanted)
                if driver is not None and driver.wanted is wanted and driver.kind == "value":
                    keys = [driver.key(value) for value in found] * len(keys)
                else:
                    keys *= max(1, len(found))
            rows.extend((key, place) for key in keys)
        if len(rows) == len(hits):
            return None
        if all(key is not None for key, _ in rows):
            rows.sort()
        first: dict[int, int] = {}
        for number, (_, place) in enumerate(rows):
            first.setdefault(place, number)
        return FirstRows(len(rows), [first[place] for place in range(len(hits))])

    def _found_by(self, resource_type: str, hit: int, wanted: Filter) -> set[Value]:
        """Returns the different values of a hit that satisfy a filter."""
        return _satisfying(wanted, self.values(resource_type, hit, wanted.parameter))

    def _row_counts(self, resource_type: str, filters: Sequence[Filter], hits: Rows) -> Rows | None:
        """Returns the number of rows in which HAPI's database finds each hit; None if it is one for all."""
        several = [wanted for wanted in filters if wanted.finds_several]
        if not several or len(hits) > _MOST_COUNTED:
            return None
        self._spend_on_values(hits, several)
        counts = np.ones(len(hits), dtype=np.intp)
        table = self._table(resource_type)
        stored, written = split(hits, len(table))
        for wanted in several:
            groups = grouped(table, hits[stored], wanted.parameter)
            of_group = np.array([max(1, len(_satisfying(wanted, values))) for values in groups.values], dtype=np.intp)
            counts[stored] *= of_group[groups.of_row]
            known: dict[int, int] = {}  # resources with the same element have the same list of values
            for place in written.tolist():
                values = self.values(resource_type, int(hits[place]), wanted.parameter)
                count = known.get(id(values))
                if count is None:
                    count = known[id(values)] = max(1, len(_satisfying(wanted, values)))
                counts[place] *= count
        return counts

    def _spend_on_values(self, hits: Rows, filters: Sequence[Filter]) -> None:
        """Charges for looking at each hit's values, by the number of values asked for."""
        self.budget.spend(len(hits) * sum(ELEMENT + wanted.comparisons_each * COMPARISON for wanted in filters))

    def _spend_on_order(self, table: BaseTable, hits: Rows, parameter: SearchParameter, comparisons: int = 0) -> None:
        """Charges for sorting hits, by their number and by the number of distinct elements among them.

        Args:
            table: The snapshot.
            hits: The hits.
            parameter: The parameter by which they are sorted.
            comparisons: The number of values with which each element is compared before.
        """
        distinct = min(len(hits), table.distinct(parameter)) if len(table) else len(hits)
        self.budget.spend(len(hits) * SORTED_ROW + distinct * (ELEMENT + comparisons * COMPARISON))

    def _arranged(self, resource_type: str, driver: DrivingFilter, table: BaseTable, hits: Rows) -> Rows:
        for each in (driver, driver.then):
            if each is not None:
                self._spend_on_order(table, hits, each.wanted.parameter, each.wanted.comparisons_each)
        return arrange(
            driver,
            table,
            hits,
            lambda: self.ids(resource_type, hits),
            lambda hit, parameter: self.values(resource_type, hit, parameter),
            lambda value: self.position(value.target_type, value.target_id),
        )

    # --- through references --------------------------------------------------------------------------------------

    def _resolve(
        self, resource_type: str, chain: Chain | Reverse, leading: FirstRows | None
    ) -> tuple[Filter, FirstRows | None]:
        """Returns a search through a reference as a filter at its near end, and the rows that it leads through."""
        if isinstance(chain, Chain):
            inner_queries = {kind: read_query(kind, chain.parameters, behind=True) for kind in chain.targets}
            if all(asks_for_others(query) for query in inner_queries.values()):
                excluded = [self._excluded(query) for query in inner_queries.values()]
                return but_not_filter(chain, Targets(self, excluded), self.position), leading
            found = []
            for kind, query in inner_queries.items():
                if kind in self._tables or self._overlay is not None:
                    hits = self._hits(query, leading)
                    leading = hits.first_rows
                    self.budget.spend(len(hits) * SORTED_ROW)
                    found.append((kind, hits.all()))
            return chain_filter(chain, Targets(self, found)), leading
        inner = read_query(chain.source_type, chain.parameters, behind=True)
        matches = self._hits(inner, leading).all()
        first: dict[str, int] = {}
        rows = 0
        for logical_id, row in self._pointed_to(resource_type, chain, matches):
            first.setdefault(logical_id, row)
            rows = max(rows, row + 1)
        found_first = FirstRows(max(rows, len(matches)) if first else 0, list(first.values()))
        return reverse_filter(resource_type, list(first)), found_first

    def _excluded(self, query: Query) -> tuple[str, Rows]:
        """Returns the type and the hits that a search excludes which only says what it does not want."""
        kind = query.resource_type
        everything = self.filtered(kind, ())
        self.budget.spend(len(everything) * SORTED_ROW * (1 + len(query.filters)))
        out = np.zeros(len(everything), dtype=np.bool_)
        for wanted in query.filters:
            if wanted.parameter.name not in LABEL_PARAMETERS:  # HAPI ignores them here
                out |= ~np.isin(everything, self.filtered(kind, [wanted]))
        return kind, everything[out]

    def _pointed_to(self, resource_type: str, chain: Reverse, hits: Rows) -> Iterator[tuple[str, int]]:
        """Yields the ids of a type that hits point to, with the places of the first hits that do, in order."""
        found = self._distinct_values(chain.source_type, hits, chain.reference)
        for place, values in sorted(found, key=itemgetter(0)):
            for value in values:
                if isinstance(value, Reference) and value.target_type == resource_type:
                    yield value.target_id, place

    def _distinct_values(
        self, resource_type: str, hits: Rows, parameter: SearchParameter
    ) -> list[tuple[int, Sequence[Value]]]:
        """Returns the distinct elements of hits that a parameter looks at: the first one's place, and the values."""
        table = self._table(resource_type)
        stored, written = split(hits, len(table))
        if not len(written) and not table.tops(parameter):
            return []  # no row has the element
        self._spend_on_order(table, hits, parameter)
        found: list[tuple[int, Sequence[Value]]] = [
            (place, self.values(resource_type, int(hits[place]), parameter)) for place in written.tolist()
        ]
        groups = grouped(table, hits[stored], parameter)
        first = groups.first_rows()
        places = first if isinstance(stored, slice) else np.flatnonzero(stored)[first]
        found += zip(places.tolist(), groups.values, strict=True)
        return found

    def targets(self, resource_type: str, hits: Rows, parameter: SearchParameter) -> set[Key]:
        """Returns the resources that hits refer to by a parameter; some of them may not exist."""
        return {
            (value.target_type, value.target_id)
            for _, values in self._distinct_values(resource_type, hits, parameter)
            for value in values
            if isinstance(value, Reference)
        }

    # --- sorting -------------------------------------------------------------------------------------------------

    def _sorted(
        self,
        query: Query,
        table: BaseTable,
        hits: Rows,
        filters: Sequence[Filter],
        leading: FirstRows | None,
    ) -> Found:
        """Sorts hits; those without a value always come last.

        HAPI's database returns a match once for each of its values that it sorts by or that a filter asks for, and for
        each combination of such values.
        """
        matches: Rows | None = None  # the match of each row, once some match has several
        counts = self._row_counts(query.resource_type, filters, hits)
        if counts is not None and int(counts.sum()) > len(hits):
            matches = np.repeat(np.arange(len(hits)), counts)
        columns: list[Keys] = []
        for place, (parameter, descending) in enumerate(query.sort):
            if place > 1:  # the numbers of several columns seldom fit into one, and have to be ranked
                self.budget.spend(len(hits) * 2 * SORTED_ROW)
            numbers, counts = self._sort_keys(query.resource_type, table, hits, parameter, descending)
            if counts is None:
                columns.append(numbers if matches is None else numbers[matches])
                continue
            matches = np.arange(len(hits)) if matches is None else matches
            rows_then = int(counts[matches].sum())  # several values in several places multiply
            self.budget.spend((rows_then - len(matches)) * (SORTED_ROW + (len(columns) + 1) * ROW))
            columns = [np.repeat(column, counts[matches]) for column in columns]
            columns.append(numbers[spread((np.cumsum(counts) - counts)[matches], counts[matches])])
            matches = np.repeat(matches, counts[matches])
        several = matches if matches is not None and len(matches) > len(hits) else None
        return Found(hits, leading, SortedRows(together(columns)), several)

    def _sort_keys(
        self, resource_type: str, table: BaseTable, hits: Rows, parameter: SearchParameter, descending: bool
    ) -> RowKeys:
        """Returns the keys by which hits sort."""
        self._spend_on_order(table, hits, parameter)
        if parameter.is_flag and (wanted := make_filter(resource_type, parameter, "", "true")):
            flags = np.isin(hits, self.filtered(resource_type, [wanted])).astype(np.int64)
            return RowKeys(-flags if descending else flags, None)

        def values_of(hit: int, wanted: SearchParameter) -> Sequence[Value]:
            return self.values(resource_type, hit, wanted)

        if parameter.name == "_id":
            numbers = self._id_keys(resource_type, table, hits)
            return RowKeys(np.negative(numbers, out=numbers) if descending else numbers, None)
        if parameter.type == "date":
            fields = date_fields(table, hits, parameter, (LOW,), values_of)
            if fields is not None:
                return RowKeys(_last_where_missing(fields[0], descending), None)

        def keys(values: Sequence[Value]) -> list[Any]:
            if parameter.type != "reference":
                return sort_keys(values, descending=descending)
            # HAPI sorts references by the database id of their targets
            places = {self.position(v.target_type, v.target_id) for v in values if isinstance(v, Reference)}
            return sorted((place for place in places if place is not None), reverse=descending)

        return ranked(table, hits, parameter, keys, values_of, descending=descending)

    def _id_keys(self, resource_type: str, table: BaseTable, hits: Rows) -> Keys:
        """Returns numbers that sort as the hits' ids do."""
        if not len(table) or not isinstance(table.table.ids, np.ndarray):
            return _ranks(self.ids(resource_type, hits))
        written = np.flatnonzero(hits >= len(table))
        numbers = np.empty(len(hits), dtype=np.int64)
        for part in blocks(hits):
            numbers[part] = table.table.ids[np.minimum(hits[part], len(table) - 1)]
        numbers[written] = 0
        return id_keys(numbers, dict(zip(written.tolist(), self.ids(resource_type, hits[written]), strict=True)))


def _satisfying(wanted: Filter, values: Iterable[Value]) -> set[Value]:
    """Returns the different values that satisfy a filter."""
    return {value for value in values if any(predicate(value) for predicate in wanted.predicates)}


def _merged(rows: Rows, without: Sequence[int], before: Sequence[int], hits: Sequence[int]) -> Rows:
    """Returns rows without some of them and with hits in between, copied once.

    Args:
        rows: The rows, rising.
        without: The rows to leave out, if they are among the rows.
        before: For each hit, the number of the row that it comes before; rising.
        hits: The hits.
    """
    places = np.searchsorted(rows, without).tolist()
    there = [place for place, row in zip(places, without, strict=True) if place < len(rows) and rows[place] == row]
    if there:
        rows = np.delete(rows, there)
    if not len(rows) or not before or before[0] > rows[-1]:  # as where all of them were created
        return np.concatenate([rows, np.array(hits, dtype=np.intp)])
    return np.insert(rows.astype(np.intp, copy=False), np.searchsorted(rows, before), hits)


def _last_where_missing(numbers: Keys, descending: bool) -> Keys:
    """Returns numbers to sort by, changed in place, with missing ones after all others."""
    missing = numbers == NO_PERIOD
    numbers[missing] = 0
    if descending:
        np.negative(numbers, out=numbers)
    numbers[missing] = int(numbers.max(initial=0)) + 1
    return numbers


def _ranks(keys: Sequence[Any]) -> Keys:
    """Returns numbers that sort as the keys do."""
    rank = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.array([rank[key] for key in keys], dtype=np.int64)


def _entry(write: Write) -> tuple[str, str]:
    return write.logical_id, write.text.replace("\n", "\n    ")
