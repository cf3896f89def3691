"""Cohorts cut short: everybody is there, but only the ends of their charts are.

A real server takes most of an hour to load five years of a hundred people; what the benchmark asks about are the newest
results and the last day. Resources keep their ids, their order and every character.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mab_gym.cohort._generate import Progress, generate
from mab_gym.cohort._spec import HOUR, NOW, ReducedSpec
from mab_gym.fhir.store._table import Column, InstantColumn, IntArray, PoolColumn, Table


def generate_reduced(spec: ReducedSpec, progress: Progress | None = None) -> list[Table]:
    """Generates a cohort and what is kept of it; see `mab_gym.cohort._generate.generate`."""
    return [_part(table, _kept(table, spec)) for table in generate(spec.base, progress)]


def _kept(table: Table, spec: ReducedSpec) -> IntArray:
    """The rows that stay, in order."""
    columns = {column.name: column for column in table.columns}
    if table.resource_type == "Patient":
        return np.arange(len(table))
    subject = _codes(columns, "subject")
    if table.resource_type != "Observation":
        return np.flatnonzero(_rank(-np.arange(len(table)), subject) < spec.others)
    taken = columns["effectiveDateTime"]
    if not isinstance(taken, InstantColumn):
        raise TypeError("observations are written with a column of instants")
    newest = _rank(-taken.seconds, subject, _codes(columns, "code")) < spec.newest
    return np.flatnonzero(newest | (taken.seconds >= NOW - spec.hours * HOUR))


def _codes(columns: Mapping[str, Column], name: str) -> IntArray:
    column = columns[name]
    if not isinstance(column, PoolColumn):
        raise TypeError(f"{name} is written as a pool")
    return column.codes


def _rank(value: IntArray, *groups: IntArray) -> IntArray:
    """Shape ``(rows,)``: how many rows of the same groups have a smaller value, or the same one and stand before."""
    order = np.lexsort((value, *groups))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = np.any([group[order][1:] != group[order][:-1] for group in groups], axis=0)
    begins = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order)) - begins
    return rank


def _part(table: Table, rows: IntArray) -> Table:
    """A table's rows, with the texts that they need."""
    ids: IntArray | Sequence[str]
    ids = table.ids[rows] if isinstance(table.ids, np.ndarray) else [table.ids[row] for row in rows.tolist()]
    return Table(table.resource_type, ids, [_column(column, rows) for column in table.columns])


def _column(column: Column, rows: IntArray) -> Column:
    if isinstance(column, InstantColumn):
        return replace(column, seconds=column.seconds[rows], forms=column.forms[rows])
    used, codes = np.unique(np.concatenate(([0], column.codes[rows])), return_inverse=True)
    texts = [column.texts[code - 1] for code in used.tolist() if code]
    return PoolColumn(column.name, codes[1:].astype(column.codes.dtype), texts)
