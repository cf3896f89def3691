"""``mab-gym data``: builds cohorts and says what is in them."""

from __future__ import annotations

import shutil
import time
from typing import Annotated

import typer

from mab_gym.cli._console import output, stages
from mab_gym.cli._data_audit import audit
from mab_gym.cli._data_info import info
from mab_gym.cli._data_show import list_patients, show
from mab_gym.cli._data_transfer import export, import_
from mab_gym.cohort._locate import (
    CACHE_VARIABLE,
    NAMED,
    Spec,
    archive_path,
    build_archive,
    cache_folder,
    check_archive,
    is_built,
    named_spec,
)
from mab_gym.cohort._spec import CANONICAL, TRAIN, VALIDATION, CohortSpec, scaled
from mab_gym.errors import ArchiveError, UsageError
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
"""From so many people on it is said beforehand what they will take."""
_BYTES_A_PERSON, _MEMORY_A_PERSON, _SECONDS_A_PERSON = 300_000, 620_000, 0.0065
"""Measured with 100 to 10,000 people."""


@app.command()
def build(
    cohort: Cohort = "canonical",
    patients: Annotated[
        int | None, typer.Option(min=1, help="So many people with a chart, records in proportion.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed; other people, other charts.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Build it anew even if it is there.")] = False,
) -> None:
    """Build a cohort's archive in the cache folder.

    With --patients or --seed it goes by a name of its own, as in train-10000-7, that everything takes which takes a
    cohort's name.
    """
    spec = _wanted(cohort, patients, seed)
    path = archive_path(spec)
    if is_built(spec) and not force:
        try:
            open_archive(path)
        except ArchiveError as error:
            check_place(path)
            output.print(f"{error}", markup=False, soft_wrap=True)
        else:
            check_archive(spec)  # what somebody has put in its place is not overwritten unasked
            output.print(f"{path} is there already (and whole).", markup=False, soft_wrap=True)
            return
    if isinstance(spec, CohortSpec) and spec.patients >= _MANY:
        _check_room(spec)
    begun = time.perf_counter()
    with stages(f"building the {spec.name} cohort") as tell:
        path = build_archive(spec, tell)
    size = path.stat().st_size / 1e6
    output.print(f"{path} ({size:.1f} MB) in {time.perf_counter() - begun:.1f} s", markup=False, soft_wrap=True)
    if spec.name not in NAMED:
        output.print(f"It goes by the name {spec.name}.", markup=False)


def _wanted(cohort: str, patients: int | None, seed: int | None) -> Spec:
    spec = named_spec(cohort)
    if patients is None and seed is None:
        return spec
    if cohort not in (CANONICAL.name, TRAIN.name, VALIDATION.name) or not isinstance(spec, CohortSpec):
        raise UsageError(
            f"--patients and --seed make other cohorts of canonical, train and validation, not of {cohort}"
        )
    return scaled(spec.patients if patients is None else patients, spec, seed)


def _check_room(spec: CohortSpec) -> None:
    """Says what a large cohort will take, and refuses where the disk has no room for it.

    Raises:
        UsageError: It does not fit.
    """
    needed = spec.patients * _BYTES_A_PERSON
    folder = cache_folder()
    check_place(archive_path(spec))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UsageError(
            f"{spec.patients:,} people take some {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB left; "
            f"{CACHE_VARIABLE} names another folder"
        )
    memory, minutes = spec.patients * _MEMORY_A_PERSON / 1e9, spec.patients * _SECONDS_A_PERSON / 60
    takes = f"some {needed / 1e9:.1f} GB on disk, {memory:.1f} GB of memory while it is built, {minutes:.1f} minutes"
    output.print(f"{spec.patients:,} people: {takes}", markup=False, soft_wrap=True)
