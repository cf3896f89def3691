"""Validates every resource of the generated cohorts with fhir.resources; `scripts/check --full` runs it.

Of the living hospital it also proves that every reference resolves.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module

from mab_gym.cohort._locate import NAMED, ensure_archive, named_spec
from mab_gym.fhir.store._archive import open_archive
from mab_gym.fhir.store._base import BaseTable
from mab_gym.fhir.store._table import PoolColumn, Table

CHUNK = 5000
CHECKED = ("canonical", "beyond", "hospital")
_REFERENCE = re.compile(r'"reference": "([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})"')


def check(name: str, resource_type: str, first: int) -> list[str]:
    """Returns the problems of some rows of a table."""
    model = getattr(import_module(f"fhir.resources.R4B.{resource_type.lower()}"), resource_type)
    base = BaseTable(open_archive(ensure_archive(named_spec(name)), verify=False).tables[resource_type])
    problems = []
    for row in range(first, min(first + CHUNK, len(base))):
        resource = json.loads(base.text(row))
        try:
            model.model_validate(resource)
        except ValueError as error:
            problems.append(f"{name}: {resource_type}/{resource['id']}: {error}")
    return problems


def dangling(tables: Mapping[str, Table]) -> list[str]:
    """Returns the references of tables that lead nowhere."""
    known = {name: {str(one) for one in table.ids} for name, table in tables.items()}
    found = {
        match
        for table in tables.values()
        for column in table.columns
        if isinstance(column, PoolColumn)
        for text in column.texts
        for match in _REFERENCE.findall(text)
    }
    return sorted(f"{name}/{logical_id}" for name, logical_id in found if logical_id not in known.get(name, ()))


def main() -> None:
    """Validates all cohorts, or the named ones."""
    bad = 0
    for name in sys.argv[1:] or [each for each in NAMED if each in CHECKED]:
        begun, archive = time.perf_counter(), open_archive(ensure_archive(named_spec(name)))
        with ProcessPoolExecutor() as pool:
            todo = [(t, f) for t, table in archive.tables.items() for f in range(0, len(table), CHUNK)]
            for problems in pool.map(check, [name] * len(todo), *zip(*todo, strict=True)):
                bad += len(problems)
                for problem in problems[:3]:
                    print(problem, file=sys.stderr)
        if name.startswith("hospital"):
            nowhere = dangling(archive.tables)
            bad += len(nowhere)
            print(f"{name}: {len(nowhere)} references lead nowhere{': ' if nowhere else ''}{', '.join(nowhere[:3])}")
        total = sum(len(table) for table in archive.tables.values())
        print(f"{name}: {total:,} resources, {bad} problems, {time.perf_counter() - begun:.0f} s")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
