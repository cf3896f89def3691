"""``mab-gym regrade`` and ``mab-gym export``: work on the stored episodes of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mab_gym import __version__
from mab_gym.cli import _options as o
from mab_gym.cli._console import counting, errors, output
from mab_gym.cli._environment import build_cohort
from mab_gym.cli._output import present
from mab_gym.errors import UsageError
from mab_gym.runs._evaluation import Plan, prepare, whole_records
from mab_gym.runs._fine_tuning import WHICH, chosen, write_chats
from mab_gym.runs._records import EpisodeRecord, read_about, read_records, record_from
from mab_gym.runs._regrade import regrade as regrade_run

Run = Annotated[Path, typer.Argument(help="The folder of a run, as `mab-gym eval` makes it.")]


def regrade(run: Run, as_json: o.Json = False) -> None:
    """Judge a run's stored episodes again, by playing their actions, and list the verdicts that have changed."""
    about = read_about(run)
    if about is not None and isinstance(name := about.get("file") or about.get("env"), str):
        build_cohort(Plan(env=name))
    results = regrade_run(run)
    total = sum(1 for _ in read_records(run))
    changed: list[dict[str, Any]] = []
    lines: list[str] = []
    regraded = otherwise = 0
    with counting(f"regrading {total} episodes of {run.name}", total) as advance:
        for found in results:
            regraded += 1
            otherwise += not found.replied_alike
            if found.changed:
                record = found.record
                stored = {"case": record.case, "seed": record.seed, "repeat": record.repeat}
                changed.append({**stored, "then": record.verdict, "now": found.verdict})
                lines.append(f"{record.case} (seed {record.seed}, try {record.repeat + 1}): {found.change}")
            advance()
    then = (about or {}).get("mab_gym")
    lines.append(f"{len(changed)} of {regraded} verdicts changed (mab_gym {then} then, {__version__} now)")
    if otherwise:
        lines.append(f"in {otherwise} episodes the record system answered an action with another HTTP status than then")
    if total > regraded:
        lines.append(f"{total - regraded} episodes do not count and have no verdict")
    present(
        as_json=as_json,
        lines=lines,
        changed=changed,
        regraded=regraded,
        answered_otherwise=otherwise,
        not_counted=total - regraded,
        mab_gym={"then": then, "now": __version__},
    )
    if changed:
        raise typer.Exit(1)


def _whole(run: Path) -> Iterator[EpisodeRecord]:
    return map(record_from, read_records(run))


def export(
    run: Annotated[Path | None, typer.Argument(help="The folder of a run, as `mab-gym eval` makes it.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write, one chat per line.")] = None,
    minari: Annotated[str | None, typer.Option(help="A Minari dataset to write instead, as in lab/name-v0.")] = None,
    which: Annotated[str, typer.Option(help=f"The episodes: {' or '.join(WHICH)}.")] = WHICH[0],
    oracle: Annotated[bool, typer.Option("--oracle", help="Export gold solutions of --env instead of a run.")] = False,
    env: Annotated[str | None, typer.Option(help="With --oracle: an environment's id or file.")] = None,
    limit: Annotated[int | None, typer.Option(help="With --oracle: the greatest number of episodes.")] = None,
    seed: Annotated[int, typer.Option(help="With --oracle: the seed of the first episode.")] = 0,
) -> None:
    """Write episodes as chats for fine-tuning, {"messages": [...], "metadata": {...}}, or as a Minari dataset."""
    if (out is None) == (minari is None):
        raise UsageError("name a file by --out, or a dataset by --minari")
    if oracle == (run is not None):
        raise UsageError("name a run's folder, or --oracle and --env")
    if run is not None:
        records: Iterator[EpisodeRecord] = _whole(run)
    elif env is None:
        raise UsageError("--oracle needs --env, as in --env MedAgentBench-Train-v0")
    else:
        records = _gold(env, limit, seed)
    if out is not None:
        count = write_chats(chosen(records, which), out)
        output.print(f"{count} chats in {out}", markup=False, soft_wrap=True)
    else:
        count = _write_minari(records, str(minari), which)
    if not count:
        errors.print("there was nothing to write: no such episode has messages")
        raise typer.Exit(1)


def _write_minari(records: Iterator[EpisodeRecord], dataset_id: str, which: str) -> int:
    from mab_gym.integrations.minari import write_dataset  # noqa: PLC0415  (optional)

    dataset = write_dataset(records, dataset_id, which)
    count = 0 if dataset is None else int(dataset.total_episodes)
    where = "" if dataset is None else f", at {dataset.storage.data_path.parent}"
    output.print(f"{count} episodes in {dataset_id}{where}", markup=False, soft_wrap=True)
    return count


def _gold(env: str, limit: int | None, seed: int) -> Iterator[EpisodeRecord]:
    """Yields the oracle's episodes, and shows the progress."""
    plan = Plan(env=env, limit=limit, seed=seed)
    build_cohort(plan)
    run = prepare(plan)
    with counting(f"the oracle plays {run.scenario.environment.id}", len(run.todo)) as advance:
        for record in whole_records(run):
            yield record
            advance()
