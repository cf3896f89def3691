"""``mab-gym eval`` and ``mab-gym rollout``: play an environment with an agent and write a record per episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from typer.core import TyperCommand

from mab_gym.agents._endpoint import ATTEMPTS, PAUSE, TIMEOUT
from mab_gym.cli import _options as o
from mab_gym.cli._console import errors, output
from mab_gym.cli._environment import build_cohort
from mab_gym.cli._output import write_json
from mab_gym.cli._running import ConsoleWatcher
from mab_gym.cli._scores import estimates, failure_table, score_table
from mab_gym.envs._make import DEFAULT_ENV
from mab_gym.errors import UsageError
from mab_gym.runs._evaluation import play_run, prepare
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import RETRIES
from mab_gym.runs._summary import SUMMARY

_RAY = "A Ray cluster"


class Command(TyperCommand):
    """Accepts ``--ray`` with or without an address, which an option of typer cannot."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parses the arguments; ``--ray`` without an address stands for a temporary cluster."""
        if "--ray" in args:
            from mab_gym.integrations.ray import LOCAL  # noqa: PLC0415  (optional)

            args = [
                f"--ray={LOCAL}" if arg == "--ray" and (following is None or following.startswith("-")) else arg
                for arg, following in zip(args, [*args[1:], None], strict=True)
            ]
        return super().parse_args(ctx, args)


def evaluate(
    ctx: typer.Context,
    *,
    out: o.Out,
    env: o.Env = DEFAULT_ENV,
    split: o.Split = None,
    family: o.Family = None,
    difficulty: o.Difficulty = None,
    variant: o.Variant = None,
    limit: o.Limit = None,
    repeat: o.Repeat = 1,
    seed: o.Seed = None,
    max_steps: o.MaxSteps = None,
    max_obs_chars: o.MaxObsChars = None,
    agent: o.Agent = None,
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    key_env: o.KeyEnv = o.KEY_ENV,
    form: o.Form = o.FORM,
    reading: o.Reading = None,
    api: o.Api = o.API,
    temperature: o.Temperature = None,
    settings: o.Settings = None,
    attempts: o.Attempts = ATTEMPTS,
    pause: o.Pause = PAUSE,
    timeout: o.Timeout = TIMEOUT,
    price_in: o.PriceIn = None,
    price_out: o.PriceOut = None,
    concurrency: o.Concurrency = 1,
    retries: o.Retries = RETRIES,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS]",
            help="Play on a Ray cluster: HOST:PORT of its head, auto for the one that runs here, or without an address "
            "a temporary one on this computer.",
            rich_help_panel=_RAY,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Worker processes; with --concurrency N each plays N episodes at once. (default: one per CPU)",
            min=1,
            rich_help_panel=_RAY,
        ),
    ] = None,
    send_env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="An environment variable that your own agent needs on the nodes; may be repeated. A model's key is "
            "always sent.",
            rich_help_panel=_RAY,
        ),
    ] = None,
    as_json: o.Json = False,
) -> None:
    """Play an environment and write one JSON line as each episode ends. The same command goes on after a crash."""
    plan = o.plan_of(ctx.params)
    if ray is None and (workers is not None or send_env):
        raise UsageError(
            "--workers and --send-env go with --ray; in this process --concurrency plays several episodes at once"
        )
    build_cohort(plan)
    if ray is None:
        played = play_run(prepare(plan), out, watcher=ConsoleWatcher())
    else:
        from mab_gym.integrations.ray import evaluate_on_ray  # noqa: PLC0415  (optional)

        played = evaluate_on_ray(plan, out, ray, workers=workers, send_env=send_env or (), watcher=ConsoleWatcher())
    records, summary = played.records, played.summary
    if as_json:
        write_json({**summary, "records": played.path})
    else:
        output.print(score_table(f"{played.env}: success rate in %", [(played.agent, records, played.seconds)]))
        if summary["failures"]:
            output.print(failure_table(summary))
        for line in estimates(summary):
            output.print(line, markup=False)
        if played.progress.spent is not None:
            output.print(played.progress.spent, markup=False, soft_wrap=True)
        output.print(f"records: {played.path}", markup=False, soft_wrap=True)
        output.print(f"summary: {out / SUMMARY}", markup=False, soft_wrap=True)
    for warning in summary["warnings"]:
        errors.print(f"warning: {warning}", markup=False, soft_wrap=True)
    exit_if_spoiled(records)


def exit_if_spoiled(records: Sequence[EpisodeRecord]) -> None:
    """Prints how many episodes do not count, and why.

    Raises:
        typer.Exit: Some episodes do not count.
    """
    spoiled = [record.infrastructure_error for record in records if record.infrastructure_error is not None]
    failed = [record.agent_error for record in records if record.agent_error is not None]
    for what, faults in (("the record system failed", spoiled), ("the agent's endpoint or code failed", failed)):
        if faults:
            errors.print(
                f"{len(faults)} of {len(records)} episodes do not count, because {what}: {faults[0]}; "
                "the same command plays them again",
                markup=False,
                soft_wrap=True,
            )
    if spoiled or failed:
        raise typer.Exit(1)
