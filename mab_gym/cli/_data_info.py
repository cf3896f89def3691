"""``mab-gym data info``: the contents of an archive, in figures."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mab_gym.charts._summary import KindFigures, People, summarize
from mab_gym.cli._cohorts import Cohort, CohortOption, existing_archive, meant
from mab_gym.cli._console import output
from mab_gym.fhir.http._server import DEFAULT_NOW
from mab_gym.fhir.store._archive import open_archive


def info(
    cohort: Cohort = None,
    option: CohortOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a cohort's archive holds: counts, people, conditions, results."""
    name = meant(cohort, option)
    path = existing_archive(name)
    archive = open_archive(path)
    found = summarize(archive, DEFAULT_NOW)
    if as_json:
        more = {"path": str(path), "bytes": path.stat().st_size, "digest": archive.digest, "about": dict(archive.about)}
        output.print_json(json.dumps({**dataclasses.asdict(found), **more}))
        return
    counts = Table(title=escape(f"{name}: {path}"), title_justify="left")
    counts.add_column("resource type")
    counts.add_column("count", justify="right")
    for name, count in found.counts.items():
        counts.add_row(name, f"{count:,}")
    counts.add_section()
    records = sum(count for name, count in found.counts.items() if name != "Patient")
    counts.add_row("records (without Patient)", f"{records:,}")
    output.print(counts)
    people = Table("people", title_justify="left")
    for column in ("count", "age, mean ± SD", "female"):
        people.add_column(column, justify="right")
    people.add_row("with a chart", *_in_words(found.profiles))
    people.add_row("all", *_in_words(found.everybody))
    output.print(people)
    if found.conditions:
        output.print(_kinds("condition", found.conditions, found.profiles.count, values=False))
    if found.results:
        output.print(_kinds("result", found.results, found.profiles.count, values=True))
    if found.observations:
        least, median, most = found.observations
        output.print(f"observations a person: median {median:,} ({least:,} to {most:,}), {found.first} to {found.last}")
    seed = archive.about.get("seed")
    made = f"seed: {seed}" if seed is not None else f"from: {archive.about.get('source', '–')}"
    output.print(f"{made}, size: {path.stat().st_size / 1e6:.1f} MB", markup=False)
    output.print(f"digest: {archive.digest}", soft_wrap=True)


def _in_words(people: People) -> tuple[str, str, str]:
    spread = "" if people.spread is None else f" ± {people.spread:.2f}"
    age = "–" if people.mean_age is None else f"{people.mean_age:.2f}{spread}"
    return f"{people.count:,}", age, "–" if people.female is None else f"{people.female:.0%}"


def _kinds(what: str, kinds: list[KindFigures], people: int, *, values: bool) -> Table:
    table = Table(what)
    for column in ("count", "people", *(("5 %", "median", "95 %") if values else ())):
        table.add_column(column, justify="right")
    if values:
        table.add_column("unit")
    for kind in kinds:
        share = f"{kind.people / people:.0%}" if people else "–"
        figures = (*(f"{value:g}" for value in kind.quantiles), escape(kind.unit)) if values else ()
        table.add_row(escape(kind.name), f"{kind.count:,}", share, *figures)
    return table
