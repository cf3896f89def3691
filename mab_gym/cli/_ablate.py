"""``mab-gym ablate``: varies one thing, plays each setting into a run folder of its own, and compares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from mab_gym.cli._ablation_files import Ablation
from mab_gym.cli._console import errors, output
from mab_gym.cli._environment import counterpart
from mab_gym.cli._options import Plan, with_plan
from mab_gym.cli._playing import Run, check_run, exit_if_spoiled, play_into, prepare, priced
from mab_gym.errors import MabGymError, NotInstalledError, UsageError
from mab_gym.report._plots import plot_ablation
from mab_gym.runs._ablation import DIMENSIONS, SERIES, UNLIMITED, Difference, Dimension, Figures, dimension, figures
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment
from mab_gym.runs._statistics import Estimate

_WHOLE = "all"
"""The folder of a run that is split and not played several times."""


@with_plan
def ablate(
    vary: Annotated[str, typer.Argument(metavar="WHAT", help=f"What to vary: {', '.join(DIMENSIONS)}.")],
    values: Annotated[
        str | None,
        typer.Argument(
            metavar="VALUES",
            help="Separated by commas, as in 2,4,8 (steps) or 1000,4000,none (observation-length). (default: all there "
            "are of difficulty and protocol)",
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="The folder: a run in it for each setting. An interrupted one goes on.")],
    plan: Plan,
) -> None:
    """Play the same cases in several settings; print a table, write figures and a plot. The same command goes on."""
    varied = dimension(vary)
    settings = varied.settings(values)
    _check(varied, plan)
    base = prepare(plan)
    runs = _runs(varied, settings, plan, base)
    reference = _reference(varied, settings, base)
    ablation = Ablation(out, varied, list(settings))
    ablation.check()
    for folder, run in runs.items():
        check_run(run, out / folder)
    ablation.begin()
    played = {
        folder: play_into(run, out / folder, label=_label(varied, folder), again=True) for folder, run in runs.items()
    }
    records = {
        folder: [priced(record, base.prices) if base.prices else record for record in each.tally.records]
        for folder, each in played.items()
    }
    who = next(iter(played.values())).who
    found = figures(_by_setting(varied, settings, records), reference, varied.paired, plan.first_seed)
    env = base.workplace.environment.id
    output.print(_table(f"{who}, {env}: success rate in % by {varied.name}", varied, found, reference))
    for line in _explained(varied, reference):
        output.print(line, markup=False, soft_wrap=True)
    for folder, each in played.items():
        if each.tally.spent is not None:
            output.print(f"spent on {folder}: {each.tally.spent}", markup=False, soft_wrap=True)
    written = ablation.finish(found, reference, {"env": env, "agent": who})
    try:
        written += plot_ablation(varied, found, out)
    except NotInstalledError as missing:
        errors.print(f"there is no plot: {missing}", markup=False, soft_wrap=True)
    output.print(f"figures: {', '.join(map(str, written))}", markup=False, soft_wrap=True)
    exit_if_spoiled([record for each in records.values() for record in each])


def _check(varied: Dimension, plan: Plan) -> None:
    """Refuses an option that fixes what is varied."""
    fixed = {"steps": plan.max_steps, "observation-length": plan.max_obs_chars, "difficulty": plan.difficulty}
    options = {"steps": "--max-steps", "observation-length": "--max-obs-chars", "difficulty": "--difficulty"}
    if fixed.get(varied.name) is not None:
        raise UsageError(f"{varied.name} is what is varied; leave {options[varied.name]} out")


def _runs(varied: Dimension, values: Mapping[str, int | str | None], plan: Plan, base: Run) -> dict[str, Run]:
    """The run of each folder, each of them tried by beginning an episode."""
    if varied.field is None:
        runs = {_WHOLE: _split(base, list(values), plan.limit)}
    else:
        runs = {}
        for name, value in values.items():
            try:
                if varied.name == "protocol":
                    runs[name] = prepare(replace(plan, env=counterpart(base.name, str(value)), split=None))
                else:
                    runs[name] = prepare(plan, {varied.field: value})
                _begin(runs[name].first, runs[name], runs[name].todo[0])
                runs[name].first.close()
            except MabGymError as error:
                raise UsageError(f"{varied.name} {name} cannot be played here: {error}") from error
    return runs


def _split(base: Run, wanted: Sequence[str], limit: int | None) -> Run:
    """The run whose episodes are split by difficulty: so many cases of each, with the seeds that they have in all."""
    tasks = base.workplace.tasks
    if not tasks.cases:
        raise UsageError("difficulties are compared on frozen cases, and this environment draws its own at each reset")
    whole = prepare(replace(base.plan, limit=None))
    by_case = {case.id: tasks.catalogue[case.family].difficulty for case in tasks.cases}
    chosen: dict[str, list[str]] = {difficulty: [] for difficulty in wanted}
    for case in dict.fromkeys(assignment.case for assignment in whole.todo):
        there = chosen.get(by_case[case or ""])
        if case is not None and there is not None and (limit is None or len(there) < limit):
            there.append(case)
    lacking = [difficulty for difficulty, cases in chosen.items() if not cases]
    if lacking:
        raise UsageError(f"no case of {base.workplace.environment.id} that is to be played is {' or '.join(lacking)}")
    played = {case for cases in chosen.values() for case in cases}
    return replace(whole, todo=[assignment for assignment in whole.todo if assignment.case in played])


def _by_setting(
    varied: Dimension, settings: Mapping[str, object], records: Mapping[str, Sequence[EpisodeRecord]]
) -> Mapping[str, Sequence[EpisodeRecord]]:
    if varied.field is not None:
        return records
    return {name: [record for record in records[_WHOLE] if record.difficulty == name] for name in settings}


def _reference(varied: Dimension, values: Mapping[str, object], base: Run) -> str:
    """The environment's own setting where it is among them, else the first."""
    names = list(values)
    if varied.field is not None:
        own = getattr(base.workplace.environment, varied.field)
        names.sort(key=lambda name: values[name] != own)
    return names[0]


def _label(varied: Dimension, folder: str) -> str:
    return "" if varied.field is None else f", {varied.name} {folder}"


def _begin(env: gymnasium.Env[Any, str], run: Run, assignment: Assignment) -> Mapping[str, Any]:
    named = {"case": assignment.case, **run.options}
    observation: Mapping[str, Any]
    observation, _ = env.reset(
        seed=assignment.seed, options={name: value for name, value in named.items() if value is not None}
    )
    return observation


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
    # With tokens and costs the columns have to stand close for 120 characters to hold them.
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
