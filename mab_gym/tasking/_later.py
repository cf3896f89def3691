"""Resources that come into the record while an agent works: others write them, after so many of its requests.

A family's ``arrivals.py`` may define ``later(case, chart)`` beside ``arrive``. Its resources come in by themselves, and
nobody tells the agent. Without a clock they count its requests; with one, the minutes of the stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mab_gym.backends import RecordSession
from mab_gym.backends._around import SessionAround
from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.stay import Begin, Stay, StayRecord


@dataclass(frozen=True, slots=True)
class Later:
    """A resource that comes in while the agent works.

    Attributes:
        after: The number of its requests, or the minute of the stay, after which it is there.
        resource: The resource: without an id a new one, with an id the next version of what is there.
    """

    after: int
    resource: Mapping[str, Any]


class LivelySession(SessionAround):
    """An episode's session in which others write, too; a `mab_gym.tasking.stay.Stay` where that which it wraps is one.

    Args:
        session: A session that is prepared, or a stay that has just begun.
        later: What comes in.
        now: The record system's clock at the beginning.
        stay: The stay; None without a clock.
    """

    __slots__ = ("_due", "_now", "_requests", "_stay")

    def __init__(self, session: RecordSession, later: Iterable[Later], now: datetime, stay: Stay | None) -> None:
        super().__init__(session)
        self._stay, self._now = stay, now
        self._due = sorted(later, key=lambda each: -each.after)
        self._requests = 0

    @property
    def course(self) -> StayRecord:
        """The course of the stay so far."""
        return self._clocked.course

    @property
    def news(self) -> str:
        """The simulated time and what came in with the last request, in a line."""
        return self._clocked.news

    def finish(self) -> None:
        """Goes on to the horizon of the stay; nothing comes in any more."""
        self._due.clear()
        self._clocked.finish()

    @property
    def _clocked(self) -> Stay:
        if self._stay is None:
            raise AttributeError("there is no clock in this session")
        return self._stay

    def handle(self, request: Request) -> Response:
        """Answers a request of the agent; what is due then comes in behind it.

        Raises:
            InfrastructureError: The record system failed.
        """
        response = self._session.handle(request)
        self._requests += 1
        reached = self._requests if self._stay is None else self._stay.course.minute
        while self._due and self._due[-1].after <= reached:
            moment = self._now if self._stay is None else self._stay.course.time(reached)
            self._session.record([self._due.pop().resource], moment)
        return response

    def release(self) -> None:
        """Ends the episode; see `RecordSession.release`."""
        self._due.clear()
        self._session.release()

    def reset(self) -> None:
        """Goes back to the snapshot; nothing comes in any more."""
        self._due.clear()
        self._session.reset()

    def prepare(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Goes back to the snapshot with resources laid over it; nothing comes in any more."""
        self._due.clear()
        self._session.prepare(resources)


class _WithCases(Protocol):
    @property
    def course(self) -> Begin | None: ...
    @property
    def arrive(self) -> Callable[[Case, Chart], Sequence[Mapping[str, Any]]] | None: ...
    @property
    def later(self) -> Callable[[Case, Chart], Sequence[Later]] | None: ...


def begin_case(family: _WithCases, case: Case, chart: Chart, session: RecordSession, minutes: int = 1) -> Any:
    """Begins a case on a session that is prepared, and returns its session: a `Stay` where its family has a clock.

    Args:
        family: The case's family.
        case: The case.
        chart: Its snapshot.
        session: A session at that snapshot, with the arrivals.
        minutes: Simulated minutes that each request takes.
    """
    stay = None if family.course is None else family.course(case, chart).admit(session, case, minutes)
    later = () if family.later is None else family.later(case, chart)
    return LivelySession(stay or session, later, chart.now, stay) if later else stay or session


def attended(family: _WithCases, case: Case, chart: Chart, session: RecordSession, minutes: int = 1) -> Any:
    """Returns a session for a case, with its arrivals; see `begin_case`."""
    if family.arrive is not None:
        session.prepare(family.arrive(case, chart))
    return begin_case(family, case, chart, session, minutes)
