"""Finds the order in which resources of several types were loaded, as far as it can be known."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from mab_gym.fhir.store._table import IntArray, PoolColumn, Table, smallest_unsigned

_LAST_UPDATED: Final = re.compile(r'"lastUpdated": ?"([^"]+)"')
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

BY_IDS: Final = "by ids"
BY_TIMES: Final = "by meta.lastUpdated"
BY_TYPES: Final = "type after type"


def with_positions(tables: Sequence[Table], places: Sequence[IntArray]) -> list[Table]:
    """Adds to tables the load order of their rows, unless each table was loaded after the one before it.

    Args:
        tables: The tables.
        places: For each table the positions of its rows in the load order of all rows, rising from 1 up.
    """
    total = sum(len(each) for each in places)
    if not total or np.array_equal(np.concatenate(places), np.arange(1, total + 1)):
        return list(tables)
    kind = smallest_unsigned(total + 1)
    return [replace(table, positions=each.astype(kind)) for table, each in zip(tables, places, strict=True)]


def in_order_of_server(tables: Sequence[Table], dated: bool) -> tuple[list[Table], str]:
    """Adds to tables that were fetched one by one the order in which the server seems to have stored all rows.

    A server returns the resources of a type in the order in which it stored them. The order between types is found
    by their ids, if these are numbers that rise within each type and none is used twice: then they come from one
    counter. Otherwise it is found by ``meta.lastUpdated``, if that never falls within a type. Equal times stay type
    after type.

    Args:
        tables: The tables.
        dated: True if every resource has ``meta.lastUpdated``.

    Returns:
        The tables, and the source of their order: `BY_IDS`, `BY_TIMES` or `BY_TYPES`.
    """
    known: list[tuple[str, Callable[[Table], IntArray | None]]] = [(BY_IDS, _numbers)]
    if dated:
        known.append((BY_TIMES, _times))
    for name, keys_of in known:
        keys = [found for table in tables if (found := keys_of(table)) is not None]
        if len(keys) < len(tables) or not keys:
            continue
        joined = np.concatenate(keys)
        if name == BY_IDS and len(np.unique(joined)) < len(joined):
            continue
        places = np.empty(len(joined), dtype=np.int64)
        places[np.argsort(joined, kind="stable")] = np.arange(1, len(joined) + 1)
        ends = np.cumsum([len(each) for each in keys])[:-1]
        return with_positions(tables, np.split(places, ends)), name
    return list(tables), BY_TYPES


def _numbers(table: Table) -> IntArray | None:
    """Returns the ids if they are rising numbers, else None."""
    ids = table.ids
    return ids if isinstance(ids, np.ndarray) and bool((ids[1:] > ids[:-1]).all()) else None


def _times(table: Table) -> IntArray | None:
    """Returns the time of each row's last update in microseconds since 1970 if it never falls, else None."""
    meta = next((column for column in table.columns if column.name == "meta"), None)
    if not isinstance(meta, PoolColumn) or not np.all(meta.codes):
        return None
    times = [_time(text) for text in meta.texts]
    if None in times:
        return None
    found = np.array([0, *times], dtype=np.int64)[meta.codes]
    return found if bool((found[1:] >= found[:-1]).all()) else None


def _time(text: str) -> int | None:
    match = _LAST_UPDATED.search(text)
    try:
        moment = datetime.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is None else (moment - _EPOCH) // timedelta(microseconds=1)
