"""Resources of one type as columns: the form in which a record system of any size stays small and fast.

A resource is cut into its top-level elements. Real charts repeat themselves (a hundred subjects, thirty codes, a
thousand values), so each element's JSON is stored once in a pool, and a row holds a small number that points there.
Elements that hold a point in time are stored as seconds. Nothing is lost: a row gives back its JSON to the character.

Element texts are JSON in HAPI's pretty form, as in a resource without indentation: the first line is not indented,
further lines by four blanks or more, the closing bracket by two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, overload

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[Any]
Rows = npt.NDArray[np.intp]
"""The numbers of rows."""
Positions = IntArray | Sequence[int]
"""The places of a table's rows in the load order of all resources, rising."""
_BLOCK = 1 << 16

_EPOCH = datetime(1970, 1, 1)
_INSTANT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(Z|[+-]\d\d:\d\d))?)?)?",
    re.ASCII,
)
_LENGTH_OF_FIELDS = {1: 4, 2: 7, 3: 10, 7: 19}
OTHER_FORM = 255
"""The form of a row of an `InstantColumn` whose text is stored; its ``seconds`` are then the text's index."""


def blocks(rows: IntArray) -> Iterator[slice]:
    """Yields parts of many rows, so small that temporary arrays take little memory beside the result."""
    for start in range(0, len(rows), _BLOCK):
        yield slice(start, start + _BLOCK)


class TextPool(Sequence[str]):
    """A sequence of texts in one buffer of UTF-8 bytes; each is decoded when it is needed."""

    __slots__ = ("_blob", "_cache", "_offsets")

    def __init__(self, offsets: IntArray, blob: memoryview) -> None:
        self._offsets = offsets
        self._blob = blob
        self._cache: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @property
    def parts(self) -> tuple[IntArray, memoryview]:
        """The places at which the texts begin and the last one ends, and the buffer."""
        return self._offsets, self._blob

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return [self[i] for i in range(start, stop, step)]
            return self._run(start, max(start, stop))
        text = self._cache.get(index)
        if text is None:
            if not 0 <= index < len(self):
                raise IndexError(index)
            text = str(self._blob[int(self._offsets[index]) : int(self._offsets[index + 1])], "utf-8")
            if len(self._cache) < 8192:
                self._cache[index] = text
        return text

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    def _run(self, start: int, stop: int) -> list[str]:
        """Returns texts that follow one another, decoded together."""
        ends: list[int] = self._offsets[start : stop + 1].tolist()
        blob = bytes(self._blob[ends[0] : ends[-1]])
        if blob.isascii():
            text = blob.decode("ascii")
            return [text[here - ends[0] : there - ends[0]] for here, there in pairwise(ends)]
        return [blob[here - ends[0] : there - ends[0]].decode() for here, there in pairwise(ends)]


@dataclass(frozen=True, slots=True)
class PoolColumn:
    """One element whose values repeat.

    Attributes:
        name: The element's name, as in ``code`` or ``valueQuantity``.
        codes: Shape ``(rows,)``, unsigned; 0 if the element is absent, else 1 + the index of its text.
        texts: The distinct values as JSON, in the form that the module's docstring describes.
    """

    name: str
    codes: IntArray
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class InstantForm:
    """The written form of a point in time: ``length`` characters of local ISO time, then the ``suffix``.

    Lengths are 4 (a year), 7 (a month), 10 (a day) and 19 (a second, with ``Z`` or ``±hh:mm`` as suffix).
    """

    length: int
    suffix: str = ""
    utc_offset: int = field(init=False, compare=False, repr=False)
    """Seconds east of UTC; 0 for partial dates, which name no zone."""

    def __post_init__(self) -> None:
        offset = 0
        if self.suffix not in ("", "Z"):
            sign = -1 if self.suffix[0] == "-" else 1
            offset = sign * (int(self.suffix[1:3]) * 3600 + int(self.suffix[4:6]) * 60)
        object.__setattr__(self, "utc_offset", offset)


@dataclass(frozen=True, slots=True)
class InstantColumn:
    """One element that holds a date, dateTime or instant.

    Attributes:
        name: The element's name, as in ``effectiveDateTime``.
        seconds: Shape ``(rows,)``, int64; seconds since 1970-01-01T00:00:00Z at which the written period begins
            (partial dates are read as UTC).
        forms: Shape ``(rows,)``, uint8; 0 if the element is absent, 1 + the index of its form in ``known``, or
            `OTHER_FORM` if ``seconds`` is an index into ``others``.
        known: The forms that occur.
        others: Texts that have none of these forms (fractions of a second and the like), as JSON.
    """

    name: str
    seconds: IntArray
    forms: IntArray
    known: Sequence[InstantForm]
    others: Sequence[str] = ()


Column = PoolColumn | InstantColumn


@dataclass(frozen=True, slots=True)
class Table:
    """All resources of one type, a row each, in load order.

    Attributes:
        resource_type: As in ``Observation``.
        ids: The logical ids: int64 of shape ``(rows,)`` if all of them are plain numbers, else texts.
        columns: The other elements in the order in which FHIR defines them, ``meta`` first.
        positions: The places of the rows in the load order of all resources, from 1; None if the types were loaded
            one after another, in the order of the tables.
    """

    resource_type: str
    ids: IntArray | Sequence[str]
    columns: Sequence[Column]
    positions: IntArray | None = None

    def __len__(self) -> int:
        return len(self.ids)


@lru_cache(maxsize=65536)
def write_instant(seconds: int, form: InstantForm) -> str:
    """Returns the text of a point in time.

    Args:
        seconds: Seconds since 1970-01-01T00:00:00Z.
        form: The form in which it is written.
    """
    return (_EPOCH + timedelta(seconds=seconds + form.utc_offset)).isoformat()[: form.length] + form.suffix


def read_instant(text: str) -> tuple[int, InstantForm] | None:
    """Reverses `write_instant`; returns None if that would not give back the text exactly."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    fields = match.groups()
    given = sum(field is not None for field in fields)
    form = InstantForm(_LENGTH_OF_FIELDS[given], fields[6] or "")
    year, month, day, hour, minute, second = (
        int(field or low) for field, low in zip(fields, (1, 1, 1, 0, 0, 0), strict=False)
    )
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    seconds = int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)) - form.utc_offset
    return (seconds, form) if write_instant(seconds, form) == text else None


def smallest_unsigned(count: int) -> np.dtype[Any]:
    """Returns the smallest unsigned type that can number ``count`` values from 0."""
    return np.dtype(np.uint8 if count <= 1 << 8 else np.uint16 if count <= 1 << 16 else np.uint32)
