"""The immutable part of a record system: tables made searchable and renderable, shared by all sessions of a process.

Search parameters are indexed by distinct value, not by row: half a million Observations have a few dozen codes, so a
question about a code is answered once for each of them and then looked up for the rows. Indexes come into being when
first asked for and hold nothing that cannot be derived again.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mab_gym.fhir.dates import Period, stored_period
from mab_gym.fhir.definitions import SearchParameter
from mab_gym.fhir.json_text import DecimalNumber
from mab_gym.fhir.matching import Filter
from mab_gym.fhir.paths import Path, compile_paths
from mab_gym.fhir.remembered import Remembered
from mab_gym.fhir.table import OTHER_FORM, InstantColumn, InstantForm, PoolColumn, Positions, Table
from mab_gym.fhir.values import Quantity, Reference, Text, Token, Value, read_values

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

_ENTRY_INDENT = "    "
# Bounds on what is remembered, so that a process stays small however long it runs.
_MOST_TEXTS = 16_384
_MOST_ENTRIES = 4_000
_UNREAD = np.iinfo(np.int64).min
LONGEST_REMEMBERED = 8_192
_MINUTES = [f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1440)]
_SECONDS = [f"{second:02d}" for second in range(60)]


def parse_element(text: str) -> Any:
    """An element's JSON text as Python values; decimals keep the digits in which they are written."""
    return json.loads(text, parse_float=DecimalNumber)


class _DayTexts(dict[int, str]):
    """ISO dates by days since 1970-01-01, made when first asked for."""

    def __missing__(self, day: int) -> str:
        text = self[day] = str(np.datetime64(day, "D"))
        return text


_DAYS = _DayTexts()


class _ElementTexts(dict[int, str]):
    """What a pool column contributes to an entry of a Bundle, by code; code 0 contributes nothing."""

    def __init__(self, column: PoolColumn) -> None:
        super().__init__({0: ""})
        self._head = f',\n{_ENTRY_INDENT}  "{column.name}": '
        self._texts = column.texts

    def __missing__(self, code: int) -> str:
        if code == 0:
            return ""  # another thread has just cleared it
        if len(self) >= _MOST_TEXTS:
            self.clear()
            self[0] = ""
        text = self[code] = self._head + self._texts[code - 1].replace("\n", "\n" + _ENTRY_INDENT)
        return text


_LAST_CHARACTER = chr(0x10FFFF)


