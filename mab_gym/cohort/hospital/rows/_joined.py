"""Blocks of rows joined to tables.

Elements that belong to one person alone (references, periods) are joined as they are; the others are joined by text, so
that each stands once in the whole.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from mab_gym.cohort.hospital._zone import FORMS
from mab_gym.cohort.hospital.rows._sheet import Part, PartPool
from mab_gym.fhir.model._definitions import elements
from mab_gym.fhir.store._table import Column, InstantColumn, IntArray, PoolColumn, Table, TextPool, smallest_unsigned

_OF_ONE_PERSON: Final = frozenset({
    "meta", "subject", "patient", "encounter", "context", "period", "result", "basedOn", "specimen", "content",
    "beneficiary", "subscriber", "request", "partOf", "name", "telecom", "address", "contact", "birthDate",
    "deceasedDateTime", "identifier", "hospitalization", "diagnosis", "reasonReference", "authorizingPrescription",
    "performedPeriod", "presentedForm", "collection", "addresses", "goal", "focus", "for", "slot",
    "relatesTo", "accessionIdentifier", "related", "hasMember", "derivedFrom", "source",
    "about", "inResponseTo", "requestedPeriod", "schedule", "effectivePeriod", "note", "text", "conclusion",
})  # fmt: skip
"""The elements that hardly two people share; joining them by text would hold all of them in memory."""


class Joined:
    """Blocks joined to tables, in the order in which they are added."""

    def __init__(self) -> None:
        self._tables: dict[str, _JoinedTable] = {}

    def add(self, parts: Iterable[Part]) -> None:
        """Adds a block."""
        for part in parts:
            if len(part.ids):
                table = self._tables.get(part.resource_type)
                if table is None:
                    table = self._tables[part.resource_type] = _JoinedTable(part.resource_type)
                table.add(part)

    def tables(self, order: Sequence[str]) -> list[Table]:
        """Returns the tables that have rows, in an order of types; what was joined is given up."""
        return [self._tables.pop(name).table() for name in order if name in self._tables]


class _JoinedTable:
    """The rows of one type, of all blocks so far."""

    def __init__(self, resource_type: str) -> None:
        self._type = resource_type
        self._ids = array("q")
        self._names: list[str] = []
        self._pools: dict[str, _JoinedPool] = {}
        self._moments: dict[str, tuple[array[int], array[int]]] = {}

    def add(self, part: Part) -> None:
        before = len(self)
        if isinstance(part.ids, np.ndarray):
            self._ids.frombytes(np.ascontiguousarray(part.ids, dtype=np.int64).tobytes())
        else:
            self._names += part.ids
        for name, column in part.columns.items():
            if isinstance(column, PartPool):
                pool = self._pools.get(name)
                if pool is None:
                    pool = self._pools[name] = _JoinedPool(by_text=name not in _OF_ONE_PERSON)
                pool.add(before, column)
            else:
                seconds, forms = self._moments.setdefault(name, (array("q"), array("B")))
                _fill(seconds, before)
                _fill(forms, before)
                seconds.frombytes(np.ascontiguousarray(column.seconds, dtype=np.int64).tobytes())
                forms.frombytes(np.ascontiguousarray(column.forms, dtype=np.uint8).tobytes())

    def __len__(self) -> int:
        return len(self._names) or len(self._ids)

    def table(self) -> Table:
        rows = len(self)
        columns: list[Column] = []
        names = {*self._pools, *self._moments}
        ordered = [name for element in elements(self._type) for name in (element, f"_{element}") if name in names]
        if unknown := names.difference(ordered):
            raise ValueError(f"{self._type} has no {', '.join(sorted(unknown))}")
        for name in ordered:
            if name in self._pools:
                columns.append(self._pools.pop(name).column(name, rows))
            else:
                seconds, forms = self._moments.pop(name)
                _fill(seconds, rows)
                _fill(forms, rows)
                columns.append(_instants(name, np.frombuffer(seconds, np.int64), np.frombuffer(forms, np.uint8)))
        return Table(self._type, self._names or np.frombuffer(self._ids, dtype=np.int64), columns)


def _instants(name: str, seconds: IntArray, forms: IntArray) -> InstantColumn:
    """Returns a column with the forms that occur alone."""
    occurs = [code for code in range(1, len(FORMS) + 1) if (forms == code).any()]
    narrow = np.zeros(len(FORMS) + 1, dtype=np.uint8)
    narrow[occurs] = np.arange(1, len(occurs) + 1)
    return InstantColumn(name, np.where(forms > 0, seconds, 0), narrow[forms], [FORMS[code - 1] for code in occurs])


class _JoinedPool:
    """A column of texts of all blocks so far."""

    def __init__(self, *, by_text: bool) -> None:
        self._by_text: dict[str, int] | None = {} if by_text else None
        self._codes = array("I")
        self._blob = bytearray()
        self._ends = array("Q", [0])

    def add(self, before: int, column: PartPool) -> None:
        _fill(self._codes, before)
        final = np.zeros(len(column.texts) + 1, dtype=np.uint32)
        if self._by_text is None:
            final[1:] = np.arange(len(self._ends), len(self._ends) + len(column.texts), dtype=np.uint32)
            self._append(column.texts)
        else:
            known = self._by_text
            fresh = []
            for code, text in enumerate(column.texts, 1):
                place = known.get(text)
                if place is None:
                    place = known[text] = len(known) + 1
                    fresh.append(text)
                final[code] = place
            self._append(fresh)
        self._codes.frombytes(final[column.codes].tobytes())

    def _append(self, texts: Sequence[str]) -> None:
        encoded = [text.encode() for text in texts]
        ends = np.cumsum([len(text) for text in encoded], dtype=np.uint64) + np.uint64(len(self._blob))
        self._blob += b"".join(encoded)
        self._ends.frombytes(ends.tobytes())

    def column(self, name: str, rows: int) -> PoolColumn:
        _fill(self._codes, rows)
        codes = np.frombuffer(self._codes, dtype=np.uint32)
        offsets = np.frombuffer(self._ends, dtype=np.uint64)
        narrow = codes.astype(smallest_unsigned(len(offsets)))
        return PoolColumn(name, narrow, TextPool(offsets, memoryview(self._blob)))


def _fill(numbers: array[int], until: int) -> None:
    """Appends zeros for rows without the element."""
    if len(numbers) < until:
        numbers.frombytes(bytes((until - len(numbers)) * numbers.itemsize))
