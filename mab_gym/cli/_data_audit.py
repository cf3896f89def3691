"""``mab-gym data audit``: checks that two sets of people, charts and cases have nothing in common."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from mab_gym import _tables as t
from mab_gym.audit._leakage import Material, Overlap, compare, environment_material, material
from mab_gym.cli import _options as o
from mab_gym.cli._cohorts import MEANT, opened
from mab_gym.cli._environment import make
from mab_gym.cli._output import present, write_json
from mab_gym.envs._environment_file import environment_files, read_environment
from mab_gym.runs._driver import unwrapped

Side = Annotated[str, typer.Argument(help=f"{MEANT} Or an environment's id or file.")]


def audit(
    first: Side,
    second: Side,
    as_json: o.Json = False,
) -> None:
    """Prove that two sets have no patient and nothing else in common; exit with 1 if they have.

    It compares Patient ids, identifiers, names, people, phone with address, and whole charts, which it finds even if
    names, dates and some values were changed; for environments also the cases' prompts and texts.
    """
    lines = compare(_material(first), _material(second))
    shared = any(line.shared for line in lines)
    if as_json:
        write_json([dataclasses.asdict(line) for line in lines])
    else:
        said = "are not disjoint" if shared else "have nothing in common"
        present(_table(first, second, lines), as_json=False, lines=[f"{first} and {second} {said}"])
    if shared:
        raise typer.Exit(1)


def _material(name: str) -> Material:
    ids = {read_environment(path).id for path in environment_files()}
    if name in ids or f"mab_gym/{name}" in ids or name.endswith(".toml"):
        return environment_material(name, unwrapped(make(name)).scenario)
    return material(name, opened(name))


def _table(first: str, second: str, lines: list[Overlap]) -> t.Table:
    columns = [
        t.Column("compared", "what"),
        t.Column(first, "first", t.COUNT),
        t.Column(second, "second", t.COUNT),
        t.Column("shared", "shared", t.COUNT._replace(style=lambda count: "red" if count else "")),
        t.Column("for instance", "examples", t.Kind("; ".join, right=False, prose=True)),
    ]
    rows = [(line.what, line.first, line.second, line.shared, line.examples) for line in lines]
    return t.Table("overlaps", "What two sets have in common", columns, rows)
