"""Finds the patients that resources are about, by R4's search parameters ``patient`` and ``subject``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mab_gym.fhir.model._definitions import search_parameters
from mab_gym.fhir.model._paths import Path, compile_paths
from mab_gym.fhir.model._values import Reference, read_values
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._table import IntArray, PoolColumn, Table

_PARAMETERS: Final = ("patient", "subject")
"""The search parameters for the patient of a resource, the better one first."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Pairs of the rows of a table and the Patients they are about; a row may be about several Patients or none.

    Attributes:
        people: Patient ids.
        rows: Shape ``(pairs,)``: rows of the table, rising.
        numbers: Shape ``(pairs,)``: for each row an index into ``people``.
    """

    people: Sequence[str]
    rows: IntArray
    numbers: IntArray

    def rows_of(self, patient: str) -> IntArray:
        """Returns the rows about a patient, in load order."""
        if patient not in self.people:
            return np.empty(0, dtype=np.intp)
        found: IntArray = self.rows[self.numbers == self.people.index(patient)]
        return found

    def counts(self) -> dict[str, int]:
        """Returns the number of rows about each patient."""
        each = np.bincount(self.numbers, minlength=len(self.people)).tolist()
        return dict(zip(self.people, each, strict=True))


def owners(table: Table | None) -> Owners:
    """Finds the Patients that the rows of a table are about.

    A contained Patient, a Patient named only by an identifier, a Group and a Device do not count.
    """
    numbers: dict[str, int] = {}
    found = []
    if table is not None:
        columns = {column.name: column for column in table.columns}
        for path in _paths(table.resource_type):
            column = columns.get(path.top)
            if isinstance(column, PoolColumn):
                found.append(_pairs(column, path, numbers))
    pairs = found[0] if len(found) == 1 else np.concatenate((np.empty((2, 0), dtype=np.int64), *found), axis=1)
    if len(found) > 1:
        pairs = np.unique(pairs, axis=1)  # two elements of a row may name the same person
    return Owners(list(numbers), pairs[0], pairs[1])


def _is_person(reference: Reference) -> bool:
    return reference.target_type == "Patient" and bool(reference.target_id)


def _paths(resource_type: str) -> Sequence[Path]:
    defined = search_parameters(resource_type)
    parameter = next((defined[name] for name in _PARAMETERS if name in defined), None)
    return () if parameter is None else compile_paths(resource_type, parameter.expression)


def _pairs(column: PoolColumn, path: Path, numbers: dict[str, int]) -> IntArray:
    """Returns shape ``(2, pairs)``: a row and the number of a patient, each pair once, rows rising.

    Adds new patients to ``numbers``.
    """
    of_code: list[list[int]] = [[]]
    for text in column.texts:
        found = (value for node in path.nodes(parse_element(text)) for value in read_values("reference", node))
        people = [value.target_id for value in found if isinstance(value, Reference) and _is_person(value)]
        of_code.append([numbers.setdefault(person, len(numbers)) for person in dict.fromkeys(people)])
    sizes = np.array([len(each) for each in of_code], dtype=np.int64)
    flat = np.array([number for each in of_code for number in each], dtype=np.int64)
    begins = np.cumsum(sizes) - sizes
    counts = sizes[column.codes]
    rows = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack((rows, flat[begins[column.codes][rows] + within]))
