"""Measures living hospitals: simulating and writing them by steps, and searches that were never asked before."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from _bench_people import searches

from mab_gym.cohort.hospital._generate import BLOCK, ORDER, block_rows
from mab_gym.cohort.hospital._handbook import handbook
from mab_gym.cohort.hospital._spec import HOSPITAL, HospitalSpec
from mab_gym.cohort.hospital._staff import draw_staff
from mab_gym.cohort.hospital.care._care import add_care
from mab_gym.cohort.hospital.life._lives import draw_lives
from mab_gym.cohort.hospital.notes._notes import add_notes
from mab_gym.cohort.hospital.rows._chart import Hospital
from mab_gym.cohort.hospital.rows._joined import Joined
from mab_gym.cohort.hospital.rows._schedules import schedule_sheets
from mab_gym.cohort.hospital.rows._staff import staff_sheets
from mab_gym.fhir.store._archive import write_archive
from mab_gym.fhir.store._table import Table

QUERIES = (
    "Observation?patient={}&category=laboratory&_sort=-date",
    "Encounter?patient={}&date=ge2024-01-01",
    "DocumentReference?patient={}&category=clinical-note&_sort=-date",
    "MedicationRequest?patient={}&status=active",
)


def build(spec: HospitalSpec) -> tuple[list[Table], dict[str, float]]:
    """Returns a hospital's tables, and the seconds of the processor that each step took."""
    staff, joined = draw_staff(spec), Joined()
    taken = dict.fromkeys(("lives", "care", "notes", "rows"), 0.0)
    hospital = Hospital(staff)

    def clock(name: str, begun: float) -> float:
        now = time.process_time()
        taken[name] += now - begun
        return now

    now = time.process_time()
    for first in range(0, spec.people, BLOCK):
        people = draw_lives(spec, staff, first, min(first + BLOCK, spec.people))
        now = clock("lives", now)
        for history in people:
            add_care(spec, staff, history)
        now = clock("care", now)
        for history in people:
            add_notes(spec, staff, history)
        now = clock("notes", now)
        joined.add(block_rows(people, hospital).parts)
        now = clock("rows", now)
    sheets = [*staff_sheets(hospital, handbook(spec, staff)), *schedule_sheets(spec, hospital, ())]
    joined.add(sheet.part() for sheet in sheets)
    tables = joined.tables(ORDER)
    clock("rows", now)
    return tables, taken


def main(sizes: Sequence[int]) -> None:
    """Prints some lines for each size; seconds are the processor's."""
    with tempfile.TemporaryDirectory() as folder:
        for people in sizes:
            tables, taken = build(HOSPITAL.scaled(people, 7))
            path = Path(folder, "hospital.mab")
            write_archive(path, tables, {})
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            steps = ", ".join(f"{name} {seconds:.2f}" for name, seconds in taken.items())
            rows = sum(map(len, tables))
            print(f"{people:,} people, {rows:,} records: {sum(taken.values()):.1f} s ({steps}), "
                  f"{path.stat().st_size / 1e6:.0f} MB, {memory:.2f} GB of memory at most so far")  # fmt: skip
            for query, value in zip(QUERIES, searches(path, people, QUERIES), strict=True):
                print(f"    {query.format('X')}: {value:.0f} µs", flush=True)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [200])
