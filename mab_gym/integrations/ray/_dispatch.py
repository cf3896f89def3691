"""The driver's side: sends assignments to worker processes and yields each record once, even if workers die."""

from __future__ import annotations

import math
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from mab_gym.errors import AgentLostError, MabGymError, UsageError
from mab_gym.integrations.ray._cluster import connected
from mab_gym.integrations.ray._worker import BatchResult, Job, Prepared, Worker
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import Assignment
from mab_gym.runs._threads import FailureStreak

BATCH_SECONDS = 0.25
"""The time that a batch should take: much more than Ray's millisecond per task, but not much to lose with a worker."""
LARGEST_BATCH = 64
DEATHS = 3
"""The number of workers that may die over one assignment, or in a row before they could play."""
_WONDERING = 30.0
"""Seconds after which a line says that no worker has started yet."""
_LAST_WORDS = 5.0
"""Seconds that workers get to end their episodes after the agent has failed for good."""


@dataclass(eq=False)
class _WorkerHandle:
    """A worker process as the driver sees it.

    Attributes:
        actor: Ray's handle of the process.
        asked: The calls that it has not answered, each with its batch, oldest first.
        is_ready: True once it can play.
        where: The process and its node, in words.
    """

    actor: Any
    asked: dict[Any, Sequence[Assignment]] = field(default_factory=dict)
    is_ready: bool = False
    where: str = "not begun"


