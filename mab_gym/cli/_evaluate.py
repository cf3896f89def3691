"""``mab-gym eval``: plays an environment with an agent and writes a record an episode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mab_gym.cli._console import output
from mab_gym.cli._options import Plan, with_plan
from mab_gym.cli._playing import Played, Run, at_once, exit_if_spoiled, play_into, prepare
from mab_gym.cli._running import show_estimates
from mab_gym.cli._scores import score_table

__all__ = ["at_once", "conclude", "evaluate"]


@with_plan
def evaluate(
    out: Annotated[Path, typer.Option(help="The folder for the records. An interrupted run in it goes on.")],
    plan: Plan,
) -> None:
    """Play an environment and write one JSON line an episode, as it ends. The same command goes on after a crash."""
    run = prepare(plan)
    conclude(run, play_into(run, out))


def conclude(run: Run, played: Played) -> None:
    """Prints what a run came to.

    Raises:
        typer.Exit: Some episodes do not count; why was said.
    """
    plan, records = run.plan, played.tally.records
    title = f"{run.workplace.environment.id}: success rate in %"
    output.print(score_table(title, [(played.who, records, played.seconds)]))
    show_estimates(records, plan.repeat, plan.first_seed)
    if played.tally.spent is not None:
        output.print(played.tally.spent, markup=False, soft_wrap=True)
    output.print(f"records: {played.path}", markup=False, soft_wrap=True)
    exit_if_spoiled(records)
