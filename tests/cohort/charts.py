"""Reads generated tables back, from nothing but what `mab_gym.fhir.store._table` says of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mab_gym.fhir.store._table import Column, InstantColumn, PoolColumn, Table, write_instant


@dataclass(frozen=True)
class Reading:
    time: int
    value: float
    status: str
    row: int
    text: str


class Cohort:
    def __init__(self, tables: Sequence[Table]) -> None:
        self.order = [table.resource_type for table in tables]
        self.tables = {table.resource_type: table for table in tables}
        self.mrns = list(self.tables["Patient"].ids)

    def column(self, resource_type: str, name: str) -> Column:
        return next(column for column in self.tables[resource_type].columns if column.name == name)

    def pool(self, resource_type: str, name: str) -> PoolColumn:
        column = self.column(resource_type, name)
        assert isinstance(column, PoolColumn)
        return column

    def instants(self, resource_type: str, name: str) -> InstantColumn:
        column = self.column(resource_type, name)
        assert isinstance(column, InstantColumn)
        return column

    def text(self, resource_type: str, row: int) -> str:
        """A resource as HAPI prints it."""
        table = self.tables[resource_type]
        members = [f'"resourceType": "{resource_type}"', f'"id": "{table.ids[row]}"']
        for column in table.columns:
            if isinstance(column, PoolColumn):
                if column.codes[row]:
                    members.append(f'"{column.name}": {column.texts[int(column.codes[row]) - 1]}')
            elif column.forms[row]:
                members.append(f'"{column.name}": "{instant_text(column, row)}"')
        return "{\n  " + ",\n  ".join(members) + "\n}"

    def resource(self, resource_type: str, row: int) -> dict[str, Any]:
        resource: dict[str, Any] = json.loads(self.text(resource_type, row))
        return resource

    def patient_of_rows(self, resource_type: str) -> np.ndarray[Any, Any]:
        """For each row the place of its subject among the patients."""
        subject = self.pool(resource_type, "subject")
        places = {mrn: place for place, mrn in enumerate(self.mrns)}
        of_text = np.array([places[json.loads(text)["reference"].removeprefix("Patient/")] for text in subject.texts])
        assert subject.codes.min() > 0
        return of_text[subject.codes.astype(np.int64) - 1]

    def series(self, code: str) -> dict[str, list[Reading]]:
        """All readings of a laboratory code by MRN, in load order."""
        codes = self.pool("Observation", "code")
        wanted = [
            1 + i for i, text in enumerate(codes.texts) if json.loads(text).get("coding", [{}])[0].get("code") == code
        ]
        quantity, status = self.pool("Observation", "valueQuantity"), self.pool("Observation", "status")
        values = [json.loads(text)["value"] for text in quantity.texts]
        statuses = [json.loads(text) for text in status.texts]
        effective = self.instants("Observation", "effectiveDateTime")
        patients = self.patient_of_rows("Observation")
        readings: dict[str, list[Reading]] = defaultdict(list)
        for row in np.flatnonzero(np.isin(codes.codes, wanted)).tolist():
            readings[self.mrns[patients[row]]].append(
                Reading(
                    int(effective.seconds[row]),
                    values[quantity.codes[row] - 1],
                    statuses[status.codes[row] - 1],
                    row,
                    instant_text(effective, row),
                )
            )
        return readings

    def values(self, code: str) -> np.ndarray[Any, Any]:
        """All numeric values of a code or flowsheet row."""
        codes, quantity = self.pool("Observation", "code"), self.pool("Observation", "valueQuantity")
        wanted = [1 + i for i, text in enumerate(codes.texts) if json.loads(text)["text"] == code]
        values = np.array([json.loads(text)["value"] for text in quantity.texts], dtype=np.float64)
        found = quantity.codes[np.isin(codes.codes, wanted)]
        return values[found.astype(np.int64) - 1]


def instant_text(column: InstantColumn, row: int) -> str:
    return write_instant(int(column.seconds[row]), column.known[int(column.forms[row]) - 1])


def valid(readings: Iterable[Reading]) -> list[Reading]:
    return [reading for reading in readings if reading.status != "entered-in-error"]


def newest(readings: Iterable[Reading]) -> Reading:
    """The newest of those that were not entered in error."""
    return max(valid(readings), key=lambda reading: reading.time)
