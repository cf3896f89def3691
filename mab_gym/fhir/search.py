"""The evaluation of searches: the snapshot's columns and a session's own writes, filtered, ordered and joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mab_gym.fhir.base import BaseTable, Rows, sort_value
from mab_gym.fhir.chains import Chain, Reverse, chain_filter, reverse_filter
from mab_gym.fhir.definitions import SearchParameter
from mab_gym.fhir.matching import Filter
from mab_gym.fhir.ordering import Driver, arrange, choose_driver
from mab_gym.fhir.overlay import Overlay
from mab_gym.fhir.paths import compile_paths
from mab_gym.fhir.query import Query, read_query
from mab_gym.fhir.values import Reference, Value, read_values

_NO_ROWS: Rows = np.empty(0, dtype=np.intp)


class View:
    """What a session can see: the snapshot, and its own writes on top.

    A *hit* is a row of the snapshot's table or, counted on from its size, the number of a write.

    Args:
        tables: The snapshot, by resource type.
        overlay: The session's writes, or None.
        base_url: The server's base.

    Attributes:
        repeats: How often ``_has`` has found a resource again since the view was made.
    """

    __slots__ = ("_base_url", "_overlay", "_tables", "repeats")

    def __init__(self, tables: Mapping[str, BaseTable], overlay: Overlay | None, base_url: str) -> None:
        self._tables = tables
        self._overlay = overlay
        self._base_url = base_url
        self.repeats = 0

    def hits(self, query: Query, until: int | None = None) -> Rows:
        """The matches in order.

        Args:
            query: The search.
            until: How many of the session's writes to look at; all where None.
        """
        resource_type = query.resource_type
        table = self._tables.get(resource_type)
        filters: Sequence[Filter] = query.filters
        driver = query.driver
        if query.chains:
            filters = [*filters, *(self._resolve(resource_type, chain, until) for chain in query.chains)]
            driver = choose_driver(resource_type, filters)
        hits = self.filtered(resource_type, filters, until)
        if query.sort:
            return self._sorted(query, table, hits) if len(hits) > 1 else hits
        return hits if driver is None or len(hits) < 2 else self._arranged(resource_type, driver, table, hits)

    def filtered(self, resource_type: str, filters: Sequence[Filter], until: int | None = None) -> Rows:
        """The hits that satisfy all filters, in load order, writes last."""
        table = self._tables.get(resource_type)
        rows = _NO_ROWS if table is None else table.search(filters)
        if self._overlay is None:
            return rows
        size = 0 if table is None else len(table)
        extra, replaced = [], []
        for number, write in self._overlay.touched(resource_type, until):
            if table is not None and (row := table.find(write.logical_id)) is not None:
                replaced.append(row)
            if write.resource is not None and all(wanted.accepts(write.resource) for wanted in filters):
                extra.append(size + number)
        if replaced:
            rows = rows[~np.isin(rows, replaced)]
        return np.concatenate((rows, np.array(extra, dtype=np.intp))) if extra else rows

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

    def _written(self, number: int) -> Any:
        assert self._overlay is not None
        return self._overlay.writes[number]

    def _arranged(self, resource_type: str, driver: Driver, table: BaseTable | None, hits: Rows) -> Rows:
        return arrange(
            driver,
            table,
            hits,
            lambda: self.ids(resource_type, hits),
            lambda hit: self.values(resource_type, hit, driver.wanted.parameter),
        )

    # --- through references --------------------------------------------------------------------------------------

    def _resolve(self, resource_type: str, chain: Chain | Reverse, until: int | None) -> Filter:
        """A search through a reference as a filter on this side of it."""
        if isinstance(chain, Chain):
            found = {}
            for kind in chain.targets:
                if kind in self._tables or self._overlay is not None:
                    inner = read_query(kind, chain.parameters, self._base_url)
                    found[kind] = self.ids(kind, self.hits(inner, until))
            return chain_filter(chain, found)
        inner = read_query(chain.source_type, chain.parameters, self._base_url)
        hits = self.hits(inner, until)
        ids = list(dict.fromkeys(self._pointed_to(resource_type, chain, hits)))
        self.repeats += max(0, len(hits) - len(ids))
        return reverse_filter(resource_type, ids)

    def _pointed_to(self, resource_type: str, chain: Reverse, hits: Rows) -> Iterator[str]:
        """The ids of one type that hits point to, in the hits' order."""
        kind, parameter = chain.source_type, chain.reference
        table = self._tables.get(kind)
        paths = [p for p in compile_paths(kind, parameter.expression) if table is not None and p.top in table.pools]
        if table is not None and len(paths) == 1 and len(hits) and int(hits.max()) < len(table):
            index = table.pools[paths[0].top]
            codes, first = np.unique(index.column.codes[hits], return_index=True)
            values = [v for code in codes[np.argsort(first)].tolist() for v in index.values(code, parameter.type, paths[0])]
        else:
            values = [v for hit in hits.tolist() for v in self.values(kind, hit, parameter)]
        for value in values:
            if isinstance(value, Reference) and value.target_type == resource_type:
                yield value.target_id

    # --- sorting -------------------------------------------------------------------------------------------------

    def _sorted(self, query: Query, table: BaseTable | None, hits: Rows) -> Rows:
        """Sorts stably, the weakest key first; matches without a value come last either way."""
        order = np.arange(len(hits))
        size = 0 if table is None else len(table)
        for parameter, descending in reversed(query.sort):
            instants = None
            if table is not None and parameter.type == "date" and bool((hits < size).all()):
                instants = table.instant_order(hits, parameter)
            if instants is not None:
                keys = -instants if descending else instants
            elif parameter.name == "_id":
                keys = _ranks(self.ids(query.resource_type, hits), descending)
            else:
                values = (self.values(query.resource_type, hit, parameter) for hit in hits.tolist())
                keys = _ranks([sort_value(found, descending=descending) for found in values], descending)
            order = order[np.argsort(keys[order], kind="stable")]
        return hits[order]


def _ranks(keys: Sequence[Any], descending: bool) -> npt.NDArray[np.int64]:
    """Numbers that sort as the keys do (falling where descending), None after all others."""
    distinct = sorted({key for key in keys if key is not None})
    rank = {key: len(distinct) - place if descending else place for place, key in enumerate(distinct)}
    return np.array([len(distinct) + 1 if key is None else rank[key] for key in keys], dtype=np.int64)
