"""What an import could not take, each named with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TextIO

SHOWN: Final = 12
"""So many problems are kept to be shown; all are in the file."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was left out.

    Attributes:
        source: The file or address.
        place: Where in it, as in ``line 7`` or ``entry 3, line 90``.
        text: What was wrong.
    """

    source: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.source}, {self.place}: {self.text}"


class Problems:
    """Counts problems, keeps the first, writes all to a file of JSON lines that comes to be with the first one.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.first: list[Problem] = []
        self._file: TextIO | None = None

    def note(self, problem: Problem) -> None:
        """Takes one down."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(problem)
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8")
        self._file.write(json.dumps(asdict(problem), ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()


@contextmanager
def noting(path: Path) -> Iterator[Problems]:
    """Problems whose file is closed at the end; an older file is removed at the beginning."""
    path.unlink(missing_ok=True)
    problems = Problems(path)
    try:
        yield problems
    finally:
        problems.close()
