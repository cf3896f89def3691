"""Tables from resources one by one: for small sets and imports (the cohort writes its columns directly)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mab_gym.fhir.dates import read_date
from mab_gym.fhir.definitions import elements
from mab_gym.fhir.json_text import pretty
from mab_gym.fhir.table import (
    OTHER_FORM,
    Column,
    InstantColumn,
    InstantForm,
    PoolColumn,
    Table,
    read_instant,
    smallest_unsigned,
)


def build_tables(resources: Iterable[Mapping[str, Any]]) -> list[Table]:
    """Makes tables from whole resources, each with its id, in load order.

    Args:
        resources: Parsed resources in FHIR's element order, as `parse_resource` gives them.
    """
    by_type: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
    for resource in resources:
        texts = {name: pretty(value, 1) for name, value in resource.items() if name not in ("resourceType", "id")}
        by_type.setdefault(resource["resourceType"], []).append((resource["id"], texts))
    return [build_table(name, rows, [e for e in elements(name) if e != "id"]) for name, rows in by_type.items()]


def build_table(resource_type: str, resources: Sequence[tuple[str, Mapping[str, str]]], order: Sequence[str]) -> Table:
    """Makes a table from resources one by one (for small sets; the cohort writes its columns directly).

    Args:
        resource_type: Their type.
        resources: Each one's id and its elements' JSON texts by name.
        order: The type's elements in FHIR's order.
    """
    columns: list[Column] = []
    for name in order:
        texts = [elements.get(name) for _, elements in resources]
        if all(text is None for text in texts):
            continue
        dated = [
            json.loads(text) if text and text.startswith('"') and read_date(json.loads(text)) else None
            for text in texts
        ]
        if name.endswith(("DateTime", "Date")) and all(
            (d is None) == (t is None) for d, t in zip(dated, texts, strict=True)
        ):
            known: dict[InstantForm, int] = {}
            others: list[str] = []
            seconds = np.zeros(len(texts), dtype=np.int64)
            forms = np.zeros(len(texts), dtype=np.uint8)
            for row, text in enumerate(dated):
                if text is None:
                    continue
                read = read_instant(text)
                if read is None:
                    seconds[row], forms[row] = len(others), OTHER_FORM
                    others.append(json.dumps(text))
                else:
                    seconds[row], forms[row] = read[0], known.setdefault(read[1], len(known) + 1)
            columns.append(InstantColumn(name, seconds, forms, list(known), others))
        else:
            pool: dict[str, int] = {}
            codes = [0 if text is None else pool.setdefault(text, len(pool) + 1) for text in texts]
            columns.append(PoolColumn(name, np.array(codes, dtype=smallest_unsigned(len(pool) + 1)), list(pool)))
    return Table(resource_type, [logical_id for logical_id, _ in resources], columns)
