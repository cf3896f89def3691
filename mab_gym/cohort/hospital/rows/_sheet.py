"""Rows of resources in the making, a sheet for each type, for a block of people.

An element's text is written once for each key within a block.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mab_gym.cohort._columns import Json, pretty
from mab_gym.cohort.hospital._zone import AS_DAY, forms_at, local_midnight_utc, local_midnights
from mab_gym.fhir.store._table import IntArray

Codes = npt.NDArray[np.uint32]


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
