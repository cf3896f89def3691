"""Measures larger hospitals: building them, and searches that were never asked before."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from mab_gym.cohort._generate import generate
from mab_gym.cohort._spec import CANONICAL, scaled
from mab_gym.fhir.http._server import FhirServer, Request
from mab_gym.fhir.store._archive import open_archive, write_archive

QUERIES = ("Observation?patient={}&code=K", "Observation?patient={}&code=MG&date=ge2023-01-01", "Condition?patient={}")
ASKED = 90


def searches(path: Path, people: int, queries: Sequence[str] = QUERIES) -> list[float]:
    """Returns the median microseconds of each query, asked once for each of some people."""
    archive = open_archive(path)
    session, ids = FhirServer(archive.tables).open(), list(archive.tables["Patient"].ids)[:people]
    step = max(1, people // (ASKED + 1))
    found = []
    for query in queries:
        session.handle(Request("GET", query.format(ids[0])))  # reads what is read once for all people
        times = []
        for mrn in ids[1::step][:ASKED]:
            begun = time.perf_counter()
            session.handle(Request("GET", query.format(mrn)))
            times.append(time.perf_counter() - begun)
        found.append(statistics.median(times) * 1e6)
    return found


def main(sizes: Sequence[int]) -> None:
    """Prints a line for each size."""
    print(f"{'people':>7} {'build s':>9} {'MB':>7}  " + "  ".join(f"{query.format('X')} µs" for query in QUERIES))
    with tempfile.TemporaryDirectory() as folder:
        for people in sizes:
            path = Path(folder, "cohort.mab")
            begun = time.perf_counter()
            write_archive(path, generate(scaled(people, CANONICAL, 7)), {})
            built = time.perf_counter() - begun
            figures = "  ".join(f"{value:.0f}" for value in searches(path, people))
            print(f"{people:>7} {built:>9.1f} {path.stat().st_size / 1e6:>7.0f}  {figures}", flush=True)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [100, 1000])
