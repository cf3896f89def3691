"""Shows what a command has found: its tables in the terminal, or one JSON object on standard output."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import typer

from mab_gym._tables import Table, plain
from mab_gym.cli._console import output


def present(*tables: Table, as_json: bool, lines: Iterable[str] = (), **facts: Any) -> None:
    """Shows what a command has found.

    Args:
        tables: The tables.
        as_json: True to write one JSON object to standard output, and nothing else.
        lines: Lines below the tables, in the terminal alone.
        facts: Further entries of the JSON object.
    """
    if as_json:
        write_json({**facts, **{table.key: table.data for table in tables}})
        return
    for table in tables:
        output.print(table)
    for line in lines:
        output.print(line, markup=False, soft_wrap=True)


def write_json(data: Any) -> None:
    """Writes data as JSON to standard output."""
    typer.echo(json.dumps(data, indent=2, default=plain))
