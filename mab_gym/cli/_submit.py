"""``mab-gym submit``: proves that a run can be believed, and packs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mab_gym import _tables as t
from mab_gym.cli import _options as o
from mab_gym.cli._console import counting
from mab_gym.cli._environment import build_cohort
from mab_gym.cli._output import present
from mab_gym.errors import UsageError
from mab_gym.runs._evaluation import Plan
from mab_gym.runs._records import read_about, record_lines
from mab_gym.runs._submission import check_submission, pack_submission, unpacked

app = typer.Typer(help="Prove that a run can be believed, and pack it.", no_args_is_help=True, add_completion=False)


@app.callback()
def _submit() -> None:
    """Prove that a run can be believed, and pack it."""


@app.command()
def check(
    run: Annotated[Path, typer.Argument(help="The folder of a run, as `mab-gym eval` makes it; or a packed run.")],
    out: Annotated[Path | None, typer.Option(help="A new zip file for the run, if all checks pass.")] = None,
    as_json: o.Json = False,
) -> None:
    """Check a run: version, digests, seeds, that it is whole, verdicts judged anew; exit with 1 if a check fails."""
    if out is not None and not run.is_dir():
        raise UsageError("--out packs a run's folder; name one")
    with unpacked(run) as folder:
        about = read_about(folder) or {}
        if isinstance(name := about.get("env"), str) and about.get("file") is None:
            build_cohort(Plan(env=name))
        total = sum(1 for _ in record_lines(folder))
        with counting(f"judging {total} episodes of {run.name}", total) as advance:
            found = check_submission(folder, advance)
    columns = [t.Column("check", "name"), t.Column("", "ok", _OK), t.Column("found", "said", t.PROSE)]
    table = t.Table("checks", f"{run}", columns, [(each.name, each.ok, each.said) for each in found.checks])
    packed = pack_submission(run, out) if out is not None and found.ok else None
    lines = [f"played: {found.covers}"] if found.covers else []
    lines.append("this run can be believed" if found.ok else "this run cannot be believed")
    lines += [f"packed: {packed}"] if packed else []
    present(table, as_json=as_json, lines=lines, ok=found.ok, covers=found.covers, packed=packed)
    if not found.ok:
        raise typer.Exit(1)


_OK = t.Kind(lambda ok: "ok" if ok else "WRONG", right=False, style=lambda ok: "green" if ok else "bold red")
