"""The exports that a session holds: what each one has found, not the files, which are written when they are asked for.

An export of half a million resources takes a few kilobytes: rows that follow one another are held as a range.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate

import numpy as np

from mab_gym.fhir.search._search import View
from mab_gym.fhir.store._table import IntArray, Rows

MOST_JOBS = 100
"""The most exports that a session holds; the oldest one makes room."""
MOST_HELD = 8 << 20
"""The most bytes that they may take."""
_OVERHEAD = 4096
_TOKEN = 16


class Status(StrEnum):
    """The state of an export, in HAPI's words."""

    QUEUED = "QUEUED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Part:
    """The resources of one type that an export has found.

    Attributes:
        kind: The type.
        hits: The resources, as the export's view numbers them.
        ends: For each file the number of resources up to its end.
    """

    kind: str
    hits: range | IntArray
    ends: IntArray

    def file(self, number: int) -> Rows:
        """Returns the hits of one file."""
        start = int(self.ends[number - 1]) if number else 0
        return np.asarray(self.hits[start : int(self.ends[number])], dtype=np.intp)


def part(kind: str, hits: Rows, ends: IntArray) -> Part:
    """Returns a part that takes little memory."""
    if len(hits) and int(hits[-1]) - int(hits[0]) == len(hits) - 1 and bool((hits[1:] > hits[:-1]).all()):
        return Part(kind, range(int(hits[0]), int(hits[-1]) + 1), ends)
    return Part(kind, hits.astype(np.int32), ends)


@dataclass(slots=True)
class Job:
    """One export.

    Attributes:
        id: Its id.
        token: The beginning of the ids of its files.
        request: The URL by which it was asked for.
        time: The time of the state that it shows, as a FHIR instant.
        label: What the client calls it (``_exportId``), or empty.
        view: The resources as they were then.
        parts: What it has found, in the order of the files.
        failure: The reason for which it fails; None if it does not.
        status: Its state.
    """

    id: str
    token: str
    request: str
    time: str
    label: str
    view: View
    parts: Sequence[Part] = ()
    failure: str | None = None
    status: Status = Status.QUEUED
    _ends: list[int] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._ends = list(accumulate(len(part.ends) for part in self.parts))

    @property
    def held(self) -> int:
        """The memory that it takes, in bytes, roughly."""
        arrays = (part.ends.nbytes + getattr(part.hits, "nbytes", 0) for part in self.parts)
        return _OVERHEAD + sum(arrays) + 4 * (len(self.request) + len(self.failure or ""))

    def files(self) -> Iterator[tuple[str, str]]:
        """Yields the type and the id of each file."""
        number = 0
        for each in self.parts:
            for _ in range(len(each.ends)):
                yield each.kind, f"{self.token}{number:0{_TOKEN}d}"
                number += 1

    def find(self, number: int) -> tuple[str, Rows] | None:
        """Returns the type and the hits of a file by its number, or None."""
        place = bisect_right(self._ends, number)
        if place == len(self.parts):
            return None
        return self.parts[place].kind, self.parts[place].file(number - (self._ends[place - 1] if place else 0))


class Exports:
    """The exports of a session; only one request at a time may add one."""

    __slots__ = ("_jobs",)

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    @property
    def held(self) -> int:
        """The memory that they take, in bytes, roughly."""
        return sum(job.held for job in list(self._jobs.values()))

    def add(self, job: Job) -> None:
        """Holds one more, in the place of the oldest ones if there are too many."""
        jobs = {**self._jobs, job.id: job}
        while len(jobs) > MOST_JOBS or (len(jobs) > 1 and sum(each.held for each in jobs.values()) > MOST_HELD):
            del jobs[next(iter(jobs))]
        self._jobs = jobs  # assigned whole: other threads may read it

    def find(self, job_id: str) -> Job | None:
        """Returns an export by its id, or None."""
        return self._jobs.get(job_id)

    def file(self, logical_id: str) -> tuple[Job, str, Rows] | None:
        """Returns the file with an id: its export, the type of its resources and their hits; None if there is none."""
        token, number = logical_id[:_TOKEN], logical_id[_TOKEN:]
        job = next((job for job in self._jobs.values() if job.token == token), None)
        if job is None or job.status is not Status.COMPLETED or len(number) != _TOKEN or not number.isdecimal():
            return None
        found = job.find(int(number)) if number.isascii() else None
        return None if found is None else (job, *found)
