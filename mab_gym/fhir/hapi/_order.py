"""The order of unsorted results in HAPI: that of the index which its database reads first.

HAPI's database H2 begins with one of the tables of a search and reads it by an index, so that unsorted results come in
the order of that index, equals in load order. H2 chooses the table by its cost estimates. The rules below were taken
from ``EXPLAIN`` of HAPI 7.6's statements and hold for the searches that FHIR clients make:

* ids before strings before tokens before dates before quantities before references;
* strings come by their normalized text, one code alone in load order, several codes by their hash (`index_hash`),
  dates by day (searches with a time of day: by instant), quantities by value, several references by their target;
* a chain is read from its far end where a text or a date is asked for there, or where nothing of its own comes first;
  a ``_has`` always is;
* with ``:not`` or ``:missing``, HAPI reads the resources themselves, in load order.

H2 counts a table's values only after 2,000 changes to it. Before that it prefers a reference to several codes, to
quantities and to dates from a day on (`reference_first`): a search in a patient's chart then comes in load order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from mab_gym.fhir.hapi._hashes import index_hash
from mab_gym.fhir.model._filter import Filter, read_token
from mab_gym.fhir.model._values import Value
from mab_gym.fhir.store._base import BaseTable
from mab_gym.fhir.store._instants import HIGH, HIGH_DAY, LOW, LOW_DAY, NO_PERIOD
from mab_gym.fhir.store._row_keys import ValuesOf, date_fields, ranked, together
from mab_gym.fhir.store._sorting import Keys, stable_order
from mab_gym.fhir.store._table import Rows

Key = Callable[[Any], Any]

_LAST = np.iinfo(np.int64).max
_NEVER = 1 << 53
"""A number greater than any field of a `Period`."""
_DATE_KEYS: dict[str, tuple[int, ...]] = {
    "low_day": (LOW_DAY, HIGH_DAY), "high_day": (HIGH_DAY,), "low": (LOW, HIGH), "high": (HIGH,),
}  # fmt: skip
"""The fields of a `Period` that a date index sorts by, the strongest first."""


@dataclass(frozen=True, slots=True)
class DrivingFilter:
    """The filter that HAPI's database reads by, and the order of its index.

    Attributes:
        wanted: The filter.
        key: Returns the part of an indexed value that the index sorts by.
        kind: The index: for dates ``low_day``, ``high_day``, ``low`` or ``high``, the part of the period that it sorts
            by; ``target`` for references, which come in the load order of their targets; else ``value``.
        then: The filter that the database reads next; its order decides between equals.
    """

    wanted: Filter
    key: Key
    kind: str = "value"
    then: DrivingFilter | None = None


def choose_driver(resource_type: str, filters: Sequence[Filter]) -> DrivingFilter | None:
    """Returns the filter that HAPI reads by, or None for load order.

    Args:
        resource_type: The type searched.
        filters: All filters in alphabetical order of their parameters, chains resolved (``ranks``).
    """
    if any(f.negated or f.either or f.missing is not None or (f.ids is not None and f.ranks is None) for f in filters):
        return None
    if any(f.modifier == "not-in" for f in filters):
        asked = [f for f in filters if f.parameter.name != "_lastUpdated"]
        return DrivingFilter(asked[0], _system_and_code) if len(asked) == 1 else None
    ranked = [f for f in filters if f.ranks is not None]
    prefixes = [
        f for f in filters if f.parameter.type == "uri" and f.modifier == "below" and f.parameter.name != "_profile"
    ]
    if prefixes:
        return DrivingFilter(prefixes[0], _itself)
    by_kind: dict[str, list[Filter]] = {kind: [] for kind in _KINDS}
    for f in filters:
        if f.ranks is None and f.parameter.type in by_kind:
            by_kind[f.parameter.type].append(f)
    strings = by_kind["string"] + [f for f in by_kind["token"] if f.modifier == "text"]
    tokens = [f for f in by_kind["token"] if f.modifier != "text"]
    ranges = [f for f in strings if f.modifier in ("", "text", "exact") and len(f.alternatives) == 1]
    if ranges:
        return None if ranges[0].modifier == "exact" else _string_driver(ranges[0])
    dates = [f for f in by_kind["date"] if f.parameter.name != "_lastUpdated"]
    for wanted in ranked:
        if wanted.key[1] == "first":  # it comes before the resource's own tokens and dates
            then = _date_driver(dates, alone=False) if dates and not tokens else None
            return DrivingFilter(wanted, _rank_in(wanted), then=then)
    if tokens:
        return _token_driver(resource_type, tokens[0])
    if strings:
        return _string_driver(strings[0])
    if dates:
        return _date_driver(dates, alone=len(filters) == 1)
    if by_kind["quantity"]:
        return DrivingFilter(by_kind["quantity"][-1], _amount)
    if ranked:
        return DrivingFilter(ranked[0], _rank_in(ranked[0]))
    if by_kind["reference"] and len(by_kind["reference"][0].alternatives) > 1:
        return DrivingFilter(by_kind["reference"][0], _no_key, "target")
    uris = [f for f in by_kind["uri"] if f.parameter.name not in ("_profile", "_source")]
    if len(uris) == len(filters) and uris:
        return _uri_driver(resource_type, uris[0])
    return None


UNCOUNTED = 1_000
"""The number of resources from which on H2 has counted its table of references; each has about two."""


def reference_first(driver: DrivingFilter, filters: Sequence[Filter]) -> bool:
    """Tells if H2 reads by a reference instead of a driver, as long as it has not counted its tables.

    Args:
        driver: The filter by which it reads once it has.
        filters: All filters of the search.
    """
    kind = driver.wanted.parameter.type
    if kind == "date" and driver.kind not in ("high", "high_day"):
        return False
    if kind not in ("date", "token", "quantity") or driver.wanted.modifier or driver.wanted.ranks is not None:
        return False
    return any(
        f.parameter.type == "reference" and f.ranks is None and f.missing is None and len(f.alternatives) == 1
        for f in filters
    )


def choose_driver_of_sorted(resource_type: str, filters: Sequence[Filter]) -> DrivingFilter | None:
    """Returns the filter that decides between equals of a sorted search, or None for load order.

    A single parameter leaves load order there, and so do quantities beside a reference.
    """
    if len({f.parameter.name if f.comparisons else str(place) for place, f in enumerate(filters)}) < 2:
        return None
    driver = choose_driver(resource_type, filters)
    if driver is None or driver.wanted.parameter.type != "quantity":
        return driver
    return None if any(f.parameter.type == "reference" for f in filters) else driver


def _no_key(value: Any) -> None:
    return None


_KINDS = ("string", "token", "date", "quantity", "number", "reference", "uri")


def _rank_in(wanted: Filter) -> Key:
    ranks: Mapping[str, int] = {} if wanted.ranks is None else wanted.ranks
    return lambda value: ranks.get(f"{value.target_type}/{value.target_id}", _LAST)


def _string_driver(wanted: Filter) -> DrivingFilter:
    if wanted.parameter.type == "token":
        return DrivingFilter(wanted, lambda value: value.text.upper())
    return DrivingFilter(wanted, lambda value: value.normalized)


def _token_driver(resource_type: str, wanted: Filter) -> DrivingFilter | None:
    """Several codes come in the order of HAPI's hashes; one code, or codes of mixed forms, in load order."""
    parts = [read_token(part) for part in wanted.alternatives]
    if wanted.parameter.is_flag:
        return None
    if len(parts) < 2 or len({(system is None, code == "") for system, code in parts}) > 1:
        return None
    name = wanted.parameter.name
    if parts[0][1] == "":
        return DrivingFilter(wanted, lambda value: index_hash(resource_type, name, value.system))
    if parts[0][0] is None:
        return DrivingFilter(wanted, lambda value: index_hash(resource_type, name, value.code))
    return DrivingFilter(wanted, lambda value: index_hash(resource_type, name, value.system, value.code))


