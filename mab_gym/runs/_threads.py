"""Plays many episodes at once, each thread with its own agent and environment."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gymnasium

from mab_gym.agents import Agent
from mab_gym.errors import AgentLostError
from mab_gym.runs._records import EpisodeRecord
from mab_gym.runs._rollout import RETRIES, Assignment, play_until_judged

_GIVE_UP_AFTER = 3
_LAST_WORDS = 5.0
"""Seconds that threads get to end after a run is stopped; their unfinished episodes are played again later."""


@dataclass(frozen=True, slots=True)
class EnvAndAgent:
    """The environment and the agent of one thread; no other thread may use them."""

    env: gymnasium.Env[Any, str]
    agent: Agent

    def play(self, assignment: Assignment, options: Mapping[str, str | None], retries: int) -> EpisodeRecord:
        """Plays an episode, by `play_until_judged`."""
        return play_until_judged(self.env, self.agent, assignment, options, retries)


def play_at_once(
    pairs: Sequence[EnvAndAgent],
    todo: Sequence[Assignment],
    options: Mapping[str, str | None],
    retries: int = RETRIES,
    halt: threading.Event | None = None,
) -> Iterator[EpisodeRecord]:
    """Plays all assignments and yields each record, with its conversation, when its episode ends.

    Args:
        pairs: The environment and the agent of each thread.
        todo: The assignments; episodes begin in this order.
        options: Further options for ``env.reset``.
        retries: The number of further tries at an episode in which the record system failed.
        halt: Set when nobody waits for further records; agents that wait for something should wait on it.

    Yields:
        The records, in the order in which the episodes end.

    Raises:
        AgentLostError: The agent failed for good, or in too many episodes in a row. Unfinished episodes are lost.
    """
    halt = threading.Event() if halt is None else halt
    ended: queue.SimpleQueue[EpisodeRecord | BaseException] = queue.SimpleQueue()
    waiting: queue.SimpleQueue[Assignment] = queue.SimpleQueue()
    for assignment in todo:
        waiting.put(assignment)

    def work(pair: EnvAndAgent) -> None:
        try:
            while not halt.is_set():
                try:
                    assignment = waiting.get_nowait()
                except queue.Empty:
                    return
                ended.put(pair.play(assignment, options, retries))
        except BaseException as error:
            ended.put(error)

    # Daemons, so that a pending request to a model does not keep the process alive.
    threads = [threading.Thread(target=work, args=(pair,), daemon=True) for pair in pairs]
    for thread in threads:
        thread.start()
    streak = FailureStreak(len(pairs))
    lost: BaseException | None = None
    try:
        for _ in todo:
            record = _next(ended)
            if isinstance(record, BaseException):
                lost = record
                break
            yield record
            try:
                streak.add(record)
            except AgentLostError as error:
                lost = error
                break
        if lost is not None:
            _stop(threads, halt)
            # Finished episodes are kept, but not those that failed because the run was stopped.
            yield from (record for record in _rest(ended) if record.counts)
            raise lost
    finally:
        _stop(threads, halt)


def _stop(threads: Sequence[threading.Thread], halt: threading.Event) -> None:
    halt.set()
    deadline = time.monotonic() + _LAST_WORDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _rest(ended: queue.SimpleQueue[EpisodeRecord | BaseException]) -> Iterator[EpisodeRecord]:
    with suppress(queue.Empty):
        while True:
            record = ended.get_nowait()
            if not isinstance(record, BaseException):
                yield record


def _next(ended: queue.SimpleQueue[EpisodeRecord | BaseException]) -> EpisodeRecord | BaseException:
    while True:
        with suppress(queue.Empty):
            return ended.get(timeout=0.2)  # Windows sees Ctrl-C only between two waits


class FailureStreak:
    """Counts failures of the agent in a row, and ends the run after too many.

    Args:
        at_once: The number of episodes played at once; as many may fail together.
    """

    def __init__(self, at_once: int) -> None:
        self._limit = max(_GIVE_UP_AFTER, at_once)
        self._failed = 0

    def add(self, record: EpisodeRecord) -> None:
        """Adds the end of an episode.

        Raises:
            AgentLostError: Too many episodes in a row have failed.
        """
        self._failed = 0 if record.agent_error is None else self._failed + 1
        if self._failed >= self._limit:
            raise AgentLostError(f"{self._failed} episodes in a row failed, the last because {record.agent_error}")
