"""The immutable part of a record system: tables that can be searched and printed, shared by all sessions of a process.

Search parameters are indexed by distinct value, not by row: half a million Observations have a few dozen codes, so a
question about a code is answered once for each code and then looked up for the rows. An index is made when it is first
needed, and can always be made again.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import count
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from mab_gym.fhir.model._dates import Period, stored_period
from mab_gym.fhir.model._definitions import SearchParameter
from mab_gym.fhir.model._filter import Filter
from mab_gym.fhir.model._json_text import DecimalNumber, TooManyDigitsError, compact
from mab_gym.fhir.model._paths import Path, compile_paths
from mab_gym.fhir.model._remembered import Remembered, is_short
from mab_gym.fhir.model._values import Quantity, Reference, Text, Token, Value, read_all_values
from mab_gym.fhir.store._budget import COMPARISON, ELEMENT, ELEMENT_OF_A_PERSON, ROW, Bill, Budget
from mab_gym.fhir.store._instants import HIGH, HIGH_DAY, LOW, LOW_DAY, NO_PERIOD, period_fields
from mab_gym.fhir.store._table import (
    OTHER_FORM,
    InstantColumn,
    IntArray,
    PoolColumn,
    Positions,
    Rows,
    Table,
    TextPool,
    blocks,
)

Mask = npt.NDArray[np.bool_]

_ENTRY_INDENT = "    "
# bounds on what is remembered, so that a process stays small however long it runs
_MOST_TEXTS = 16_384
_MOST_ENTRIES = 4_000
LONGEST_REMEMBERED = 8_192
_MOST_TARGETS = 20_000
"""The number of references from which on an index of them costs no more."""
_MOST_CODES = 64
"""The most codes of an index by which a search begins."""
_MINUTES = [f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1440)]
_SECONDS = [f"{second:02d}" for second in range(60)]
_SHORT, _SHORT_LENGTH = 500, 100
"""The length up to which the texts of an element count as short, and the length that each then counts with."""


_LONGEST_INTEGER = 300
"""The most digits of a number that is read as an integer; a longer one may not fit into a float."""


def _stored_decimal(literal: str) -> DecimalNumber:
    try:
        return DecimalNumber(literal)
    except TooManyDigitsError:
        return DecimalNumber.unchecked(literal)


def _stored_integer(literal: str) -> int | DecimalNumber:
    return int(literal) if len(literal) <= _LONGEST_INTEGER else DecimalNumber.unchecked(literal)


_ELEMENTS = json.JSONDecoder(parse_float=_stored_decimal, parse_int=_stored_integer)
_SEARCHED = json.JSONDecoder(parse_int=_stored_integer)
"""A faster reader, for values whose digits do not matter."""


def parse_element(text: str) -> Any:
    """Parses an element's JSON; decimals keep the digits with which they are written."""
    return _ELEMENTS.decode(text)


def one_line(text: str) -> str:
    """Returns a resource's JSON without white space; without reading it, if no string in it has an escape."""
    if "\\" in text:
        return compact(parse_element(text))
    parts = text.split('"')
    parts[::2] = ["".join(part.split()) for part in parts[::2]]
    return '"'.join(parts)


class _DayTexts(dict[int, str]):
    """ISO dates by days since 1970-01-01, made when they are first needed."""

    def __missing__(self, day: int) -> str:
        text = self[day] = str(np.datetime64(day, "D"))
        return text


_DAYS = _DayTexts()


class _ElementTexts(dict[int, str]):
    """The text that a pool column adds to an entry of a Bundle, by code; empty for code 0."""

    def __init__(self, column: PoolColumn) -> None:
        super().__init__({0: ""})
        self._head = f',\n{_ENTRY_INDENT}  "{column.name}": '
        self._texts = column.texts

    def __missing__(self, code: int) -> str:
        if code == 0:
            return ""  # another thread has just cleared the texts
        if len(self) >= _MOST_TEXTS:
            self.clear()
            self[0] = ""
        text = self[code] = self._head + self._texts[code - 1].replace("\n", "\n" + _ENTRY_INDENT)
        return text


_SERIALS = count()
_WORTH_READING_ALL = 256
_LAST_CHARACTER = chr(0x10FFFF)
_NO_ROWS: Rows = np.empty(0, dtype=np.intp)
_NO_ROWS.flags.writeable = False


