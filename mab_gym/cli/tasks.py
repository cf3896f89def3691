"""``mab-gym tasks``: what there is to play."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mab_gym.cli.console import output
from mab_gym.cli.environment import DEFAULT_ENV, make
from mab_gym.errors import UsageError
from mab_gym.rollout import unwrapped
from mab_gym.tasking.catalogue import load_catalogue

app = typer.Typer(help="See the task families and their cases.", no_args_is_help=True)

FREEZING_SEED = 300
CASES_A_FAMILY = 30

Folder = Annotated[
    Path | None, typer.Option("--folder", help="A folder of task families instead of the installed ones.")
]


@app.command(name="list")
def list_tasks(
    family: Annotated[str | None, typer.Argument(help="List this family's cases.")] = None, folder: Folder = None
) -> None:
    """List the task families, or one family's cases."""
    catalogue = load_catalogue(folder)
    if family is None:
        table = Table("#", "family", "kind", "difficulty", "cases", "asks")
        for each in catalogue.values():
            table.add_row(str(each.number), each.name, each.kind, each.difficulty, str(len(each.cases)), each.summary)
    else:
        table = Table("case", "branch", "parameters")
        for case in catalogue.family(family).cases:
            table.add_row(case.id, case.branch, ", ".join(f"{name}={value}" for name, value in case.params.items()))
    output.print(table)


@app.command()
def show(
    case: Annotated[str, typer.Argument(help="A case's id, as in latest_magnesium/07.")],
    env: Annotated[str, typer.Option(help="The environment that plays it.")] = DEFAULT_ENV,
) -> None:
    """Show a case as an agent is given it."""
    made = make(env)
    observation, info = made.reset(options={"case": case})
    current = unwrapped(made).episode.case
    output.print(observation["text"], markup=False, soft_wrap=True)
    branch = current.branch if current is not None else "–"
    output.rule()
    output.print(f"{info['case']} · {info['kind']} · {info['difficulty']} · branch {branch}")


@app.command()
def freeze(
    family: Annotated[str, typer.Argument(help="The family whose cases.jsonl is to be written anew.")],
    folder: Folder = None,
    count: Annotated[int, typer.Option(help="How many cases.")] = CASES_A_FAMILY,
    seed: Annotated[int, typer.Option(help="Equal seeds freeze equal cases.")] = FREEZING_SEED,
    env: Annotated[str, typer.Option(help="The environment on whose chart they are drawn.")] = DEFAULT_ENV,
) -> None:
    """Draw a family's canonical cases and write them into its folder (for authors of families)."""
    from mab_gym.content import bundled_folder  # noqa: PLC0415

    place = (folder or bundled_folder("tasks")) / family
    if not place.is_dir():
        raise UsageError(f"there is no family folder {place}")
    chart = unwrapped(make(env)).workplace.chart
    drawn = load_catalogue(folder).family(family).draw_cases(chart, seed, count)
    text = "".join(case.to_json() + "\n" for case in drawn)
    (place / "cases.jsonl").write_text(text, encoding="utf-8", newline="\n")
    output.print(f"{len(drawn)} cases written to {place / 'cases.jsonl'}", markup=False, soft_wrap=True)
