"""Cohorts cut short: everybody is there, with the end of their chart alone.

A real server takes most of an hour to load five years of a hundred people; the benchmark asks about the newest results
and the last day. Resources keep their ids, their order and every character.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mab_gym.cohort._generate import generate
from mab_gym.cohort._history import instants_of, narrowed, pool_of
from mab_gym.cohort._spec import HOUR, NOW, Progress, ReducedSpec
from mab_gym.fhir.store._table import Column, InstantColumn, IntArray, Table


def generate_reduced(spec: ReducedSpec, progress: Progress | None = None) -> list[Table]:
    """Generates a cohort and keeps the ends of its charts; see `mab_gym.cohort._generate.generate`."""
    return [_part(table, _kept(table, spec)) for table in generate(spec.base, progress)]


def _kept(table: Table, spec: ReducedSpec) -> IntArray:
    """The rows that stay, in order."""
    if table.resource_type == "Patient":
        return np.arange(len(table))
    subject = pool_of(table, "subject").codes
    if table.resource_type != "Observation":
        return np.flatnonzero(_rank(-np.arange(len(table)), subject) < spec.others)
    taken = instants_of(table, "effectiveDateTime").seconds
    newest = _rank(-taken, subject, pool_of(table, "code").codes) < spec.newest
    return np.flatnonzero(newest | (taken >= NOW - spec.hours * HOUR))


def _rank(value: IntArray, *groups: IntArray) -> IntArray:
    """For each row, the number of rows of its groups with a smaller value, or the same value further up."""
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
    return narrowed(replace(column, codes=column.codes[rows]))
