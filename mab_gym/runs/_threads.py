"""Plays many episodes at once, each thread with an agent and an environment of its own."""

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
"""Seconds that threads are given to end where a run is stopped; what they do then is lost, and played again."""


@dataclass(frozen=True, slots=True)
class Seat:
    """What one thread plays with; it is nobody else's."""

    env: gymnasium.Env[Any, str]
    agent: Agent


def play_at_once(
    seats: Sequence[Seat],
    todo: Sequence[Assignment],
    options: Mapping[str, str | None],
    retries: int = RETRIES,
    halt: threading.Event | None = None,
) -> Iterator[EpisodeRecord]:
    """Plays all assignments and gives each record, with all that was said, as its episode ends.

    Args:
        seats: One a thread; so many episodes are under way at once.
        todo: What to play, begun in this order.
        options: Further options for ``env.reset``.
        retries: How often an episode is played again that the record system spoils.
        halt: Set when nobody waits for further records; agents that wait for something should wait on it.

    Yields:
        Records, in the order in which the episodes end.

    Raises:
        AgentLostError: What carries an agent has failed for good, or for so many episodes in a row that going on makes
            no sense. What was under way then is lost.
    """
    halt = threading.Event() if halt is None else halt
    ended: queue.SimpleQueue[EpisodeRecord | BaseException] = queue.SimpleQueue()
    waiting: queue.SimpleQueue[Assignment] = queue.SimpleQueue()
    for assignment in todo:
        waiting.put(assignment)

    def work(seat: Seat) -> None:
        try:
            while not halt.is_set():
                try:
                    assignment = waiting.get_nowait()
                except queue.Empty:
                    return
                ended.put(play_until_judged(seat.env, seat.agent, assignment, options, retries))
        except BaseException as error:
            ended.put(error)

    # Daemons: a request to a model that nobody waits for any more must not keep the process from ending.
    threads = [threading.Thread(target=work, args=(seat,), daemon=True) for seat in seats]
    for thread in threads:
        thread.start()
    patience = Patience(len(seats))
    lost: BaseException | None = None
    try:
        for _ in todo:
            record = _next(ended)
            if isinstance(record, BaseException):
                lost = record
                break
            yield record
            try:
                patience.hear(record)
            except AgentLostError as error:
                lost = error
                break
        if lost is not None:
            _stop(threads, halt)
            # Episodes that had ended are kept; those that were broken off by the end of the run are not their like.
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
            return ended.get(timeout=0.2)  # Windows hears Ctrl-C only between two waits


class Patience:
    """Ends a run where what carries the agent fails in one episode after another.

    Args:
        at_once: How many episodes are under way at once; as many may fail together.
    """

    def __init__(self, at_once: int) -> None:
        self._limit = max(_GIVE_UP_AFTER, at_once)
        self._failed = 0

    def hear(self, record: EpisodeRecord) -> None:
        """Takes note of how an episode ended.

        Raises:
            AgentLostError: It was one failure too many in a row.
        """
        self._failed = 0 if record.agent_error is None else self._failed + 1
        if self._failed >= self._limit:
            raise AgentLostError(f"{self._failed} episodes in a row failed, the last because {record.agent_error}")
