"""Reads columns of points in time as arrays: the ends of the period that each row stands for, many rows at once.

Half a million dates are searched and sorted as numbers; only the few that are stored as text are read as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mab_gym.fhir.model._dates import Period, stored_period
from mab_gym.fhir.store._table import OTHER_FORM, InstantColumn, Rows, write_instant

LOW, HIGH, LOW_DAY, HIGH_DAY = range(4)
"""The fields of a `Period` that are numbers."""
NO_PERIOD = np.iinfo(np.int64).min
"""The value of a field of a row without a period."""
_DAY = 86_400
_TO_THE_SECOND, _TO_THE_DAY = 19, 10

Numbers = npt.NDArray[np.int64]


def period_fields(column: InstantColumn, rows: Rows, wanted: Sequence[int]) -> list[Numbers]:
    """Returns fields of the rows' periods, as `Period` defines them.

    Args:
        column: The column.
        rows: The rows.
        wanted: The fields: `LOW`, `HIGH`, `LOW_DAY` or `HIGH_DAY`.

    Returns:
        An array of shape ``(len(rows),)`` for each field; `NO_PERIOD` for a row without a period.
    """
    forms = column.forms[rows]
    seconds = column.seconds[rows].astype(np.int64, copy=False)
    occurring = np.flatnonzero(np.bincount(forms, minlength=1)).tolist()
    if len(occurring) == 1 and occurring[0] not in (0, OTHER_FORM):
        return _fields_of_form(column, occurring[0], seconds, wanted)
    found = [np.full(len(rows), NO_PERIOD, dtype=np.int64) for _ in wanted]
    for form in occurring:
        if form == 0:
            continue
        chosen = forms == form
        for field, numbers in zip(found, _fields_of_form(column, form, seconds[chosen], wanted), strict=True):
            field[chosen] = numbers
    return found


def _fields_of_form(column: InstantColumn, form: int, seconds: Numbers, wanted: Sequence[int]) -> list[Numbers]:
    """Returns the fields of periods that are all written in one form."""
    if form == OTHER_FORM:
        return _fields_of_few(seconds, wanted, lambda number: stored_period(json.loads(column.others[number])))
    known = column.known[form - 1]
    if known.length == _TO_THE_SECOND:
        return [seconds * 1000 if field in (LOW, HIGH) else _days(seconds + known.utc_offset) for field in wanted]
    if known.length == _TO_THE_DAY:
        ends = {LOW: 0, HIGH: _DAY * 1000 - 1}
        return [seconds * 1000 + ends[field] if field in ends else _days(seconds) for field in wanted]
    # years and months: there are few different ones
    return _fields_of_few(seconds, wanted, lambda number: stored_period(write_instant(number, known)))


def _fields_of_few(numbers: Numbers, wanted: Sequence[int], period_of: Callable[[int], Period | None]) -> list[Numbers]:
    """Returns the fields of periods with few different values, each read once."""
    distinct, back = np.unique(numbers, return_inverse=True)
    periods = [period_of(number) for number in distinct.tolist()]
    return [
        np.array([NO_PERIOD if period is None else period[field] for period in periods], dtype=np.int64)[back]
        for field in wanted
    ]


def _days(local_seconds: Numbers) -> Numbers:
    """Returns days as numbers like 20231112, from seconds since 1970-01-01 on a local clock."""
    if not len(local_seconds):
        return local_seconds
    days = (local_seconds // _DAY).astype(np.int32)
    first = int(days.min())
    span = int(days.max()) - first + 1
    if span > len(days) + 4096:
        return _day_numbers(days.astype(np.int64))
    days -= first
    known: Numbers = _day_numbers(np.arange(first, first + span, dtype=np.int64))[days]
    return known


def _day_numbers(days: Numbers) -> Numbers:
    dates: npt.NDArray[Any] = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    month = months.astype(np.int64)
    numbers: Numbers = (month // 12 + 1970) * 10000 + (month % 12 + 1) * 100 + (dates - months).astype(np.int64) + 1
    return numbers
