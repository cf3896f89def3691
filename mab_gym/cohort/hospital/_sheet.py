"""Rows of resources in the making, a sheet for each type, for a block of people; and the blocks joined to tables.

An element's text is written once for each key within a block. Elements that belong to one person alone (references,
periods) are joined as they are; the others are joined by text, so that each stands once in the whole.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mab_gym.cohort._columns import Json, pretty
from mab_gym.cohort.hospital._zone import AS_DAY, FORMS, forms_at, local_midnight_utc, local_midnights
from mab_gym.fhir.model._definitions import elements
from mab_gym.fhir.store._table import Column, InstantColumn, IntArray, PoolColumn, Table, TextPool, smallest_unsigned

Codes = npt.NDArray[np.uint32]
_OF_ONE_PERSON: Final = frozenset({
    "meta", "subject", "patient", "encounter", "context", "period", "result", "basedOn", "specimen", "content",
    "beneficiary", "subscriber", "request", "partOf", "name", "telecom", "address", "contact", "birthDate",
    "deceasedDateTime", "identifier", "hospitalization", "diagnosis", "reasonReference", "authorizingPrescription",
    "performedPeriod", "presentedForm", "collection", "addresses", "goal", "focus", "for", "slot",
    "relatesTo", "accessionIdentifier", "related", "hasMember", "derivedFrom", "source",
    "about", "inResponseTo", "requestedPeriod", "schedule", "effectivePeriod", "note", "text", "conclusion",
})  # fmt: skip
"""The elements that hardly two people share; joining them by text would hold all of them in memory."""
_ABSENT: Final = np.iinfo(np.int64).min


class Day(int):
    """A moment of which the local day alone is written."""

    __slots__ = ()


@dataclass(slots=True)
class Pool:
    """The texts of one element within a block.

    Attributes:
        known: The code of each key.
        texts: The texts, of code 1 first.
    """

    known: dict[Hashable, int] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def of(self, key: Hashable, write: Callable[[Any], str]) -> int:
        """Returns the code of a key; its text is written where the key is new.

        Args:
            key: Any key; one kind of keys for each column.
            write: Returns the element's text; best one that remembers.
        """
        code = self.known.get(key)
        if code is None:
            self.texts.append(write(key))
            code = self.known[key] = len(self.texts)
        return code

    def text(self, text: str) -> int:
        """Returns the code of a text."""
        code = self.known.get(text)
        if code is None:
            self.texts.append(text)
            code = self.known[text] = len(self.texts)
        return code

    def json(self, value: Json) -> int:
        """Returns the code of an element that hardly occurs twice."""
        return self.text(pretty(value))


class Sheet(dict[str, Pool]):
    """Rows of one type, for a block of people; the pools by element, made when they are first needed.

    Args:
        resource_type: As in ``Observation``.
        moments: The elements that are points in time and stand in columns of numbers.
    """

    def __init__(self, resource_type: str, moments: Sequence[str] = ()) -> None:
        super().__init__()
        self.resource_type = resource_type
        self._moments = moments
        self._rows: list[dict[str, Any]] = []
        self._parts: list[tuple[int, dict[str, Any]]] = []

    def __missing__(self, element: str) -> Pool:
        pool = self[element] = Pool()
        return pool

    def add(self, **values: Any) -> None:
        """Adds a row: ``id``, codes of pools by element, moments or a `Day` for elements that are points in time."""
        self._rows.append(values)

    def add_many(self, count: int, **values: Any) -> None:
        """Adds rows, each value an array of the shape ``(count,)`` or one number for all; no `Day`."""
        if count:
            self._flush()
            self._parts.append((count, values))

    def _flush(self) -> None:
        rows = self._rows
        if not rows:
            return
        gathered: dict[str, Any] = {}
        gathered["id"] = [row["id"] for row in rows]
        for name in self:
            gathered[name] = np.array([row.get(name, 0) for row in rows], dtype=np.int64)
        for name in self._moments:
            moments = [row.get(name) for row in rows]
            if any(moment is not None for moment in moments):
                gathered[name] = _read_moments(moments)
        self._parts.append((len(rows), gathered))
        self._rows = []

    def part(self) -> Part:
        """Returns the finished rows."""
        self._flush()
        parts = self._parts
        ids: IntArray | list[str] = (
            [name for _, values in parts for name in values["id"]]
            if self.resource_type == "Patient"
            else _joined(parts, "id", np.int64)
        )
        columns: dict[str, PartPool | PartMoments] = {}
        for name, pool in self.items():
            if pool.texts:
                columns[name] = PartPool(_joined(parts, name, np.uint32), pool.texts)
        for name in self._moments:
            if any(name in values for _, values in parts):
                columns[name] = _moments_of(parts, name)
        return Part(self.resource_type, ids, columns)


def days_of(moments: Sequence[int | None]) -> tuple[IntArray, IntArray]:
    """Returns the local days of moments as a column holds them: seconds and forms; absent where there is None."""
    there = np.array([moment is not None for moment in moments])
    seconds = local_midnights(np.array([moment or 0 for moment in moments], dtype=np.int64))
    return np.where(there, seconds, 0), np.where(there, AS_DAY, 0).astype(np.uint8)


def _read_moments(moments: Sequence[int | None]) -> tuple[IntArray, IntArray]:
    """Returns seconds and forms."""
    seconds = np.array([0 if moment is None else moment for moment in moments], dtype=np.int64)
    forms = forms_at(seconds)
    for row, moment in enumerate(moments):
        if moment is None:
            forms[row] = 0
        elif type(moment) is Day:
            forms[row] = AS_DAY
            seconds[row] = local_midnight_utc(moment)
    return seconds, forms


def _joined(parts: Sequence[tuple[int, dict[str, Any]]], name: str, kind: Any) -> IntArray:
    found = np.zeros(sum(count for count, _ in parts), dtype=kind)
    begin = 0
    for count, values in parts:
        value = values.get(name)
        if value is not None:
            found[begin : begin + count] = value
        begin += count
    return found


def _moments_of(parts: Sequence[tuple[int, dict[str, Any]]], name: str) -> PartMoments:
    total = sum(count for count, _ in parts)
    seconds, forms = np.zeros(total, dtype=np.int64), np.zeros(total, dtype=np.uint8)
    begin = 0
    for count, values in parts:
        value = values.get(name)
        rows = slice(begin, begin + count)
        if isinstance(value, tuple):
            seconds[rows], forms[rows] = value
        elif value is not None:
            seconds[rows] = value
            forms[rows] = forms_at(seconds[rows])
        begin += count
    return PartMoments(seconds, forms)


@dataclass(frozen=True, slots=True)
class PartPool:
    """A column of texts of a block: codes from 1, 0 where the element is absent."""

    codes: IntArray
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class PartMoments:
    """A column of points in time of a block: seconds, and codes into `FORMS`."""

    seconds: IntArray
    forms: IntArray


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one type of a block of people.

    Attributes:
        resource_type: The type.
        ids: Shape ``(rows,)``, int64; texts for patients.
        columns: By element.
    """

    resource_type: str
    ids: IntArray | Sequence[str]
    columns: Mapping[str, PartPool | PartMoments]


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
