"""Cohorts laid over another one: its people and charts, with what further tasks ask for on top.

The charts below keep their five years of history. What changes is the present: orders that were active have been
completed, results of the last two days of a few analytes are left out, and newly dealt resources are loaded after
everything else (see `mab_gym.cohort.dealt`). The cohort below is not touched; it keeps its own archive.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from mab_gym.cohort.columns import pretty
from mab_gym.cohort.dealt import REPLACED, Dealt, Someone, deal_all
from mab_gym.cohort.generate import Progress, generate
from mab_gym.cohort.people import TODAY
from mab_gym.cohort.spec import DAY, NOW, LayeredSpec
from mab_gym.cohort.streams import LAYER, integers, stream
from mab_gym.fhir.build import extend_table
from mab_gym.fhir.parse import parse_resource
from mab_gym.fhir.table import InstantColumn, IntArray, PoolColumn, Table

_REPLACED_SECONDS: Final = 2 * DAY
_LOADED: Final = datetime(2023, 11, 13, 10, 11, tzinfo=UTC)
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def generate_layered(spec: LayeredSpec, progress: Progress | None = None) -> list[Table]:
    """Generates a cohort and what lies over it; see `mab_gym.cohort.generate.generate`."""
    return lay_over(spec, generate(spec.base, progress))


def lay_over(spec: LayeredSpec, tables: Sequence[Table]) -> list[Table]:
    """Lays a layered cohort's situations over the tables of the cohort below, which stay as they are.

    Args:
        spec: What to lay over them.
        tables: As `generate` makes them for ``spec.base``.

    Returns:
        The tables, and further ones for resource types that the cohort below does not have.
    """
    below = {table.resource_type: table for table in tables}
    people = list(_people(below["Patient"]))
    dealt = deal_all(spec.seed, people[: spec.base.patients], people)
    first = 1 + max(int(np.max(table.ids)) for table in tables if isinstance(table.ids, np.ndarray))
    resources: dict[str, list[dict[str, Any]]] = {}
    for number, each in enumerate(_with_meta(spec.seed, dealt)):
        name = str(each.pop("resourceType"))
        resource = {"resourceType": name, "id": str(first + number), **each}
        resources.setdefault(name, []).append(parse_resource(pretty(resource), name))
    below["MedicationRequest"] = _completed(below["MedicationRequest"])
    finished = []
    for name in [*below, *(name for name in resources if name not in below)]:
        table, added = below.get(name), resources.get(name, [])
        size = 0 if table is None else len(table)
        without = _recent(table, REPLACED) if table is not None and name == "Observation" else ()
        if not added and table is not None:
            finished.append(table)
        else:
            places = range(size, size + len(added))
            finished.append(extend_table(name, table, range(size), without, added, places)[0])
    return finished


def _people(table: Table) -> Iterable[Someone]:
    columns = {column.name: column for column in table.columns if isinstance(column, PoolColumn)}

    def element(name: str, row: int) -> Any:
        return json.loads(columns[name].texts[int(columns[name].codes[row]) - 1])

    for row, mrn in enumerate(table.ids):
        name = element("name", row)[0]
        birth = datetime.fromisoformat(element("birthDate", row)).date()
        age = TODAY.year - birth.year - ((TODAY.month, TODAY.day) < (birth.month, birth.day))
        yield Someone(str(mrn), name["family"], name["given"][0], birth, element("gender", row) == "female", age)


def _with_meta(seed: int, dealt: Iterable[Dealt]) -> Iterable[dict[str, Any]]:
    """The dealt resources with what HAPI notes of their latest version."""
    rng = stream(seed, LAYER, 99)
    for place, each in enumerate(dealt):
        updated = _LOADED + timedelta(milliseconds=100 * place)
        source = "#" + "".join(_LETTERS[letter] for letter in integers(rng, 0, len(_LETTERS), 16).tolist())
        stamp = updated.isoformat(timespec="milliseconds")
        resource: dict[str, Any] = dict(each.resource)
        head = {"resourceType": resource.pop("resourceType")}
        yield {**head, "meta": {"versionId": str(each.version), "lastUpdated": stamp, "source": source}, **resource}


def _completed(table: Table) -> Table:
    """The table with every order completed that was active or on hold."""

    def closed(column: PoolColumn) -> PoolColumn:
        texts = list(column.texts)
        done = 1 + texts.index('"completed"')
        wanted = np.arange(len(texts) + 1, dtype=column.codes.dtype)
        for place, text in enumerate(texts, 1):
            if text in ('"active"', '"on-hold"'):
                wanted[place] = done
        return PoolColumn(column.name, wanted[column.codes], texts)

    columns = [closed(c) if isinstance(c, PoolColumn) and c.name == "status" else c for c in table.columns]
    return Table(table.resource_type, table.ids, columns)


def _recent(table: Table, codes: frozenset[str]) -> list[int]:
    """Rows with one of these codes from the last two days, both ends included."""
    columns = {column.name: column for column in table.columns}
    code, taken = columns["code"], columns["effectiveDateTime"]
    if not isinstance(code, PoolColumn) or not isinstance(taken, InstantColumn):
        raise TypeError("observations are written with a pool of codes and a column of instants")
    wanted = [number for number, text in enumerate(code.texts, 1) if json.loads(text)["text"] in codes]
    rows: IntArray = np.flatnonzero(np.isin(code.codes, wanted) & (taken.seconds >= NOW - _REPLACED_SECONDS))
    found: list[int] = rows.tolist()
    return found
