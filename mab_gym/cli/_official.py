"""``mab-gym official``: what the official MedAgentBench measures and what has been published with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mab_gym.cli._console import counting, errors, output
from mab_gym.cli._environment import make
from mab_gym.episode import Ruleset
from mab_gym.errors import UsageError
from mab_gym.official._locate import FUNCTIONS_VARIABLE, TASKS_VARIABLE, OfficialFiles
from mab_gym.official._published import LATER, PAPER, PUBLISHED
from mab_gym.official._records import open_chart
from mab_gym.official._regrade import read_trajectories, trajectory_line
from mab_gym.official._regrade import regrade as regrade_all
from mab_gym.official._rules import OfficialRules
from mab_gym.official._synthetic_chart import stand_in, write_chart
from mab_gym.official._tasks import read_tasks
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment, assignments
from mab_gym.runs._rollout import play as play_one
from mab_gym.runs._scores import OFFICIAL_AGENTS, scores

app = typer.Typer(
    help="The official MedAgentBench: play it, grade it, see published results.",
    no_args_is_help=True,
    add_completion=False,
)

ENV = "mab_gym/MedAgentBench-Official-v0"
CHART = "chart.ndjson.gz"

Tasks = Annotated[Path, typer.Option(envvar=TASKS_VARIABLE, help="The official task file, test_data_v2.json.")]
Seed = Annotated[int, typer.Option(help="Which stand-in chart.")]


@app.command()
def chart(
    tasks: Tasks,
    out: Annotated[Path, typer.Option(help="The file to write; gzipped where its name ends in .gz.")],
    seed: Seed = 0,
) -> None:
    """Make a stand-in chart for the people whom the official tasks name: one FHIR resource a line."""
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
        str | None, typer.Option(help=f"Who plays: {', '.join(OFFICIAL_AGENTS)}. [default: all of them]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for trajectories, one file an agent.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many tasks, the categories in turn.")] = None,
    seed: Seed = 0,
) -> None:
    """Play the official tasks with reference agents, and show their scores beside the published ones."""
    if agent is not None and agent not in OFFICIAL_AGENTS:
        raise UsageError(f"there is no agent {agent!r} here; there are: {', '.join(OFFICIAL_AGENTS)}")
    names = list(OFFICIAL_AGENTS) if agent is None else [agent]
    named = OfficialFiles(chart=chart, server=server)
    server = None if chart is not None and server is None else named.address
    chart = None if server is not None and chart is None else named.chart_path
    made = make(ENV, tasks=tasks, functions=functions, chart=chart, chart_seed=seed, server=server)
    todo = _in_turn(assignments(unwrapped(made)), limit)
    if out is not None:
        _prepare(out, names, None if chart is not None or server is not None else (tasks, seed))
    rows = []
    for name in names:
        player = OFFICIAL_AGENTS[name](made, todo)
        records = []
        with counting(f"{player.name} plays {len(todo)} official tasks", len(todo)) as advance:
            for assignment in todo:
                records.append(play_one(made, player, assignment))
                if out is not None:
                    _keep(out / f"{name}.jsonl", unwrapped(made).episode.rules, records[-1])
                advance()
        rows.append((player.name, records))
    output.print(_table(rows))
    stand_in_chart = f"the stand-in chart of seed {seed}, which is not the official one"
    where = f"on {server or chart or stand_in_chart}"
    output.print(f"here: played {where}", markup=False, soft_wrap=True)
    _say_sources()
    if out is not None and server is not None:
        output.print(f"trajectories: {out}", markup=False, soft_wrap=True)
    elif out is not None:
        on = chart if chart is not None else out / CHART
        output.print(
            f"trajectories: {out}; check with: mab-gym official regrade --chart {on} --tasks {tasks} "
            f"{out / names[0]}.jsonl",
            markup=False,
            soft_wrap=True,
        )


def _in_turn(todo: list[Assignment], limit: int | None) -> list[Assignment]:
    """So many of all assignments, one of each category before the second of any; all in their order without a limit."""
    if limit is None:
        return todo
    if limit < 1:
        raise UsageError(f"a limit is a whole number from 1, not {limit}")
    places: dict[str, int] = {}
    turns = []
    for assignment in todo:
        category = str(assignment.case).partition("_")[0]
        places[category] = places.get(category, 0) + 1
        turns.append(places[category])
    chosen = sorted(range(len(todo)), key=lambda number: (turns[number], number))[:limit]
    return [todo[number] for number in sorted(chosen)]


def _prepare(out: Path, names: list[str], standing_in: tuple[Path, int] | None) -> None:
    """Makes the folder, and checks before anybody plays that nothing in it would be overwritten."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; name a folder")
    for name in (*(f"{name}.jsonl" for name in names), *([CHART] if standing_in else [])):
        if (out / name).exists():
            raise UsageError(f"{out} holds {name} already; name another folder (nothing was changed)")
    out.mkdir(parents=True, exist_ok=True)
    if standing_in is not None:
        tasks, seed = standing_in
        write_chart(stand_in(read_tasks(tasks).values(), seed), out / CHART)


def _keep(path: Path, rules: Ruleset, record: EpisodeRecord) -> None:
    """Adds an episode to its file, whole."""
    assert isinstance(rules, OfficialRules)
    line = trajectory_line(record.case, rules.conversation, bool(record.verdict["success"]))
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(line + "\n")


def _table(rows: list[tuple[str, list[EpisodeRecord]]]) -> Table:
    """Success rates in percent: who played here, then whatever is published."""
    table = _empty_table("MedAgentBench by the official grading: success rate in %, pass@1", "agent or model")
    for name, records in rows:
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
