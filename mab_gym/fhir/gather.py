"""Tables from resources that come one after another and are not kept: for imports of any length.

What grows is what the table itself holds: each distinct element once, and a small number for each row.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

from mab_gym.fhir.dates import read_date
from mab_gym.fhir.definitions import elements
from mab_gym.fhir.json_text import pretty
from mab_gym.fhir.table import (
    OTHER_FORM,
    Column,
    InstantColumn,
    InstantForm,
    IntArray,
    PoolColumn,
    Table,
    read_instant,
    smallest_unsigned,
    write_instant,
)


class TableGatherer:
    """Takes resources of one type and becomes a `Table` of them, in the order in which they came.

    Args:
        resource_type: The type.
    """

    def __init__(self, resource_type: str) -> None:
        self.resource_type = resource_type
        self._ids: list[str] = []
        self._columns: dict[str, _Pool | _Instants] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, resource: Mapping[str, Any]) -> None:
        """Adds a resource.

        Args:
            resource: With its id, as `mab_gym.fhir.parse.parse_resource` gives it.
        """
        row = len(self._ids)
        self._ids.append(str(resource["id"]))
        for name, value in resource.items():
            if name in ("resourceType", "id"):
                continue
            column = self._columns.get(name)
            if column is None:
                column = _Instants() if name.endswith(("DateTime", "Date")) else _Pool()
                self._columns[name] = column
            column.put(row, pretty(value, 1))

    def table(self) -> Table:
        """The table of all that was added."""
        names = (name for element in elements(self.resource_type) for name in (element, f"_{element}"))
        columns = [self._columns[name].column(name, len(self)) for name in names if name in self._columns]
        return Table(self.resource_type, _numbers(self._ids), columns)


class _Pool:
    """A column whose values repeat, while it grows."""

    def __init__(self) -> None:
        self._codes = array("L")
        self._pool: dict[str, int] = {}

    def put(self, row: int, text: str) -> None:
        self._codes.extend([0] * (row - len(self._codes)))
        self._codes.append(self._pool.setdefault(text, len(self._pool) + 1))

    def column(self, name: str, rows: int) -> Column:
        codes = np.zeros(rows, dtype=smallest_unsigned(len(self._pool) + 1))
        codes[: len(self._codes)] = np.frombuffer(self._codes, dtype=np.dtype("L")) if self._codes else 0
        return PoolColumn(name, codes, list(self._pool))


class _Instants:
    """A column of points in time, while it grows."""

    def __init__(self) -> None:
        self._seconds, self._forms = array("q"), array("B")
        self._known: dict[InstantForm, int] = {}
        self._others: list[str] = []
        self._all_dates = True

    def put(self, row: int, text: str) -> None:
        missing = row - len(self._forms)
        self._seconds.extend([0] * missing)
        self._forms.extend([0] * missing)
        value = json.loads(text) if text.startswith('"') else None
        self._all_dates = self._all_dates and bool(value and read_date(value))
        read = read_instant(value) if value else None
        if read is None or (read[1] not in self._known and len(self._known) + 1 >= OTHER_FORM):
            self._seconds.append(len(self._others))
            self._forms.append(OTHER_FORM)
            self._others.append(text)
        else:
            self._seconds.append(read[0])
            self._forms.append(self._known.setdefault(read[1], len(self._known) + 1))

    def column(self, name: str, rows: int) -> Column:
        seconds, forms = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.uint8)
        seconds[: len(self._seconds)] = np.frombuffer(self._seconds, dtype=np.int64)
        forms[: len(self._forms)] = np.frombuffer(self._forms, dtype=np.uint8)
        known = list(self._known)
        if self._all_dates:
            return InstantColumn(name, seconds, forms, known, self._others)
        pool = _Pool()
        for row in np.flatnonzero(forms).tolist():
            form, second = int(forms[row]), int(seconds[row])
            text = self._others[second] if form == OTHER_FORM else json.dumps(write_instant(second, known[form - 1]))
            pool.put(row, text)
        return pool.column(name, rows)


def _numbers(ids: list[str]) -> IntArray | list[str]:
    """Ids as numbers where all of them are plain ones."""
    if all(text.isascii() and text.isdecimal() and len(text) < 19 and text == str(int(text)) for text in ids):
        return np.array([int(text) for text in ids], dtype=np.int64)
    return ids
