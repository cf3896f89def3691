"""What a layer knows of the people whose charts it lies over: who they are, what they suffer from, earlier results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import numpy as np

from mab_gym.cohort._people import TODAY
from mab_gym.cohort._spec import MINUTE, NOW
from mab_gym.fhir.store._table import InstantColumn, IntArray, PoolColumn, Table

KNOWN: Final = ("CREA", "HGB", "WT")
"""Whose earlier results are read."""
_YEAR: Final = 365 * 24 * 60


@dataclass(frozen=True, slots=True)
class Someone:
    """What of a person matters to a layer.

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
    """Everybody in a cohort's tables, in load order; the first ``profiles`` with what their charts say."""
    codes, results = _conditions(tables["Condition"]), _results(tables["Observation"])
    return list(_people(tables["Patient"], profiles, codes, results))


def owners(table: Table, mrns: Sequence[str]) -> IntArray:
    """For each row whose it is, as a place in ``mrns``; shape ``(rows,)``."""
    name = "patient" if table.resource_type == "AllergyIntolerance" else "subject"
    subject = pool_of(table, name)
    places = {mrn: place for place, mrn in enumerate(mrns)}
    of_text = [places[json.loads(text)["reference"].removeprefix("Patient/")] for text in subject.texts]
    return np.array([0, *of_text], dtype=np.int64)[subject.codes]


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


def _people(
    table: Table,
    profiles: int,
    codes: Mapping[str, frozenset[str]],
    results: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]],
) -> Iterator[Someone]:
    def element(name: str, row: int) -> Any:
        column = columns[name]
        return json.loads(column.texts[int(column.codes[row]) - 1])

    columns = {name: pool_of(table, name) for name in ("name", "birthDate", "gender")}
    for row, mrn in enumerate(map(str, table.ids)):
        name = element("name", row)[0]
        birth = datetime.fromisoformat(element("birthDate", row)).date()
        age = TODAY.year - birth.year - ((TODAY.month, TODAY.day) < (birth.month, birth.day))
        someone = Someone(mrn, name["family"], name["given"][0], birth, element("gender", row) == "female", age)
        if row < profiles:
            known = codes.get(mrn, frozenset()), results.get(mrn, {})
            someone = Someone(mrn, someone.family, someone.given, birth, someone.female, age, *known)
        yield someone


def _conditions(table: Table) -> dict[str, frozenset[str]]:
    """The codes of each person's conditions by MRN."""
    subject, code = pool_of(table, "subject"), pool_of(table, "code")
    pairs = np.unique(subject.codes.astype(np.int64) * (len(code.texts) + 1) + code.codes)
    mrns = [json.loads(text)["reference"].removeprefix("Patient/") for text in subject.texts]
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
    mrns = [json.loads(text)["reference"].removeprefix("Patient/") for text in subject.texts]
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
