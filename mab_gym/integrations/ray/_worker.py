"""The worker's side: it opens the node's archive, makes its agents, and plays batches of assignments."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gymnasium

from mab_gym import __version__
from mab_gym.agents import Agent
from mab_gym.cohort._locate import archive_path, cache_folder, ensure_archive, is_built, named_spec
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._environment_file import Environment
from mab_gym.envs._scenario import OFFICIAL
from mab_gym.errors import AgentLostError, ArchiveError, UsageError
from mab_gym.fhir.store._archive import check_place, open_archive, saying, written_whole
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment
from mab_gym.runs._threads import EnvAndAgent

ENOUGH = 0.5
"""Seconds after which a worker returns the played part of a batch, and leaves the rest unplayed."""


@dataclass(frozen=True, slots=True)
class Job:
    """The job that all workers of a run get.

    Attributes:
        environment: The environment to play.
        digest: The digest of the driver's archive; None if the record system needs no archive.
        make_agents: Returns the function that makes an agent for an environment; its argument is set when the run ends.
            It is sent to the workers, so it must be a function of a module, or a `functools.partial` of one.
        options: Further options for ``env.reset``.
        retries: The number of further tries at an episode in which the record system failed.
        at_once: The number of episodes played at once in one worker.
        variables: Environment variables for the workers; they may hold keys.
        version: The version of this package at the driver.
    """

    environment: Environment
    digest: str | None
    make_agents: Callable[[threading.Event], Callable[[gymnasium.Env[Any, str]], Agent]]
    options: Mapping[str, str | None]
    retries: int
    at_once: int = 1
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: str = __version__


@dataclass(frozen=True, slots=True)
class Prepared:
    """A worker's answer after its preparation.

    Attributes:
        agent: The agent's name; None if the node lacks the archive, which the driver must send.
        where: The process and its node, in words.
    """

    agent: str | None
    where: str


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of a batch.

    Attributes:
        records: The records of the first assignments of the batch; the others were not played.
        seconds: The time for these episodes, in seconds.
        lost: The error because of which every further episode would fail, too; None if there is none.
    """

    records: Sequence[EpisodeRecord]
    seconds: float
    lost: AgentLostError | None = None


class Worker:
    """A worker process; the driver calls its methods, `play` in as many threads as there are pairs."""

    def __init__(self) -> None:
        self._pairs: queue.SimpleQueue[EnvAndAgent] = queue.SimpleQueue()
        self._job: Job | None = None

    def prepare(self, job: Job, archive: Sequence[Any] = ()) -> Prepared:
        """Makes the environments and agents of a job.

        Args:
            job: The job.
            archive: A reference to the driver's archive in the cluster's object store; empty if the node should have
                it already.

        Raises:
            MabGymError: Something is missing on this node, or differs from the driver.
        """
        where = f"process {os.getpid()} on {_node()}"
        if job.version != __version__:
            raise UsageError(f"the driver has mab_gym {job.version}, the node {_node()} has {__version__}")
        os.environ.update(job.variables)
        environment = environment_here(job.environment, job.digest, _fetching(archive[0]) if archive else None)
        if environment is None:
            return Prepared(None, where)
        make = job.make_agents(threading.Event())
        for _ in range(job.at_once):
            env = MedicalRecordEnv(environment)
            digest = env.scenario.backend.digest
            if job.digest not in (None, digest):
                raise UsageError(
                    f"the node {_node()} has another archive of {environment.id} than the driver ({digest[:12]}… in "
                    f"the place of {str(job.digest)[:12]}…)"
                )
            agent = make(env)
            self._pairs.put(EnvAndAgent(env, agent))
        self._job = job
        return Prepared(agent.name, where)

    def play(self, batch: Sequence[Assignment]) -> BatchResult:
        """Plays a batch in order until `ENOUGH` seconds have passed, at least its first assignment."""
        assert self._job is not None
        pair = self._pairs.get()
        begun = time.perf_counter()
        records: list[EpisodeRecord] = []
        try:
            for assignment in batch:
                records.append(pair.play(assignment, self._job.options, self._job.retries))
                if time.perf_counter() - begun > ENOUGH:
                    break
        except AgentLostError as error:
            return BatchResult(records, time.perf_counter() - begun, error)
        finally:
            self._pairs.put(pair)
        return BatchResult(records, time.perf_counter() - begun)


def environment_here(
    environment: Environment, digest: str | None, fetch: Callable[[], memoryview] | None
) -> Environment | None:
    """Returns the environment with the path of the archive on this node; builds or stores the archive if it is missing.

    Args:
        environment: The environment at the driver.
        digest: The digest of the driver's archive, or None.
        fetch: Returns the driver's archive; None if it was not sent.

    Returns:
        The environment; None if the driver must send the archive.

    Raises:
        ArchiveError: The archive that was sent is damaged.
    """
    if not environment.backend_kind.needs_archive or environment.protocol == OFFICIAL:
        return environment
    if environment.archive is None:
        spec = named_spec(environment.cohort)
        if not is_built(spec):
            with _alone(archive_path(spec)):
                ensure_archive(spec)
        return environment
    own = cache_folder() / f"imported-{digest}.mab"
    for path in (environment.archive, own):
        if _digest(path) == digest:
            return replace(environment, archive=path)
    if fetch is None:
        return None
    with _alone(own):
        if _digest(own) != digest:
            _store(own, fetch())
    return replace(environment, archive=own)


def _alone(path: Path) -> Any:
    """Returns a lock by which one process of this node makes a file, and the others wait for it."""
    from filelock import FileLock  # noqa: PLC0415  (comes with Ray)

    check_place(path)
    return FileLock(f"{path}.lock")


def _digest(path: Path) -> str | None:
    """Returns the digest that an archive names, without verifying it; opening it for play does that."""
    try:
        return open_archive(path, verify=False).digest
    except ArchiveError:
        return None


def _store(path: Path, archive: memoryview) -> None:
    """Writes an archive completely, after verifying its hash."""
    with saying("write", path), written_whole(path) as temporary:
        temporary.write_bytes(archive)
        open_archive(temporary)


def _fetching(reference: Any) -> Callable[[], memoryview]:
    import ray  # noqa: PLC0415  (in the workers alone)

    return lambda: memoryview(ray.get(reference))


def _node() -> str:
    import ray  # noqa: PLC0415  (in the workers alone)

    util: Any = ray.util
    return str(util.get_node_ip_address())
