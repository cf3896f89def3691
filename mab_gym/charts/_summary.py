"""Describes an archive in figures: counts, people, conditions, results. Read by columns, in about a second."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

import numpy as np

from mab_gym.charts._chart import when
from mab_gym.charts._elements import Elements, amount_of, code_of, full_name, spoken
from mab_gym.charts._owners import owners
from mab_gym.cohort._names import folded
from mab_gym.fhir.store._archive import Archive
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._table import OTHER_FORM, InstantColumn, PoolColumn, Table, write_instant

_MOST: Final = 12


@dataclass(frozen=True, slots=True)
class People:
    """A group of people in figures; None for unknown ones.

    Attributes:
        count: The number of people.
        mean_age: The mean age in completed years.
        spread: The sample standard deviation of the ages.
        female: The share of women, from 0 to 1.
    """

    count: int
    mean_age: float | None
    spread: float | None
    female: float | None


@dataclass(frozen=True, slots=True)
class KindFigures:
    """A kind of result or condition in figures.

    Attributes:
        name: The name of the result or condition.
        count: The number of records of it.
        people: The number of people who have it.
        unit: The unit of the values.
        quantiles: The 5 %, 50 % and 95 % quantiles of the values; empty if there are none.
    """

    name: str
    count: int
    people: int
    unit: str = ""
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """An archive in figures.

    Attributes:
        counts: Resources by type.
        profiles: The people with a chart.
        everybody: All Patients.
        first: The day of the first observation; None if there is none.
        last: The day of the last observation; None if there is none.
        observations: Least, median and greatest number of observations of the people who have any.
        conditions: The conditions of the most people.
        results: The most frequent numeric results.
    """

    counts: dict[str, int]
    profiles: People
    everybody: People
    first: str | None
    last: str | None
    observations: tuple[int, ...]
    conditions: list[KindFigures] = field(default_factory=list)
    results: list[KindFigures] = field(default_factory=list)


def summarize(archive: Archive, now: datetime) -> Summary:
    """Describes an archive in figures.

    Args:
        archive: The archive.
        now: The time for which ages are computed.
    """
    tables = archive.tables
    each = list(owners(tables.get("Observation")).counts().values())
    with_chart = set[str]().union(*(owners(table).people for table in tables.values()))
    spread = tuple(int(value) for value in np.quantile(each, (0, 0.5, 1))) if each else ()
    first, last = _span(tables.get("Observation"))
    return Summary(
        {name: len(table) for name, table in tables.items()},
        _people(tables.get("Patient"), with_chart, now),
        _people(tables.get("Patient"), None, now),
        first,
        last,
        spread,
        _conditions(tables.get("Condition")),
        _results(tables.get("Observation")),
    )


def patients(archive: Archive, find: str = "") -> Iterable[tuple[str, str, str, str, int]]:
    """Yields id, name, gender, date of birth and number of observations of each Patient, in load order.

    Args:
        archive: The archive.
        find: Only people whose id or name contains this text, without regard to case and accents.
    """
    table = archive.tables.get("Patient")
    if table is None:
        return
    names, genders, births = _all(table).values("name"), _all(table).values("gender"), _births(table)
    counts = owners(archive.tables.get("Observation")).counts()
    wanted = folded(find)
    for row, logical_id in enumerate(table.ids):
        mrn, name = str(logical_id), full_name(names[row])
        if wanted in folded(f"{mrn} {name}"):
            yield mrn, name, str(genders[row] or ""), births[row] or "", counts.get(mrn, 0)


def _people(table: Table | None, only: set[str] | None, now: datetime) -> People:
    if table is None:
        return People(0, None, None, None)
    rows = [row for row, logical_id in enumerate(table.ids) if only is None or str(logical_id) in only]
    births, genders = _births(table), _all(table).values("gender")
    ages = []
    for row in rows:
        try:
            born = date.fromisoformat(births[row] or "")
        except ValueError:
            continue
        ages.append(now.year - born.year - ((now.month, now.day) < (born.month, born.day)))
    known = [genders[row] for row in rows if genders[row]]
    return People(
        len(rows),
        float(np.mean(ages)) if ages else None,
        float(np.std(ages, ddof=1)) if len(ages) > 1 else None,
        known.count("female") / len(known) if known else None,
    )


def _conditions(table: Table | None) -> list[KindFigures]:
    code = _pool(table, "code")
    if table is None or code is None:
        return []
    about = owners(table)
    pairs = np.unique(np.stack([code.codes[about.rows].astype(np.int64), about.numbers]), axis=1)
    people = np.bincount(pairs[0], minlength=len(code.texts) + 1)
    counts = np.bincount(code.codes, minlength=len(code.texts) + 1)
    best = [place for place in np.argsort(-people, kind="stable").tolist() if place][:_MOST]
    return [
        KindFigures(spoken(parse_element(code.texts[place - 1])), int(counts[place]), int(people[place]))
        for place in best
    ]


def _results(table: Table | None) -> list[KindFigures]:
    code, quantity = _pool(table, "code"), _pool(table, "valueQuantity")
    if table is None or code is None or quantity is None:
        return []
    read = [parse_element(text) for text in quantity.texts]
    amounts = [amount_of(each) for each in read]
    values = np.array([np.nan, *(np.nan if amount is None else amount for amount in amounts)])
    about = owners(table)
    counts = np.bincount(code.codes[quantity.codes > 0], minlength=len(code.texts) + 1)
    kinds = []
    for place in np.argsort(-counts, kind="stable").tolist()[:_MOST]:
        rows = np.flatnonzero((code.codes == place) & (quantity.codes > 0))
        found = values[quantity.codes[rows]]
        found = found[~np.isnan(found)]
        if not place or not len(found):
            continue
        concept = parse_element(code.texts[place - 1])
        unit = str(read[int(quantity.codes[rows[0]]) - 1].get("unit") or "")
        quantiles = tuple(float(value) for value in np.quantile(found, (0.05, 0.5, 0.95)))
        people = len(np.unique(about.numbers[np.isin(about.rows, rows)]))
        kinds.append(KindFigures(spoken(concept) or code_of(concept), int(counts[place]), people, unit, quantiles))
    return kinds


def _pool(table: Table | None, name: str) -> PoolColumn | None:
    columns = table.columns if table is not None else ()
    return next((column for column in columns if column.name == name and isinstance(column, PoolColumn)), None)


def _all(table: Table) -> Elements:
    return Elements(table, np.arange(len(table)))


def _births(table: Table) -> list[str | None]:
    for column in table.columns:
        if column.name == "birthDate" and isinstance(column, InstantColumn):
            found = zip(column.forms.tolist(), column.seconds.tolist(), strict=True)
            return [
                None
                if not form
                else str(json.loads(column.others[second]))[:10]
                if form == OTHER_FORM
                else write_instant(second, column.known[form - 1])[:10]
                for form, second in found
            ]
    return [str(value) if value else None for value in _all(table).values("birthDate")]


def _span(table: Table | None) -> tuple[str | None, str | None]:
    for column in table.columns if table is not None else ():
        if column.name == "effectiveDateTime" and isinstance(column, InstantColumn):
            seconds = column.seconds[(column.forms > 0) & (column.forms <= len(column.known))]
            if len(seconds):
                ends = (int(seconds.min()), int(seconds.max()))
                first, last = (when(end, "days") for end in ends)
                return first, last
    return None, None
