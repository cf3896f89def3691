"""Cohorts laid over another one: the same people and charts, and further records that further tasks ask for.

The charts below keep their five years of history; only the present changes. Orders that were active are completed.
Recent results of a few analytes are left out, and new ones take their place. The new records lie among the person's
other records: all of it is numbered and dated anew, as if the whole had been loaded at once, so that neither ids nor
the order nor the times of loading tell what was added. The cohort below is not touched; it keeps its own archive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from mab_gym.cohort._columns import pretty
from mab_gym.cohort._generate import LOAD_ORDER, generate, ids_in_load_order
from mab_gym.cohort._history import (
    Someone,
    instants_of,
    narrowed,
    numbers_of,
    owners,
    pool_of,
    read_people,
    subjects_of,
)
from mab_gym.cohort._layer import Layer
from mab_gym.cohort._layer_allergies import add_allergies
from mab_gym.cohort._layer_kidneys import add_kidneys
from mab_gym.cohort._layer_orders import add_orders
from mab_gym.cohort._layer_results import add_haemoglobins, add_ratios, on_warfarin
from mab_gym.cohort._spec import MINUTE, NOW, LayeredSpec, Progress
from mab_gym.cohort._streams import LAYER, Ints, integers, stream
from mab_gym.fhir.store._build import extend_table
from mab_gym.fhir.store._table import IntArray, PoolColumn, Table

_ORDER: Final = (LOAD_ORDER[0], "AllergyIntolerance", *LOAD_ORDER[1:])
"""The order in which one person's records get their ids."""
_ROOM: Final = 1 << 12
"""Places between two rows, for rows that are put there."""


def generate_layered(spec: LayeredSpec, progress: Progress | None = None) -> list[Table]:
    """Generates a cohort and lays a layer over it; see `mab_gym.cohort._generate.generate`."""
    return lay_over(spec, generate(spec.base, progress))


def lay_over(spec: LayeredSpec, tables: Sequence[Table]) -> list[Table]:
    """Lays a layered cohort's records over the tables of the cohort below, which stay as they are.

    Args:
        spec: What to lay over them.
        tables: As `generate` makes them for ``spec.base``.

    Returns:
        The tables, and further ones for resource types that the cohort below does not have.
    """
    below = {table.resource_type: table for table in tables}
    people = read_people(below, spec.base.patients)
    layer = draw_layer(spec, people[: spec.base.patients], people)
    below["Patient"] = _mingled(spec, below["Patient"])
    below["MedicationRequest"] = _completed(below["MedicationRequest"])
    mrns = [str(mrn) for mrn in below["Patient"].ids]
    drawn: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for mrn, resource in layer.added:
        drawn.setdefault(resource["resourceType"], []).append((mrn, resource))
    finished = {}
    for number, name in enumerate([*below, *sorted(set(drawn) - set(below))]):
        table = below.get(name)
        without = _replaced(table, layer) if table is not None and name == "Observation" else []
        if table is not None and name not in drawn:
            finished[name] = table
        else:
            rng = stream(spec.seed, LAYER, 90, number)
            some = drawn.pop(name)
            places = _places(rng, table, mrns, [mrn for mrn, _ in some])
            metas = _metas(below["Patient"] if table is None else table, places // _ROOM)
            added = [{**each, "id": "0", "meta": meta} for (_, each), meta in zip(some, metas, strict=True)]
            kept = np.arange(0 if table is None else len(table)) * _ROOM
            finished[name] = extend_table(name, table, kept, without, added, places.tolist(), pretty)[0]
    return list(_numbered(finished, mrns).values())


def draw_layer(spec: LayeredSpec, profiles: Sequence[Someone], people: Sequence[Someone]) -> Layer:
    """Draws all records that are added to profiles, and to people who are taken for them; and what is left out."""
    layer, seed = Layer(), spec.seed
    add_kidneys(seed, profiles, layer)
    takers = on_warfarin(seed, profiles, spec.on_warfarin)
    add_ratios(seed, profiles, takers, layer)
    add_haemoglobins(seed, profiles, spec.low_haemoglobin, layer)
    add_orders(seed, profiles, takers, layer)
    add_allergies(seed, profiles, people, layer)
    return layer


def _mingled(spec: LayeredSpec, table: Table) -> Table:
    """The people in another order of loading: those without a chart anywhere among those who have one.

    Of two people with the same name, a search shows first the one that was loaded first, and that must not tell who has
    a chart. Each gets the time and source of the load request in which they now come.
    """
    profiles = spec.base.patients
    rng = stream(spec.seed, LAYER, 91)
    others = integers(rng, 0, profiles + 1, len(table) - profiles)
    places = np.concatenate([2 * np.arange(profiles) + 1, 2 * others])
    order = np.argsort(places, kind="stable")
    columns = []
    for column in table.columns:
        if not isinstance(column, PoolColumn):
            raise TypeError("people are written as pools")
        codes = column.codes[order]
        if column.name == "meta":
            request = np.minimum(places[order] // 2, profiles - 1)
            codes = column.codes[:profiles][request]
        columns.append(narrowed(replace(column, codes=codes)))
    return Table(table.resource_type, [str(table.ids[row]) for row in order.tolist()], columns)


def _places(rng: np.random.RandomState, table: Table | None, mrns: Sequence[str], owned: Sequence[str]) -> Ints:
    """Places for new rows: each anywhere among the rows of its person, no two at one place.

    Without a table the rows are the people themselves. ``owned`` names the person of each new row.
    """
    number = {mrn: place for place, mrn in enumerate(mrns)}
    persons = np.array([number[mrn] for mrn in owned], dtype=np.int64)
    rows = np.arange(len(mrns)) if table is None else owners(table, mrns)
    first, last = np.searchsorted(rows, persons), np.searchsorted(rows, persons, side="right")
    chosen = first + np.floor(rng.random_sample(len(persons)) * np.maximum(last - first, 1)).astype(np.int64)
    # Rows at one place do not keep the order in which they were drawn.
    places: Ints = chosen * _ROOM + 1 + rng.permutation(len(persons)) % (_ROOM - 1)
    return places


def _metas(table: Table, rows: Ints) -> list[Any]:
    """The ``meta`` of the rows beside which something is loaded: it came by the same request."""
    column = pool_of(table, "meta")
    return [json.loads(column.texts[int(column.codes[row]) - 1]) for row in rows.tolist()]


def _numbered(tables: Mapping[str, Table], mrns: Sequence[str]) -> dict[str, Table]:
    """The tables with new ids."""
    present = [name for name in _ORDER if name in tables]
    counts = {name: np.bincount(owners(tables[name], mrns), minlength=len(mrns)) for name in present}
    return {**tables, **{name: replace(tables[name], ids=ids) for name, ids in ids_in_load_order(counts).items()}}


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


def _replaced(table: Table, layer: Layer) -> list[int]:
    """Rows that are left out, both ends of the time included."""
    subject, code, taken = pool_of(table, "subject"), pool_of(table, "code"), instants_of(table, "effectiveDateTime")
    mrns = subjects_of(table)
    found: list[int] = []
    for name in sorted({name for _, name in layer.gone}):
        rows: IntArray = np.flatnonzero(np.isin(code.codes, numbers_of(code, frozenset((name,)))))
        ages = np.array([-1, *(layer.gone.get((mrn, name), -1) * MINUTE for mrn in mrns)])[subject.codes[rows]]
        found += rows[(ages >= 0) & (taken.seconds[rows] >= NOW - ages)].tolist()
    return sorted(found)
