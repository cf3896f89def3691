"""Which request is worked on next: worker threads, and who has to wait for whom.

Why threads and not processes: sessions live in memory, a shared one must be one, and the records of a snapshot are held
once. Threads share one interpreter, so that two requests at work take twice as long; what matters is that nobody waits
for another's request to end. Python takes the interpreter from a thread after `SWITCH_SECONDS`, so a request of a
millisecond is answered beside any number that work for seconds, `RUNNING` at most. What makes that good enough are the
limits around it: what one request may cost (`mab_gym.fhir`), how large a body may be, one large body at work at a time.

Who goes first: requests of clients whose requests were quick lately (the *quick* ones) before those of clients whose
requests took long (the *slow* ones), in each of the two by arrival. A client is a session where it names one, else a
connection. Of the quick ones `QUICK` are worked on at once; one that turns out to take longer than `YOUNG_SECONDS` does
not keep others from beginning. Of the slow ones `SLOW` are, while no quick one waits, or after `PATIENCE` seconds. Of
one session one request is worked on at a time, and some may wait; beyond that, and where too many wait altogether, a
request is refused with 503, a slow one first.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from mab_gym.fhir.outcome import FhirError, Issue
from mab_gym.serve.limits import Limits

SWITCH_SECONDS = 0.001
RUNNING = 32
QUICK = 4
SLOW = 2
YOUNG_SECONDS = 0.05
PATIENCE = 5.0
DEAR_SECONDS = 0.025
"""Processor time of a client's usual request from which on it counts as slow."""
FORGETTING = 10.0
"""Seconds after which half of what is known of a client's requests counts."""
_CLIENTS = 4096

_T = TypeVar("_T")


class GoneError(Exception):
    """The client has gone before its turn came."""


@dataclass(eq=False, slots=True)
class _Job:
    """A request that waits or is worked on.

    Attributes:
        work: What is to be done.
        client: Who asks.
        alone: Of each of these only one job may be at work.
        slow: Whether its client's requests take long.
        joined: When it came.
        done: Its result, in time.
        began: When work on it began; None while it waits.
    """

    work: Callable[[], Any]
    client: Hashable
    alone: frozenset[Hashable]
    slow: bool
    joined: float
    done: asyncio.Future[Any]
    began: float | None = None


class Turns:
    """Gives work to threads; to be used from one event loop.

    Args:
        limits: How many may wait.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._quick: deque[_Job] = deque()
        self._slow: deque[_Job] = deque()
        self._running: set[_Job] = set()
        self._alone: set[Hashable] = set()
        self._usual: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._threads = 0
        self._work: SimpleQueue[tuple[_Job, asyncio.AbstractEventLoop]] = SimpleQueue()
        self._look_again: asyncio.TimerHandle | None = None

    async def take(
        self, work: Callable[[], _T], client: Hashable, alone: frozenset[Hashable], gone: Callable[[], Awaitable[None]]
    ) -> _T:
        """Waits for a turn, has a thread do the work, and gives its result.

        Args:
            work: What is to be done.
            client: Who asks.
            alone: What no other job may hold meanwhile.
            gone: Returns when the client has gone.

        Raises:
            FhirError: 503 where too many wait.
            GoneError: The client has gone before its turn came.
        """
        now = time.monotonic()
        slow = self._usual_cost(client, now) > DEAR_SECONDS
        job = _Job(work, client, alone, slow, now, asyncio.get_running_loop().create_future())
        self._join(job)
        self._begin()
        if job.began is None:
            await self._wait(job, gone)
        result: _T = await job.done
        return result

    def _join(self, job: _Job) -> None:
        lane = self._slow if job.slow else self._quick
        same = sum(1 for other in (*self._quick, *self._slow) if other.alone & job.alone) if job.alone else 0
        if same >= self._limits.session_waiting:
            raise _busy("This session has many requests waiting")
        if len(self._quick) + len(self._slow) >= self._limits.waiting:
            if job.slow or not self._slow:
                raise _busy("Many requests are waiting")
            self._slow.pop().done.set_exception(_busy("Many requests are waiting"))
        lane.append(job)

    async def _wait(self, job: _Job, gone: Callable[[], Awaitable[None]]) -> None:
        leaving = asyncio.ensure_future(gone())
        try:
            await asyncio.wait({job.done, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not job.done.done() and job.began is None:
                (self._slow if job.slow else self._quick).remove(job)
        if not job.done.done() and job.began is None:
            raise GoneError

    def _begin(self) -> None:
        """Begins what may begin."""
        while (job := self._next()) is not None:
            (self._slow if job.slow else self._quick).remove(job)
            job.began = time.monotonic()
            self._running.add(job)
            self._alone |= job.alone
            if len(self._running) > self._threads:
                self._threads += 1
                Thread(target=_do_all, args=(self._work, self._ended), daemon=True, name="mab_gym serve").start()
            self._work.put((job, asyncio.get_running_loop()))
        if self._quick and self._look_again is None:
            # Those at work may grow old without ending.
            self._look_again = asyncio.get_running_loop().call_later(YOUNG_SECONDS, self._look)

    def _look(self) -> None:
        self._look_again = None
        self._begin()

    def _next(self) -> _Job | None:
        if len(self._running) >= RUNNING:
            return None
        now = time.monotonic()
        slow = sum(1 for job in self._running if job.slow)
        young = sum(1 for job in self._running if not job.slow and now - (job.began or now) < YOUNG_SECONDS)
        if slow < SLOW and self._slow and now - self._slow[0].joined > PATIENCE and (job := self._free(self._slow)):
            return job
        if young < QUICK and (job := self._free(self._quick)):
            return job
        if slow < SLOW and (job := self._free(self._slow)) and self._free(self._quick) is None:
            return job
        return None

    def _free(self, lane: deque[_Job]) -> _Job | None:
        return next((job for job in lane if not job.alone & self._alone), None)

    def _ended(self, job: _Job, result: object, error: BaseException | None, cost: float) -> None:
        self._running.discard(job)
        self._alone -= job.alone
        self._note(job.client, cost)
        if not job.done.done():
            if error is None:
                job.done.set_result(result)
            else:
                job.done.set_exception(error)
        self._begin()

    def _usual_cost(self, client: Hashable, now: float) -> float:
        """Seconds of processor time that a client's requests took lately."""
        cost, noted = self._usual.get(client, (0.0, now))
        return cost * math.exp2((noted - now) / FORGETTING)

    def _note(self, client: Hashable, cost: float) -> None:
        now = time.monotonic()
        self._usual[client] = (0.7 * self._usual_cost(client, now) + 0.3 * cost, now)
        self._usual.move_to_end(client)
        if len(self._usual) > _CLIENTS:
            self._usual.popitem(last=False)


def _do_all(
    queue: SimpleQueue[tuple[_Job, asyncio.AbstractEventLoop]],
    ended: Callable[[_Job, object, BaseException | None, float], None],
) -> None:
    """What a worker thread does, for ever."""
    while True:
        job, loop = queue.get()
        result: object = None
        error: BaseException | None = None
        begun = time.thread_time()
        try:
            result = job.work()
        except BaseException as raised:  # whoever waits for it is told
            error = raised
        try:
            loop.call_soon_threadsafe(ended, job, result, error, time.thread_time() - begun)
        except RuntimeError:
            return  # the server has stopped
        del job, result, error


def _busy(text: str) -> FhirError:
    return FhirError(503, Issue(f"{text}; ask again in a moment", "throttled"))
