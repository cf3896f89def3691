"""``mab-gym official``: the official MedAgentBench, to play, to grade, and with its published results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mab_gym.cli._console import counting, errors, output
from mab_gym.official._locate import FUNCTIONS_VARIABLE, TASKS_VARIABLE
from mab_gym.official._published import LATER, PAPER, PUBLISHED
from mab_gym.official._records import open_chart
from mab_gym.official._regrade import read_trajectories
from mab_gym.official._regrade import regrade as regrade_all
from mab_gym.official._synthetic_chart import stand_in, write_chart
from mab_gym.official._tasks import read_tasks
from mab_gym.runs._official import CHART, play_official
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._scores import OFFICIAL_AGENTS, scores

app = typer.Typer(
    help="The official MedAgentBench: play it, grade it, see published results.",
    no_args_is_help=True,
    add_completion=False,
)

Tasks = Annotated[Path, typer.Option(envvar=TASKS_VARIABLE, help="The official task file, test_data_v2.json.")]
Seed = Annotated[int, typer.Option(help="The seed of the stand-in chart.")]


@app.command()
def chart(
    tasks: Tasks,
    out: Annotated[Path, typer.Option(help="The file to write; gzipped if its name ends in .gz.")],
    seed: Seed = 0,
) -> None:
    """Make a stand-in chart for the people whom the official tasks name: one FHIR resource per line."""
    known = read_tasks(tasks)
    made = stand_in(known.values(), seed)
    for unread in made.unread:
        errors.print(f"{tasks}, {unread.task}: {unread.what}", markup=False, soft_wrap=True)
    count = write_chart(made, out)
    people = len(made.tables[0])
    output.print(f"{count:,} resources for {people} people in {out} (seed {seed})", markup=False, soft_wrap=True)


@app.command()
def play(
    tasks: Tasks,
    functions: Annotated[
        Path, typer.Option(envvar=FUNCTIONS_VARIABLE, help="The official function list, funcs_v1.json.")
    ],
    chart: Annotated[
        Path | None,
        typer.Option(help="The chart: FHIR resources, one a line, or an archive. [default: the stand-in chart]"),
    ] = None,
    server: Annotated[
        str | None, typer.Option(help="The base URL of a FHIR server with the official records, to be read from.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help=f"The agent: {', '.join(OFFICIAL_AGENTS)}. [default: all of them]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for trajectories, one file per agent.")] = None,
    limit: Annotated[int | None, typer.Option(help="The greatest number of tasks, the categories by turns.")] = None,
    seed: Seed = 0,
) -> None:
    """Play the official tasks with reference agents, and show their scores beside the published ones."""
    names = list(OFFICIAL_AGENTS) if agent is None else [agent]
    played = play_official(
        tasks, functions, names, chart=chart, server=server, out=out, limit=limit, seed=seed, counting=counting
    )
    output.print(_table(played.records))
    stand_in_chart = f"the stand-in chart of seed {seed}, which is not the official one"
    where = played.server or played.chart or stand_in_chart
    output.print(f"here: played on {where}", markup=False, soft_wrap=True)
    _say_sources()
    if out is not None and played.server is not None:
        output.print(f"trajectories: {out}", markup=False, soft_wrap=True)
    elif out is not None:
        on = played.chart or out / CHART
        output.print(
            f"trajectories: {out}; check with: mab-gym official regrade --chart {on} --tasks {tasks} "
            f"{out / names[0]}.jsonl",
            markup=False,
            soft_wrap=True,
        )


def _table(played: Mapping[str, Sequence[EpisodeRecord]]) -> Table:
    """Returns a table of success rates in percent: the agents that played here, then the published ones."""
    table = _empty_table("MedAgentBench by the official grading: success rate in %, pass@1", "agent or model")
    for name, records in played.items():
        by_group = scores(records)
        rates = (by_group[group].rate for group in ("overall", "query", "action"))
        solved = by_group["overall"]
        shown = ["–" if rate is None else f"{100 * rate:.2f}" for rate in rates]
        table.add_row(name, *shown, f"{solved.solved}/{solved.played}", "here")
    table.add_section()
    _add_published(table)
    return table


@app.command()
def regrade(
    trajectories: Annotated[Path, typer.Argument(help="Recorded episodes, one JSON object a line, or gzipped.")],
    chart: Annotated[Path, typer.Option(help="The chart they were judged on: one FHIR resource a line, or gzipped.")],
    tasks: Tasks,
) -> None:
    """Play recorded official episodes again, grade them, and say where the grades differ from the recorded ones."""
    known = read_tasks(tasks)
    recorded = read_trajectories(trajectories, known)
    backend = open_chart(chart)
    with counting(f"regrading {trajectories.name}", len(recorded)) as advance:
        comparisons = regrade_all(backend, known, recorded, advance)
    apart = [comparison for comparison in comparisons if not comparison.agrees]
    output.print(f"agree {len(comparisons) - len(apart)} of {len(comparisons)}")
    for comparison in apart:
        at = f"{comparison.trajectory.task} (line {comparison.trajectory.line})"
        output.print(f"{at}: {'; '.join(comparison.differences)}", markup=False, soft_wrap=True)
    if apart:
        raise typer.Exit(1)


@app.command()
def published() -> None:
    """Show published success rates in percent (pass@1), those of the paper and later ones."""
    table = _empty_table("MedAgentBench, published: success rate in %, pass@1", "model")
    _add_published(table)
    output.print(table)
    _say_sources()


def _empty_table(title: str, who: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(who, no_wrap=True)
    for heading in ("overall", "query", "action", "of 300"):
        table.add_column(heading, justify="right")
    table.add_column("reported")
    return table


def _add_published(table: Table) -> None:
    for result in PUBLISHED:
        rates = ["–" if rate is None else f"{rate:.2f}" for rate in (result.overall, result.query, result.action)]
        correct = "–" if result.correct is None else str(result.correct)
        table.add_row(result.model, *rates, correct, "self-reported" if result.self_reported else "in the paper")


def _say_sources() -> None:
    output.print(f"in the paper: {PAPER}", markup=False, soft_wrap=True)
    output.print(f"self-reported: {LATER}", markup=False, soft_wrap=True)
    output.print("–: not published, or not known to this package")
