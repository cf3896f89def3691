"""The tables that lie beside the code: CSV files whose comments say where the figures come from."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

FOLDER = Path(__file__).with_name("tables")
T = TypeVar("T")


def read_table(name: str, kind: type[T]) -> tuple[T, ...]:
    """Reads a table as one object for each row.

    A column holds the attribute of its name, as its type hint says: a text, a number, ``yes`` for true, a list of them
    (``a; b``), or numbers by name (``a 1.5; b 2``). An empty cell leaves the default. Columns whose names begin with
    ``source`` are for readers where the class has no such attribute. Lines that begin with ``#`` are comments.

    Args:
        name: The file's name within the folder ``tables``.
        kind: The class of the rows, a dataclass.

    Raises:
        TypeError: A column is no attribute of the class.
    """
    hints = get_type_hints(kind)
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
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
