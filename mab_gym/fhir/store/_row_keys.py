"""The numbers by which rows are sorted: each distinct element of the snapshot is read once, each write by itself.

Sorting half a million rows then costs half a million look-ups of small numbers, whatever a session has written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mab_gym.fhir.model._dates import Period
from mab_gym.fhir.model._definitions import SearchParameter
from mab_gym.fhir.model._paths import Path, compile_paths
from mab_gym.fhir.model._values import Value
from mab_gym.fhir.store._base import BaseTable, PoolIndex
from mab_gym.fhir.store._instants import NO_PERIOD, period_fields
from mab_gym.fhir.store._sorting import Keys, rank_in_place
from mab_gym.fhir.store._table import Rows, blocks

ValuesOf = Callable[[int, SearchParameter], Sequence[Value]]
"""Returns all values of a parameter in one hit."""
KeysOf = Callable[[Sequence[Value]], Sequence[Any]]
"""Returns the keys that a resource sorts by, none or more, from the values that a parameter finds in it."""

_MOST_CELLS = 1 << 22
"""The most combinations of elements that are counted in a table; more are sorted."""


class RowKeys(NamedTuple):
    """The keys by which hits sort.

    Attributes:
        numbers: The keys of the first hit, then those of the second, and so on. A hit without any has the greatest.
        counts: The number of keys of each hit; None if each has one.
    """

    numbers: npt.NDArray[Any]
    counts: Rows | None


class Groups(NamedTuple):
    """Groups of rows with the same elements, as far as a parameter looks at them.

    Attributes:
        values: The values that the parameter finds in each group.
        of_row: The group of each row.
    """

    values: Sequence[Sequence[Value]]
    of_row: npt.NDArray[Any]

    def first_rows(self) -> Rows:
        """Returns the first row of each group."""
        first = np.zeros(len(self.values), dtype=np.intp)
        for part in reversed(list(blocks(self.of_row))):
            groups = self.of_row[part][::-1]
            first[groups] = np.arange(part.start + len(groups) - 1, part.start - 1, -1)
        return first


def ranked(
    table: BaseTable,
    hits: Rows,
    parameter: SearchParameter,
    keys_of: KeysOf,
    values_of: ValuesOf,
    *,
    descending: bool = False,
) -> RowKeys:
    """Returns numbers that sort as hits' keys do.

    Args:
        table: The snapshot.
        hits: Rows of the snapshot or, counted on from its size, writes.
        parameter: The parameter whose values are looked at.
        keys_of: Returns the keys of a resource in order; falling if ``descending``.
        values_of: Returns the values of a write.
        descending: True if greater keys come first; hits without a key always come last.
    """
    stored, written = split(hits, len(table))
    groups = grouped(table, _rows_of(hits, stored), parameter)
    keys = [list(keys_of(values)) for values in groups.values]
    of_hit = groups.of_row
    if len(written):
        of_hit = np.empty(len(hits), dtype=np.int32)
        of_hit[stored] = groups.of_row
        known: dict[int, tuple[int, Sequence[Value]]] = {}  # writes that share an element share a list of values
        for place in written.tolist():
            values = values_of(int(hits[place]), parameter)
            group = known.get(id(values))
            if group is None:
                group = known[id(values)] = len(keys), values
                keys.append(list(keys_of(values)))
            of_hit[place] = group[0]
    distinct = sorted({key for each in keys for key in each})
    rank = {key: len(distinct) - place if descending else place for place, key in enumerate(distinct)}
    missing = len(distinct) + 1
    flat = np.array([rank[key] for each in keys for key in each] + [missing], dtype=np.int64)
    lengths = np.array([len(each) for each in keys], dtype=np.intp)
    if int(lengths.max(initial=0)) < 2:
        of_group = np.full(len(keys), missing, dtype=np.int32)
        of_group[lengths > 0] = flat[:-1]
        return RowKeys(of_group[of_hit], None)
    starts = np.where(lengths > 0, np.cumsum(lengths) - lengths, len(flat) - 1)
    lengths = np.maximum(lengths, 1)
    return RowKeys(flat[spread(starts[of_hit], lengths[of_hit])], lengths[of_hit])


def date_fields(
    table: BaseTable, hits: Rows, parameter: SearchParameter, fields: Sequence[int], values_of: ValuesOf
) -> list[Keys] | None:
    """Returns fields of hits' periods, `NO_PERIOD` for a hit without one; None if a hit has more than one.

    Args:
        table: The snapshot.
        hits: Rows of the snapshot or, counted on from its size, writes.
        parameter: A date parameter.
        fields: The fields of `Period`.
        values_of: Returns the values of a write.
    """
    parts = list(blocks(hits))
    if len(parts) == 1:
        return _fields_of_block(table, hits, parameter, fields, values_of)
    found = [np.empty(len(hits), dtype=np.int64) for _ in fields]
    for part in parts:
        these = _fields_of_block(table, hits[part], parameter, fields, values_of)
        if these is None:
            return None
        for field, numbers in zip(found, these, strict=True):
            field[part] = numbers
    return found


def _fields_of_block(
    table: BaseTable, hits: Rows, parameter: SearchParameter, fields: Sequence[int], values_of: ValuesOf
) -> list[Keys] | None:
    stored, written = split(hits, len(table))
    of_rows = _stored_fields(table, hits[stored], parameter, fields)
    if of_rows is None or not len(written):
        return of_rows
    found = [np.full(len(hits), NO_PERIOD, dtype=np.int64) for _ in fields]
    for field, numbers in zip(found, of_rows, strict=True):
        field[stored] = numbers
    for place in written.tolist():
        periods = [value for value in values_of(int(hits[place]), parameter) if isinstance(value, Period)]
        if len(periods) > 1:
            return None
        for field, number in zip(found, fields, strict=True):
            field[place] = periods[0][number] if periods else NO_PERIOD
    return found


def _stored_fields(
    table: BaseTable, rows: Rows, parameter: SearchParameter, fields: Sequence[int]
) -> list[Keys] | None:
    found: list[Keys] | None = None
    for top, paths in table.tops(parameter).items():
        if top in table.instants:
            these = period_fields(table.instants[top], rows, fields)
        else:
            index = table.pools[top]
            codes = index.column.codes[rows]
            if not codes.any():
                continue  # none of the rows has this element
            periods = _periods(index, codes, parameter.type, paths)
            if periods is None:
                return None
            these = [periods[field][codes] for field in fields]
        if found is None:
            found = these
            continue
        here = these[0] != NO_PERIOD
        if bool((here & (found[0] != NO_PERIOD)).any()):
            return None
        found = [np.where(here, new, old) for new, old in zip(these, found, strict=True)]
    return found if found is not None else [np.full(len(rows), NO_PERIOD, dtype=np.int64) for _ in fields]


def _periods(index: PoolIndex, codes: npt.NDArray[Any], kind: str, paths: Sequence[Path]) -> Keys | None:
    """Returns the fields of each element's period, of shape ``(4, elements + 1)``; None if one has several."""
    known = np.full((4, len(index.column.texts) + 1), NO_PERIOD, dtype=np.int64)
    for code in index.occurring(codes):
        values = [value for path in paths for value in index.values(code, kind, path) if isinstance(value, Period)]
        if len(values) > 1:
            return None
        if values:
            known[:, code] = values[0][:4]
    return known


