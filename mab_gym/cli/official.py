"""``mab-gym official``: what the official MedAgentBench measures and what has been published with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mab_gym.cli.console import counting, output
from mab_gym.official.published import LATER, PAPER, PUBLISHED
from mab_gym.official.regrade import open_chart, read_trajectories
from mab_gym.official.regrade import regrade as regrade_all
from mab_gym.official.tasks import read_tasks

app = typer.Typer(help="The official MedAgentBench's grading, and published results.", no_args_is_help=True)


@app.command()
def regrade(
    trajectories: Annotated[Path, typer.Argument(help="Recorded episodes, one JSON object a line, or gzipped.")],
    chart: Annotated[Path, typer.Option(help="The chart they were judged on: one FHIR resource a line, or gzipped.")],
    tasks: Annotated[Path, typer.Option(help="The official task file, test_data_v2.json.")],
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
    table = Table(title="MedAgentBench, published: success rate in %, pass@1", title_justify="left")
    table.add_column("model", no_wrap=True)
    for heading in ("overall", "query", "action", "of 300"):
        table.add_column(heading, justify="right")
    table.add_column("reported")
    for result in PUBLISHED:
        rates = ["–" if rate is None else f"{rate:.2f}" for rate in (result.overall, result.query, result.action)]
        correct = "–" if result.correct is None else str(result.correct)
        table.add_row(result.model, *rates, correct, "self-reported" if result.self_reported else "in the paper")
    output.print(table)
    output.print(f"in the paper: {PAPER}", markup=False, soft_wrap=True)
    output.print(f"self-reported: {LATER}", markup=False, soft_wrap=True)
    output.print("–: not published, or not known to this package")