class _InstantTexts:
    """Returns the texts that an instant column adds to entries of a Bundle, for many rows at a time."""

    def __init__(self, column: InstantColumn) -> None:
        self._column = column
        self._head = f',\n{_ENTRY_INDENT}  "{column.name}": "'
        # by form: true if it is absent or written to the second
        self._to_the_second = np.zeros(OTHER_FORM + 1, dtype=np.bool_)
        self._to_the_second[: len(column.known) + 1] = [True, *(known.length == 19 for known in column.known)]
        self._offsets = np.array([0, *(known.utc_offset for known in column.known)], dtype=np.int64)
        self._suffixes = ["", *(known.suffix + '"' for known in column.known)]

    def __call__(self, rows: Rows) -> list[str]:
        forms, seconds = self._column.forms[rows], self._column.seconds[rows]
        head = self._head
        if not self._to_the_second[forms].all():
            return [
                f'{head}{_instant_text(self._column, form, number)}"' if form else ""
                for form, number in zip(forms.tolist(), seconds.tolist(), strict=True)
            ]
        minutes, second = np.divmod(seconds + self._offsets[forms], 60)
        days, minute = np.divmod(minutes, 1440)
        suffixes = self._suffixes
        return [
            f"{head}{_DAYS[day]}{_MINUTES[clock]}{_SECONDS[rest]}{suffixes[form]}" if form else ""
            for day, clock, rest, form in zip(
                days.tolist(), minute.tolist(), second.tolist(), forms.tolist(), strict=True
            )
        ]


