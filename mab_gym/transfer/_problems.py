"""What an import could not take, or not whole, each named with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, TextIO

SHOWN: Final = 12
"""So many problems are kept to be shown; all are in the file."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was left out, or taken otherwise than it came.

    Attributes:
        source: The file or address.
        place: Where in it, as in ``line 7`` or ``entry 3, line 90``.
        text: What was wrong.
        taken: Whether the resource was taken, but for this.
    """

    source: str
    place: str
    text: str
    taken: bool = False

    def __str__(self) -> str:
        return f"{self.source}, {self.place}: {self.text}"


class Problems:
    """Counts problems, keeps the first, writes all to a file of JSON lines that comes to be with the first one.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count, self.changed = 0, 0
        """How many resources were left out, and how many were taken, but not whole."""
        self.first: list[Problem] = []
        self.first_changed: list[Problem] = []
        self._file: TextIO | None = None

    def note(self, problem: Problem) -> None:
        """Takes one down; what is no character that could be written (half of a surrogate pair) by its number."""
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
    """Problems whose file is closed at the end; an older file is removed at the beginning."""
    path.unlink(missing_ok=True)
    problems = Problems(path)
    try:
        yield problems
    finally:
        problems.close()
