"""``mab-gym ablate``: varies one parameter and shows the settings side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mab_gym import _tables as t
from mab_gym.agents._endpoint import ATTEMPTS, PAUSE, TIMEOUT
from mab_gym.cli import _options as o
from mab_gym.cli._console import errors
from mab_gym.cli._environment import build_cohort
from mab_gym.cli._evaluate import exit_if_spoiled
from mab_gym.cli._output import present
from mab_gym.cli._running import ConsoleWatcher
from mab_gym.envs._make import DEFAULT_ENV
from mab_gym.errors import NotInstalledError
from mab_gym.report._plots import plot_ablation
from mab_gym.runs import _ablate as library
from mab_gym.runs._ablation import DIMENSIONS, SERIES, Difference, Dimension, Figures
from mab_gym.runs._rollout import RETRIES


def ablate(
    ctx: typer.Context,
    vary: Annotated[str, typer.Argument(metavar="WHAT", help=f"The parameter to vary: {', '.join(DIMENSIONS)}.")],
    values: Annotated[
        str | None,
        typer.Argument(
            metavar="VALUES",
            help="The settings, separated by commas, as in 2,4,8 (steps) or 1000,4000,none (observation-length). "
            "(default: all of difficulty, knowledge and protocol; usual ones of horizon and notes)",
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
    as_json: o.Json = False,
) -> None:
    """Play the same cases in several settings; print a table, write figures and a plot. The same command goes on."""
    plan = o.plan_of(ctx.params)
    build_cohort(plan)
    found = library.ablate(vary, values, out=out, plan=plan, watcher=ConsoleWatcher())
    title = f"{found.agent}, {found.env}: success rate in % by {found.varied.name}"
    lines = _explained(found.varied, found.reference)
    for folder, each in found.runs.items():
        if each.progress.spent is not None:
            lines.append(f"spent on {folder}: {each.progress.spent}")
    files = [*found.files]
    try:
        files += plot_ablation(found.varied, found.figures, out)
    except NotInstalledError as missing:
        errors.print(f"there is no plot: {missing}", markup=False, soft_wrap=True)
    present(
        _table(title, found.varied, found.figures, found.reference),
        as_json=as_json,
        lines=[*lines, f"figures: {', '.join(map(str, files))}"],
        env=found.env,
        agent=found.agent,
        dimension=found.varied.name,
        reference=found.reference,
        paired=found.varied.paired,
        files=files,
    )
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


def _table(title: str, varied: Dimension, found: Sequence[Figures], reference: str) -> t.Table:
    def shown(name: str) -> str:
        return "no limit" if varied.is_without_limit(name) else name

    told = any(each.tokens_in is not None for each in found)
    cost = any(each.cost is not None for each in found)
    columns = [
        t.Column(varied.name.replace("-", "\n"), "setting", t.Kind(shown, right=False)),
        *(t.Column(name, name, t.ESTIMATE) for name in SERIES),
        t.Column(f"vs {reference}", "difference", t.Kind(_difference)),
        t.Column("unsafe", "unsafe", t.PERCENT),
        t.Column("episodes", "counted", t.COUNT),
        t.Column("spoiled", "spoiled", t.COUNT),
        t.Column("actions", "steps", t.TWO),
        *((t.Column("tokens in", "tokens_in", _TOKENS), t.Column("out", "tokens_out", _TOKENS)) if told else ()),
        *((t.Column("cost", "cost", t.FOUR),) if cost else ()),
    ]
    rows = []
    for each in found:
        row = [each.setting, *(each.rates[name] for name in SERIES), each.difference, each.unsafe]
        row += [each.counted, each.episodes - each.counted, each.steps]
        row += [each.tokens_in, each.tokens_out] if told else []
        rows.append([*row, each.cost] if cost else row)
    return t.Table("figures", title, columns, rows)


_TOKENS = t.Kind("{:,.0f}".format)


def _difference(found: Difference) -> str:
    return f"{100 * found.value:+.1f}\n{100 * found.low:+.1f} to {100 * found.high:+.1f}"
