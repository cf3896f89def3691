"""Puts an environment's parts together: the record system, its snapshot, the tasks, the rules."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mab_gym.backends import Backend
from mab_gym.backends.embedded import embedded_backend
from mab_gym.cohort.locate import Progress, archive_path, build_archive, named_spec
from mab_gym.environments import Environment
from mab_gym.episode import Episode
from mab_gym.errors import UsageError
from mab_gym.tasking.catalogue import load_catalogue
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.protocol import protocol
from mab_gym.tasking.taskset import TaskSet


@dataclass(frozen=True, slots=True)
class Workplace:
    """Everything that the episodes of one environment share.

    Attributes:
        environment: What the environment file said.
        backend: The record system.
        chart: Its snapshot.
        tasks: The families and cases.
    """

    environment: Environment
    backend: Backend
    chart: Chart
    tasks: TaskSet

    def new_episode(self) -> Episode:
        """A new episode with a session of its own."""
        rules = self.environment
        return Episode(
            self.backend, self.chart, protocol(rules.protocol), rules.max_steps, rules.max_obs_chars, rules.reward
        )


def open_workplace(environment: Environment, progress: Progress | None = None) -> Workplace:
    """Opens what an environment needs, building its cohort first where that is not there yet.

    Args:
        environment: What to open.
        progress: Told of a build; without it, a line on standard error says that one is under way.

    Raises:
        MabGymError: Something is missing or not as it should be; the text says what would be right.
    """
    environment.check_installed()
    if environment.backend != "embedded":
        raise UsageError(f"{environment.id}: there is no backend {environment.backend!r}; there is: embedded")
    backend, chart = _embedded(_archive(environment, progress))
    families = [
        family
        for family in load_catalogue(environment.folder).values()
        if (not environment.families or family.name in environment.families)
        and environment.kind in (None, family.kind)
        and environment.difficulty in (None, family.difficulty)
    ]
    unknown = set(environment.families) - {family.name for family in families}
    if unknown:
        raise UsageError(f"{environment.id}: there is no such task family here: {', '.join(sorted(unknown))}")
    return Workplace(environment, backend, chart, TaskSet(families, chart, environment.cases))


def _archive(environment: Environment, progress: Progress | None) -> Path:
    if environment.archive is not None:
        return environment.archive
    spec = named_spec(environment.cohort)
    path = archive_path(spec)
    if not path.is_file():
        if progress is None:
            print(f"mab_gym: building the {spec.name} cohort, once, at {path}", file=sys.stderr, flush=True)
        build_archive(spec, progress)
    return path


@cache
def _embedded(archive: Path) -> tuple[Backend, Chart]:
    backend = embedded_backend(archive)
    return backend, Chart(backend)
