"""``mab-gym data import`` and ``mab-gym data export``: records from files or servers, and to files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mab_gym import _tables as t
from mab_gym.cli import _options as o
from mab_gym.cli._cohorts import Cohort, CohortOption, meant, opened
from mab_gym.cli._console import output, stages
from mab_gym.cli._output import present
from mab_gym.cohort._locate import cache_folder
from mab_gym.errors import UsageError
from mab_gym.fhir.store._archive import check_place, saying
from mab_gym.transfer._crawling import import_server
from mab_gym.transfer._exporting import export_bundles, export_ndjson
from mab_gym.transfer._importing import Imported, import_files


def import_(
    source: Annotated[
        str,
        typer.Argument(
            help="A FHIR base URL; or a file or folder of *.ndjson, or of *.json with a Bundle or a resource each, "
            "plain or .gz."
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="The archive to write. [default: NAME.mab in the cache]")] = None,
    name: Annotated[str | None, typer.Option(help="The name of the cohort. [default: the file's name]")] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="From a server, only this resource type; may be repeated.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 where anything was left out or changed.")
    ] = False,
    as_json: o.Json = False,
) -> None:
    """Import records into an archive, with their ids, order and values unchanged.

    Resources that cannot be imported are counted and listed, with their lines, in ARCHIVE.problems.jsonl. To go on with
    an interrupted import from a server, give the same command again.
    """
    if out is None and name is None:
        raise UsageError("say where the archive goes, with --out FILE.mab, or what it is called, with --name")
    path = out if out is not None else cache_folder() / f"{name}.mab"
    check_place(path)
    called = name or path.stem
    with saying("write", path), stages(f"importing {called}") as tell:
        if source.startswith(("http://", "https://")):
            imported = import_server(source, path, called, types or (), tell)
        else:
            if types:
                raise UsageError("--type chooses among what a server has; a file or folder is imported whole")
            imported = import_files(Path(source), path, called, tell)
    _say(imported, as_json)
    if strict and (imported.problems.count or imported.problems.changed):
        raise typer.Exit(1)


def export(
    cohort: Cohort = None,
    option: CohortOption = None,
    ndjson: Annotated[Path | None, typer.Option(help="A new folder for one NDJSON file a resource type.")] = None,
    bundles: Annotated[Path | None, typer.Option(help="A new folder for transaction Bundles.")] = None,
    size: Annotated[int, typer.Option(help="Resources in a Bundle.")] = 500,
    ids: Annotated[
        str, typer.Option(help="In Bundles: 'prefix' puts the type before ids of digits alone, 'keep' keeps all ids.")
    ] = "prefix",
    patients: Annotated[
        str | None, typer.Option(help="Only these people: MRN or Patient/MRN, separated by commas.")
    ] = None,
) -> None:
    """Export records as Bulk Data NDJSON, or as transaction Bundles that a FHIR server loads."""
    if (ndjson is None) == (bundles is None):
        raise UsageError("give one of --ndjson FOLDER and --bundles FOLDER")
    if ids not in ("prefix", "keep"):
        raise UsageError(f"--ids is prefix or keep, not {ids!r}")
    wanted = [mrn.strip().removeprefix("Patient/") for mrn in (patients or "").split(",") if mrn.strip()]
    name = meant(cohort, option)
    archive = opened(name)
    with stages(f"exporting {name}") as tell:
        if ndjson is not None:
            done = export_ndjson(archive, ndjson, wanted, tell)
        else:
            assert bundles is not None
            done = export_bundles(archive, bundles, size, ids == "keep", wanted, tell)
    total = sum(done.counts.values())
    output.print(f"{total:,} resources in {done.files:,} files in {done.folder}", markup=False, soft_wrap=True)
    if done.renamed:
        output.print(
            f"{done.renamed:,} ids of digits alone have their type before them now, as in observation-12 (HAPI takes "
            "no such ids from clients); --ids keep leaves them",
            soft_wrap=True,
        )


def _say(imported: Imported, as_json: bool) -> None:
    problems = imported.problems
    columns = [t.Column("resource type", "type"), t.Column("taken", "taken", t.COUNT)]
    table = t.Table("taken", f"imported: {imported.path}", columns, list(imported.counts.items()))
    lines = [
        f"{count:,} {what}"
        for count, what in (
            (imported.conditional, "references by a search, which stay as they came"),
            (imported.dangling, "references to entries that their Bundle does not have, which stay as they came"),
            (imported.repeated, "came again, equal in all that they say; each is taken once"),
            (imported.named, "had no id and were given one"),
            (problems.count, f"left out; all are in {problems.path}"),
        )
        if count
    ]
    lines += [f"order between types: {imported.order}"] if imported.order else []
    lines += [f"  {problem}" for problem in problems.first]
    lines += [f"{problems.changed:,} taken, but not whole; all are in {problems.path}"] if problems.changed else []
    lines += [f"  {problem}" for problem in problems.first_changed]
    lines.append(f"digest: {imported.digest}")
    present(
        table,
        as_json=as_json,
        lines=lines,
        path=imported.path,
        digest=imported.digest,
        conditional_references=imported.conditional,
        dangling_references=imported.dangling,
        repeated=imported.repeated,
        named=imported.named,
        left_out=problems.count,
        changed=problems.changed,
        problems=problems.path if problems.count or problems.changed else None,
        order=imported.order,
    )