class PoolIndex:
    """A pool column that can be searched: the rows that hold a code, and the values that search parameters find.

    Args:
        column: The column.
        before: The index of the column that this one goes on from. Where its texts stand here, too, and with the same
            codes, they are not read again.
    """

    def __init__(self, column: PoolColumn, before: PoolIndex | None = None) -> None:
        self.column = column
        # The first of all, which every session shares; those between would stay in memory for nothing.
        self._first: PoolIndex | None = None if before is None else before._first or before
        self._values: dict[tuple[str, Path], list[tuple[Value, ...] | None]] = {}
        self._complete: set[tuple[str, Path]] = set()  # of which every element was read
        self._by_target: dict[Path, dict[str, list[int]]] = {}
        self._by_text: dict[Path, tuple[list[str], list[int]]] = {}

    @cached_property
    def lengths(self) -> npt.NDArray[np.intp]:
        """The length of each code's text, of shape ``(len(texts) + 1,)``; of texts in a buffer, in bytes."""
        texts = self.column.texts
        lengths = np.zeros(len(texts) + 1, dtype=np.intp)
        lengths[1:] = np.diff(texts.parts[0]) if isinstance(texts, TextPool) else [len(text) for text in texts]
        return lengths

    @cached_property
    def _before(self) -> PoolIndex | None:
        """The index that has read the first texts; None where there is none, or its texts have other codes here."""
        if self._first is None:
            return None
        texts = self._first.column.texts
        return self._first if list(self.column.texts[: len(texts)]) == list(texts[:]) else None

    @property
    def longest(self) -> int:
        """The length of the longest text."""
        return int(self.lengths.max())

    @cached_property
    def counts(self) -> npt.NDArray[np.intp]:
        """The number of rows that hold each code, of shape ``(len(texts) + 1,)``."""
        return np.bincount(self.column.codes, minlength=len(self.column.texts) + 1)

    @cached_property
    def _postings(self) -> tuple[Rows | None, npt.NDArray[np.intp]]:
        codes = self.column.codes
        ends = np.concatenate(([0], np.cumsum(self.counts)))
        in_order = len(codes) < 2 or bool((codes[1:] >= codes[:-1]).all())
        return (None if in_order else np.argsort(codes, kind="stable"), ends)

    def rows_of(self, codes: Sequence[int]) -> Rows:
        """Returns the rows that hold any of the codes, in load order."""
        order, ends = self._postings
        spans = [(int(ends[code]), int(ends[code + 1])) for code in codes if ends[code] < ends[code + 1]]
        if not spans:
            return np.empty(0, dtype=np.intp)
        if order is None:
            first, last = min(start for start, _ in spans), max(end for _, end in spans) - 1
        else:
            first = min(int(order[start]) for start, _ in spans)
            last = max(int(order[end - 1]) for _, end in spans)
        if last - first + 1 == sum(end - start for start, end in spans):
            return np.arange(first, last + 1)  # a patient's rows lie together, whatever else varies among them
        parts = [np.arange(start, end) if order is None else order[start:end] for start, end in spans]
        return parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts))

    def values(self, code: int, kind: str, path: Path) -> tuple[Value, ...]:
        """Returns the values that a search parameter of a kind and path finds in the element with a code."""
        if self._before is not None and code <= len(self._before.column.texts):
            return self._before.values(code, kind, path)
        found = self._known(kind, path)[code]
        if found is None:
            self.load((code,), kind, (path,))
            found = self._known(kind, path)[code] or ()
        return found

    def load(self, codes: Iterable[int], kind: str, paths: Iterable[Path]) -> None:
        """Reads elements that will be needed, all at once, which takes a fraction of the time."""
        for path in paths:
            known = self._known(kind, path)
            unread = [code for code in codes if known[code] is None]
            texts = self.column.texts[:] if len(unread) > _WORTH_READING_ALL else self.column.texts
            decoder = _ELEMENTS if kind == "number" else _SEARCHED
            elements = decoder.decode(f"[{','.join([texts[code - 1] for code in unread])}]")
            for code, element in zip(unread, elements, strict=True):
                known[code] = tuple(read_all_values(kind, path.nodes(element)))

    def all_values(self, kind: str, path: Path) -> Sequence[tuple[Value, ...]]:
        """Returns the values in every element, by code."""
        if self._before is not None and (kind, path) not in self._values:
            self._before.all_values(kind, path)
        known = self._known(kind, path)
        if (kind, path) not in self._complete:
            self.load(range(len(known)), kind, (path,))
            self._complete.add((kind, path))
        return cast("Sequence[tuple[Value, ...]]", known)

    def values_of(self, codes: Sequence[int], kind: str, paths: Sequence[Path]) -> list[tuple[Value, ...]]:
        """Returns the values that some paths find in each of some elements."""
        self.load(codes, kind, paths)
        by_path = [self._known(kind, path) for path in paths]
        if len(by_path) == 1:
            return [by_path[0][code] or () for code in codes]
        return [tuple(value for known in by_path for value in known[code] or ()) for code in codes]

    def occurring(self, codes: npt.NDArray[Any]) -> list[int]:
        """Returns the distinct codes among some, except 0, which stands for rows without the element."""
        found: list[int] = (np.flatnonzero(np.bincount(codes, minlength=1)[1:]) + 1).tolist()
        return found

    def _known(self, kind: str, path: Path) -> list[tuple[Value, ...] | None]:
        known = self._values.get((kind, path))
        if known is None:
            known = [()] if self._before is None else list(self._before._known(kind, path))
            known += [None] * (len(self.column.texts) + 1 - len(known))
            self._values[kind, path] = known  # assigned whole: other threads may read it
        return known

    def hits(self, wanted: Filter, path: Path) -> Mask:
        """Returns True for each code if its element satisfies the filter, of shape ``(len(texts) + 1,)``."""
        kind = wanted.parameter.type
        size = len(self.column.texts) + 1
        if kind == "reference" and (targets := wanted.target_ids) is not None:
            # however many people there are, few references point to the wanted ones
            mask = np.zeros(size, dtype=np.bool_)
            for code in {code for target in targets for code in self._pointing_to(target, path)}:
                mask[code] = wanted.matches_any(self.values(code, kind, path))
            return mask
        if kind == "string" and (beginnings := wanted.beginnings) is not None:
            texts, codes = self._in_order(path)
            mask = np.zeros(size, dtype=np.bool_)
            for text in beginnings:
                mask[codes[bisect_left(texts, text) : bisect_left(texts, text + _LAST_CHARACTER)]] = True
            return mask
        return np.fromiter(map(wanted.matches_any, self.all_values(kind, path)), np.bool_, size)

    def _in_order(self, path: Path) -> tuple[list[str], list[int]]:
        """Returns the normalized texts in these elements, sorted, and the code of each one's element."""
        known = self._by_text.get(path)
        if known is None:
            pairs = sorted(
                (value.normalized, code)
                for code, values in enumerate(self.all_values("string", path))
                for value in values
                if isinstance(value, Text)
            )
            known = self._by_text[path] = ([text for text, _ in pairs], [code for _, code in pairs])
        return known

    def refers_to(self, logical_id: str, path: Path) -> bool:
        """Tells if any of these elements refers to a resource with this id."""
        return logical_id in self._pointing(path) or (
            self._before is not None and self._before.refers_to(logical_id, path)
        )

    def _pointing_to(self, logical_id: str, path: Path) -> Iterator[int]:
        """Yields the codes of the elements that refer to a resource with this id, rising."""
        if self._before is not None:
            yield from self._before._pointing_to(logical_id, path)
        yield from self._pointing(path).get(logical_id, ())

    def _pointing(self, path: Path) -> Mapping[str, Sequence[int]]:
        """Returns the codes of the elements that refer to a target, by the target's id; not of those read before."""
        known = self._by_target.get(path)
        if known is None:
            known = {}
            read = 0 if self._before is None else len(self._before.column.texts) + 1
            codes = range(read, len(self.column.texts) + 1)
            self.load(codes, "reference", (path,))
            for code in codes:
                for value in self.values(code, "reference", path):
                    if isinstance(value, Reference):
                        known.setdefault(value.target_id, []).append(code)
            self._by_target[path] = known  # assigned whole: other threads may read it
        return known


