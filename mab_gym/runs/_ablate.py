"""Plays an ablation: one parameter is varied, each setting is a run in its own folder, and all are compared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mab_gym.envs._environment_file import files_by_id, read_environment
from mab_gym.envs._make import DEFAULT_ENV
from mab_gym.envs._scenario import OFFICIAL
from mab_gym.errors import MabGymError, UsageError
from mab_gym.runs._ablation import Dimension, Figures, dimension, figures
from mab_gym.runs._ablation_files import AblationFolder
from mab_gym.runs._driver import Driver
from mab_gym.runs._evaluation import Evaluation, Plan, Run, Watcher, check_run, play_run, prepare, priced
from mab_gym.runs._records import EpisodeRecord

_WHOLE = "all"
"""The folder of the one run that is split afterwards, where the settings are groups of its cases."""


@dataclass(frozen=True, slots=True)
class Ablation:
    """An ablation that was played to its end.

    Attributes:
        env: The environment's id.
        agent: The agent's name.
        varied: The parameter that was varied.
        reference: The setting with which the others are compared.
        figures: The figures of each setting, in order.
        runs: The evaluation of each folder.
        files: The files that hold the figures.
    """

    env: str
    agent: str
    varied: Dimension
    reference: str
    figures: Sequence[Figures]
    runs: Mapping[str, Evaluation]
    files: Sequence[Path]

    @property
    def records(self) -> list[EpisodeRecord]:
        """The records of all runs, one per episode."""
        return [record for run in self.runs.values() for record in run.records]


def ablate(
    vary: str, values: str | None = None, *, out: str | Path, plan: Plan | None = None, watcher: Watcher | None = None
) -> Ablation:
    """Plays the same cases in several settings and compares them; an interrupted ablation goes on.

    Args:
        vary: The parameter to vary: ``steps``, ``observation-length``, ``difficulty``, ``horizon``, ``notes``,
            ``knowledge``, ``minutes-per-action`` or ``protocol``.
        values: Settings separated by commas, as in ``2,4,8``; None for all or for usual ones, where there are such.
        out: The folder; each setting gets a run folder in it.
        plan: The agent, the environment and everything else that is the same in each setting.
        watcher: Shows the progress.

    Returns:
        The figures of each setting, with their differences to the environment's own setting.

    Raises:
        UsageError: A name does not exist, or the folder holds something else; nothing was played.
        AgentLostError: The agent failed for good (a dead endpoint, a wrong key); what was finished is kept.
    """
    plan, out = plan or Plan(), Path(out)
    varied = dimension(vary)
    settings = varied.settings(values)
    _check(varied, plan)
    base = prepare(plan)
    runs = _runs(varied, settings, plan, base)
    reference = _reference(varied, settings, base)
    folder = AblationFolder(out, varied, list(settings))
    folder.check()
    for name, run in runs.items():
        check_run(run, out / name)
    folder.begin()
    played = {
        name: play_run(run, out / name, label=_label(varied, name), again=True, watcher=watcher)
        for name, run in runs.items()
    }
    records = {
        name: [priced(record, plan.prices) if plan.prices else record for record in each.records]
        for name, each in played.items()
    }
    agent = next(iter(played.values())).agent
    found = figures(_by_setting(varied, settings, records, base), reference, varied.paired, plan.seed)
    env = base.scenario.environment.id
    written = folder.finish(found, reference, {"env": env, "agent": agent})
    runs_played = {name: replace(each, records=records[name]) for name, each in played.items()}
    return Ablation(env, agent, varied, reference, found, runs_played, written)


def _check(varied: Dimension, plan: Plan) -> None:
    """Refuses an option that fixes the varied parameter."""
    if varied.field is None:
        option, fixed = varied.name, plan.difficulty if varied.name == "difficulty" else None
    else:
        option, fixed = varied.field, plan.overrides.get(varied.field)
    if fixed is not None:
        raise UsageError(f"{varied.name} is the parameter that is varied; leave --{option.replace('_', '-')} out")


def _runs(varied: Dimension, values: Mapping[str, int | str | None], plan: Plan, base: Run) -> dict[str, Run]:
    """Returns the run of each folder; each is tried out by beginning one episode."""
    if varied.field is None:
        return {_WHOLE: _split(varied, values, base, plan.limit)}
    runs = {}
    for name, value in values.items():
        try:
            if varied.name == "protocol":
                runs[name] = prepare(replace(plan, env=counterpart(base.name, str(value)), split=None))
            else:
                runs[name] = prepare(replace(plan, overrides={**plan.overrides, varied.field: value}))
            driver, first = Driver(runs[name].first), runs[name].todo[0]
            driver.begin(first.seed, {"case": first.case, **runs[name].options})
            driver.env.close()
        except MabGymError as error:
            raise UsageError(f"{varied.name} {name} cannot be played here: {error}") from error
    return runs


def _split(varied: Dimension, settings: Mapping[str, int | str | None], base: Run, limit: int | None) -> Run:
    """Returns the run that is split afterwards: `limit` cases of each setting, with the seeds of the whole run."""
    by_case = _settings_of(varied, settings, base)
    whole = prepare(replace(base.plan, limit=None))
    chosen: dict[str, list[str]] = {name: [] for name in settings}
    for case in dict.fromkeys(assignment.case for assignment in whole.todo):
        there = chosen.get(by_case.get(case or "") or "")
        if case is not None and there is not None and (limit is None or len(there) < limit):
            there.append(case)
    lacking = [name for name, cases in chosen.items() if not cases]
    if lacking:
        raise UsageError(
            f"none of the chosen cases of {base.scenario.environment.id} is {' or '.join(lacking)} ({varied.name})"
        )
    played = {case for cases in chosen.values() for case in cases}
    return replace(whole, todo=[assignment for assignment in whole.todo if assignment.case in played])


def _settings_of(varied: Dimension, settings: Mapping[str, int | str | None], base: Run) -> Mapping[str, str | None]:
    """Returns the setting that each frozen case belongs to, where one run is split.

    Raises:
        UsageError: The environment draws its cases.
    """
    tasks = base.scenario.tasks
    if not tasks.cases:
        raise UsageError(f"{varied.name} is compared on frozen cases, and this environment draws its own at each reset")
    assert varied.of is not None
    return {case.id: varied.setting_of(varied.of(base.scenario, case), settings) for case in tasks.cases}


def _by_setting(
    varied: Dimension,
    settings: Mapping[str, int | str | None],
    records: Mapping[str, Sequence[EpisodeRecord]],
    base: Run,
) -> Mapping[str, Sequence[EpisodeRecord]]:
    if varied.field is not None:
        return records
    by_case = _settings_of(varied, settings, base)
    return {name: [record for record in records[_WHOLE] if by_case.get(record.case) == name] for name in settings}


def _reference(varied: Dimension, values: Mapping[str, object], base: Run) -> str:
    """Returns the environment's own setting if it is among the settings, else the first one."""
    names = list(values)
    if varied.field is not None:
        own = getattr(base.scenario.environment, varied.field)
        names.sort(key=lambda name: values[name] != own)
    return names[0]


def _label(varied: Dimension, folder: str) -> str:
    return "" if varied.field is None else f", {varied.name} {folder}"


def counterpart(name: str, protocol: str) -> str:
    """Returns the id of the same environment under another protocol: ``…-Official-v0`` for ``…-v0``.

    Args:
        name: An environment's id or file.
        protocol: The protocol.

    Raises:
        UsageError: There is no such environment.
    """
    files = files_by_id()
    path = Path(name) if name.endswith(".toml") else files.get(name, files.get(f"mab_gym/{name}"))
    if path is not None and read_environment(path).protocol == protocol:
        return name
    whole = re.fullmatch(r"(?:mab_gym/)?(.+?)(?:-Official)?(-v\d+)", name)
    wanted = "" if whole is None else f"mab_gym/{whole[1]}{'-Official' if protocol == OFFICIAL else ''}{whole[2]}"
    if wanted not in files or read_environment(files[wanted]).protocol != protocol:
        raise UsageError(f"{name} has no counterpart that is played by the protocol {protocol}; {DEFAULT_ENV} has")
    return wanted
