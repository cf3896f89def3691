"""What a worker process does: it opens the node's archive, makes its agents, and plays what it is handed."""

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
from mab_gym.runs._rollout import Assignment, play_until_judged
from mab_gym.runs._threads import EnvAndAgent

ENOUGH = 0.5
"""Seconds after which a worker gives back what it has played of a batch, and the rest of it unplayed."""


@dataclass(frozen=True, slots=True)
class Job:
    """What all workers of a run are told.

    Attributes:
        environment: What is played.
        digest: Of the driver's archive; None where the record system is none.
        make_agents: Gives what makes an agent for an environment, told what is set when the run ends. It is sent to the
            workers, so it must be a module's function or a `functools.partial` of one.
        options: Further options for ``env.reset``.
        retries: How often an episode is played again that the record system spoils.
        at_once: Episodes under way at once in one worker.
        variables: Environment variables for the workers; they may hold keys.
        version: Of this package, at the driver.
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
    """A worker can play.

    Attributes:
        agent: Its agent's name; None where the node lacks the archive, which must be sent along.
        where: The process and its node, in words.
    """

    agent: str | None
    where: str


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a worker gives back of a batch.

    Attributes:
        records: Of the batch's first assignments; the others were not played.
        seconds: What they took.
        lost: Why every further episode would fail, too, or None.
    """

    records: Sequence[EpisodeRecord]
    seconds: float
    lost: str | None = None


class Worker:
    """One process of a cluster; its methods are called from the driver, `play` by as many threads as it has pairs."""

    def __init__(self) -> None:
        self._pairs: queue.SimpleQueue[EnvAndAgent] = queue.SimpleQueue()
        self._job: Job | None = None

    def prepare(self, job: Job, archive: Sequence[Any] = ()) -> Prepared:
        """Opens what the job needs.

        Args:
            job: What will be played.
            archive: The driver's archive, a reference to its bytes in the cluster's object store; empty where the node
                is thought to have it.

        Raises:
            MabGymError: Something is missing here or not as at the driver.
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
        """Plays a batch in order, as far as `ENOUGH` time allows, and at least its first assignment."""
        assert self._job is not None
        pair = self._pairs.get()
        begun = time.perf_counter()
        records: list[EpisodeRecord] = []
        try:
            for assignment in batch:
                records.append(
                    play_until_judged(pair.env, pair.agent, assignment, self._job.options, self._job.retries)
                )
                if time.perf_counter() - begun > ENOUGH:
                    break
        except AgentLostError as error:
            return BatchResult(records, time.perf_counter() - begun, str(error))
        finally:
            self._pairs.put(pair)
        return BatchResult(records, time.perf_counter() - begun)


def environment_here(
    environment: Environment, digest: str | None, fetch: Callable[[], memoryview] | None
) -> Environment | None:
    """The environment with the archive as this node has it, built or stored first where the node has none.

    Args:
        environment: As the driver has it.
        digest: Of the driver's archive, or None.
        fetch: Gives the driver's archive, or None where it was not sent along.

    Returns:
        None where the archive must be sent.

    Raises:
        ArchiveError: What was sent is damaged.
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
    """Lets one process of this node at a time make a file; the others find it made."""
    from filelock import FileLock  # noqa: PLC0415  (comes with Ray)

    check_place(path)
    return FileLock(f"{path}.lock")


def _digest(path: Path) -> str | None:
    """What an archive says its digest is; opening it for play looks whether that is true."""
    try:
        return open_archive(path, verify=False).digest
    except ArchiveError:
        return None


def _store(path: Path, archive: memoryview) -> None:
    """Writes an archive whole, and only where its hash is right."""
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
