"""Makes tables from resources that come one after another and are not kept: for imports of any length.

Memory grows only by the table itself: each id, each distinct element once, and a small number for each row. If the
distinct elements of a column are many or long, they lie in a temporary file.
"""

from __future__ import annotations

import json
import mmap
import tempfile
import weakref
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from mab_gym.fhir.model._dates import stored_date
from mab_gym.fhir.model._definitions import elements
from mab_gym.fhir.model._json_text import pretty
from mab_gym.fhir.store._table import (
    OTHER_FORM,
    Column,
    InstantColumn,
    InstantForm,
    IntArray,
    PoolColumn,
    Table,
    TextPool,
    read_instant,
    smallest_unsigned,
    write_instant,
)

IN_MEMORY: Final = 8 * 1024 * 1024
"""The most characters of a column's distinct elements that are kept in memory."""


class TableGatherer:
    """Collects resources of one type into a `Table`, in the order in which they come.

    Args:
        resource_type: The resource type.
    """

    def __init__(self, resource_type: str) -> None:
        self.resource_type = resource_type
        self._ids = _Ids()
        self._columns: dict[str, _Pool | _Instants] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, logical_id: str) -> bool:
        return self._ids.row(logical_id) is not None

    def add(self, resource: Mapping[str, Any]) -> bool:
        """Adds a resource.

        Args:
            resource: The resource with its id, as `mab_gym.fhir.model._parse.parse_resource` returns it.

        Returns:
            False if a resource with its id was added before; then nothing changes.
        """
        row = len(self._ids)
        if not self._ids.add(str(resource["id"])):
            return False
        for name, value in resource.items():
            if name in ("resourceType", "id"):
                continue
            column = self._columns.get(name)
            if column is None:
                column = _Instants() if name.endswith(("DateTime", "Date")) else _Pool()
                self._columns[name] = column
            column.put(row, pretty(value, 1))
        return True

    def holds(self, resource: Mapping[str, Any]) -> bool:
        """Tells if a resource with the same id and the same elements was added.

        Args:
            resource: The resource with its id.
        """
        row = self._ids.row(str(resource["id"]))
        texts = {name: pretty(value, 1) for name, value in resource.items() if name not in ("resourceType", "id")}
        return (
            row is not None
            and texts.keys() <= self._columns.keys()
            and all(column.holds(row, texts.get(name)) for name, column in self._columns.items())
        )

    def table(self) -> Table:
        """Returns the table of all resources that were added."""
        names = (name for element in elements(self.resource_type) for name in (element, f"_{element}"))
        columns = [self._columns[name].column(name, len(self)) for name in names if name in self._columns]
        return Table(self.resource_type, self._ids.column(), columns)


class _Ids:
    """Distinct ids in order: numbers as long as all are plain and rising, else texts."""

    def __init__(self) -> None:
        self._rising: array[int] | None = array("q")
        self._texts: dict[str, None] = {}
        self._rows: dict[str, int] | None = None
        """The row of each id, made once a text id is looked up."""

    def __len__(self) -> int:
        return len(self._texts) if self._rising is None else len(self._rising)

    def add(self, text: str) -> bool:
        rising = self._rising
        if rising is not None:
            number = _number(text)
            if number is not None and (not rising or number > rising[-1]):
                rising.append(number)
                return True
            if number is not None and rising[bisect_left(rising, number)] == number:
                return False
            self._texts = {str(each): None for each in rising}
            self._rising = None
        if text in self._texts:
            return False
        if self._rows is not None:
            self._rows[text] = len(self._texts)
        self._texts[text] = None
        return True

    def row(self, text: str) -> int | None:
        """Returns the row of an id that was added, or None."""
        if self._rising is not None:
            number = _number(text)
            place = bisect_left(self._rising, number) if number is not None else len(self._rising)
            return place if place < len(self._rising) and self._rising[place] == number else None
        if text not in self._texts:
            return None
        if self._rows is None:
            self._rows = {each: row for row, each in enumerate(self._texts)}
        return self._rows[text]

    def column(self) -> IntArray | list[str]:
        if self._rising is not None:
            return np.array(self._rising, dtype=np.int64)
        if all(_number(text) is not None for text in self._texts):
            return np.array([int(text) for text in self._texts], dtype=np.int64)
        return list(self._texts)