class BaseTable:
    """A `Table` that answers searches.

    Args:
        table: The stored columns.
        positions: HAPI's database ids of the rows.
        before: The pools of the table that this one goes on from, which may have been read already.

    Attributes:
        table: The stored columns.
        serial: A number that no other table of the process has.
        positions: HAPI's database ids of the rows.
        pools: The searchable pool columns, by element name.
        instants: The columns that hold points in time, by element name.
        arranged: The results of searches, in their order; the room of searches fills it.
    """

    def __init__(
        self, table: Table, positions: Positions | None = None, before: Mapping[str, PoolIndex] | None = None
    ) -> None:
        self.table = table
        self._size = len(table)
        self.serial = next(_SERIALS)
        self.positions = range(1, len(table) + 1) if positions is None else positions
        earlier = before or {}
        self.pools = {c.name: PoolIndex(c, earlier.get(c.name)) for c in table.columns if isinstance(c, PoolColumn)}
        self.instants = {c.name: c for c in table.columns if isinstance(c, InstantColumn)}
        self._texts = {c.name: _ElementTexts(c) for c in table.columns if isinstance(c, PoolColumn)}
        self._instant_texts = {name: _InstantTexts(column) for name, column in self.instants.items()}
        self._tops: dict[str, dict[str, list[Path]]] = {}
        self._hits: Remembered[Mask] = Remembered(most=512)
        self._codes: Remembered[tuple[list[int], int]] = Remembered(most=4096)
        self._distinct: dict[str, int] = {}
        # many attempts at one case read the same pages one after another
        self._pages: Remembered[Sequence[str]] = Remembered(most_rows=_MOST_ENTRIES)
        self._found: Remembered[tuple[Rows, Bill]] = Remembered()
        self._unreferred: dict[str, Bill] = {}
        self.arranged: Remembered[Any] = Remembered()

    def __len__(self) -> int:
        return self._size

    @cached_property
    def _row_by_text_id(self) -> Mapping[str, int]:
        return {text: row for row, text in enumerate(self.table.ids)}

    def find(self, logical_id: str) -> int | None:
        """Returns the row of a resource, or None."""
        ids = self.table.ids
        if not isinstance(ids, np.ndarray):
            return self._row_by_text_id.get(logical_id)
        if not (logical_id.isascii() and logical_id.isdigit() and len(logical_id) < 19) or logical_id != str(
            int(logical_id)
        ):
            return None
        number = int(logical_id)
        if number > self._greatest_id:
            return None  # as of all that was written after the snapshot
        order = self._id_order
        place = int(ids.searchsorted(number, sorter=order))
        row = place if order is None else int(order[place])
        return row if ids[row] == number else None

    @cached_property
    def _greatest_id(self) -> int:
        return int(np.asarray(self.table.ids).max(initial=-1))

    @cached_property
    def _id_order(self) -> Rows | None:
        ids = np.asarray(self.table.ids)
        return None if bool((ids[1:] > ids[:-1]).all()) else np.argsort(ids, kind="stable")

    def places(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Returns HAPI's database ids of rows."""
        if isinstance(self.positions, range):
            return np.asarray(rows, dtype=np.int64) * self.positions.step + self.positions.start
        return np.asarray(self.positions)[rows].astype(np.int64, copy=False)

    def ids(self, rows: Rows) -> list[str]:
        """Returns the logical ids of rows."""
        ids = self.table.ids
        if isinstance(ids, np.ndarray):
            return [str(number) for number in ids[rows].tolist()]
        return [ids[row] for row in rows.tolist()]

    def entries(self, rows: Rows, ids: Sequence[str]) -> Sequence[str]:
        """Returns the JSON of resources as in an entry of a searchset (HAPI's pretty form, indented by four blanks).

        Args:
            rows: The rows.
            ids: Their logical ids.
        """
        key = rows.tobytes()
        page = self._pages.get(key)
        if page is None:
            page = self._page(rows, ids)
            self._pages.put(key, page, len(page))
        return page

    def _page(self, rows: Rows, ids: Sequence[str]) -> Sequence[str]:
        head = f'{{\n{_ENTRY_INDENT}  "resourceType": "{self.table.resource_type}",\n{_ENTRY_INDENT}  "id": "'
        pieces: list[Iterable[str]] = [[f'{head}{text}"' for text in ids]]
        for column in self.table.columns:
            if isinstance(column, InstantColumn):
                pieces.append(self._instant_texts[column.name](rows))
                continue
            codes = column.codes[rows].tolist()
            if any(codes):
                texts = self._texts[column.name]
                pieces.append([texts[code] for code in codes])
        tail = f"\n{_ENTRY_INDENT}}}"
        return ["".join(parts) + tail for parts in zip(*pieces, strict=True)]

    def lengths(self, rows: Rows, budget: Budget) -> Rows:
        """Returns the lengths of resources' JSON, roughly: an element that is never long counts as short."""
        lengths = np.full(len(rows), _SHORT_LENGTH * len(self.table.columns), dtype=np.intp)
        for index in self.pools.values():
            if index.longest > _SHORT:
                budget.spend(len(rows) * ROW)
                lengths += index.lengths[index.column.codes[rows]]
        return lengths

    def text(self, row: int) -> str:
        """Returns a resource's JSON in HAPI's pretty form, without indentation."""
        logical_id = self.table.ids[row]
        parts = [f'{{\n  "resourceType": "{self.table.resource_type}",\n  "id": "{logical_id}"']
        for column in self.table.columns:
            if isinstance(column, InstantColumn):
                if form := int(column.forms[row]):
                    text = _instant_text(column, form, int(column.seconds[row]))
                    parts.append(f',\n  "{column.name}": "{text}"')
            elif code := int(column.codes[row]):
                parts.append(f',\n  "{column.name}": {column.texts[code - 1]}')
        parts.append("\n}")
        return "".join(parts)

    def resource(self, row: int) -> dict[str, Any]:
        """Returns a resource as Python values; decimals keep their digits."""
        resource: dict[str, Any] = parse_element(self.text(row))
        return resource

    def search(self, filters: Sequence[Filter], budget: Budget) -> Rows:
        """Returns the rows that satisfy all filters, in load order.

        The base never changes, so results are remembered: pages of one search and episodes of one case ask again.

        Args:
            filters: The filters.
            budget: The request's allowance; a remembered result costs as much as a new one.
        """
        if not len(self):
            return self._all_rows
        if not filters:
            budget.spend(len(self) * ROW / 10)
            return self._all_rows
        key = tuple(wanted.key for wanted in filters)
        known = self._found.get(key)
        if known is not None:
            rows, bill = known
            budget.pay(bill)
            return rows
        only = filters[0] if len(filters) == 1 and filters[0].target_ids is not None else None
        nothing = None if only is None else self._unreferred.get(only.parameter.expression)
        if only is not None and nothing is not None and self._refer_nowhere(only):
            budget.pay(nothing)
            return _NO_ROWS
        with budget.recording() as bill:
            rows = self._search(filters, budget)
        rows.flags.writeable = False
        if only is not None and nothing is None and self._refer_nowhere(only):
            self._unreferred[only.parameter.expression] = bill  # to find none costs the same, whatever is looked for
            return rows
        if len(rows) <= LONGEST_REMEMBERED and is_short(key):
            self._found.put(key, (rows, bill), len(rows))
        return rows

    def _refer_nowhere(self, wanted: Filter) -> bool:
        """Tells if a filter wants references to resources to which no row refers."""
        if wanted.negated or wanted.either or wanted.ids is not None or (targets := wanted.target_ids) is None:
            return False
        return not any(self.may_refer_to(target, wanted.parameter) for target in targets)

    @property
    def _all_rows(self) -> Rows:
        """Every row; made again each time, as it takes megabytes."""
        return np.arange(len(self))

    def _spend_on_elements(self, wanted: Filter, budget: Budget, rows: int | None = None) -> None:
        """Charges for reading the distinct elements once, and for comparing them with every value asked for.

        Args:
            wanted: The filter.
            budget: The request's allowance.
            rows: The number of rows that are left to look at; None if all elements are read.
        """
        parts = [part for group in wanted.either for part in group] if wanted.either else (wanted,)
        for part in parts:
            if part.ids is not None:
                continue
            name = part.parameter.name
            read = self.distinct(part.parameter)
            if rows is not None:
                read = min(read, rows)
            of_people = name in ("patient", "subject") or self.table.resource_type == "Patient"
            if part.target_ids is not None and not of_people:
                # a process makes an index of these once, as it does of the people
                read, of_people = min(read, _MOST_TARGETS), True
            budget.spend_once((self.serial, name, read), read * (ELEMENT_OF_A_PERSON if of_people else ELEMENT))
            if part.target_ids is None and part.beginnings is None:
                budget.spend(read * part.comparisons_each * COMPARISON)

    def _search(self, filters: Sequence[Filter], budget: Budget) -> Rows:
        rows = None
        remaining = list(filters)
        if any(self._finds_nothing(wanted) for wanted in filters):
            return np.empty(0, dtype=np.intp)
        paid: list[Filter] = []
        driver = self._driver(remaining, paid, budget)
        if driver is not None:
            rows = driver[1]
            budget.spend(len(rows) * ROW)
            remaining.remove(driver[0])
        for wanted in remaining:
            if not any(wanted is each for each in paid):
                self._spend_on_elements(wanted, budget, None if rows is None else len(rows))
        # cheap look-ups first; dates, which are computed, on the rows that are left
        for wanted in sorted(remaining, key=lambda f: f.parameter.type == "date"):
            chosen = self._all_rows if rows is None else rows
            looks = len(chosen) * (1 + (sum(map(len, wanted.either)) if wanted.either else 1))
            budget.spend(looks * ROW)
            rows = chosen[self._mask(wanted, chosen)]
        return self._all_rows if rows is None else rows

    def _finds_nothing(self, wanted: Filter) -> bool:
        """Tells if a filter asks for values of elements that no row has."""
        if wanted.negated or wanted.missing is not None or wanted.either or wanted.ids is not None:
            return False
        return not self.tops(wanted.parameter)

    def references(self, row: int, path: Path) -> Sequence[Value]:
        """Returns the references of a row at one path."""
        index = self.pools.get(path.top)
        return () if index is None else index.values(int(index.column.codes[row]), "reference", path)

    def distinct(self, parameter: SearchParameter) -> int:
        """Returns the number of distinct elements that a parameter looks at."""
        found = self._distinct.get(parameter.expression)
        if found is None:
            found = sum(len(self.pools[top].column.texts) for top in self.tops(parameter) if top in self.pools)
            self._distinct[parameter.expression] = found
        return found

    def may_refer_to(self, logical_id: str, parameter: SearchParameter) -> bool:
        """Tells if any row refers to a resource with this id by a parameter."""
        paths = [path for paths in self.tops(parameter).values() for path in paths if path.top in self.pools]
        return any(self.pools[path.top].refers_to(logical_id, path) for path in paths)

    def values(self, row: int, parameter: SearchParameter) -> list[Value]:
        """Returns all values that a search parameter finds in one row."""
        found: list[Value] = []
        for path in compile_paths(self.table.resource_type, parameter.expression):
            if path.top in self.pools:
                index = self.pools[path.top]
                found.extend(index.values(int(index.column.codes[row]), parameter.type, path))
            elif path.top in self.instants:
                column = self.instants[path.top]
                if period := self.period(path.top, int(column.seconds[row]), int(column.forms[row])):
                    found.append(period)
        return found

    def period(self, top: str, seconds: int, form: int) -> Period | None:
        """Returns the period that a point in time stands for, or None for an absent one."""
        return stored_period(_instant_text(self.instants[top], form, seconds)) if form else None

    def tops(self, parameter: SearchParameter) -> Mapping[str, Sequence[Path]]:
        """Returns the paths of a parameter by their top-level element, for the elements that this table has."""
        found = self._tops.get(parameter.expression)
        if found is None:
            found = {}
            for path in compile_paths(self.table.resource_type, parameter.expression):
                if self._has(path.top):
                    found.setdefault(path.top, []).append(path)
            self._tops[parameter.expression] = found  # assigned whole: other threads may read it
        return found

    def _driver(self, filters: Sequence[Filter], paid: list[Filter], budget: Budget) -> tuple[Filter, Rows] | None:
        """Returns the filter with the fewest rows, and those rows: a filter by id first, else by an index.

        References are looked up first, then columns with few different elements. A column with more of them than there
        are rows left is not read as a whole.

        Args:
            filters: The filters.
            paid: Takes the filters whose elements were read and paid for.
            budget: The request's allowance.
        """
        best: tuple[int, Filter, PoolIndex, list[int]] | None = None
        able: list[tuple[bool, int, Filter, PoolIndex, Path]] = []
        for wanted in filters:
            if wanted.negated or wanted.missing is not None or wanted.either:
                continue
            if wanted.ids is not None:
                found = {row for logical_id in wanted.ids if (row := self.find(logical_id)) is not None}
                return wanted, np.array(sorted(found), dtype=np.intp)
            paths = [
                p for p in compile_paths(self.table.resource_type, wanted.parameter.expression) if self._has(p.top)
            ]
            if len(paths) == 1 and paths[0].top in self.pools:
                index = self.pools[paths[0].top]
                able.append((wanted.target_ids is None, len(index.column.texts), wanted, index, paths[0]))
        for by_value, distinct, wanted, index, path in sorted(able, key=lambda each: each[:2]):
            if by_value and best is not None and best[0] < distinct:
                break
            self._spend_on_elements(wanted, budget)
            paid.append(wanted)
            codes, size = self._codes_of(wanted, index, path)
            if len(codes) <= _MOST_CODES and (best is None or size < best[0]):
                best = (size, wanted, index, codes)
        if best is None:
            return None
        return best[1], best[2].rows_of(best[3])

    def _has(self, name: str) -> bool:
        return name in self.pools or name in self.instants

    def _hits_of(self, wanted: Filter, index: PoolIndex, path: Path) -> Mask:
        key = (wanted.key, path)
        hits = self._hits.get(key)
        if hits is None:
            hits = index.hits(wanted, path)
            if is_short((wanted.key,)):
                self._hits.put(key, hits, 1)
        return hits

    def _hits_among(self, codes: IntArray, wanted: Filter, index: PoolIndex, path: Path) -> Mask:
        """Returns True for each of some codes if its element satisfies the filter; reads no more than it needs."""
        whole = len(codes) >= len(index.column.texts) or wanted.target_ids is not None
        if whole or self._hits.get((wanted.key, path)) is not None:
            return self._hits_of(wanted, index, path)[codes]
        occurring, back = np.unique(codes, return_inverse=True)
        values = index.values_of(occurring.tolist(), wanted.parameter.type, (path,))
        return np.fromiter(map(wanted.matches_any, values), np.bool_, len(occurring))[back]

    def _codes_of(self, wanted: Filter, index: PoolIndex, path: Path) -> tuple[list[int], int]:
        """Returns the codes of an index that satisfy a filter, and the number of rows that hold them.

        Of too many codes the first are returned, and no number.
        """
        key = (wanted.key, path)
        known = self._codes.get(key)
        if known is None:
            codes = np.flatnonzero(self._hits_of(wanted, index, path))[: _MOST_CODES + 1].tolist()
            known = codes, int(index.counts[codes].sum()) if len(codes) <= _MOST_CODES else 0
            if is_short((wanted.key,)):
                self._codes.put(key, known, 1)
        return known

    def _mask(self, wanted: Filter, rows: Rows) -> Mask:
        if wanted.either:
            mask = np.zeros(len(rows), dtype=np.bool_)
            for group in wanted.either:
                mask |= np.logical_and.reduce([self._mask(part, rows) for part in group])
            return mask
        if wanted.ids is not None:
            mask = np.isin(rows, [row for logical_id in wanted.ids if (row := self.find(logical_id)) is not None])
        else:
            mask = np.zeros(len(rows), dtype=np.bool_)
            for path in compile_paths(self.table.resource_type, wanted.parameter.expression):
                if path.top in self.pools:
                    index = self.pools[path.top]
                    codes = index.column.codes[rows]
                    if codes.any():
                        mask |= self._hits_among(codes, wanted, index, path)
                elif path.top in self.instants and wanted.parameter.type == "date":
                    mask |= _instant_mask(self.instants[path.top], rows, wanted)
                elif path.top in self.instants and wanted.parameter.type == "token" and wanted.predicates:
                    # only a flag such as ``deceased`` asks if a date is there
                    mask |= self.instants[path.top].forms[rows] != 0
        return ~mask if wanted.negated or wanted.missing else mask


@cache
def empty_table(resource_type: str) -> BaseTable:
    """Returns a table without rows, for a type of which the snapshot has no resources."""
    return BaseTable(Table(resource_type, np.empty(0, dtype=np.int64), ()))


def sort_keys(values: Iterable[Value], *, descending: bool) -> list[Any]:
    """Returns the keys by which HAPI's database sorts a resource with these values, one for each row of its index."""
    keys: dict[tuple[Any, str], Any] = {}
    for value in values:
        exact = ""
        match value:
            case float() | str():
                key: Any = value
            case Period():
                key = value.low
            case Text():
                key, exact = value.normalized, value.exact
            case Reference():
                key = f"{value.target_type}/{value.target_id}"
            case Quantity():
                key = value.value
            case Token() if value.indexed:
                # HAPI's database puts tokens without system or code last, in either direction
                bare, blank = value.system == "", value.code is None
                key = (bare != descending, value.system, blank != descending, value.code or "")
            case _:
                continue
        keys[key, exact] = key
    return sorted(keys.values(), reverse=descending)


def _instant_text(column: InstantColumn, form: int, seconds: int) -> str:
    if form == OTHER_FORM:
        return str(json.loads(column.others[seconds]))
    known = column.known[form - 1]
    local = seconds + known.utc_offset
    day, clock = divmod(local, 86400)
    minute, second = divmod(clock, 60)
    return f"{_DAYS[day]}{_MINUTES[minute]}{_SECONDS[second]}"[: known.length] + known.suffix


def _instant_mask(column: InstantColumn, rows: Rows, wanted: Filter) -> Mask:
    """Marks the rows that satisfy a filter by date."""
    if wanted.missing is not None:
        present: Mask = column.forms[rows] != 0
        return present
    timed = {comparison.period.timed for comparison in wanted.comparisons}
    fields = [field for field in (LOW, HIGH, LOW_DAY, HIGH_DAY) if (field in (LOW, HIGH)) in timed]
    if not fields:
        return np.zeros(len(rows), dtype=np.bool_)
    mask = np.empty(len(rows), dtype=np.bool_)
    for part in blocks(rows):
        found = dict(zip(fields, period_fields(column, rows[part], fields), strict=True))
        some = found[fields[0]]
        low, high, low_day, high_day = (found.get(field, some) for field in (LOW, HIGH, LOW_DAY, HIGH_DAY))
        matching = np.zeros(len(some), dtype=np.bool_)
        for comparison in wanted.comparisons:
            matching |= comparison.matches_array(low, high, low_day, high_day)
        mask[part] = matching & (some != NO_PERIOD)
    return mask
