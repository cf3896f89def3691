"""``mab-gym data audit``: checks that two sets of people, charts and cases have nothing in common."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mab_gym.audit._leakage import Material, Overlap, compare, environment_material, material
from mab_gym.cli._cohorts import MEANT, opened
from mab_gym.cli._console import output
from mab_gym.cli._environment import make
from mab_gym.envs._environment_file import environment_files, read_environment
from mab_gym.runs._driver import unwrapped

Side = Annotated[str, typer.Argument(help=f"{MEANT} Or an environment's id or file.")]


def audit(
    first: Side,
    second: Side,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Prove that two sets have no patient and nothing else in common; exit with 1 if they have.

    It compares Patient ids, identifiers, names, people, phone with address, and whole charts, which it finds even if
    names, dates and some values were changed; for environments also the cases' prompts and texts.
    """
    lines = compare(_material(first), _material(second))
    if as_json:
        output.print_json(json.dumps([dataclasses.asdict(line) for line in lines]))
    else:
        output.print(_table(first, second, lines))
    if any(line.shared for line in lines):
        if not as_json:
            output.print(f"{first} and {second} are not disjoint", markup=False)
        raise typer.Exit(1)
    if not as_json:
        output.print(f"{first} and {second} have nothing in common", markup=False)


def _material(name: str) -> Material:
    ids = {read_environment(path).id for path in environment_files()}
    if name in ids or f"mab_gym/{name}" in ids or name.endswith(".toml"):
        return environment_material(name, unwrapped(make(name)).scenario)
    return material(name, opened(name))


def _table(first: str, second: str, lines: list[Overlap]) -> Table:
    sides = (escape(first), escape(second))
    table = Table("compared", *sides, "shared", "for instance", title="What two sets have in common")
    for line in lines:
        shared = f"[red]{line.shared:,}[/]" if line.shared else "0"
        table.add_row(line.what, f"{line.first:,}", f"{line.second:,}", shared, escape("; ".join(line.examples)))
    return table
