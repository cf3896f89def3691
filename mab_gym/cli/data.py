"""``mab-gym data``: builds cohorts and says what is in them."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.table import Table

from mab_gym.cli.console import output, stages
from mab_gym.cohort.locate import NAMED, archive_path, build_archive, named_spec
from mab_gym.errors import ArchiveError
from mab_gym.fhir.archive import open_archive

app = typer.Typer(help="Build cohorts and see what is in them.", no_args_is_help=True)

Cohort = Annotated[str, typer.Argument(help=f"One of: {', '.join(NAMED)}.")]


@app.command()
def build(
    cohort: Cohort = "canonical",
    force: Annotated[bool, typer.Option("--force", help="Build it anew even if it is there.")] = False,
) -> None:
    """Build a cohort's archive in the cache folder."""
    spec = named_spec(cohort)
    path = archive_path(spec)
    if path.is_file() and not force:
        try:
            open_archive(path)
        except ArchiveError as error:
            output.print(f"{error}", markup=False, soft_wrap=True)
        else:
            output.print(f"{path} is there already (and whole).", markup=False, soft_wrap=True)
            return
    begun = time.perf_counter()
    with stages(f"building the {spec.name} cohort") as tell:
        path = build_archive(spec, tell)
    size = path.stat().st_size / 1e6
    output.print(f"{path} ({size:.1f} MB) in {time.perf_counter() - begun:.1f} s", markup=False, soft_wrap=True)


@app.command()
def info(cohort: Cohort = "canonical") -> None:
    """Show what a cohort's archive holds."""
    path = archive_path(named_spec(cohort))
    archive = open_archive(path)
    table = Table(title=f"{cohort}: {path}", title_justify="left")
    table.add_column("resource type")
    table.add_column("count", justify="right")
    for name, rows in archive.tables.items():
        table.add_row(name, f"{len(rows):,}")
    records = sum(len(rows) for name, rows in archive.tables.items() if name != "Patient")
    table.add_section()
    table.add_row("records (without Patient)", f"{records:,}")
    output.print(table)
    profiles, others = archive.about.get("patients"), archive.about.get("background_patients")
    output.print(
        f"profiles: {profiles}, further people with demographics alone: {others}, seed: {archive.about.get('seed')}"
    )
    output.print(f"digest: {archive.digest}", soft_wrap=True)