def _uri_driver(resource_type: str, wanted: Filter) -> DrivingFilter | None:
    """Several URIs come in the order of HAPI's hashes; with ``:above`` they are sorted as texts."""
    if wanted.modifier == "above":
        return DrivingFilter(wanted, _itself)
    name = wanted.parameter.name
    if len(wanted.alternatives) < 2:
        return None
    return DrivingFilter(wanted, lambda value: index_hash(resource_type, name, value))


def _system_and_code(value: Any) -> tuple[str, str]:
    return value.system or "", value.code or ""


def _itself(value: Any) -> Any:
    return value


def _date_driver(dates: Sequence[Filter], *, alone: bool) -> DrivingFilter | None:
    first = [f for f in dates if f.parameter.name == dates[0].parameter.name]
    comparisons = [c for f in first for c in f.comparisons]
    if any(c.comparator == "ne" for c in comparisons) and not alone:
        return None
    if len({c.period.timed for c in comparisons}) > 1:
        return None
    upper = all(c.comparator in ("ge", "gt", "eb") for c in comparisons)
    if comparisons[0].period.timed:
        if upper:
            return DrivingFilter(dates[0], lambda value: value.high, "high")
        return DrivingFilter(dates[0], lambda value: (value.low, value.high), "low")
    if upper:
        return DrivingFilter(dates[0], lambda value: value.high_day, "high_day")
    return DrivingFilter(dates[0], lambda value: value.low_day * 100_000_000 + value.high_day, "low_day")


