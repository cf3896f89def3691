"""``mab-gym regrade`` and ``mab-gym export``: what can be done with the stored episodes of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import typer

from mab_gym import __version__
from mab_gym.agents._reference import Oracle
from mab_gym.backends._kinds import EMBEDDED
from mab_gym.cli._console import counting, errors, output
from mab_gym.cli._environment import make
from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._fine_tuning import WHICH, chosen, write_chats
from mab_gym.runs._records import EpisodeRecord, read_about, read_records, record_from
from mab_gym.runs._regrade import regrade as regrade_all
from mab_gym.runs._rollout import assignments, play_until_judged

Run = Annotated[Path, typer.Argument(help="The folder of a run, as `mab-gym eval` makes it.")]


def regrade(run: Run) -> None:
    """Judge a run's stored episodes anew, by playing their actions again, and say which verdicts have changed."""
    about = read_about(run)
    if about is None:
        raise UsageError(f"{run} holds no run (there is no run.json in it)")
    env = _environment(run, about)
    scenario = unwrapped(env).scenario
    then, now = str(about.get("archive")), scenario.backend.digest
    if then != now:
        raise UsageError(
            f"{run} was played on other records (digest {then[:12]}…, here {now[:12]}…): a verdict would mean nothing"
        )
    options = {"variant": about.get("variant")}
    if not scenario.tasks.cases:
        options |= {"family": about.get("family"), "difficulty": about.get("difficulty")}
    total = sum(1 for _ in read_records(run))
    regraded = changed = otherwise = 0
    with counting(f"regrading {total} episodes of {run}", total) as advance:
        for found in regrade_all(env, _whole(run), options):
            regraded += 1
            otherwise += not found.replied_alike
            if found.changed:
                changed += 1
                record = found.record
                at = f"{record.case} (seed {record.seed}, try {record.repeat + 1})"
                output.print(f"{at}: {found.change}", markup=False, soft_wrap=True)
            advance()
    output.print(f"{changed} of {regraded} verdicts changed (mab_gym {about.get('mab_gym')} then, {__version__} now)")
    if otherwise:
        output.print(f"in {otherwise} episodes the record system answered an action with another HTTP status than then")
    if total > regraded:
        output.print(f"{total - regraded} episodes do not count and have no verdict")
    if changed:
        raise typer.Exit(1)


def _environment(run: Path, about: dict[str, Any]) -> gymnasium.Env[Any, str]:
    name = about.get("file") or about.get("env")
    if not isinstance(name, str):
        raise UsageError(f"{run} does not say which environment was played")
    rules = {"max_steps": about["max_steps"]} if isinstance(about.get("max_steps"), int) else {}
    return make(name, backend=EMBEDDED, **rules)


def _whole(run: Path) -> Iterator[EpisodeRecord]:
    return map(record_from, read_records(run))


def export(
    run: Annotated[Path | None, typer.Argument(help="The folder of a run, as `mab-gym eval` makes it.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write: one chat a line.")] = None,
    minari: Annotated[str | None, typer.Option(help="A Minari dataset to write instead, as in lab/name-v0.")] = None,
    which: Annotated[str, typer.Option(help=f"Which episodes: {' or '.join(WHICH)}.")] = WHICH[0],
    oracle: Annotated[bool, typer.Option("--oracle", help="Gold solutions of --env instead of a run.")] = False,
    env: Annotated[str | None, typer.Option(help="With --oracle: an environment's id or file.")] = None,
    limit: Annotated[int | None, typer.Option(help="With --oracle: at most so many.")] = None,
    seed: Annotated[int, typer.Option(help="With --oracle: the first episode's seed.")] = 0,
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
        records = _gold(make(env), limit, seed)
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


def _gold(env: gymnasium.Env[Any, str], limit: int | None, seed: int) -> Iterator[EpisodeRecord]:
    scenario = unwrapped(env).scenario
    run = {"mab_gym": __version__, "archive": scenario.backend.digest}
    todo = assignments(unwrapped(env), limit=limit, seed=seed)
    with counting(f"the oracle plays {scenario.environment.id}", len(todo)) as advance:
        for assignment in todo:
            yield replace(play_until_judged(env, Oracle(), assignment), run=run)
            advance()
