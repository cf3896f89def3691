"""``mab-gym export``: writes episodes for fine-tuning, and cases as tasks for Harbor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mab_gym.cli import _options as o
from mab_gym.cli._console import counting, errors, output
from mab_gym.cli._environment import build_cohort
from mab_gym.envs._make import DEFAULT_ENV
from mab_gym.errors import UsageError
from mab_gym.runs._evaluation import Plan, whole_records
from mab_gym.runs._fine_tuning import WHICH, chosen, gold_run, write_chats
from mab_gym.runs._records import EpisodeRecord, read_records, record_from

_HARBOR = "Tasks for Harbor"


def export(
    run: Annotated[Path | None, typer.Argument(help="The folder of a run, as `mab-gym eval` makes it.")] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="The file to write, one chat per line.")] = None,
    minari: Annotated[str | None, typer.Option(help="A Minari dataset to write instead, as in lab/name-v0.")] = None,
    which: Annotated[str, typer.Option(help=f"The episodes: {' or '.join(WHICH)}.")] = WHICH[0],
    oracle: Annotated[bool, typer.Option("--oracle", help="Export gold solutions of --env instead of a run.")] = False,
    thoughts: Annotated[
        bool,
        typer.Option("--thoughts", help="With --out: the agent's thoughts before each action, as <think>…</think>."),
    ] = False,
    harbor: Annotated[
        Path | None,
        typer.Option(help="A new folder for Harbor tasks, one for each case.", rich_help_panel=_HARBOR),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(help="The name of their images, as in ghcr.io/lab/mab-gym.", rich_help_panel=_HARBOR),
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(help="With --oracle or --harbor: an environment's id or file.", rich_help_panel="Cases"),
    ] = None,
    split: o.Split = None,
    family: o.Family = None,
    difficulty: o.Difficulty = None,
    variant: o.Variant = None,
    limit: o.Limit = None,
    seed: o.Seed = None,
    max_steps: o.MaxSteps = None,
) -> None:
    """Write episodes as chats for fine-tuning or as a Minari dataset, or cases as tasks for Harbor."""
    if sum(target is not None for target in (out, minari, harbor)) != 1:
        raise UsageError("name a file by --out, a dataset by --minari, or a folder by --harbor")
    if thoughts and out is None:
        raise UsageError("--thoughts goes with --out")
    if image is not None and harbor is None:
        raise UsageError("--image goes with --harbor")
    cases: dict[str, Any] = {
        "split": split,
        "family": family,
        "difficulty": difficulty,
        "variant": variant,
        "limit": limit,
        "seed": seed or 0,
    }
    if harbor is not None:
        if oracle or run is not None:
            raise UsageError("--harbor writes cases of --env; it takes neither a run nor --oracle")
        _write_tasks(harbor, image, env or DEFAULT_ENV, {**cases, "max_steps": max_steps})
        return
    if oracle == (run is not None):
        raise UsageError("name a run's folder, or --oracle and --env")
    if run is not None:
        records: Iterator[EpisodeRecord] = map(record_from, read_records(run))
    elif env is None:
        raise UsageError("--oracle needs --env, as in --env MedAgentBench-Train-v0")
    else:
        rules = {} if max_steps is None else {"max_steps": max_steps}
        records = _gold(Plan(env=env, overrides=rules, **cases), thoughts)
    if out is not None:
        count = write_chats(chosen(records, which, thoughts), out)
        output.print(f"{count} chats in {out}", markup=False, soft_wrap=True)
    else:
        count = _write_minari(records, str(minari), which)
    if not count:
        errors.print("there was nothing to write: no such episode has messages")
        raise typer.Exit(1)


def _write_tasks(folder: Path, image: str | None, env: str, cases: dict[str, Any]) -> None:
    from mab_gym.integrations.harbor import write_tasks  # noqa: PLC0415  (imports the server)

    build_cohort(Plan(env=env, split=cases["split"]))
    named: dict[str, Any] = {} if image is None else {"image": image}
    with counting(f"writing Harbor tasks of {env}", cases["limit"] or 300) as advance:
        count = write_tasks(folder, env, **cases, **named, advance=advance)
    output.print(
        f"{count} tasks in {folder}; build their images: {folder}/image/build.sh", markup=False, soft_wrap=True
    )


def _write_minari(records: Iterator[EpisodeRecord], dataset_id: str, which: str) -> int:
    from mab_gym.integrations.minari import write_dataset  # noqa: PLC0415  (optional)

    dataset = write_dataset(records, dataset_id, which)
    count = 0 if dataset is None else int(dataset.total_episodes)
    where = "" if dataset is None else f", at {dataset.storage.data_path.parent}"
    output.print(f"{count} episodes in {dataset_id}{where}", markup=False, soft_wrap=True)
    return count


def _gold(plan: Plan, thoughts: bool) -> Iterator[EpisodeRecord]:
    """Yields the oracle's episodes, and shows the progress."""
    build_cohort(plan)
    run = gold_run(plan, thoughts)
    with counting(f"the oracle plays {run.scenario.environment.id}", len(run.todo)) as advance:
        for record in whole_records(run):
            yield record
            advance()
