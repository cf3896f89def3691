"""The queue of requests: chooses which one a worker thread answers next.

Threads and not processes, because sessions are in memory, a shared session must be one object, and the records of a
snapshot are held once. Threads share one interpreter, so two running requests take twice as long; but no client has to
wait until another's request ends. Python switches threads after `SWITCH_SECONDS`, so a request of a millisecond is
answered beside up to `RUNNING` requests that run for seconds. Other limits keep this good enough: the cost of a request
(`mab_gym.fhir`), the size of a body, and one large body at a time.

Requests are sorted into `LANES`, each in order of arrival:

1. requests of clients whose last requests were quick;
2. requests of unknown clients, of a kind that was quick;
3. requests about which nothing is known;
4. requests that are likely to be slow, because those of their client or of their kind were.

Where nobody else is there, a request of a quick client and a quick kind takes no turn: it is answered at once
(`Turns.at_once`).

A client is a session if the request names one, else a connection. Each lane has a number of requests that run at once.
They start if no request waits in an earlier lane, or after some time. A request that turns out to be slow no longer
counts, so that the next can start. Each session answers one request at a time, and some may wait for it. If too many
wait, for a session or in total, a request is refused with 503: the last one of the last lane.
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
from typing import Any, TypeVar, overload

from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.serve._limits import ServeLimits

SWITCH_SECONDS = 0.001
RUNNING = 16
DEAR_SECONDS = 0.02
"""Seconds of processor time from which on a request counts as slow."""
AT_ONCE_SECONDS = 0.001
"""Seconds of processor time up to which a request may be answered without a thread."""
FORGETTING = 60.0
"""Seconds after which the known cost of a kind of request counts half."""
_KNOWN = 8192

MOST_PAUSED = 0.25
"""The greatest number of seconds for which a request waits for quicker ones."""
_PAUSE = 0.002
_UNKNOWN = 2
_at_work = local()

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane of requests that are treated alike.

    Attributes:
        most: The number of its requests that run at once.
        young: Seconds of processor time after which a running request no longer counts among these.
        stuck: Seconds after which a running request no longer counts, even if it only waited.
        patience: Seconds after which a waiting request need not wait for earlier lanes.
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
"""Quick clients; quick kinds of requests; unknown requests; slow requests."""


class GoneError(Exception):
    """The client disconnected before its turn came."""


@dataclass(eq=False, slots=True)
class _Job:
    """A request that waits or runs.

    Attributes:
        work: Answers the request.
        like: The client and the kind of the request.
        alone: Keys, each of which only one running job may hold.
        lane: Its index in `LANES`.
        joined: The time at which it arrived.
        done: Its future result.
        began: The time at which it started; None while it waits.
        worked: Returns the processor time that it has used, in seconds.
        paused: Seconds for which it has waited for quicker requests.
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
        """Tells if the next job of its lane should wait for it; by processor time, since jobs share a processor."""
        lane = LANES[self.lane]
        return self.worked() < lane.young and now - (self.began or now) < lane.stuck


