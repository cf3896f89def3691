"""Validates every resource of the generated cohorts with fhir.resources; `scripts/check --full` runs it."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module

from mab_gym.cohort._locate import NAMED, ensure_archive, named_spec
from mab_gym.fhir.store._archive import open_archive
from mab_gym.fhir.store._base import BaseTable

CHUNK = 5000


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


def main() -> None:
    """Validates all cohorts, or the named ones."""
    bad = 0
    for name in sys.argv[1:] or [each for each in NAMED if each in ("canonical", "beyond")]:
        begun, archive = time.perf_counter(), open_archive(ensure_archive(named_spec(name)))
        with ProcessPoolExecutor() as pool:
            todo = [(t, f) for t, table in archive.tables.items() for f in range(0, len(table), CHUNK)]
            for problems in pool.map(check, [name] * len(todo), *zip(*todo, strict=True)):
                bad += len(problems)
                for problem in problems[:3]:
                    print(problem, file=sys.stderr)
        total = sum(len(table) for table in archive.tables.values())
        print(f"{name}: {total:,} resources, {bad} problems, {time.perf_counter() - begun:.0f} s")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