def _amount(value: Any) -> float:
    return float(value if isinstance(value, float) else value.value)


def arrange(
    driver: DrivingFilter,
    table: BaseTable,
    hits: Rows,
    ids: Callable[[], Sequence[str]],
    values: ValuesOf,
    position: Callable[[Any], int | None],
) -> Rows:
    """Returns hits in the order of an index.

    Args:
        driver: The filter that HAPI reads by.
        table: The snapshot.
        hits: The hits in load order.
        ids: Returns the hits' logical ids.
        values: Returns all values of a parameter in one hit.
        position: Returns the place of a reference's target in load order.
    """
    if driver.kind == "target":
        driver = DrivingFilter(driver.wanted, position)
    if driver.wanted.ids is not None:
        ranks = driver.wanted.ranks or {}
        return hits[np.argsort(np.array([ranks.get(key, _LAST) for key in ids()], dtype=np.int64), kind="stable")]
    for each in (driver.then, driver):  # by one index and, between equals, by the next
        if each is not None:
            hits = hits[stable_order(_index_keys(each, table, hits, values))]
    return hits


def _index_keys(driver: DrivingFilter, table: BaseTable, hits: Rows, values: ValuesOf) -> Keys:
    """Returns numbers that sort as the index does."""
    if driver.kind in _DATE_KEYS:
        fields = date_fields(table, hits, driver.wanted.parameter, _DATE_KEYS[driver.kind], values)
        if fields is not None:
            return together(_apart(fields))
    return ranked(table, hits, driver.wanted.parameter, lambda found: _least(driver, found), values).numbers


def _apart(fields: Sequence[Keys]) -> list[Keys]:
    """Returns columns that sort as dates do, in smaller numbers: the first, and the distance of each to the one before.

    Half a million short periods then fit into one number for each row, and none has to be ranked. The columns are
    changed in place: each takes megabytes.
    """
    for field in fields:
        field[field == NO_PERIOD] = _NEVER
    for earlier, later in reversed(list(pairwise(fields))):
        np.subtract(later, earlier, out=later)
    return list(fields)


def _least(driver: DrivingFilter, values: Sequence[Value]) -> list[Any]:
    """Returns the least key of a resource in the index, among the values that the filter asks for."""
    wanted = driver.wanted
    keys = [driver.key(value) for value in values if any(predicate(value) for predicate in wanted.predicates)]
    return sorted(key for key in keys if key is not None)[:1]