def grouped(table: BaseTable, rows: npt.NDArray[Any], parameter: SearchParameter) -> Groups:
    """Groups rows by the elements that a parameter looks at."""
    tops = table.tops(parameter)
    if len(tops) == 1 and (top := next(iter(tops))) in table.pools:
        return _grouped_by_pool(table.pools[top], rows, parameter.type, tops[top])
    cells: npt.NDArray[Any] = np.zeros(len(rows), dtype=np.int32)
    members: list[tuple[Any, ...]] = [()]
    for top in tops:
        if top in table.pools:
            index = table.pools[top]
            codes = index.column.codes[rows]
            cells, chosen = _joined(cells, codes, len(members), len(index.column.texts) + 1)
            members = [(*members[cell], code) for cell, code in chosen]
        else:
            column = table.instants[top]
            pairs = column.seconds[rows].astype(np.int64) * 256 + column.forms[rows]
            distinct, codes = np.unique(pairs, return_inverse=True)
            cells, chosen = _joined(cells, codes, len(members), len(distinct))
            members = [(*members[cell], divmod(int(distinct[code]), 256)) for cell, code in chosen]
    used, compact = _numbered(cells, len(members))
    for place, top in enumerate(tops):
        if top in table.pools:
            table.pools[top].load({members[cell][place] for cell in used.tolist()}, parameter.type, tops[top])
    values = [_values_of(table, dict(zip(tops, members[cell], strict=True)), parameter) for cell in used.tolist()]
    return Groups(values, compact[cells])


def _grouped_by_pool(index: PoolIndex, rows: npt.NDArray[Any], kind: str, paths: Sequence[Path]) -> Groups:
    """Groups rows by the only element that a parameter looks at."""
    codes = index.column.codes[rows]
    used, compact = _numbered(codes, len(index.column.texts) + 1)
    return Groups(index.values_of(used.tolist(), kind, paths), compact[codes])


def _values_of(table: BaseTable, elements: Mapping[str, Any], parameter: SearchParameter) -> list[Value]:
    """Returns the values that a parameter finds in elements, given by code or, for points in time, second and form."""
    found: list[Value] = []
    for path in compile_paths(table.table.resource_type, parameter.expression):
        element = elements.get(path.top)
        if isinstance(element, tuple):
            period = table.period(path.top, *element)
            found.extend(() if period is None else (period,))
        elif element is not None:
            found.extend(table.pools[path.top].values(element, parameter.type, path))
    return found