class _InstantTexts:
    """What an instant column contributes to entries of a Bundle, many rows at a time."""

    def __init__(self, column: InstantColumn) -> None:
        self._column = column
        self._head = f',\n{_ENTRY_INDENT}  "{column.name}": "'
        # By form: whether it is absent or written to the second.
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
    """A pool column made searchable: which rows hold a code, and which values a search parameter finds in it."""

    def __init__(self, column: PoolColumn) -> None:
        self.column = column
        self._values: dict[tuple[str, Path], list[tuple[Value, ...] | None]] = {}
        self._by_target: dict[Path, dict[str, list[int]]] = {}
        self._by_text: dict[Path, tuple[list[str], list[int]]] = {}

    @cached_property
    def counts(self) -> npt.NDArray[np.intp]:
        """Shape ``(len(texts) + 1,)``: how many rows hold each code."""
        return np.bincount(self.column.codes, minlength=len(self.column.texts) + 1)

    @cached_property
    def _postings(self) -> tuple[Rows | None, npt.NDArray[np.intp]]:
        codes = self.column.codes
        ends = np.concatenate(([0], np.cumsum(self.counts)))
        in_order = len(codes) < 2 or bool((codes[1:] >= codes[:-1]).all())
        return (None if in_order else np.argsort(codes, kind="stable"), ends)

    def rows_of(self, codes: Sequence[int]) -> Rows:
        """The rows that hold any of the codes, in load order."""
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
        """The values that a search parameter of this kind and path finds in the element with this code."""
        known = self._values.get((kind, path))
        if known is None:
            known = self._values[kind, path] = [()] + [None] * len(self.column.texts)
        found = known[code]
        if found is None:
            element = parse_element(self.column.texts[code - 1])
            found = known[code] = tuple(v for node in path.nodes(element) for v in read_values(kind, node))
        return found

    def hits(self, wanted: Filter, path: Path) -> Mask:
        """Shape ``(len(texts) + 1,)``: whether the element with each code satisfies the filter."""
        kind = wanted.parameter.type
        size = len(self.column.texts) + 1
        if kind == "reference" and (targets := wanted.target_ids) is not None:
            # However many people there are, few of their references are worth a look.
            known, mask = self._pointing(path), np.zeros(size, dtype=np.bool_)
            for code in {code for target in targets for code in known.get(target, ())}:
                mask[code] = wanted.matches_any(self.values(code, kind, path))
            return mask
        if kind == "string" and (beginnings := wanted.beginnings) is not None:
            texts, codes = self._in_order(path)
            mask = np.zeros(size, dtype=np.bool_)
            for text in beginnings:
                mask[codes[bisect_left(texts, text) : bisect_left(texts, text + _LAST_CHARACTER)]] = True
            return mask
        return np.fromiter((wanted.matches_any(self.values(code, kind, path)) for code in range(size)), np.bool_, size)

    def _in_order(self, path: Path) -> tuple[list[str], list[int]]:
        """The normalized texts in these elements in their order, and the code of the element that each stands in."""
        known = self._by_text.get(path)
        if known is None:
            pairs = sorted(
                (value.normalized, code)
                for code in range(1, len(self.column.texts) + 1)
                for value in self.values(code, "string", path)
                if isinstance(value, Text)
            )
            known = self._by_text[path] = ([text for text, _ in pairs], [code for _, code in pairs])
        return known

    def _pointing(self, path: Path) -> Mapping[str, Sequence[int]]:
        """By target id, the codes of the elements that refer to it."""
        known = self._by_target.get(path)
        if known is None:
            known = {}
            for code in range(1, len(self.column.texts) + 1):
                for value in self.values(code, "reference", path):
                    if isinstance(value, Reference):
                        known.setdefault(value.target_id, []).append(code)
            self._by_target[path] = known  # whole: other threads may read it at once
        return known


