"""The order in which resources of several types were loaded, as far as it can be known."""

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
    """Tables that say in which order their rows were loaded; without a word where one table came after the other.

    Args:
        tables: The tables.
        places: For each of them the places of its rows among all, counted from 1 and rising.
    """
    total = sum(len(each) for each in places)
    if not total or np.array_equal(np.concatenate(places), np.arange(1, total + 1)):
        return list(tables)
    kind = smallest_unsigned(total + 1)
    return [replace(table, positions=each.astype(kind)) for table, each in zip(tables, places, strict=True)]


def in_order_of_server(tables: Sequence[Table], dated: bool) -> tuple[list[Table], str]:
    """Tables that were fetched one by one, with the order in which the server seems to have stored all of it.

    A server gives each type's resources in the order in which it stored them. Between types their ids tell it, where
    they are numbers that rise within each type and none is given twice: then they come from one counter. Otherwise
    ``meta.lastUpdated`` tells it, where it never falls within a type: then nothing was updated out of turn. What has
    the same time stays type after type.

    Args:
        tables: The tables.
        dated: Whether each resource says when it was last updated.

    Returns:
        The tables, and what their order was known by: `BY_IDS`, `BY_TIMES` or `BY_TYPES`.
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
    """Ids that are numbers and rise."""
    ids = table.ids
    return ids if isinstance(ids, np.ndarray) and bool((ids[1:] > ids[:-1]).all()) else None


def _times(table: Table) -> IntArray | None:
    """When each row was last updated, in microseconds, where that never falls."""
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