class _Pool:
    """A growing column whose values repeat."""

    def __init__(self) -> None:
        self._codes = array("I")
        self._pool = _Texts()

    def put(self, row: int, text: str) -> None:
        self._codes.extend([0] * (row - len(self._codes)))
        self._codes.append(self._pool.code(text))

    def holds(self, row: int, text: str | None) -> bool:
        """Tells if a row has this text, or none."""
        code = self._codes[row] if row < len(self._codes) else 0
        return code == (0 if text is None else self._pool.find(text))

    def column(self, name: str, rows: int) -> Column:
        codes = np.zeros(rows, dtype=smallest_unsigned(len(self._pool) + 1))
        codes[: len(self._codes)] = np.frombuffer(self._codes, dtype=np.dtype("I")) if self._codes else 0
        return PoolColumn(name, codes, self._pool.texts())


class _Texts:
    """Distinct texts, numbered from 1; if they are many, they lie in a file and only their digests in memory."""

    def __init__(self) -> None:
        self._codes: dict[str | bytes, int] = {}
        self._size = 0
        self._file: Any = None
        self._offsets = array("Q", [0])

    def __len__(self) -> int:
        return len(self._codes)

    def find(self, text: str) -> int | None:
        """Returns the number of a known text, or None."""
        return self._codes.get(text if self._file is None else _digest(text))

    def code(self, text: str) -> int:
        """Returns the number of a text, which is added if it is new."""
        code = self.find(text)
        if code is not None:
            return code
        self._size += len(text)
        if self._file is None and self._size > IN_MEMORY:
            self._to_file()
        code = len(self._codes) + 1
        if self._file is None:
            self._codes[text] = code
        else:
            self._codes[_digest(text)] = code
            self._write(text)
        return code

    def texts(self) -> Sequence[str]:
        """Returns all texts in order."""
        if self._file is None:
            return [str(text) for text in self._codes]
        self._file.flush()
        mapped = memoryview(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))
        return TextPool(np.frombuffer(self._offsets, dtype=np.uint64), mapped)

    def _to_file(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="mab-gym-")  # noqa: SIM115  (it lives as long as this)
        weakref.finalize(self, self._file.close)
        texts, self._codes = [str(text) for text in self._codes], {}
        for code, text in enumerate(texts, 1):
            self._codes[_digest(text)] = code
            self._write(text)

    def _write(self, text: str) -> None:
        data = text.encode()
        self._file.write(data)
        self._offsets.append(self._offsets[-1] + len(data))


class _Instants:
    """A growing column of points in time."""

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
        self._all_dates = self._all_dates and bool(value and stored_date(value))
        read = read_instant(value) if value else None
        if read is None or (read[1] not in self._known and len(self._known) + 1 >= OTHER_FORM):
            self._seconds.append(len(self._others))
            self._forms.append(OTHER_FORM)
            self._others.append(text)
        else:
            self._seconds.append(read[0])
            self._forms.append(self._known.setdefault(read[1], len(self._known) + 1))

    def holds(self, row: int, text: str | None) -> bool:
        """Tells if a row has this text, or none."""
        form = self._forms[row] if row < len(self._forms) else 0
        return text == (self._text(form, self._seconds[row], list(self._known)) if form else None)

    def _text(self, form: int, second: int, known: Sequence[InstantForm]) -> str:
        return self._others[second] if form == OTHER_FORM else json.dumps(write_instant(second, known[form - 1]))

    def column(self, name: str, rows: int) -> Column:
        seconds, forms = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.uint8)
        seconds[: len(self._seconds)] = np.frombuffer(self._seconds, dtype=np.int64)
        forms[: len(self._forms)] = np.frombuffer(self._forms, dtype=np.uint8)
        known = list(self._known)
        if self._all_dates:
            return InstantColumn(name, seconds, forms, known, self._others)
        pool = _Pool()
        for row in np.flatnonzero(forms).tolist():
            pool.put(row, self._text(int(forms[row]), int(seconds[row]), known))
        return pool.column(name, rows)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _number(text: str) -> int | None:
    """Returns the number that a text is, if it is written without extra zeros, else None."""
    plain = text.isascii() and text.isdecimal() and len(text) < 19 and (text == "0" or text[0] != "0")
    return int(text) if plain else None