class BaseTable:
    """A `Table` that answers searches.

    Attributes:
        table: The stored columns.
        positions: HAPI's database ids of the rows.
        pools: The searchable pool columns, by element name.
        instants: The columns that hold points in time, by element name.
        arranged: What searches have found, in their order; to be filled by whoever arranges it.
    """

    def __init__(self, table: Table, positions: Positions | None = None) -> None:
        self.table = table
        self.positions = range(1, len(table) + 1) if positions is None else positions
        self.pools = {c.name: PoolIndex(c) for c in table.columns if isinstance(c, PoolColumn)}
        self.instants = {c.name: c for c in table.columns if isinstance(c, InstantColumn)}
        self._texts = {c.name: _ElementTexts(c) for c in table.columns if isinstance(c, PoolColumn)}
        self._instant_texts = {name: _InstantTexts(column) for name, column in self.instants.items()}
        self._periods: dict[str, npt.NDArray[np.int64]] = {}
        self._hits: Remembered[Mask] = Remembered(most=512)
        # The attempts of a group at one case read the same pages one after another.
        self._pages: Remembered[Sequence[str]] = Remembered(most_rows=_MOST_ENTRIES)
        self._found: Remembered[Rows] = Remembered()
        self.arranged: Remembered[tuple[Rows, Any]] = Remembered()

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def _row_by_text_id(self) -> Mapping[str, int]:
        return {text: row for row, text in enumerate(self.table.ids)}

    def find(self, logical_id: str) -> int | None:
        """The row of a resource, or None."""
        ids = self.table.ids
        if not isinstance(ids, np.ndarray):
            return self._row_by_text_id.get(logical_id)
        if not (logical_id.isascii() and logical_id.isdigit() and len(logical_id) < 19) or logical_id != str(
            int(logical_id)
        ):
            return None
        number = int(logical_id)
        order = self._id_order
        place = int(np.searchsorted(ids, number, sorter=order))
        if place == len(ids):
            return None
        row = place if order is None else int(order[place])
        return row if ids[row] == number else None

    @cached_property
    def _id_order(self) -> Rows | None:
        ids = np.asarray(self.table.ids)
        return None if bool((ids[1:] > ids[:-1]).all()) else np.argsort(ids, kind="stable")

    def places(self, rows: Rows) -> npt.NDArray[np.int64]:
        """HAPI's database ids of rows."""
        if isinstance(self.positions, range):
            return np.asarray(rows, dtype=np.int64) * self.positions.step + self.positions.start
        return np.asarray(self.positions)[rows].astype(np.int64, copy=False)

    def ids(self, rows: Rows) -> list[str]:
        """The logical ids of rows."""
        ids = self.table.ids
        if isinstance(ids, np.ndarray):
            return [str(number) for number in ids[rows].tolist()]
        return [ids[row] for row in rows.tolist()]

    def entries(self, rows: Rows, ids: Sequence[str]) -> Sequence[str]:
        """The resources' JSON as it stands in an entry of a searchset (HAPI's pretty form, four blanks in).

        Args:
            rows: Which.
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

    def text(self, row: int) -> str:
        """A resource's JSON in HAPI's pretty form, at the left margin."""
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
        """A resource as Python values, decimals with their digits."""
        resource: dict[str, Any] = parse_element(self.text(row))
        return resource

    def search(self, filters: Sequence[Filter]) -> Rows:
        """The rows that satisfy all filters, in load order.

        The base never changes, so what was found is remembered: pages of one search and episodes of one case ask again.
        """
        key = tuple(wanted.key for wanted in filters)
        rows = self._found.get(key)
        if rows is None:
            rows = self._search(filters)
            rows.flags.writeable = False
            if len(rows) <= LONGEST_REMEMBERED:
                self._found.put(key, rows, len(rows))
        return rows

    def _search(self, filters: Sequence[Filter]) -> Rows:
        rows = None
        remaining = list(filters)
        driver = self._driver(remaining)
        if driver is not None:
            rows = driver[1]
            remaining.remove(driver[0])
        # Cheap look-ups first; dates, which compute, on what is left.
        for wanted in sorted(remaining, key=lambda f: f.parameter.type == "date"):
            chosen = np.arange(len(self)) if rows is None else rows
            rows = chosen[self._mask(wanted, chosen)]
        return np.arange(len(self)) if rows is None else rows

    def references(self, row: int, path: Path) -> Sequence[Value]:
        """What a row refers to at one path."""
        index = self.pools.get(path.top)
        return () if index is None else index.values(int(index.column.codes[row]), "reference", path)

    def values(self, row: int, parameter: SearchParameter) -> list[Value]:
        """All values that a search parameter finds in one row."""
        found: list[Value] = []
        for path in compile_paths(self.table.resource_type, parameter.expression):
            if path.top in self.pools:
                index = self.pools[path.top]
                found.extend(index.values(int(index.column.codes[row]), parameter.type, path))
            elif path.top in self.instants:
                column = self.instants[path.top]
                form = int(column.forms[row])
                if form and (period := stored_period(_instant_text(column, form, int(column.seconds[row])))):
                    found.append(period)
        return found

    def periods(self, rows: Rows, parameter: SearchParameter) -> npt.NDArray[np.int64] | None:
        """Shape ``(4, len(rows))``: the fields of each row's `Period` but the last, or None where one has not just one.

        What was read is kept: charts that mix days with points in time are sorted again and again.
        """
        known = self._periods.get(parameter.name)
        if known is None:
            known = self._periods[parameter.name] = np.full((4, len(self)), _UNREAD, dtype=np.int64)
        found = known[:, rows]
        for place in np.flatnonzero(found[0] == _UNREAD).tolist():
            values = self.values(int(rows[place]), parameter)
            if len(values) != 1 or not isinstance(values[0], Period):
                return None
            known[:, rows[place]] = found[:, place] = values[0][:4]
        return found

    def _driver(self, filters: Sequence[Filter]) -> tuple[Filter, Rows] | None:
        """The filter that a list of rows answers best, and those rows: by id, else the fewest by pool postings."""
        best: tuple[int, Filter, PoolIndex, list[int]] | None = None
        for wanted in filters:
            if wanted.negated or wanted.missing is not None or wanted.either:
                continue
            if wanted.ids is not None:
                found = {row for logical_id in wanted.ids if (row := self.find(logical_id)) is not None}
                return wanted, np.array(sorted(found), dtype=np.intp)
            paths = [
                p for p in compile_paths(self.table.resource_type, wanted.parameter.expression) if self._has(p.top)
            ]
            if len(paths) != 1 or paths[0].top not in self.pools:
                continue
            index = self.pools[paths[0].top]
            codes = np.flatnonzero(self._hits_of(wanted, index, paths[0])).tolist()
            size = sum(int(index.counts[code]) for code in codes) if len(codes) <= 64 else len(self)
            if len(codes) <= 64 and (best is None or size < best[0]):
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
            self._hits.put(key, hits, 1)
        return hits

    def _mask(self, wanted: Filter, rows: Rows) -> Mask:
        if wanted.either:
            mask = np.zeros(len(rows), dtype=np.bool_)
            for group in wanted.either:
                mask |= np.logical_and.reduce([self._mask(part, rows) for part in group])
            return mask
        if wanted.ids is not None:
            mask = np.fromiter((i in wanted.ids for i in self.ids(rows)), np.bool_, len(rows))
        else:
            mask = np.zeros(len(rows), dtype=np.bool_)
            for path in compile_paths(self.table.resource_type, wanted.parameter.expression):
                if path.top in self.pools:
                    index = self.pools[path.top]
                    mask |= self._hits_of(wanted, index, path)[index.column.codes[rows]]
                elif path.top in self.instants and wanted.parameter.type == "date":
                    mask |= _instant_mask(self.instants[path.top], rows, wanted)
                elif path.top in self.instants and wanted.parameter.type == "token" and wanted.predicates:
                    # Only a flag such as ``deceased`` asks this of a date: whether it is there.
                    mask |= self.instants[path.top].forms[rows] != 0
        return ~mask if wanted.negated or wanted.missing else mask

    def instant_order(self, rows: Rows, parameter: SearchParameter) -> npt.NDArray[np.int64] | None:
        """Seconds by which a date parameter sorts rows, where plain points in time hold all there is, else None."""
        paths = [p for p in compile_paths(self.table.resource_type, parameter.expression) if self._has(p.top)]
        if len(paths) != 1 or paths[0].top not in self.instants:
            return None
        column = self.instants[paths[0].top]
        forms = column.forms[rows]
        if (forms == OTHER_FORM).any() or not forms.all():
            return None
        return np.asarray(column.seconds[rows], dtype=np.int64)


def sort_keys(values: Iterable[Value], *, descending: bool) -> list[Any]:
    """What HAPI's database sorts a resource with these values by: a key for each row of its index, the first first."""
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
                # HAPI's database puts what has no system last, or no code, whichever way it sorts.
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
    forms = column.forms[rows]
    mask = np.zeros(len(rows), dtype=np.bool_)
    for code in np.unique(forms).tolist():
        if code == 0:
            continue
        chosen = np.flatnonzero(forms == code)
        if wanted.missing is not None:
            mask[chosen] = True
        elif code != OTHER_FORM and column.known[code - 1].length == 19:
            mask[chosen] = _full_instants(column, rows[chosen], column.known[code - 1], wanted)
        else:
            for place in chosen.tolist():
                period = stored_period(_instant_text(column, code, int(column.seconds[rows[place]])))
                mask[place] = period is not None and wanted.matches_any((period,))
    return mask


def _full_instants(column: InstantColumn, rows: Rows, form: InstantForm, wanted: Filter) -> Mask:
    seconds = column.seconds[rows]
    low = seconds * 1000
    days: npt.NDArray[Any] = low
    if any(not comparison.period.timed for comparison in wanted.comparisons):
        dates = ((seconds + form.utc_offset) // 86400).astype("datetime64[D]")
        months = dates.astype("datetime64[M]")
        month = months.astype(np.int64)
        days = (month // 12 + 1970) * 10000 + (month % 12 + 1) * 100 + (dates - months).astype(np.int64) + 1
    mask = np.zeros(len(rows), dtype=np.bool_)
    for comparison in wanted.comparisons:
        mask |= comparison.matches_array(low, low, days, days)
    return mask
