"""``mab-gym eval``: plays an environment with an agent and writes a record an episode."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from mab_gym import __version__
from mab_gym.cli.console import counting, errors, output, score_table
from mab_gym.cli.environment import DEFAULT_ENV, make
from mab_gym.errors import UsageError
from mab_gym.evaluate import AGENTS
from mab_gym.records import RunFolder, read_records
from mab_gym.rollout import RETRIES, assignments, play_until_judged, unwrapped
from mab_gym.tasking.variants import VARIANTS, read_variants


def evaluate(
    out: Annotated[Path, typer.Option(help="The folder for the records; it must not hold a run yet.")],
    env: Annotated[str, typer.Option(help="An environment's id or file.")] = DEFAULT_ENV,
    agent: Annotated[str, typer.Option(help=f"Who plays: {', '.join(AGENTS)}.")] = "oracle",
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    difficulty: Annotated[str | None, typer.Option(help="Only this difficulty.")] = None,
    variant: Annotated[str | None, typer.Option(help=f"One or more of {', '.join(VARIANTS)}, joined by +.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many episodes.")] = None,
    seed: Annotated[int, typer.Option(help="The first episode's seed.")] = 0,
    max_steps: Annotated[int | None, typer.Option(help="Actions after which an episode is truncated.")] = None,
    retries: Annotated[
        int, typer.Option(help="How often an episode is played again that the record system spoils.", min=0)
    ] = RETRIES,
) -> None:
    """Play an environment and write one JSON line an episode, as it ends."""
    if agent not in AGENTS:
        raise UsageError(f"there is no agent {agent!r}; there are: {', '.join(AGENTS)}")
    made = make(env, **({} if max_steps is None else {"max_steps": max_steps}))
    workplace = unwrapped(made).workplace
    todo = assignments(unwrapped(made), family=family, difficulty=difficulty, limit=limit, seed=seed)
    options = {} if workplace.tasks.cases else {"family": family, "difficulty": difficulty}
    options["variant"] = "+".join(read_variants(variant)) or None
    player = AGENTS[agent](made)
    about = {
        "mab_gym": __version__,
        "env": workplace.environment.id,
        "agent": player.name,
        "protocol": workplace.environment.protocol,
        "max_steps": workplace.environment.max_steps,
        "variant": options["variant"],
        "archive": workplace.backend.digest,
        "seed": seed,
        "episodes": len(todo),
    }
    records = []
    begun = time.perf_counter()
    with (
        RunFolder(out, about) as folder,
        counting(f"{player.name} plays {workplace.environment.id}", len(todo)) as advance,
    ):
        try:
            for assignment in todo:
                records.append(play_until_judged(made, player, assignment, options, retries))
                folder.add(records[-1])
                advance()
        except KeyboardInterrupt:
            # The last episode may have been kept and not counted, or the other way round: the file knows.
            kept = sum(1 for _ in read_records(out))
            errors.print(f"stopped after {kept} of {len(todo)} episodes; their records are in {folder.path}")
            raise typer.Exit(130) from None
    output.print(
        score_table(
            f"{workplace.environment.id}: success rate in %", [(player.name, records, time.perf_counter() - begun)]
        )
    )
    output.print(f"records: {folder.path}", markup=False, soft_wrap=True)
    spoiled = [record for record in records if record.infrastructure_error is not None]
    if spoiled:
        errors.print(
            f"{len(spoiled)} of {len(records)} episodes do not count, because the record system failed: "
            f"{spoiled[0].infrastructure_error}",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(1)
