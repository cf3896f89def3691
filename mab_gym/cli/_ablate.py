"""``mab-gym ablate``: varies one parameter and shows the settings side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from mab_gym.agents._endpoint import ATTEMPTS, PAUSE, TIMEOUT
from mab_gym.cli import _options as o
from mab_gym.cli._console import errors, output
from mab_gym.cli._environment import build_cohort
from mab_gym.cli._evaluate import exit_if_spoiled
from mab_gym.cli._running import ConsoleWatcher
from mab_gym.envs._make import DEFAULT_ENV
from mab_gym.errors import NotInstalledError
from mab_gym.report._plots import plot_ablation
from mab_gym.runs import _ablate as library
from mab_gym.runs._ablation import DIMENSIONS, SERIES, UNLIMITED, Difference, Dimension, Figures
from mab_gym.runs._rollout import RETRIES
from mab_gym.runs._statistics import Estimate


def ablate(
    ctx: typer.Context,
    vary: Annotated[str, typer.Argument(metavar="WHAT", help=f"The parameter to vary: {', '.join(DIMENSIONS)}.")],
    values: Annotated[
        str | None,
        typer.Argument(
            metavar="VALUES",
            help="The settings, separated by commas, as in 2,4,8 (steps) or 1000,4000,none (observation-length). "
            "(default: all of difficulty and protocol)",
        ),
    ] = None,
    *,
    out: Annotated[
        Path, typer.Option(help="The folder, with a run in it for each setting. An interrupted one goes on.")
    ],
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
) -> None:
    """Play the same cases in several settings; print a table, write figures and a plot. The same command goes on."""
    plan = o.plan_of(ctx.params)
    build_cohort(plan)
    found = library.ablate(vary, values, out=out, plan=plan, watcher=ConsoleWatcher())
    title = f"{found.agent}, {found.env}: success rate in % by {found.varied.name}"
    output.print(_table(title, found.varied, found.figures, found.reference))
    for line in _explained(found.varied, found.reference):
        output.print(line, markup=False, soft_wrap=True)
    for folder, each in found.runs.items():
        if each.progress.spent is not None:
            output.print(f"spent on {folder}: {each.progress.spent}", markup=False, soft_wrap=True)
    files = [*found.files]
    try:
        files += plot_ablation(found.varied, found.figures, out)
    except NotInstalledError as missing:
        errors.print(f"there is no plot: {missing}", markup=False, soft_wrap=True)
    output.print(f"figures: {', '.join(map(str, files))}", markup=False, soft_wrap=True)
    exit_if_spoiled(found.records)


def _explained(varied: Dimension, reference: str) -> list[str]:
    how = (
        "over the same cases (bootstrap over cases)"
        if varied.paired
        else "between different cases (Newcombe's interval of two independent shares)"
    )
    return [
        "below each rate: its 95 % interval (Wilson's over cases)",
        f"vs {reference}: difference in percentage points and its 95 % interval, {how}",
    ]


def _table(title: str, varied: Dimension, found: Sequence[Figures], reference: str) -> Table:
    told = any(each.tokens_in is not None for each in found)
    cost = any(each.cost is not None for each in found)
    # With tokens and costs the table fits into 120 characters only without padding.
    padding = (0, 0) if told else (0, 1)
    table = Table(title=title, title_justify="left", padding=padding, pad_edge=False, box=SIMPLE_HEAD)
    table.add_column(varied.name.replace("-", "\n"), no_wrap=True)
    columns = [*SERIES, f"vs {reference}", "unsafe", "episodes", "actions"]
    columns += ["tokens in", "out"] if told else []
    columns += ["cost"] if cost else []
    for heading in columns:
        table.add_column(heading, justify="right")
    for each in found:
        cells = [*(_rate(each.rates[name]) for name in SERIES), _difference(each.difference)]
        cells += [_number(None if each.unsafe is None else 100 * each.unsafe, ".1f")]
        spoiled = each.episodes - each.counted
        cells += [f"{each.counted}" + (f"\n+ {spoiled} spoiled" if spoiled else ""), _number(each.steps, ".2f")]
        cells += [_number(each.tokens_in, ",.0f"), _number(each.tokens_out, ",.0f")] if told else []
        cells += [_number(each.cost, ",.4f")] if cost else []
        table.add_row("no limit" if each.setting == UNLIMITED else each.setting, *cells)
    return table


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _rate(rate: Estimate | None) -> str:
    return "–" if rate is None else f"{100 * rate.value:.1f}\n{100 * rate.low:.1f}–{100 * rate.high:.1f}"


def _difference(found: Difference | None) -> str:
    if found is None:
        return ""
    return f"{100 * found.value:+.1f}\n{100 * found.low:+.1f} to {100 * found.high:+.1f}"
