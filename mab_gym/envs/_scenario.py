"""Puts the parts of an environment together: the record system, its snapshot, the tasks, the rules."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mab_gym._opening import OPENING, Opened
from mab_gym.backends import Backend
from mab_gym.backends.embedded._backend import embedded_backend
from mab_gym.cohort._locate import Progress, archive_path, ensure_archive, is_built, named_spec
from mab_gym.envs._ehr_rules import EhrRules
from mab_gym.envs._environment_file import Environment
from mab_gym.episode import DEFAULT_MAX_STEPS, Episode, Ruleset
from mab_gym.errors import NotInstalledError, UsageError
from mab_gym.official._conversation import read_functions
from mab_gym.official._records import open_records
from mab_gym.official._rules import OfficialRules
from mab_gym.official._tasks import read_tasks
from mab_gym.official._taskset import OfficialTaskSet, official_families
from mab_gym.tasking._catalogue import load_catalogue
from mab_gym.tasking._family import Family
from mab_gym.tasking._protocols import PROTOCOLS
from mab_gym.tasking._taskset import DRAW, FROZEN, VALIDATION, TaskSet
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.verdict import REWARDS

SPARSE = REWARDS[0]
OFFICIAL = "official"
"""The protocol that plays the official tasks word for word; the others are in `mab_gym.tasking._protocols`."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that the episodes of one environment share.

    Attributes:
        environment: The contents of the environment file.
        backend: The record system.
        chart: Its snapshot, as verifiers read it.
        tasks: The families and cases.
        new_rules: Makes the rules of a further episode.
    """

    environment: Environment
    backend: Backend
    chart: Chart
    tasks: TaskSet
    new_rules: Callable[[], Ruleset]

    @property
    def max_steps(self) -> int:
        """The greatest number of actions that an episode may have."""
        limits = (family.max_steps or DEFAULT_MAX_STEPS for family in self.tasks.catalogue.values())
        return self.environment.max_steps or max(limits, default=DEFAULT_MAX_STEPS)

    def new_episode(self, max_steps: int | None = None) -> Episode:
        """Returns a new episode with a session of its own.

        Args:
            max_steps: Actions after which it is truncated; None for as many as the environment or the family says.
        """
        limits = max_steps or self.environment.max_steps, self.environment.max_obs_chars
        return Episode(self.backend, self.chart, self.new_rules(), *limits)


def open_scenario(environment: Environment, progress: Progress | None = None) -> Scenario:
    """Opens what an environment needs, building its cohort first where that is not there yet.

    One thread at a time does so, and the others find it done.

    Args:
        environment: What to open.
        progress: Called as a cohort is built; without it, a line on standard error says that a build is under way.

    Raises:
        MabGymError: Something is missing or not as it should be; the text says what would be right.
    """
    environment.check_installed()
    with OPENING:
        kind = environment.backend_kind
        if environment.protocol == OFFICIAL:
            return _official(environment)
        if environment.protocol not in PROTOCOLS:
            known = ", ".join((*PROTOCOLS, OFFICIAL))
            raise UsageError(f"there is no protocol {environment.protocol!r}; there are: {known}")
        if kind.needs_archive:
            path = _archive(environment, progress)
            archive = embedded_backend(path)
            chart = _chart(path.absolute(), archive)
            backend = _backend(environment, archive)
        else:
            backend = _backend(environment, None)
            chart = _chart(environment.settings, backend)
        folder = Path(environment.folder) if environment.folder else None
        tasks = _tasks(_chosen(load_catalogue(folder).values(), environment), chart, environment)
        if environment.archive is not None and kind.needs_archive:
            _check_people(tasks, chart, environment)
        wording = PROTOCOLS[environment.protocol]
        rules = environment.reward, environment.actions, environment.minutes_per_action, environment.knowledge
        return Scenario(environment, backend, chart, tasks, lambda: EhrRules(backend, chart, wording, *rules))


def _official(environment: Environment) -> Scenario:
    if environment.cases != FROZEN:
        raise UsageError(f"{environment.id}: the official tasks are read from their file; cases are {FROZEN} alone")
    if environment.reward != SPARSE:
        raise UsageError(f"{environment.id}: the official grading knows right and wrong; its reward is {SPARSE} alone")
    tasks_path, functions_path = environment.official.wanted(environment.id)
    tasks = read_tasks(tasks_path)
    functions = read_functions(functions_path)
    needs_archive, files = environment.backend_kind.needs_archive, environment.official
    if needs_archive or files.address is not None:
        backend = open_records(files, tasks.values(), environment.id)
        chart = _chart(files, backend)
    else:
        backend = _backend(environment, None)
        chart = _chart(environment.settings, backend)
    if needs_archive:
        backend = _backend(environment, backend)
    families = _chosen(official_families(tasks), environment)
    base_url = backend.base_url
    return Scenario(
        environment, backend, chart, OfficialTaskSet(families, chart), lambda: OfficialRules(base_url, functions)
    )


def _backend(environment: Environment, archive: Backend | None) -> Backend:
    try:
        return environment.backend_kind.open(environment.settings, archive)
    except (UsageError, NotInstalledError) as error:
        raise type(error)(f"{environment.id}: {error}") from error


_CHARTS: Opened[Chart] = Opened()


def _chart(of: Hashable, backend: Any) -> Chart:
    """Returns the snapshot as verifiers read it: once for each backend, which is another one where a file changed."""
    return _CHARTS.get(of, backend, lambda: Chart(backend))


def _archive(environment: Environment, progress: Progress | None) -> Path:
    if environment.archive is not None:
        return Path(environment.archive)  # a text, too, where `gymnasium.make` was given one
    spec = named_spec(environment.cohort)
    if progress is None and not is_built(spec):
        path = archive_path(spec)
        print(f"mab_gym: building the {spec.name} cohort, once, at {path}", file=sys.stderr, flush=True)
    return ensure_archive(spec, progress)


def _chosen(all_families: Iterable[Family], environment: Environment) -> list[Family]:
    families = [
        family
        for family in all_families
        if (not environment.families or family.name in environment.families)
        and environment.kind in (None, family.kind)
        and environment.difficulty in (None, family.difficulty)
        and (not environment.services or family.service in environment.services)
    ]
    unknown = set(environment.families) - {family.name for family in families}
    if missing := set(environment.services) - {family.service for family in families}:
        raise UsageError(f"{environment.id}: there is no such service here: {', '.join(sorted(missing))}")
    if unknown:
        raise UsageError(f"{environment.id}: there is no such task family here: {', '.join(sorted(unknown))}")
    return families


def _tasks(families: list[Family], chart: Chart, environment: Environment) -> TaskSet:
    """Returns the task set: cases of a file, fresh ones at every reset, or a number of each family drawn once."""
    if environment.count and environment.cases != DRAW:
        raise UsageError(f'{environment.id}: count goes with cases = "{DRAW}"')
    if environment.cases == VALIDATION:
        without = [family.name for family in families if not family.validation]
        if without:
            raise UsageError(
                f"{environment.id}: {', '.join(without)} has no validation.jsonl; "
                "`mab-gym tasks freeze --validation` writes it"
            )
        return TaskSet([replace(family, cases=family.validation) for family in families], chart, FROZEN)
    if not environment.count:
        return TaskSet(families, chart, environment.cases)
    seed, count = environment.seed, environment.count

    def drawn(family: Family) -> tuple[Case, ...]:
        # Once for each snapshot: hundreds of cases may take seconds. Another version of the family draws anew.
        key = f"drawn {family.name} {id(family.draw)} {seed} {count}"
        return chart.remember(key, lambda: (family.draw, tuple(family.draw_cases(chart, seed, count))))[1]

    return TaskSet([replace(family, cases=drawn(family)) for family in families], chart, FROZEN)


def _check_people(tasks: TaskSet, chart: Chart, environment: Environment) -> None:
    """Checks that a user's archive has the people of the frozen cases.

    Raises:
        UsageError: It has not, so that nobody could solve the cases.
    """
    for case in tasks.cases:
        mrn = case.params.get("mrn") if tasks.catalogue[case.family].who == "mrn" else None
        if mrn is not None and chart.patient(str(mrn)) is None:
            raise UsageError(
                f"{environment.id}: the archive {environment.archive} has no patient {mrn}, whom {case.id} is about: "
                f'its frozen cases belong to other records; cases = "{DRAW}" draws them from these'
            )
