"""``mab-gym official``: the official MedAgentBench, to play, to grade, and with its published results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mab_gym import _tables as t
from mab_gym.cli import _options as o
from mab_gym.cli._console import counting, errors, output
from mab_gym.cli._output import present
from mab_gym.official._locate import FUNCTIONS_VARIABLE, TASKS_VARIABLE
from mab_gym.official._published import LATER, PAPER, PUBLISHED, TASKS
from mab_gym.official._records import open_chart
from mab_gym.official._regrade import read_trajectories
from mab_gym.official._regrade import regrade as regrade_all
from mab_gym.official._synthetic_chart import stand_in, write_chart
from mab_gym.official._tasks import read_tasks
from mab_gym.runs._official import CHART, play_official
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._scores import OFFICIAL_AGENTS, Score, scores

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
    as_json: o.Json = False,
) -> None:
    """Play the official tasks with reference agents, and show their scores beside the published ones."""
    names = list(OFFICIAL_AGENTS) if agent is None else [agent]
    played = play_official(
        tasks, functions, names, chart=chart, server=server, out=out, limit=limit, seed=seed, counting=counting
    )
    stand_in_chart = f"the stand-in chart of seed {seed}, which is not the official one"
    where = str(played.server or played.chart or stand_in_chart)
    lines = [f"here: played on {where}", *_SOURCES]
    if out is not None and played.server is not None:
        lines.append(f"trajectories: {out}")
    elif out is not None:
        on = played.chart or out / CHART
        check = f"mab-gym official regrade --chart {on} --tasks {tasks} {out / names[0]}.jsonl"
        lines.append(f"trajectories: {out}; check with: {check}")
    title = "MedAgentBench by the official grading: success rate in %, pass@1"
    rows = [*_played(played.records), *_PUBLISHED]
    results = t.Table("results", title, _columns("agent or model"), rows)
    present(results, as_json=as_json, lines=lines, played_on=where, trajectories=out)


def _played(played: Mapping[str, Sequence[EpisodeRecord]]) -> Iterator[tuple[Any, ...]]:
    """Yields a row for each agent that played here."""
    for name, records in played.items():
        by_group = scores(records)
        rates = (by_group[group].rate for group in ("overall", "query", "action"))
        yield name, *rates, by_group["overall"], "here"


@app.command()
def regrade(
    trajectories: Annotated[Path, typer.Argument(help="Recorded episodes, one JSON object a line, or gzipped.")],
    chart: Annotated[Path, typer.Option(help="The chart they were judged on: one FHIR resource a line, or gzipped.")],
    tasks: Tasks,
    as_json: o.Json = False,
) -> None:
    """Play recorded official episodes again, grade them, and say where the grades differ from the recorded ones."""
    known = read_tasks(tasks)
    recorded = read_trajectories(trajectories, known)
    backend = open_chart(chart)
    with counting(f"regrading {trajectories.name}", len(recorded)) as advance:
        comparisons = regrade_all(backend, known, recorded, advance)
    apart = [comparison for comparison in comparisons if not comparison.agrees]
    agree = len(comparisons) - len(apart)
    lines = [f"agree {agree} of {len(comparisons)}"]
    found = []
    for each in apart:
        at = each.trajectory
        found.append({"task": at.task, "line": at.line, "differences": each.differences})
        lines.append(f"{at.task} (line {at.line}): {'; '.join(each.differences)}")
    present(as_json=as_json, lines=lines, agree=agree, graded=len(comparisons), apart=found)
    if apart:
        raise typer.Exit(1)


@app.command()
def published(as_json: o.Json = False) -> None:
    """Show published success rates in percent (pass@1), those of the paper and later ones."""
    title = "MedAgentBench, published: success rate in %, pass@1"
    present(t.Table("results", title, _columns("model"), _PUBLISHED), as_json=as_json, lines=_SOURCES)


_SCORE = t.Kind(lambda score: f"{score.solved}/{score.played}")
_RATE = t.Kind(lambda share: f"{100 * share:.2f}")
_SOURCES = (
    f"in the paper: {PAPER}",
    f"self-reported: {LATER}",
    "–: not published, or not known to this package",
)


def _columns(who: str) -> list[t.Column]:
    rates = (t.Column(heading, heading, _RATE) for heading in ("overall", "query", "action"))
    return [t.Column(who, "name"), *rates, t.Column("solved", "score", _SCORE), t.Column("reported", "reported")]


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


_PUBLISHED = [
    (
        result.model,
        *map(_share, (result.overall, result.query, result.action)),
        None if result.correct is None else Score(result.correct, TASKS),
        "self-reported" if result.self_reported else "in the paper",
    )
    for result in PUBLISHED
]
