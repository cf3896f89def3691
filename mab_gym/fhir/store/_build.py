"""Makes tables from resources: for small sets and for what clients write (the cohort writes its columns itself)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mab_gym.fhir.model._dates import stored_date
from mab_gym.fhir.model._definitions import elements
from mab_gym.fhir.model._json_text import pretty
from mab_gym.fhir.store._table import (
    OTHER_FORM,
    Column,
    InstantColumn,
    IntArray,
    PoolColumn,
    Positions,
    Table,
    read_instant,
    smallest_unsigned,
)

Resource = Mapping[str, Any]


def build_tables(resources: Iterable[Resource]) -> list[Table]:
    """Makes tables from whole resources, each with its id, in load order.

    Args:
        resources: Parsed resources in FHIR's element order, as `parse_resource` returns them.
    """
    by_type: dict[str, list[Resource]] = {}
    for resource in resources:
        by_type.setdefault(resource["resourceType"], []).append(resource)
    return [build_table(name, rows) for name, rows in by_type.items()]


def build_positioned(resources: Iterable[Resource]) -> dict[str, tuple[Table, Positions]]:
    """Makes tables from whole resources, with the place of each row in load order over all types, from 1.

    Args:
        resources: Parsed resources in FHIR's element order, as `parse_resource` returns them.
    """
    by_type: dict[str, tuple[list[Resource], list[int]]] = {}
    for position, resource in enumerate(resources, 1):
        rows, positions = by_type.setdefault(resource["resourceType"], ([], []))
        rows.append(resource)
        positions.append(position)
    return {name: extend_table(name, None, (), (), rows, positions) for name, (rows, positions) in by_type.items()}


def build_table(resource_type: str, resources: Sequence[Resource]) -> Table:
    """Makes a table from resources of one type, each with its id, in load order."""
    return extend_table(resource_type, None, (), (), resources, range(len(resources)))[0]


def extend_table(
    resource_type: str,
    table: Table | None,
    positions: Positions,
    without: Sequence[int],
    resources: Sequence[Mapping[str, Any]],
    new_positions: Sequence[int],
    write: Callable[[Any], str] = lambda element: pretty(element, 1),
) -> tuple[Table, IntArray]:
    """Makes a table from another one, without some of its rows and with further resources.

    Args:
        resource_type: The resource type.
        table: The other table, or None.
        positions: The places of its rows in load order, over all types.
        without: The rows to leave out.
        resources: The resources to add, each with its id.
        new_positions: Their places.
        write: Returns an element's JSON as in a resource without indentation.

    Returns:
        The new table and the places of its rows, by which it is sorted.
    """
    size = 0 if table is None else len(table)
    kept = np.delete(np.arange(size), np.asarray(without, dtype=np.intp))
    places = np.concatenate((np.asarray(positions, dtype=np.int64)[kept], np.asarray(new_positions, dtype=np.int64)))
    order = np.argsort(places, kind="stable")
    old = {} if table is None else {column.name: column for column in table.columns}
    columns = []
    for name in (name for element in elements(resource_type) for name in (element, f"_{element}")):
        if name == "id" or (name not in old and not any(name in resource for resource in resources)):
            continue
        texts = [write(resource[name]) if name in resource else None for resource in resources]
        columns.append(_extend_column(name, old.get(name), size, kept, texts, order))
    ids = _ids(table, kept, [str(resource["id"]) for resource in resources], order)
    return Table(resource_type, ids, columns), places[order]


def _ids(table: Table | None, rows: IntArray, added: Sequence[str], order: IntArray) -> IntArray | list[str]:
    """Returns the ids in order: as numbers if they were numbers and all added ones are."""
    if table is not None and isinstance(table.ids, np.ndarray):
        numbers = table.ids[rows]
        if all(text.isascii() and text.isdecimal() and len(text) < 19 and text == str(int(text)) for text in added):
            return np.concatenate((numbers, np.array([int(text) for text in added], dtype=numbers.dtype)))[order]
        kept = [str(number) for number in numbers.tolist()]
    else:
        kept = [] if table is None else [table.ids[row] for row in rows.tolist()]
    ids = [*kept, *added]
    return [ids[row] for row in order.tolist()]


def _extend_column(
    name: str, column: Column | None, size: int, kept: IntArray, texts: Sequence[str | None], order: IntArray
) -> Column:
    """Returns a column without some rows, with added ones, in a new order."""
    if column is None:
        dated = name.endswith(("DateTime", "Date")) and all(text is None or _date_in(text) for text in texts)
        empty = np.zeros(size, dtype=np.uint8)
        column = InstantColumn(name, np.zeros(size, np.int64), empty, ()) if dated else PoolColumn(name, empty, ())
    if isinstance(column, PoolColumn):
        stored = column.texts[:]  # all at once: one by one they take several times as long
        pool = {text: number for number, text in enumerate(stored, 1)}
        numbers = np.arange(len(stored) + 1)
        if len(pool) < len(stored):
            # A text may stand twice in a column that was joined from parts; here it stands once.
            pool = {}
            numbers = np.array([0, *(pool.setdefault(text, len(pool) + 1) for text in stored)], dtype=np.int64)
        added = [0 if text is None else pool.setdefault(text, len(pool) + 1) for text in texts]
        kind = smallest_unsigned(len(pool) + 1)
        codes = np.concatenate((numbers[column.codes[kept]].astype(kind), np.array(added, dtype=kind)))
        return PoolColumn(name, codes[order], list(pool))
    known = {form: code for code, form in enumerate(column.known, 1)}
    others = list(column.others)
    seconds, forms = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.uint8)
    for row, text in enumerate(texts):
        if text is None:
            continue
        read = read_instant(json.loads(text))
        if read is None or (read[1] not in known and len(known) + 1 >= OTHER_FORM):
            seconds[row], forms[row] = len(others), OTHER_FORM
            others.append(text)
        else:
            seconds[row], forms[row] = read[0], known.setdefault(read[1], len(known) + 1)
    return InstantColumn(
        name,
        np.concatenate((np.asarray(column.seconds)[kept], seconds))[order],
        np.concatenate((column.forms[kept], forms))[order],
        list(known),
        others,
    )


def _date_in(text: str) -> str | None:
    """Returns the date in an element's JSON, or None."""
    value = json.loads(text) if text.startswith('"') else None
    return value if value and stored_date(value) else None
