"""``mab-gym data``: builds cohorts and shows what is in them."""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer

from mab_gym.cli._console import output, stages
from mab_gym.cli._data_audit import audit
from mab_gym.cli._data_info import info
from mab_gym.cli._data_show import list_patients, show
from mab_gym.cli._data_transfer import export, import_
from mab_gym.cohort._locate import NAMED, archive_path, build_archive, check_archive, is_built
from mab_gym.cohort._sizes import check_room, people_of, varied_spec
from mab_gym.errors import ArchiveError
from mab_gym.fhir.store._archive import check_place, open_archive

app = typer.Typer(help="Build cohorts and see what is in them.", no_args_is_help=True, add_completion=False)
app.command()(info)
app.command()(show)
app.command("patients")(list_patients)
app.command()(audit)
app.command("import")(import_)
app.command()(export)

Cohort = Annotated[str, typer.Argument(help=f"One of: {', '.join(NAMED)}; or a scaled one, as in train-10000-7.")]
_MANY = 1000
"""The number of people from which on the command says beforehand how much the cohort takes."""


@app.command()
def build(
    cohort: Cohort = "canonical",
    patients: Annotated[
        int | None, typer.Option(min=1, help="The number of people with a chart; records in proportion.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed, for other people with other charts.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Build it again even if it is there.")] = False,
) -> None:
    """Build a cohort's archive in the cache folder.

    With --patients or --seed it has a name of its own, as in train-10000-7, which works wherever a cohort's name does.
    """
    spec = varied_spec(cohort, patients, seed)
    path = archive_path(spec)
    if is_built(spec) and not force:
        try:
            open_archive(path)
        except ArchiveError as error:
            check_place(path)
            output.print(f"{error}", markup=False, soft_wrap=True)
        else:
            check_archive(spec)  # refuses another file in its place, which --force would overwrite
            output.print(f"{path} is there already (and whole).", markup=False, soft_wrap=True)
            return
    if people_of(spec) >= _MANY:
        needs = check_room(spec)
        takes = f"some {needs.disk / 1e9:.1f} GB on disk, {needs.memory / 1e9:.1f} GB of memory while it is built"
        output.print(
            f"{people_of(spec):,} people: {takes}, {needs.seconds / 60:.1f} minutes", markup=False, soft_wrap=True
        )
    begun = time.perf_counter()
    with stages(f"building the {spec.name} cohort") as tell:
        path = build_archive(spec, tell, (os.cpu_count() or 1) if people_of(spec) >= _MANY else 1)
    size = path.stat().st_size / 1e6
    output.print(f"{path} ({size:.1f} MB) in {time.perf_counter() - begun:.1f} s", markup=False, soft_wrap=True)
    if spec.name not in NAMED:
        output.print(f"Its name is {spec.name}.", markup=False)