class RayWorkers:
    """The worker processes of a run on a Ray cluster; they start when they are first needed.

    A ``with`` block connects to the cluster, and ends the workers and the connection.

    Args:
        address: ``HOST:PORT`` of the cluster's head, ``auto`` for the cluster that runs on this computer, or `LOCAL`.
        workers: The number of workers; None for one per CPU of the cluster.
        job: The job, which all workers get.
        agent: The agent's name, if it is known; otherwise the first worker that is ready reports it.
        runtime_env: Ray's runtime environment for the nodes of an existing cluster.
        tell: Called with one line about each failure that was handled.
    """

    def __init__(
        self,
        address: str,
        workers: int | None,
        job: Job,
        agent: str | None = None,
        runtime_env: Mapping[str, Any] | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._address, self._count, self._job, self._agent = address, workers, job, agent
        self._runtime_env = runtime_env or {}
        self._tell = tell
        self._stack = ExitStack()
        self._ray: Any = None
        self._workers: list[_WorkerHandle] = []
        self._archive: list[Any] = []
        self._waiting: deque[Assignment] = deque()
        self._pace: float | None = None
        self._deaths: Counter[Assignment] = Counter()
        self._died_unready = 0
        self._wondering = math.inf

    @property
    def agent(self) -> str:
        """The agent's name."""
        while self._agent is None:
            self._begin()
            self._answers()
        return self._agent

    def play(self, todo: Sequence[Assignment]) -> Iterator[EpisodeRecord]:
        """Plays all assignments and yields each record when it arrives.

        If a worker dies, another one plays the episodes that it had not returned.

        Raises:
            AgentLostError: The agent failed for good, or in too many episodes in a row, or workers die again and again.
            UsageError: The workers cannot play the job.
        """
        self._waiting = deque(todo)
        self._begin(len(todo))
        streak = FailureStreak(len(self._workers) * self._job.at_once)
        try:
            while self._waiting or any(batch for worker in self._workers for batch in worker.asked.values()):
                self._hand_out()
                self._say_if_nobody_comes()
                for played in self._answers():
                    for record in played.records:
                        yield record
                        streak.add(record)
                    if played.lost is not None:
                        raise played.lost
        except AgentLostError:
            self._waiting.clear()
            for played in self._answers(_LAST_WORDS, all_of_them=True):
                # As in one process, episodes that failed because the run was stopped are not kept.
                yield from (record for record in played.records if record.counts)
            raise

    def __enter__(self) -> RayWorkers:
        self._ray = self._stack.enter_context(
            connected(self._address, self._count or os.cpu_count() or 1, self._runtime_env)
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            self._ray.kill(worker.actor)
        self._stack.close()

    def _begin(self, most: int | None = None) -> None:
        """Starts the workers, if there are none yet."""
        if not self._workers:
            count = self._count or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
            self._wondering = time.monotonic() + _WONDERING
            for _ in range(count if most is None else min(count, most)):
                self._start_worker()

    def _start_worker(self) -> None:
        """Starts a worker process, which prepares while the others play."""
        # No restarts or retries by Ray: it would play a whole batch again.
        kind = self._ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=self._job.at_once)
        worker = _WorkerHandle(kind(Worker).remote())
        self._workers.append(worker)
        self._prepare(worker)

    def _say_if_nobody_comes(self) -> None:
        if time.monotonic() > self._wondering and not any(worker.is_ready for worker in self._workers):
            self._wondering = math.inf
            free = self._ray.available_resources().get("CPU", 0)
            self._tell(f"waiting for workers; the cluster has {free:g} CPUs free, and each worker takes one")

    def _prepare(self, worker: _WorkerHandle) -> None:
        # As an argument of this call and not of the actor, so that the cluster does not store the variables.
        worker.asked[worker.actor.prepare.remote(self._job, self._archive)] = ()

    def _hand_out(self) -> None:
        """Sends assignments: one batch per thread of a worker, and one more in advance if episodes are short.

        There is none in advance if a worker has died over one of these assignments before. Otherwise a second death
        could be blamed on the wrong episode.
        """
        in_advance = self._pace is not None and self._pace < BATCH_SECONDS
        ready = [worker for worker in self._workers if worker.is_ready]
        for depth in range(self._job.at_once + in_advance):
            for worker in ready:
                if not self._waiting or len(worker.asked) > depth:
                    continue
                if depth < self._job.at_once or not self._is_suspect(worker):
                    batch = self._next_batch(2 * len(ready) * self._job.at_once)
                    worker.asked[worker.actor.play.remote(batch)] = batch

    def _is_suspect(self, worker: _WorkerHandle) -> bool:
        """Tells if a worker has died over an episode that this one plays, or over the next one."""
        asked = [assignment for batch in worker.asked.values() for assignment in batch]
        return any(assignment in self._deaths for assignment in (*asked, self._waiting[0]))

    def _next_batch(self, shares: int) -> list[Assignment]:
        size = 1
        if self._pace is not None and self._waiting[0] not in self._deaths:
            size = min(
                LARGEST_BATCH, int(BATCH_SECONDS / max(self._pace, 1e-6)), math.ceil(len(self._waiting) / shares)
            )
        return [self._waiting.popleft() for _ in range(max(1, size))]

    def _answers(self, timeout: float = 0.2, all_of_them: bool = False) -> list[BatchResult]:
        """Waits for answers of workers and returns the batches; workers that died are replaced."""
        owners = {reference: worker for worker in self._workers for reference in worker.asked}
        if not owners:
            return []
        wanted = len(owners) if all_of_them else 1
        came, _ = self._ray.wait(list(owners), num_returns=wanted, timeout=timeout)
        if len(came) == 1 < len(owners) and not all_of_them:
            came, _ = self._ray.wait(list(owners), num_returns=len(owners), timeout=0)
        played = []
        for reference in came:
            worker = owners[reference]
            if reference not in worker.asked:
                continue  # the worker has died meanwhile, and its batches were taken back
            answer = self._heard(worker, reference)
            if isinstance(answer, Prepared):
                del worker.asked[reference]
                self._prepared(worker, answer)
            elif answer is not None:
                batch = worker.asked.pop(reference)
                self._waiting.extendleft(reversed(batch[len(answer.records) :]))
                if answer.records:
                    pace = answer.seconds / len(answer.records)
                    self._pace = pace if self._pace is None else 0.7 * self._pace + 0.3 * pace
                played.append(answer)
        return played

    def _heard(self, worker: _WorkerHandle, reference: Any) -> BatchResult | Prepared | None:
        """Returns a worker's answer; None if the worker died and was replaced."""
        errors = self._ray.exceptions
        try:
            answer: BatchResult | Prepared = self._ray.get(reference)
        except errors.RayTaskError as error:
            if isinstance(error.cause, MabGymError):
                raise UsageError(str(error.cause)) from None
            if not worker.is_ready:  # a node lacks a module, for example
                last = str(error.cause or error).strip().splitlines()[-1]
                raise UsageError(
                    f"a worker cannot be made ready; is everything installed on its node? {last}"
                ) from None
            raise
        except errors.RayError as error:
            self._replace(worker, error)
            return None
        return answer

    def _prepared(self, worker: _WorkerHandle, answer: Prepared) -> None:
        worker.where = answer.where
        if answer.agent is not None:
            worker.is_ready = True
            self._died_unready = 0
            self._agent = self._agent or answer.agent
            return
        archive = self._job.environment.archive
        if not self._archive and archive is not None:
            self._archive.append(self._ray.put(np.fromfile(archive, dtype=np.uint8)))
        self._prepare(worker)

    def _replace(self, worker: _WorkerHandle, error: Exception) -> None:
        """Starts a worker in place of one that died; the assignments of that one are played again."""
        self._workers.remove(worker)
        self._ray.kill(worker.actor)
        batches = list(worker.asked.values())
        worker.asked.clear()
        again = [assignment for batch in batches for assignment in batch]
        self._waiting.extendleft(reversed(again))
        for assignment in (each for batch in batches[: self._job.at_once] for each in batch):
            self._deaths[assignment] += 1
            if self._deaths[assignment] >= DEATHS:
                what = assignment.case or f"that of seed {assignment.seed}"
                raise AgentLostError(
                    f"{DEATHS} workers died over the same episode, {what} (the last was {worker.where}; often the "
                    "node's memory is used up)"
                )
        if not worker.is_ready:
            self._died_unready += 1
            if self._died_unready >= DEATHS:
                why = " ".join(str(error).split())[:600]
                raise AgentLostError(f"{DEATHS} workers in a row died before they could play: {why}")
        self._tell(
            f"a worker died ({worker.where}); another takes its place, and {len(again)} episodes are played again"
        )
        self._start_worker()
