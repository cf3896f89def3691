"""The driver's side: hands assignments to worker processes and gives their records, each once, whoever dies."""

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
"""How long a batch should take: long beside Ray's millisecond a task, short beside what a killed worker may cost."""
LARGEST_BATCH = 64
DEATHS = 3
"""So many workers may die over one assignment, or in a row before they could play."""
_WONDERING = 30.0
"""Seconds after which it is said that no worker has come yet."""
_LAST_WORDS = 5.0
"""Seconds that workers are given to end their episodes where the agent is lost."""


@dataclass(eq=False)
class _Hand:
    """A worker process as the driver sees it: what it was asked and has not answered, oldest first."""

    actor: Any
    asked: dict[Any, Sequence[Assignment]] = field(default_factory=dict)
    is_ready: bool = False
    where: str = "not begun"


class RayWorkers:
    """Worker processes of a Ray cluster: connected by ``with``, started when they are first needed, gone at its end.

    Args:
        address: As for `mab_gym.integrations.ray._cluster.connected`.
        workers: How many; None for one a CPU of the cluster.
        job: What they are told.
        agent: The agent's name where it is known; else the first worker that has made one says.
        runtime_env: What nodes of a joined cluster are sent.
        tell: Told of what went wrong and was mended.
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
        self._hands: list[_Hand] = []
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
        """Plays all assignments and gives each record as it comes.

        A worker that dies takes nothing with it: what it had not given back is played again by another.

        Raises:
            AgentLostError: As for `mab_gym.runs._threads.play_at_once`, or workers die again and again.
            UsageError: The workers cannot play this.
        """
        self._waiting = deque(todo)
        self._begin(len(todo))
        streak = FailureStreak(len(self._hands) * self._job.at_once)
        try:
            while self._waiting or any(batch for hand in self._hands for batch in hand.asked.values()):
                self._hand_out()
                self._say_if_nobody_comes()
                for played in self._answers():
                    for record in played.records:
                        yield record
                        streak.add(record)
                    if played.lost is not None:
                        raise AgentLostError(played.lost)
        except AgentLostError:
            self._waiting.clear()
            for played in self._answers(_LAST_WORDS, all_of_them=True):
                # As in one process: what the end of the run has broken off is not like what had failed before.
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
        for hand in self._hands:
            self._ray.kill(hand.actor)
        self._stack.close()

    def _begin(self, most: int | None = None) -> None:
        """Starts as many workers as there shall be, where there are none yet."""
        if not self._hands:
            count = self._count or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
            self._wondering = time.monotonic() + _WONDERING
            for _ in range(count if most is None else min(count, most)):
                self._hire()

    def _hire(self) -> None:
        """Starts a worker process and has it prepare; meanwhile the others play."""
        # Restarts and retries are ours: Ray's would play a whole batch again, told or not.
        kind = self._ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=self._job.at_once)
        hand = _Hand(kind(Worker).remote())
        self._hands.append(hand)
        self._prepare(hand)

    def _say_if_nobody_comes(self) -> None:
        if time.monotonic() > self._wondering and not any(hand.is_ready for hand in self._hands):
            self._wondering = math.inf
            free = self._ray.available_resources().get("CPU", 0)
            self._tell(f"waiting for workers; the cluster has {free:g} CPUs free, and each worker takes one")

    def _prepare(self, hand: _Hand) -> None:
        # As a call's argument, and not the actor's, variables stay out of what the cluster keeps of its actors.
        hand.asked[hand.actor.prepare.remote(self._job, self._archive)] = ()

    def _hand_out(self) -> None:
        """Hands out assignments: one an episode's place, and one batch in advance where they are short.

        None in advance where a worker has died before: its answers must come before the next episode can end it, or the
        wrong one is blamed.
        """
        in_advance = self._pace is not None and self._pace < BATCH_SECONDS
        ready = [hand for hand in self._hands if hand.is_ready]
        for depth in range(self._job.at_once + in_advance):
            for hand in ready:
                if not self._waiting or len(hand.asked) > depth:
                    continue
                if depth < self._job.at_once or not self._is_suspect(hand):
                    batch = self._next_batch(2 * len(ready) * self._job.at_once)
                    hand.asked[hand.actor.play.remote(batch)] = batch

    def _is_suspect(self, hand: _Hand) -> bool:
        """Tells if a worker has died over what this one plays, or over what comes next."""
        asked = [assignment for batch in hand.asked.values() for assignment in batch]
        return any(assignment in self._deaths for assignment in (*asked, self._waiting[0]))

    def _next_batch(self, shares: int) -> list[Assignment]:
        size = 1
        if self._pace is not None and self._waiting[0] not in self._deaths:
            size = min(
                LARGEST_BATCH, int(BATCH_SECONDS / max(self._pace, 1e-6)), math.ceil(len(self._waiting) / shares)
            )
        return [self._waiting.popleft() for _ in range(max(1, size))]

    def _answers(self, timeout: float = 0.2, all_of_them: bool = False) -> list[BatchResult]:
        """Waits for workers, and takes what they say; those that died are replaced."""
        owners = {reference: hand for hand in self._hands for reference in hand.asked}
        if not owners:
            return []
        wanted = len(owners) if all_of_them else 1
        came, _ = self._ray.wait(list(owners), num_returns=wanted, timeout=timeout)
        if len(came) == 1 < len(owners) and not all_of_them:
            came, _ = self._ray.wait(list(owners), num_returns=len(owners), timeout=0)
        played = []
        for reference in came:
            hand = owners[reference]
            if reference not in hand.asked:
                continue  # it has died meanwhile, and all that it was asked with it
            answer = self._heard(hand, reference)
            if isinstance(answer, Prepared):
                del hand.asked[reference]
                self._prepared(hand, answer)
            elif answer is not None:
                batch = hand.asked.pop(reference)
                self._waiting.extendleft(reversed(batch[len(answer.records) :]))
                if answer.records:
                    pace = answer.seconds / len(answer.records)
                    self._pace = pace if self._pace is None else 0.7 * self._pace + 0.3 * pace
                played.append(answer)
        return played

    def _heard(self, hand: _Hand, reference: Any) -> BatchResult | Prepared | None:
        """A worker's answer; None where it died, and another has taken its place."""
        errors = self._ray.exceptions
        try:
            answer: BatchResult | Prepared = self._ray.get(reference)
        except errors.RayTaskError as error:
            if isinstance(error.cause, MabGymError):
                raise UsageError(str(error.cause)) from None
            if not hand.is_ready:  # as where a node lacks a module
                last = str(error.cause or error).strip().splitlines()[-1]
                raise UsageError(
                    f"a worker cannot be made ready; is everything installed on its node? {last}"
                ) from None
            raise
        except errors.RayError as error:
            self._replace(hand, error)
            return None
        return answer

    def _prepared(self, hand: _Hand, answer: Prepared) -> None:
        hand.where = answer.where
        if answer.agent is not None:
            hand.is_ready = True
            self._died_unready = 0
            self._agent = self._agent or answer.agent
            return
        archive = self._job.environment.archive
        if not self._archive and archive is not None:
            self._archive.append(self._ray.put(np.fromfile(archive, dtype=np.uint8)))
        self._prepare(hand)

    def _replace(self, hand: _Hand, error: Exception) -> None:
        """Hires for a worker that died, and puts back to what is to be played whatever that one was asked."""
        self._hands.remove(hand)
        self._ray.kill(hand.actor)
        batches = list(hand.asked.values())
        hand.asked.clear()
        again = [assignment for batch in batches for assignment in batch]
        self._waiting.extendleft(reversed(again))
        for assignment in (each for batch in batches[: self._job.at_once] for each in batch):
            self._deaths[assignment] += 1
            if self._deaths[assignment] >= DEATHS:
                what = assignment.case or f"that of seed {assignment.seed}"
                raise AgentLostError(
                    f"{DEATHS} workers died over the same episode, {what} (the last was {hand.where}; often the node's "
                    "memory is used up)"
                )
        if not hand.is_ready:
            self._died_unready += 1
            if self._died_unready >= DEATHS:
                why = " ".join(str(error).split())[:600]
                raise AgentLostError(f"{DEATHS} workers in a row died before they could play: {why}")
        self._tell(f"a worker died ({hand.where}); another takes its place, and {len(again)} episodes are played again")
        self._hire()