class Turns:
    """Gives work to threads; use it from one event loop only.

    Args:
        limits: ServeLimits the number of waiting requests.
    """

    def __init__(self, limits: ServeLimits) -> None:
        self._limits = limits
        self._waiting: tuple[deque[_Job], ...] = tuple(deque() for _ in LANES)
        self._running: set[_Job] = set()
        self._alone: set[Hashable] = set()
        self._usual: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._threads = 0
        self._work: SimpleQueue[tuple[_Job, asyncio.AbstractEventLoop]] = SimpleQueue()
        self._look_again: asyncio.TimerHandle | None = None

    def at_once(self, work: Callable[[], _T], like: tuple[Hashable, ...]) -> tuple[_T] | None:
        """Runs work here and now and returns its result, if nobody else is there and it is likely to be quick.

        A thread takes longer to begin than such work to end. It runs on the event loop, which hears nobody meanwhile:
        so nothing is answered here whose client or kind took more than `AT_ONCE_SECONDS` lately.

        Args:
            work: The work.
            like: Predictors of its duration, all of which must be known.

        Returns:
            The result, as a tuple of one; None if the work needs a turn and a thread.
        """
        if self._running or any(self._waiting):
            return None
        now = time.monotonic()
        if not all(self._usual_cost(each, now, math.inf) < AT_ONCE_SECONDS for each in like):
            return None
        begun = time.thread_time()
        try:
            return (work(),)
        finally:
            cost = time.thread_time() - begun
            for each in like:
                self._note(each, cost, now)

    async def take(
        self,
        work: Callable[[], _T],
        like: tuple[Hashable, ...],
        alone: frozenset[Hashable],
        gone: Callable[[], Awaitable[None]],
        most: int,
    ) -> _T:
        """Waits for a turn, runs the work in a thread, and returns its result.

        Args:
            work: The work.
            like: Predictors of its duration, the best first: the client, and the kind of request.
            alone: Keys that no other running job may hold.
            gone: Returns when the client has disconnected.
            most: The number of jobs that may wait for the same keys.

        Raises:
            FhirError: 503 if too many wait.
            GoneError: The client disconnected before its turn came.
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
        """Waits a moment if quicker requests are running; long work calls it again and again, in its own thread.

        Threads get the interpreter in random order. Without this, a quick request would have to win against each slow
        one many times.
        """
        job: _Job | None = getattr(_at_work, "job", None)
        if job is None or job.paused > MOST_PAUSED or time.monotonic() - (job.began or 0.0) < LANES[0].young:
            return  # a clock of processor time takes far longer to read than this one, and cannot have gone further
        if job.worked() < LANES[0].young:
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
        """Sorts the waiting jobs of the lane of unknown requests again, by what is known now."""
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
        """Starts all jobs that may start."""
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
            # Running jobs may become old without ending.
            self._look_again = asyncio.get_running_loop().call_later(LANES[0].young, self._look)

    def _look(self) -> None:
        self._look_again = None
        self._begin()

    def _next(self) -> _Job | None:
        """Returns the next job: the first one that may start, by lanes, or one whose patience has ended."""
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

    @overload
    def _usual_cost(self, like: Hashable, now: float) -> float | None: ...
    @overload
    def _usual_cost(self, like: Hashable, now: float, unknown: float) -> float: ...
    def _usual_cost(self, like: Hashable, now: float, unknown: float | None = None) -> float | None:
        """Returns the seconds of processor time that such requests took lately, or ``unknown`` if there were none."""
        known = self._usual.get(like)
        if known is None:
            return unknown
        cost, noted = known
        return cost * math.exp2((noted - now) / FORGETTING)

    def _note(self, like: Hashable, cost: float, now: float) -> None:
        before = self._usual_cost(like, now)
        cost = min(cost, 3 * DEAR_SECONDS)  # a single very slow request should not count for long
        self._usual[like] = (cost if before is None else 0.7 * before + 0.3 * cost, now)
        self._usual.move_to_end(like)
        if len(self._usual) > _KNOWN:
            self._usual.popitem(last=False)


def _do_all(
    queue: SimpleQueue[tuple[_Job, asyncio.AbstractEventLoop]],
    ended: Callable[[_Job, object, BaseException | None, float], None],
) -> None:
    """Runs jobs in a worker thread, until the server stops."""
    while True:
        job, loop = queue.get()
        result: object = None
        error: BaseException | None = None
        job.worked = _stopwatch()
        _at_work.job = job
        try:
            result = job.work()
        except BaseException as raised:  # passed on to the waiting request
            error = raised
        try:
            loop.call_soon_threadsafe(ended, job, result, error, job.worked())
        except RuntimeError:
            return  # the server has stopped
        del job, result, error


def _stopwatch() -> Callable[[], float]:
    """Returns a function that tells any thread the processor time this thread has used since now.

    If the platform does not tell processor time, it is the elapsed time.
    """
    if not hasattr(time, "pthread_getcpuclockid"):
        begun = time.monotonic()
        return lambda: time.monotonic() - begun
    clock = time.pthread_getcpuclockid(get_ident())
    worked = time.clock_gettime(clock)
    return lambda: time.clock_gettime(clock) - worked


def _busy(text: str) -> FhirError:
    return FhirError(503, Issue(f"{text}; ask again in a moment", "throttled"))
