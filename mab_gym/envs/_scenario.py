"""Puts an environment's parts together: the record system, its snapshot, the tasks, the rules."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from mab_gym._opening import OPENING, Opened, stamp
from mab_gym.backends import Backend
from mab_gym.backends.embedded._backend import embedded_backend
from mab_gym.backends.remote._kind import RemoteSettings, open_remote
from mab_gym.cohort._locate import Progress, archive_path, ensure_archive, is_built, named_spec
from mab_gym.envs._environment_file import Environment
from mab_gym.episode import Episode, Game
from mab_gym.errors import NotInstalledError, UsageError
from mab_gym.official._conversation import read_functions
from mab_gym.official._episode import OfficialEpisode
from mab_gym.official._regrade import open_chart
from mab_gym.official._synthetic_chart import stand_in
from mab_gym.official._tasks import OfficialTask, read_tasks
from mab_gym.official._taskset import OfficialTaskSet, official_families
from mab_gym.tasking._catalogue import load_catalogue
from mab_gym.tasking._family import Family
from mab_gym.tasking._protocols import PROTOCOLS, protocol
from mab_gym.tasking._taskset import DRAW, FROZEN, TaskSet
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.verdict import REWARDS

SPARSE = REWARDS[0]
OFFICIAL = "official"
"""The protocol that plays the official tasks word for word; the others are in `mab_gym.tasking._protocols`."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that the episodes of one environment share.

    Attributes:
        environment: What the environment file said.
        backend: The record system.
        chart: Its snapshot.
        tasks: The families and cases.
        functions: The official function list; empty but for the official protocol.
    """

    environment: Environment
    backend: Backend
    chart: Chart
    tasks: TaskSet
    functions: tuple[Mapping[str, Any], ...] = ()

    def new_episode(self) -> Game:
        """A new episode with a session of its own."""
        rules = self.environment
        if rules.protocol == OFFICIAL:
            return OfficialEpisode(self.backend, self.chart, self.functions, rules.max_steps, rules.max_obs_chars)
        return Episode(
            self.backend, self.chart, protocol(rules.protocol), rules.max_steps, rules.max_obs_chars, rules.reward
        )


def open_scenario(environment: Environment, progress: Progress | None = None) -> Scenario:
    """Opens what an environment needs, building its cohort first where that is not there yet.

    One thread at a time does so, and the others find it done.

    Args:
        environment: What to open.
        progress: Told of a build; without it, a line on standard error says that one is under way.

    Raises:
        MabGymError: Something is missing or not as it should be; the text says what would be right.
    """
    environment.check_installed()
    with OPENING:
        return _opened(environment, progress)


def _opened(environment: Environment, progress: Progress | None) -> Scenario:
    needs_archive = environment.backend_kind.needs_archive
    if environment.protocol == OFFICIAL:
        return _official(environment)
    if environment.protocol not in PROTOCOLS:
        raise UsageError(
            f"there is no protocol {environment.protocol!r}; there are: {', '.join(PROTOCOLS)}, {OFFICIAL}"
        )
    backend, chart = _record_system(environment, progress)
    families = _chosen(load_catalogue(Path(environment.folder) if environment.folder else None).values(), environment)
    tasks = _tasks(families, chart, environment)
    if environment.archive is not None and needs_archive:
        _check_people(tasks, chart, environment)
    return Scenario(environment, backend, chart, tasks)


def _record_system(environment: Environment, progress: Progress | None) -> tuple[Backend, Chart]:
    """The backend, and the snapshot as verifiers read it: never through what an agent has under its hands."""
    if not environment.backend_kind.needs_archive:
        return _with_chart(environment.settings, _opened_backend(environment, None))
    archive, chart = _embedded(_archive(environment, progress))
    return _opened_backend(environment, archive), chart


def _opened_backend(environment: Environment, archive: Backend | None) -> Backend:
    try:
        return environment.backend_kind.open(environment.settings, archive)
    except (UsageError, NotInstalledError) as error:
        raise type(error)(f"{environment.id}: {error}") from error


def _tasks(families: list[Family], chart: Chart, environment: Environment) -> TaskSet:
    """The task set: frozen cases, fresh ones at every reset, or a number of each family drawn once."""
    if environment.count and environment.cases != DRAW:
        raise UsageError(f'{environment.id}: count goes with cases = "{DRAW}"')
    if not environment.count:
        return TaskSet(families, chart, environment.cases)
    drawn = [replace(f, cases=tuple(f.draw_cases(chart, environment.seed, environment.count))) for f in families]
    return TaskSet(drawn, chart, FROZEN)


def _check_people(tasks: TaskSet, chart: Chart, environment: Environment) -> None:
    """Checks that an archive of somebody's own has the people whom the frozen cases are about.

    Raises:
        UsageError: It has not: nobody could solve them on it.
    """
    for case in tasks.cases:
        mrn = case.params.get("mrn") if tasks.catalogue[case.family].who == "mrn" else None
        if mrn is not None and chart.patient(str(mrn)) is None:
            raise UsageError(
                f"{environment.id}: the archive {environment.archive} has no patient {mrn}, whom {case.id} is about: "
                f'its frozen cases belong to other records; cases = "{DRAW}" draws them from these'
            )


def _official(environment: Environment) -> Scenario:
    if environment.cases != FROZEN:
        raise UsageError(f"{environment.id}: the official tasks are read from their file; cases are {FROZEN} alone")
    if environment.reward != SPARSE:
        raise UsageError(f"{environment.id}: the official grading knows right and wrong; its reward is {SPARSE} alone")
    files = environment.official
    tasks_path, functions_path = files.wanted(environment.id)
    tasks = read_tasks(tasks_path)
    functions = tuple(read_functions(functions_path))
    chart_path = files.chart_path
    if files.address is not None:
        if files.chart is not None:
            raise UsageError(f"{environment.id}: name a chart or a server, not both")
        settings = RemoteSettings(files.address)
        backend, chart = _with_chart(settings, open_remote(settings))
    elif chart_path is None:
        backend, chart = _stand_in(tuple(tasks.values()), files.chart_seed)
    else:
        backend, chart = _given(chart_path)
    if environment.backend_kind.needs_archive:
        backend = _opened_backend(environment, backend)
    families = _chosen(official_families(tasks), environment)
    return Scenario(environment, backend, chart, OfficialTaskSet(families, chart), functions)


def _chosen(all_families: Iterable[Family], environment: Environment) -> list[Family]:
    families = [
        family
        for family in all_families
        if (not environment.families or family.name in environment.families)
        and environment.kind in (None, family.kind)
        and environment.difficulty in (None, family.difficulty)
    ]
    unknown = set(environment.families) - {family.name for family in families}
    if unknown:
        raise UsageError(f"{environment.id}: there is no such task family here: {', '.join(sorted(unknown))}")
    return families


def _archive(environment: Environment, progress: Progress | None) -> Path:
    if environment.archive is not None:
        return Path(environment.archive)  # a text, too, where `gymnasium.make` was given one
    spec = named_spec(environment.cohort)
    if progress is None and not is_built(spec):
        path = archive_path(spec)
        print(f"mab_gym: building the {spec.name} cohort, once, at {path}", file=sys.stderr, flush=True)
    return ensure_archive(spec, progress)


_Opening = tuple[Backend, Chart]
_EMBEDDED: Opened[_Opening] = Opened()
_GIVEN: Opened[_Opening] = Opened()


def _embedded(archive: Path) -> _Opening:
    backend = embedded_backend(archive)  # another one where the file was replaced
    return _EMBEDDED.get(archive.absolute(), backend, lambda: (backend, Chart(backend)))


def _given(path: Path) -> _Opening:
    def make() -> _Opening:
        backend = open_chart(path)
        return backend, Chart(backend)

    return _GIVEN.get(path.absolute(), stamp(path), make)


def _with_chart(of: Hashable, backend: Any) -> _Opening:
    return _EMBEDDED.get(of, backend, lambda: (backend, Chart(backend)))


@lru_cache(maxsize=4)
def _stand_in(tasks: tuple[OfficialTask, ...], seed: int) -> _Opening:
    backend = stand_in(tasks, seed).backend()
    return backend, Chart(backend)
