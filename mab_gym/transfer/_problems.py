"""The problems of an import: resources that were left out or changed, each with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, TextIO

SHOWN: Final = 12
"""The number of problems kept for display; the file has all of them."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A resource that was left out or changed.

    Attributes:
        source: The file or address.
        place: The place in it, as in ``line 7`` or ``entry 3, line 90``.
        text: The problem.
        taken: True if the resource was taken with a change, False if it was left out.
    """

    source: str
    place: str
    text: str
    taken: bool = False

    def __str__(self) -> str:
        return f"{self.source}, {self.place}: {self.text}"


class Problems:
    """Counts problems, keeps the first ones, and writes all to a file of JSON lines.

    Args:
        path: The file; it is created with the first problem.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count, self.changed = 0, 0
        """The numbers of resources that were left out, and that were taken with a change."""
        self.first: list[Problem] = []
        self.first_changed: list[Problem] = []
        self._file: TextIO | None = None

    def note(self, problem: Problem) -> None:
        """Notes a problem; escapes characters that UTF-8 cannot encode, such as half of a surrogate pair."""
        problem = replace(problem, source=_written(problem.source), text=_written(problem.text))
        self.count += not problem.taken
        self.changed += problem.taken
        first = self.first_changed if problem.taken else self.first
        if len(first) < SHOWN:
            first.append(problem)
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8")
        self._file.write(json.dumps(asdict(problem), ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()


def _written(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


@contextmanager
def noting(path: Path) -> Iterator[Problems]:
    """Yields `Problems` and closes the file at the end; removes an older file first."""
    path.unlink(missing_ok=True)
    problems = Problems(path)
    try:
        yield problems
    finally:
        problems.close()
