"""The tables that lie beside the code: CSV files whose comments say where the figures come from."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._streams import Floats, Ints, pick

FOLDER = Path(__file__).with_name("tables")
T = TypeVar("T")


def read_table(name: str, kind: type[T], folder: Path | None = None) -> tuple[T, ...]:
    """Reads a table as one object for each row.

    A column holds the attribute of its name, as its type hint says: a text, a number, ``yes`` for true, a list of them
    (``a; b``), or numbers by name (``a 1.5; b 2``). An empty cell leaves the default. Columns whose names begin with
    ``source`` are for readers where the class has no such attribute. Lines that begin with ``#`` are comments.

    Args:
        name: The file's name within the folder.
        kind: The class of the rows, a dataclass.
        folder: Where it lies; that of the tables of MedAgentBench's cohorts if None.

    Raises:
        TypeError: A column is no attribute of the class.
    """
    hints = get_type_hints(kind)
    lines = ((folder or FOLDER) / name).read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return tuple(
        kind(**{
            column: _read(cell, hints.get(column, str))
            for column, cell in row.items()
            if cell and (column in hints or not column.startswith("source"))
        })
        for row in rows
    )  # fmt: skip


def _read(cell: str, hint: Any) -> Any:
    if hint is bool:
        return cell == "yes"
    if get_origin(hint) is tuple:
        return tuple(_read(part, get_args(hint)[0]) for part in cell.split("; "))
    if get_origin(hint) is not None:  # a mapping
        return {key: float(value) for key, value in (part.rsplit(" ", 1) for part in cell.split("; "))}
    return hint(cell) if hint in (str, int, float) else hint.read(cell)


class _Row(NamedTuple):
    element: str
    choice: str
    weight: float
    when: str = ""


class Choices(NamedTuple):
    """The values of an element.

    Attributes:
        values: The values, as the table names them.
        weights: By circumstance, the relative weight of each value; shape ``(values,)``.
    """

    values: tuple[str, ...]
    weights: Mapping[str, Floats]

    def pick(self, rng: RandomState, size: int, when: str = "") -> Ints:
        """Indices into ``values``, drawn with the weights of a circumstance."""
        return pick(rng, self.weights[when], size)


_ROWS: Final = read_table("choices.csv", _Row)


def choices(element: str) -> Choices:
    """The values of an element, as in ``Procedure.status``."""
    rows = [row for row in _ROWS if row.element == element]
    values = tuple(dict.fromkeys(row.choice for row in rows))
    weights = {row.when: np.zeros(len(values)) for row in rows}
    for row in rows:
        weights[row.when][values.index(row.choice)] = row.weight
    return Choices(values, weights)
