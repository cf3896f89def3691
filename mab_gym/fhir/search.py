"""The evaluation of searches: the snapshot's columns and a session's own writes, filtered, ordered and joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mab_gym.fhir.base import LONGEST_REMEMBERED, BaseTable, Rows, sort_keys
from mab_gym.fhir.chains import Chain, Reverse, but_not_filter, chain_filter, reverse_filter
from mab_gym.fhir.definitions import SearchParameter
from mab_gym.fhir.includes import Key
from mab_gym.fhir.matching import LABELS, Filter, make_filter
from mab_gym.fhir.ordering import Driver, arrange, choose_driver, choose_driver_of_sorted, only_pool_path
from mab_gym.fhir.overlay import Overlay, Write, touched
from mab_gym.fhir.paging import Repeats, pass_limits
from mab_gym.fhir.paths import Path, compile_paths
from mab_gym.fhir.query import Query, asks_for_others, read_query
from mab_gym.fhir.ties import sorted_around, sorted_in_passes
from mab_gym.fhir.values import Reference, Value, read_values

_MOST_COUNTED = 503
"""Of more hits the rows are not counted: HAPI knows their total from its second pass on, if at all."""
_NO_ROWS: Rows = np.empty(0, dtype=np.intp)
_NOTHING: Mapping[str, list[int]] = {}


class View:
    """What a session can see: the snapshot, and its own writes on top.

    A *hit* is a row of the snapshot's table or, counted on from its size, the number of a write.

    Args:
        tables: The snapshot, by resource type.
        overlay: The session's writes, or None.
        until: How many of the writes to look at in searches; all where None.

    Attributes:
        repeats: Where the last ``_has`` has found resources more than once.
    """

    __slots__ = ("_overlay", "_pending", "_tables", "_until", "repeats")

    def __init__(self, tables: Mapping[str, BaseTable], overlay: Overlay | None, until: int | None = None) -> None:
        self._overlay = overlay
        self._tables = tables if overlay is None else overlay.tables
        self._pending: Mapping[str, list[int]] = _NOTHING if overlay is None else overlay.pending
        self._until = until
        self.repeats: Repeats | None = None

    def frozen(self) -> View:
        """The same, whatever is written from now on; it holds no writes (see `over`), so that many can be kept."""
        return self._as_of(self.writes, None)

    def over(self, now: View) -> View:
        """What a frozen view shows, its writes looked up among those that another one knows."""
        return self._as_of(self._until, now._overlay)

    def _as_of(self, until: int | None, overlay: Overlay | None) -> View:
        view = View(self._tables, overlay, until)
        view._tables, view._pending = self._tables, self._pending
        return view

    def hits(self, query: Query) -> Rows:
        """The matches in order; those of a table that nothing was written over are remembered with it."""
        table = self._tables.get(query.resource_type)
        if table is None or self._overlay is not None or query.chains or self.repeats is not None:
            return self._hits(query)
        asked = tuple(wanted.key for wanted in query.filters)
        # In HAPI's order of equals, how many are looked for plays a part.
        key = (asked, tuple((by.name, down) for by, down in query.sort), query.count, query.offset)
        known = table.arranged.get(key)
        if known is not None:
            rows, self.repeats = known
            return rows
        rows = self._hits(query)
        if len(rows) <= LONGEST_REMEMBERED:
            rows.flags.writeable = False
            table.arranged.put(key, (rows, self.repeats), len(rows))
        return rows

    def _hits(self, query: Query) -> Rows:
        resource_type = query.resource_type
        table = self._tables.get(resource_type)
        filters: Sequence[Filter] = query.filters
        for wanted in filters:
            if wanted.negated and wanted.ids and not any(self.exists((resource_type, key)) for key in wanted.ids):
                return _NO_ROWS  # HAPI finds nothing where it is not to find what is not there.
        driver = query.driver
        if query.chains:
            filters = [*filters, *(self._resolve(resource_type, chain) for chain in query.chains)]
            driver = choose_driver(resource_type, filters)
        hits = self.filtered(resource_type, filters)
        if len(hits) < 2:
            return hits
        if query.sort:
            driver = choose_driver_of_sorted(resource_type, filters)
        hits = hits if driver is None else self._arranged(resource_type, driver, table, hits)
        if query.sort:
            return self._sorted(query, table, hits, filters)
        if self.repeats is None and len(hits) <= _MOST_COUNTED:
            self.repeats = self._repeated(resource_type, filters, driver, hits)
        return hits

    def filtered(self, resource_type: str, filters: Sequence[Filter]) -> Rows:
        """The hits that satisfy all filters, in the order in which the resources were first stored."""
        table = self._tables.get(resource_type)
        rows = _NO_ROWS if table is None else table.search(filters)
        numbers = self._pending.get(resource_type)
        if not numbers or self._overlay is None:
            return rows
        self._overlay.note_scan(resource_type, len(numbers))
        size = 0 if table is None else len(table)
        extra, places, replaced = [], [], []
        for number, write in touched(self._overlay.writes, numbers, self._until):
            if table is not None and (row := table.find(write.logical_id)) is not None:
                replaced.append(row)
            if write.resource is not None and all(wanted.accepts(write.resource) for wanted in filters):
                extra.append(size + number)
                places.append(write.position)
        if replaced:
            rows = rows[~np.isin(rows, replaced)]
        if not extra:
            return rows
        hits = np.concatenate((rows, np.array(extra, dtype=np.intp)))
        if table is None or not len(rows):
            return hits[np.argsort(places, kind="stable")]
        before = table.places(rows)
        return hits[np.argsort(np.concatenate((before, places)), kind="stable")]

    def ids(self, resource_type: str, hits: Rows) -> list[str]:
        """The hits' logical ids."""
        table = self._tables.get(resource_type)
        size = 0 if table is None else len(table)
        stored = hits[hits < size]
        found = table.ids(stored) if table is not None and len(stored) else []
        if len(found) == len(hits):
            return found
        waiting = iter(found)
        return [next(waiting) if hit < size else self._written(hit - size).logical_id for hit in hits.tolist()]

    def values(self, resource_type: str, hit: int, parameter: SearchParameter) -> list[Value]:
        """All values that a search parameter finds in one hit."""
        table = self._tables.get(resource_type)
        size = 0 if table is None else len(table)
        if table is not None and hit < size:
            return table.values(hit, parameter)
        resource = self._written(hit - size).resource or {}
        return [
            value
            for path in compile_paths(resource_type, parameter.expression)
            for node in path.nodes(resource.get(path.top))
            for value in read_values(parameter.type, node)
        ]

    def references(self, key: Key, paths: Sequence[Path]) -> Iterator[tuple[int, Value]]:
        """What a resource refers to at some paths, with their numbers; it need not be read to know."""
        table = self._tables.get(key[0])
        written = self._overlay is not None and self._overlay.find(key) is not None
        row = None if table is None or written else table.find(key[1])
        resource = (self.read(key) or {}) if row is None or table is None else {}
        for number, path in enumerate(paths):
            if table is not None and row is not None:
                yield from ((number, value) for value in table.references(row, path))
            else:
                nodes = path.nodes(resource.get(path.top))
                yield from ((number, value) for node in nodes for value in read_values("reference", node))

    def read(self, key: Key) -> dict[str, Any] | None:
        """A resource as Python values, or None where there is none."""
        if self._overlay is not None and (write := self._overlay.find(key)):
            return write.resource
        table = self._tables.get(key[0])
        row = None if table is None else table.find(key[1])
        return None if table is None or row is None else table.resource(row)

    @property
    def writes(self) -> int:
        """How many writes the session has made."""
        if self._until is not None:
            return self._until
        return 0 if self._overlay is None else len(self._overlay.writes)

    def exists(self, key: Key) -> bool:
        """Whether there is such a resource."""
        if self._overlay is not None and (write := self._overlay.find(key)):
            return write.resource is not None
        table = self._tables.get(key[0])
        return table is not None and table.find(key[1]) is not None

    def was_deleted(self, key: Key) -> bool:
        """Whether there was such a resource, and it was deleted."""
        write = None if self._overlay is None else self._overlay.find(key)
        return write is not None and write.resource is None

    def text(self, key: Key) -> str | None:
        """A resource's JSON in HAPI's pretty form, or None where there is none."""
        if self._overlay is not None and (write := self._overlay.find(key)):
            return write.text or None
        table = self._tables.get(key[0])
        row = None if table is None else table.find(key[1])
        return None if table is None or row is None else table.text(row)

    def entries(self, resource_type: str, hits: Rows) -> list[tuple[str, str]]:
        """The hits' ids, and their JSON as it stands in an entry of a Bundle, four blanks in."""
        table = self._tables.get(resource_type)
        size = 0 if table is None else len(table)
        stored = hits[hits < size]
        ready: list[tuple[str, str]] = []
        if table is not None and len(stored):
            ids = table.ids(stored)
            ready = list(zip(ids, table.entries(stored, ids), strict=True))
        if len(stored) == len(hits):
            return ready
        waiting = iter(ready)
        return [next(waiting) if hit < size else _entry(self._written(hit - size)) for hit in hits.tolist()]

    def pointing(self, resource_type: str, wanted: Filter) -> list[Key]:
        """The resources of a type that satisfy a filter."""
        hits = self.filtered(resource_type, [wanted])
        return [(resource_type, logical_id) for logical_id in self.ids(resource_type, hits)]

    def types(self) -> list[str]:
        """The resource types of which there are any, in alphabetical order."""
        return sorted({*self._tables, *self._pending})

    def position(self, resource_type: str, logical_id: str) -> int | None:
        """HAPI's database id of a resource: its place in load order from 1; None for what is not."""
        if self._overlay is not None and (write := self._overlay.find((resource_type, logical_id))):
            return write.position
        table = self._tables.get(resource_type)
        row = None if table is None else table.find(logical_id)
        return None if table is None or row is None else int(table.positions[row])

    def _written(self, number: int) -> Write:
        assert self._overlay is not None
        return self._overlay.writes[number]

    def _repeated(
        self, resource_type: str, filters: Sequence[Filter], driver: Driver | None, hits: Rows
    ) -> Repeats | None:
        """The rows in which HAPI's database finds hits, each once for every value that a filter asks for.

        They come in the order of the driver's index; None where each hit has one row.
        """
        several = [wanted for wanted in filters if wanted.finds_several]
        if not several:
            return None
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
        return Repeats(len(rows), [first[place] for place in range(len(hits))])

    def _found_by(self, resource_type: str, hit: int, wanted: Filter) -> set[Value]:
        """The different values of a hit that satisfy a filter."""
        return {
            value
            for value in self.values(resource_type, hit, wanted.parameter)
            if any(predicate(value) for predicate in wanted.predicates)
        }

    def _row_counts(self, resource_type: str, filters: Sequence[Filter], hits: Rows) -> Rows | None:
        """In how many rows the database finds each hit; None where that is one."""
        several = [wanted for wanted in filters if wanted.finds_several]
        if not several or len(hits) > _MOST_COUNTED:
            return None
        counts = np.ones(len(hits), dtype=np.intp)
        for wanted in several:
            counts *= [max(1, len(self._found_by(resource_type, hit, wanted))) for hit in hits.tolist()]
        return counts

    def _arranged(self, resource_type: str, driver: Driver, table: BaseTable | None, hits: Rows) -> Rows:
        return arrange(
            driver,
            table,
            hits,
            lambda: self.ids(resource_type, hits),
            lambda hit, parameter: self.values(resource_type, hit, parameter),
            lambda value: self.position(value.target_type, value.target_id),
        )

    # --- through references --------------------------------------------------------------------------------------

    def _resolve(self, resource_type: str, chain: Chain | Reverse) -> Filter:
        """A search through a reference as a filter on this side of it."""
        if isinstance(chain, Chain):
            inner_queries = {kind: read_query(kind, chain.parameters, behind=True) for kind in chain.targets}
            if all(asks_for_others(query) for query in inner_queries.values()):
                excluded = {key for query in inner_queries.values() for key in self._excluded(query)}
                return but_not_filter(chain, frozenset(excluded), self.position)
            found = {
                kind: self.ids(kind, self.hits(query))
                for kind, query in inner_queries.items()
                if kind in self._tables or self._overlay is not None
            }
            return chain_filter(chain, found)
        inner = read_query(chain.source_type, chain.parameters, behind=True)
        hits = self.hits(inner)
        first: dict[str, int] = {}
        rows = 0
        for logical_id, row in self._pointed_to(resource_type, chain, hits):
            first.setdefault(logical_id, row)
            rows = max(rows, row + 1)
        self.repeats = Repeats(max(rows, len(hits)) if first else 0, list(first.values()))
        return reverse_filter(resource_type, list(first))

    def _excluded(self, query: Query) -> Iterator[str]:
        """What a search that says what it does not want leaves out, by type and id."""
        kind = query.resource_type
        for wanted in query.filters:
            if wanted.parameter.name in LABELS:
                continue  # HAPI does not get as far as looking at them.
            hits = set(self.filtered(kind, [wanted]).tolist())
            rows = [hit for hit in self.filtered(kind, ()).tolist() if hit not in hits]
            yield from (f"{kind}/{logical_id}" for logical_id in self.ids(kind, np.array(rows, dtype=np.intp)))

    def _pointed_to(self, resource_type: str, chain: Reverse, hits: Rows) -> Iterator[tuple[str, int]]:
        """The ids of one type that hits point to, and the places of the (first) hits that do so, in their order."""
        kind, parameter = chain.source_type, chain.reference
        table = self._tables.get(kind)
        paths = [p for p in compile_paths(kind, parameter.expression) if table is not None and p.top in table.pools]
        if table is not None and len(paths) == 1 and len(hits) and int(hits.max()) < len(table):
            index = table.pools[paths[0].top]
            codes, first = np.unique(index.column.codes[hits], return_index=True)
            by_place = np.argsort(first)
            found = [
                (value, place)
                for code, place in zip(codes[by_place].tolist(), first[by_place].tolist(), strict=True)
                for value in index.values(code, parameter.type, paths[0])
            ]
        else:
            found = [(v, place) for place, hit in enumerate(hits.tolist()) for v in self.values(kind, hit, parameter)]
        for value, place in found:
            if isinstance(value, Reference) and value.target_type == resource_type:
                yield value.target_id, place

    # --- sorting -------------------------------------------------------------------------------------------------

    def _sorted(self, query: Query, table: BaseTable | None, hits: Rows, filters: Sequence[Filter]) -> Rows:
        """Sorts; matches without a value come last either way.

        HAPI's database gives a match once for each of its values (for each combination, where it sorts by several),
        those that a filter asks for too.
        """
        rows = np.arange(len(hits))
        counts = self._row_counts(query.resource_type, filters, hits)
        if counts is not None:
            rows = np.repeat(rows, counts)
        columns: list[npt.NDArray[Any]] = []
        size = 0 if table is None else len(table)
        for parameter, descending in query.sort:
            instants = None
            if table is not None and parameter.type == "date" and bool((hits < size).all()):
                instants = table.instant_order(hits, parameter)
            if instants is not None:
                columns.append((-instants if descending else instants)[rows])
            elif parameter.name == "_id":
                columns.append(_ranks(self.ids(query.resource_type, hits), descending)[rows])
            else:
                ranks, counts = self._sort_ranks(query.resource_type, table, hits, parameter, descending)
                columns = [np.repeat(column, counts[rows]) for column in columns]
                columns.append(ranks[_spread(counts, rows)])
                rows = np.repeat(rows, counts[rows])
        order = np.lexsort(columns[::-1])
        differ = [np.diff(column[order]) != 0 for column in columns]
        steps = differ[0] if len(differ) == 1 else np.any(differ, axis=0)
        if not steps.all():
            keys = np.empty(len(rows), dtype=np.intp)
            keys[order] = np.concatenate(([0], np.cumsum(steps)))
            if query.offset is not None:
                order = sorted_around(keys, query.offset, query.offset + query.count + 1)
            else:
                order = sorted_in_passes(keys, pass_limits(query.count))
        if len(rows) == len(hits):
            return hits[order]
        first = np.sort(np.unique(rows[order], return_index=True)[1])
        self.repeats = Repeats(len(rows), first.tolist())
        return hits[rows[order[first]]]

    def _sort_ranks(
        self, resource_type: str, table: BaseTable | None, hits: Rows, parameter: SearchParameter, descending: bool
    ) -> tuple[npt.NDArray[np.int64], Rows]:
        """What hits sort by, one hit's after another's, and how many each has; each distinct element is read once."""
        if "exists() and" in parameter.expression and (wanted := make_filter(resource_type, parameter, "", "true")):
            flags = np.isin(hits, self.filtered(resource_type, [wanted])).astype(np.int64)
            return (-flags if descending else flags), np.ones(len(hits), dtype=np.intp)

        def keys(values: Sequence[Value]) -> list[Any]:
            if parameter.type != "reference":
                return sort_keys(values, descending=descending)
            # HAPI sorts references by the database id of what they point to.
            places = {self.position(v.target_type, v.target_id) for v in values if isinstance(v, Reference)}
            return sorted((place for place in places if place is not None), reverse=descending)

        path = None if table is None else only_pool_path(table, parameter)
        if table is None or path is None or int(hits.max()) >= len(table):
            back = np.arange(len(hits))
            found = [keys(self.values(resource_type, hit, parameter)) or [None] for hit in hits.tolist()]
        else:
            index = table.pools[path.top]
            codes, back = np.unique(index.column.codes[hits], return_inverse=True)
            found = [keys(index.values(code, parameter.type, path)) or [None] for code in codes.tolist()]
        ranks = _ranks([key for each in found for key in each], descending)
        counts = np.array([len(each) for each in found], dtype=np.intp)
        return ranks[_spread(counts, back)], counts[back]


def _spread(counts: Rows, chosen: Rows) -> Rows:
    """Of lists of these lengths, written one after another, the places of the items of chosen ones."""
    lengths = counts[chosen]
    ends, starts = np.cumsum(lengths), np.cumsum(counts) - counts
    return np.repeat(starts[chosen] - ends + lengths, lengths) + np.arange(int(lengths.sum()), dtype=np.intp)


def _ranks(keys: Sequence[Any], descending: bool) -> npt.NDArray[np.int64]:
    """Numbers that sort as the keys do (falling where descending), None after all others."""
    distinct = sorted({key for key in keys if key is not None})
    rank = {key: len(distinct) - place if descending else place for place, key in enumerate(distinct)}
    return np.array([len(distinct) + 1 if key is None else rank[key] for key in keys], dtype=np.int64)


def _entry(write: Write) -> tuple[str, str]:
    return write.logical_id, write.text.replace("\n", "\n    ")
