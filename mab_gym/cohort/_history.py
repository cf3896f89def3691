"""The people under a layer, read back from their tables: who they are, their conditions, earlier results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np

from mab_gym.cohort._people import completed_years
from mab_gym.cohort._spec import DAY_MINUTES, MINUTE, NOW
from mab_gym.fhir.store._table import InstantColumn, IntArray, PoolColumn, Table

KNOWN: Final = ("CREA", "HGB", "WT")
"""The analytes of which earlier results are read."""
_YEAR: Final = 365 * DAY_MINUTES


@dataclass(frozen=True, slots=True)
class Someone:
    """A person as a layer knows them.

    Attributes:
        mrn: Medical record number.
        family: Family name.
        given: First given name.
        birth: Date of birth.
        female: Administrative gender.
        age: Completed years today.
        codes: ICD-10-CM codes of the conditions in the chart, problems and diagnoses alike.
        results: By code, valid results as their age in minutes and their value, the newest first.
    """

    mrn: str
    family: str
    given: str
    birth: date
    female: bool
    age: int
    codes: frozenset[str] = frozenset()
    results: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)

    def last(self, code: str, before: int, otherwise: float) -> tuple[int, float]:
        """The newest result that is more than so many minutes old, and its age."""
        return next((each for each in self.results.get(code, ()) if each[0] > before), (_YEAR, otherwise))

    def level(self, code: str, before: int, otherwise: float) -> float:
        """The median of the results of a year that are more than so many minutes old."""
        values = [value for age, value in self.results.get(code, ()) if before < age <= before + _YEAR]
        return float(np.median(values)) if values else self.last(code, before, otherwise)[1]


def read_people(tables: Mapping[str, Table], profiles: int) -> list[Someone]:
    """Reads everybody in a cohort's tables, in load order; the first ``profiles`` with conditions and results."""
    codes, results = _conditions(tables["Condition"]), _results(tables["Observation"])
    table, people = tables["Patient"], []
    names, births, genders = (_values(table, name) for name in ("name", "birthDate", "gender"))
    for row, (mrn, (name, *_), birth, gender) in enumerate(zip(table.ids, names, births, genders, strict=True)):
        born = date.fromisoformat(birth)
        known = (codes.get(mrn, frozenset()), results.get(mrn, {})) if row < profiles else ()
        people.append(
            Someone(str(mrn), name["family"], name["given"][0], born, gender == "female", completed_years(born), *known)
        )
    return people


def subjects_of(table: Table) -> list[str]:
    """The MRN in each text of the column that names the patient."""
    return [json.loads(text)["reference"].removeprefix("Patient/") for text in _subject_of(table).texts]


def _subject_of(table: Table) -> PoolColumn:
    return pool_of(table, "patient" if table.resource_type == "AllergyIntolerance" else "subject")


def owners(table: Table, mrns: Sequence[str]) -> IntArray:
    """The person of each row, as a place in ``mrns``; shape ``(rows,)``."""
    places = {mrn: place for place, mrn in enumerate(mrns)}
    of_text = [places[mrn] for mrn in subjects_of(table)]
    return np.array([0, *of_text], dtype=np.int64)[_subject_of(table).codes]


def pool_of(table: Table, name: str) -> PoolColumn:
    """A table's column of texts."""
    column = next(column for column in table.columns if column.name == name)
    if not isinstance(column, PoolColumn):
        raise TypeError(f"{name} is written as a pool")
    return column


def instants_of(table: Table, name: str) -> InstantColumn:
    """A table's column of points in time."""
    column = next(column for column in table.columns if column.name == name)
    if not isinstance(column, InstantColumn):
        raise TypeError(f"{name} is written with a column of instants")
    return column


def numbers_of(codes: PoolColumn, wanted: frozenset[str]) -> list[int]:
    """The numbers of the texts of a code column that are one of these codes."""
    return [number for number, text in enumerate(codes.texts, 1) if json.loads(text)["text"] in wanted]


def narrowed(column: PoolColumn) -> PoolColumn:
    """The column with those texts alone that occur."""
    used, codes = np.unique(np.concatenate(([0], column.codes)), return_inverse=True)
    texts = [column.texts[code - 1] for code in used.tolist() if code]
    return PoolColumn(column.name, codes[1:].astype(column.codes.dtype), texts)


def _values(table: Table, name: str) -> list[Any]:
    """The value of a column in each row; None where it is absent."""
    column = pool_of(table, name)
    values = [None, *map(json.loads, column.texts)]
    return [values[code] for code in column.codes.tolist()]


def _conditions(table: Table) -> dict[str, frozenset[str]]:
    """The codes of each person's conditions by MRN."""
    subject, code = pool_of(table, "subject"), pool_of(table, "code")
    pairs = np.unique(subject.codes.astype(np.int64) * (len(code.texts) + 1) + code.codes)
    mrns = subjects_of(table)
    icd = [json.loads(text)["coding"][0]["code"] for text in code.texts]
    found: dict[str, set[str]] = {}
    for pair in pairs.tolist():
        who, what = divmod(pair, len(code.texts) + 1)
        found.setdefault(mrns[who - 1], set()).add(icd[what - 1])
    return {mrn: frozenset(codes) for mrn, codes in found.items()}


def _results(table: Table) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """The valid results of the analytes that are read, by MRN and code."""
    subject, code, quantity = (pool_of(table, name) for name in ("subject", "code", "valueQuantity"))
    status, taken = pool_of(table, "status"), instants_of(table, "effectiveDateTime")
    void = [number for number, text in enumerate(status.texts, 1) if text == '"entered-in-error"']
    mrns = subjects_of(table)
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for name in KNOWN:
        rows = np.flatnonzero(np.isin(code.codes, numbers_of(code, frozenset((name,)))) & ~np.isin(status.codes, void))
        rows = rows[np.argsort(-taken.seconds[rows], kind="stable")]
        values = {
            number: json.loads(quantity.texts[number - 1])["value"] for number in set(quantity.codes[rows].tolist())
        }
        ages = (NOW - taken.seconds[rows]) // MINUTE
        for who, age, number in zip(
            subject.codes[rows].tolist(), ages.tolist(), quantity.codes[rows].tolist(), strict=True
        ):
            found.setdefault(mrns[who - 1], {}).setdefault(name, []).append((age, values[number]))
    return found
