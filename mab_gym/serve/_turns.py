"""Chooses which request is worked on next: worker threads, and who has to wait for whom.

Why threads and not processes: sessions live in memory, a shared one must be one, and the records of a snapshot are held
once. Threads share one interpreter, so that two requests at work take twice as long; what matters is that nobody waits
for another's request to end. Python takes the interpreter from a thread after `SWITCH_SECONDS`, so a request of a
millisecond is answered beside any number that work for seconds, `RUNNING` at most. What makes that good enough are the
limits around it: what one request may cost (`mab_gym.fhir`), how large a body may be, one large body at work at a time.

Who goes first: requests of clients whose requests were quick lately; then of clients that are not known, those of a
kind that was quick; then those of which nothing is known; last those that are likely to be slow, since their client's
were, or since those of their kind were. In each of these `LANES` they go by arrival. A client is a session where it
names one, else a connection. Of each lane some are worked on at once, while none waits in a lane before it, or after a
while; one that turns out to take long does not keep the next from beginning. Of one session one request is worked on at
a time, and some may wait; beyond that, and where too many wait altogether, a request is refused with 503, the last one
of the last lane first.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread, get_ident, local
from typing import Any, TypeVar

from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.serve._limits import Limits

SWITCH_SECONDS = 0.001
RUNNING = 16
DEAR_SECONDS = 0.02
"""Processor time of a usual request from which on it counts as slow."""
FORGETTING = 60.0
"""Seconds after which half of what is known of requests counts."""
_KNOWN = 8192

MOST_PAUSED = 0.25
"""Seconds for which a request gives way to quicker ones at most."""
_PAUSE = 0.002
_UNKNOWN = 2
_at_work = local()

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Lane:
    """The treatment of requests that are alike.

    Attributes:
        most: How many of them are worked on at once.
        young: Seconds of processor time after which one no longer counts among these.
        stuck: Seconds after which it does not either, whatever it has waited for.
        patience: Seconds after which one need not wait for those of the lanes before.
    """

    most: int
    young: float
    stuck: float
    patience: float


LANES = (
    Lane(most=8, young=0.02, stuck=0.25, patience=0.0),
    Lane(most=4, young=0.02, stuck=0.25, patience=0.25),
    Lane(most=2, young=0.1, stuck=0.25, patience=0.5),
    Lane(most=1, young=1.0, stuck=5.0, patience=5.0),
)
"""For clients known to be quick; for others with what is known to be quick; for what is not known; for what is slow."""


class GoneError(Exception):
    """The client has gone before its turn came."""


@dataclass(eq=False, slots=True)
class _Job:
    """A request that waits or is worked on.

    Attributes:
        work: What is to be done.
        like: Who asks, and what kind of request it is.
        alone: Of each of these only one job may be at work.
        lane: Its place in `LANES`.
        joined: When it came.
        done: Its result, in time.
        began: When work on it began; None while it waits.
        worked: Gives the processor time that it has had.
        paused: Seconds for which it has given way.
    """

    work: Callable[[], Any]
    like: tuple[Hashable, ...]
    alone: frozenset[Hashable]
    lane: int
    joined: float
    done: asyncio.Future[Any]
    began: float | None = None
    worked: Callable[[], float] = float
    paused: float = 0.0

    def is_young(self, now: float) -> bool:
        """Tells if the next of its lane should wait for it; where many share a processor, time alone does not tell."""
        lane = LANES[self.lane]
        return self.worked() < lane.young and now - (self.began or now) < lane.stuck


class Turns:
    """Gives work to threads; to be used from one event loop.

    Args:
        limits: How many may wait.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: tuple[deque[_Job], ...] = tuple(deque() for _ in LANES)
        self._running: set[_Job] = set()
        self._alone: set[Hashable] = set()
        self._usual: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._threads = 0
        self._work: SimpleQueue[tuple[_Job, asyncio.AbstractEventLoop]] = SimpleQueue()
        self._look_again: asyncio.TimerHandle | None = None

    async def take(
        self,
        work: Callable[[], _T],
        like: tuple[Hashable, ...],
        alone: frozenset[Hashable],
        gone: Callable[[], Awaitable[None]],
        most: int,
    ) -> _T:
        """Waits for a turn, has a thread do the work, and gives its result.

        Args:
            work: What is to be done.
            like: What tells how long it will take, the most telling first: who asks, and what kind of request it is.
            alone: What no other job may hold meanwhile.
            gone: Returns when the client has gone.
            most: How many others may wait for the same.

        Raises:
            FhirError: 503 where too many wait.
            GoneError: The client has gone before its turn came.
        """
        now = time.monotonic()
        job = _Job(work, like, alone, self._lane(like, now), now, asyncio.get_running_loop().create_future())
        self._join(job, most)
        self._begin()
        if job.began is None:
            await self._wait(job, gone)
        result: _T = await job.done
        return result

    def give_way(self) -> None:
        """Waits a moment where quicker requests are at work; to be called by work, in its thread, again and again.

        Threads get the interpreter by lot, so that a quick request would have to win against each slow one many times.
        """
        job: _Job | None = getattr(_at_work, "job", None)
        if job is None or job.paused > MOST_PAUSED or job.worked() < LANES[0].young:
            return
        while job.paused < MOST_PAUSED and any(
            other.lane < _UNKNOWN and other.worked() < LANES[0].young for other in tuple(self._running)
        ):
            time.sleep(_PAUSE)
            job.paused += _PAUSE

    def _lane(self, like: tuple[Hashable, ...], now: float) -> int:
        for lane, each in enumerate(like):
            cost = self._usual_cost(each, now)
            if cost is not None:
                return lane if cost < DEAR_SECONDS else len(LANES) - 1
        return _UNKNOWN

    def _sort_again(self, now: float) -> None:
        """Gives what waits and was not known the lane that it has by what is known now."""
        unknown = self._waiting[_UNKNOWN]
        for _ in range(len(unknown)):
            job = unknown.popleft()
            job.lane = self._lane(job.like, now)
            self._waiting[job.lane].append(job)

    def _join(self, job: _Job, most: int) -> None:
        waiting = [other for lane in self._waiting for other in lane]
        if job.alone and sum(1 for other in waiting if other.alone & job.alone) >= most:
            raise _busy("Many requests to this session are waiting")
        if len(waiting) >= self._limits.waiting:
            last = waiting[-1]
            if last.lane <= job.lane:
                raise _busy("Many requests are waiting")
            self._waiting[last.lane].remove(last)
            last.done.set_exception(_busy("Many requests are waiting"))
        self._waiting[job.lane].append(job)

    async def _wait(self, job: _Job, gone: Callable[[], Awaitable[None]]) -> None:
        leaving = asyncio.ensure_future(gone())
        try:
            await asyncio.wait({job.done, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            left = not job.done.done() and job.began is None
            if left:
                self._waiting[job.lane].remove(job)
        if left:
            raise GoneError

    def _begin(self) -> None:
        """Begins what may begin."""
        while (job := self._next()) is not None:
            self._waiting[job.lane].remove(job)
            job.began = time.monotonic()
            self._running.add(job)
            self._alone |= job.alone
            if len(self._running) > self._threads:
                self._threads += 1
                Thread(target=_do_all, args=(self._work, self._ended), daemon=True, name="mab_gym serve").start()
            self._work.put((job, asyncio.get_running_loop()))
        if any(self._waiting) and self._look_again is None:
            # Those at work may grow old without ending.
            self._look_again = asyncio.get_running_loop().call_later(LANES[0].young, self._look)

    def _look(self) -> None:
        self._look_again = None
        self._begin()

    def _next(self) -> _Job | None:
        """The next job: the first of the first lane in which one waits that may begin, or a later one's patient."""
        if len(self._running) >= RUNNING:
            return None
        now = time.monotonic()
        first: _Job | None = None
        ahead = False
        for number, (lane, waiting) in enumerate(zip(LANES, self._waiting, strict=True)):
            job = next((job for job in waiting if not job.alone & self._alone), None)
            if job is None:
                continue
            young = sum(1 for other in self._running if other.lane == number and other.is_young(now))
            if young < lane.most:
                if ahead and now - job.joined > lane.patience:
                    return job
                if not ahead:
                    first = job
            ahead = True
        return first

    def _ended(self, job: _Job, result: object, error: BaseException | None, cost: float) -> None:
        self._running.discard(job)
        self._alone -= job.alone
        now = time.monotonic()
        news = [each for each in job.like if self._usual_cost(each, now) is None]
        for each in job.like:
            self._note(each, cost, now)
        if news:
            self._sort_again(now)
        if not job.done.done():
            if error is None:
                job.done.set_result(result)
            else:
                job.done.set_exception(error)
        self._begin()

    def _usual_cost(self, like: Hashable, now: float) -> float | None:
        """Seconds of processor time that such requests took lately; None where there were none."""
        known = self._usual.get(like)
        if known is None:
            return None
        cost, noted = known
        return cost * math.exp2((noted - now) / FORGETTING)

    def _note(self, like: Hashable, cost: float, now: float) -> None:
        before = self._usual_cost(like, now)
        cost = min(cost, 3 * DEAR_SECONDS)  # once is no habit
        self._usual[like] = (cost if before is None else 0.7 * before + 0.3 * cost, now)
        self._usual.move_to_end(like)
        if len(self._usual) > _KNOWN:
            self._usual.popitem(last=False)


def _do_all(
    queue: SimpleQueue[tuple[_Job, asyncio.AbstractEventLoop]],
    ended: Callable[[_Job, object, BaseException | None, float], None],
) -> None:
    """Does the work of a worker thread, for ever."""
    while True:
        job, loop = queue.get()
        result: object = None
        error: BaseException | None = None
        job.worked = _stopwatch()
        _at_work.job = job
        try:
            result = job.work()
        except BaseException as raised:  # whoever waits for it is told
            error = raised
        try:
            loop.call_soon_threadsafe(ended, job, result, error, job.worked())
        except RuntimeError:
            return  # the server has stopped
        del job, result, error


def _stopwatch() -> Callable[[], float]:
    """Tells any thread the processor time that this one has had since now; where that is not known, the time itself."""
    if not hasattr(time, "pthread_getcpuclockid"):
        begun = time.monotonic()
        return lambda: time.monotonic() - begun
    clock = time.pthread_getcpuclockid(get_ident())
    worked = time.clock_gettime(clock)
    return lambda: time.clock_gettime(clock) - worked


def _busy(text: str) -> FhirError:
    return FhirError(503, Issue(f"{text}; ask again in a moment", "throttled"))