def _joined(
    cells: npt.NDArray[Any], codes: npt.NDArray[Any], size: int, other: int
) -> tuple[npt.NDArray[Any], list[tuple[int, int]]]:
    """Returns one number for each pair of numbers, and the pairs that these stand for."""
    if size * other <= _MOST_CELLS:
        pairs = cells.astype(np.int32) * np.int32(other)
        pairs += codes.astype(np.int32)
        distinct, compact = _numbered(pairs, size * other)
        back = compact[pairs]
    else:
        distinct, back = np.unique(cells.astype(np.int64) * other + codes, return_inverse=True)
    return back, [divmod(number, other) for number in distinct.tolist()]


def _numbered(codes: npt.NDArray[Any], size: int) -> tuple[Rows, npt.NDArray[np.int32]]:
    """Returns the codes that occur, and for each of ``size`` codes its place among them."""
    occurs = np.zeros(size, dtype=np.bool_)
    for part in blocks(codes):
        occurs[codes[part]] = True
    used = np.flatnonzero(occurs)
    compact = np.zeros(size, dtype=np.int32)
    compact[used] = np.arange(len(used))
    return used, compact


def together(columns: Sequence[npt.NDArray[Any]]) -> Keys:
    """Returns one number for each row that sorts as several columns do, the first column the strongest.

    The columns may be changed in place, which saves megabytes.
    """
    keys: Keys = columns[0] if len(columns) == 1 else columns[0].astype(np.int64, copy=False)
    for column in columns[1:]:
        spans = [_span(keys), _span(column)]
        for number, each in ((1, column), (0, keys)):
            if spans[0][1] * spans[1][1] >= _GREATEST:
                rank_in_place(each)
                spans[number] = _span(each)
        if spans[1][1] == 1:  # all equal
            continue
        keys -= spans[0][0]
        keys *= spans[1][1]
        keys += column
        keys -= spans[1][0]
    return keys


_GREATEST = 1 << 62
_DIGITS = 15
"""The most digits of an id that is compared as a number; longer ones are compared as texts."""
_POWERS = 10 ** np.arange(_DIGITS + 1, dtype=np.int64)


def id_keys(numbers: npt.NDArray[Any], texts: Mapping[int, str]) -> Keys:
    """Returns numbers that sort as ids do, which HAPI's database compares as texts: 10 comes before 9.

    Args:
        numbers: The ids that are plain numbers, of shape ``(ids,)``; they may be changed in place.
        texts: The ids that need not be numbers, by place; ``numbers`` does not count there.

    Returns:
        Keys of shape ``(ids,)``.
    """
    longest = max([len(str(int(numbers.max(initial=0)))), *(len(text) for text in texts.values() if text.isdigit())])
    if longest > _DIGITS or any(not text.isascii() for text in texts.values()):
        written = [texts.get(place, str(number)) for place, number in enumerate(numbers.tolist())]
        ranks = {text: rank for rank, text in enumerate(sorted(set(written)))}
        return np.array([ranks[text] for text in written], dtype=np.int64)
    # compare all ids as if they had the same number of digits, then by their real number of digits
    step = 4 * (longest + 2)
    keys: Keys = numbers.astype(np.int64, copy=False)
    for part in blocks(keys):
        some = keys[part]
        digits = np.searchsorted(_POWERS[1:], some, side="right") + 1
        keys[part] = some * _POWERS[longest - digits] * step + 4 * digits
    if not texts:
        return keys
    ranks = {text: rank for rank, text in enumerate(sorted(set(texts.values())))}
    ties = np.zeros(len(keys), dtype=np.int32)
    for place, text in texts.items():
        keys[place], ties[place] = _text_key(text, longest, step), ranks[text]
    return together([keys, ties])


def _text_key(text: str, longest: int, step: int) -> int:
    """Returns the key of an id that need not be a number: it sorts among those that begin with the same digits."""
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    rest = text[len(digits) :]
    if len(digits) > longest:
        return int(digits[:longest]) * step + 4 * longest + 2
    if rest > "9":
        return int(digits.ljust(longest, "9")) * step + step - 1
    return int(digits.ljust(longest, "0")) * step + 4 * len(digits) + bool(rest)


def _span(keys: Keys) -> tuple[int, int]:
    """Returns the least number, and how many numbers there are from it to the greatest."""
    least = int(keys.min())
    return least, int(keys.max()) - least + 1


def spread(starts: Rows, lengths: Rows) -> Rows:
    """Returns one run of numbers after another, from each start on, as long as its length says."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - ends + lengths, lengths) + np.arange(int(lengths.sum()), dtype=np.intp)


def _rows_of(hits: Rows, stored: slice | npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Returns the hits that are rows of the snapshot; a copy takes 32-bit numbers."""
    return hits if isinstance(stored, slice) else hits.astype(np.int32)[stored]


def split(hits: Rows, size: int) -> tuple[slice | npt.NDArray[np.bool_], Rows]:
    """Returns the places of hits that are rows of the snapshot, and of those that are writes (from ``size`` on)."""
    if not len(hits) or int(hits.max()) < size:
        return slice(None), np.empty(0, dtype=np.intp)
    stored = hits < size
    return stored, np.flatnonzero(~stored)
