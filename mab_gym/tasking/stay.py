"""A stay on the clock as verifiers read it: what was ordered, what was done, and what became of the patient.

A family whose folder holds ``course.py`` has a clock. Its ``begin(case, chart)`` returns a course
(`mab_gym.dynamics.course`), and its verifier finds a `StayRecord` in `mab_gym.tasking.judging.Result.course`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from mab_gym.backends import RecordSession
from mab_gym.tasking._samples import Samples
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

__all__ = [
    "Admission",
    "AgentAction",
    "Begin",
    "Given",
    "Issued",
    "Message",
    "Ordered",
    "Stay",
    "StayEvent",
    "StayRecord",
]


class StayEvent(NamedTuple):
    """Something that happened to the patient.

    Attributes:
        minute: When, from the beginning of the episode.
        kind: As in ``ventricular_arrhythmia``.
        text: One sentence, as a nurse would tell it.
        harm: True if the patient was harmed.
    """

    minute: int
    kind: str
    text: str
    harm: bool


class Given(NamedTuple):
    """A dose that nurses gave, began, held back or stopped.

    Attributes:
        minute: When.
        order: The address of its order, as in ``MedicationRequest/17``.
        drug: The ingredient, in lower case.
        amount: In ``unit``; of a continuous infusion in ``unit`` per hour.
        unit: As in ``meq``, ``g``, ``mg``, ``[iU]``, ``mL``.
        route: As in ``iv``, ``oral``, ``sc``.
        minutes: The time that it runs in over; 0 at once, infinite until it is stopped.
        status: ``given``, ``held`` or ``stopped``.
        reason: The reason why it was held or stopped; else empty.
    """

    minute: int
    order: str
    drug: str
    amount: float
    unit: str
    route: str
    minutes: float
    status: str = "given"
    reason: str = ""


class Issued(NamedTuple):
    """A result of the laboratory or of the nurses' meter.

    Attributes:
        minute: When it was issued.
        drawn: When the specimen was taken.
        analyte: The key of the test, as in ``potassium``.
        value: As reported; None where the specimen could not be used.
        true: The true value at ``drawn``.
        unit: UCUM.
        order: The address of its order; empty for what nurses do by themselves.
        haemolysed: True if the specimen was.
        critical: True if the laboratory has called it in.
    """

    minute: int
    drawn: int
    analyte: str
    value: float | None
    true: float
    unit: str
    order: str
    haemolysed: bool = False
    critical: bool = False


class Ordered(NamedTuple):
    """A change in the fate of an order.

    Attributes:
        minute: When.
        order: The address of the order.
        what: ``accepted``, ``changed``, ``stopped``, ``refused`` or ``completed``; of an examination that is done also
            ``found``.
        text: The order as it was understood, what was found, or why it was not carried out.
        by_agent: False for what stood in the chart before.
    """

    minute: int
    order: str
    what: str
    text: str
    by_agent: bool = True


class AgentAction(NamedTuple):
    """A request of the agent.

    Attributes:
        minute: When it was answered.
        method: ``GET``, ``POST`` or another.
        target: The part of its URL below the base.
        status: The HTTP status of the answer.
    """

    minute: int
    method: str
    target: str
    status: int


class Message(NamedTuple):
    """A message between the agent and the hospital's people.

    Attributes:
        minute: When it was sent.
        sender: A reference, as in ``Practitioner/3``; empty for one of the agent's that names none.
        recipient: A reference; empty for one of the agent's that names none.
        text: The words.
        by_agent: True if the agent wrote it.
        urgent: True if it is a page.
        address: The address of its resource.
    """

    minute: int
    sender: str
    recipient: str
    text: str
    by_agent: bool
    urgent: bool = False
    address: str = ""


@dataclass(slots=True)
class StayRecord:
    """The course of a stay; see the tuples of this module. All lists are in order of time.

    Attributes:
        begun: The simulated time at minute 0, timezone-aware.
        horizon: The minute at which the stay ends.
        minute: The minute that it has reached.
        finished: True if it has reached the horizon, after the agent's FINISH, too; before that a verifier is asked
            only for what is unsafe by now.
        left: The minute at which the agent has finished; None while it works.
        truth: The true observables of the body, by minute: every 15 minutes, and at each event.
        events: What happened to the patient.
        given: Doses.
        results: Results.
        orders: What became of orders.
        actions: The agent's requests.
        messages: Messages and pages.
    """

    begun: datetime
    horizon: int
    minute: int = 0
    finished: bool = False
    left: int | None = None
    truth: Samples = field(default_factory=Samples)
    events: list[StayEvent] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    results: list[Issued] = field(default_factory=list)
    orders: list[Ordered] = field(default_factory=list)
    actions: list[AgentAction] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def time(self, minute: int) -> datetime:
        """Returns the simulated time at a minute."""
        return self.begun + timedelta(minutes=minute)

    @property
    def harmed(self) -> list[StayEvent]:
        """The events that harmed the patient."""
        return [event for event in self.events if event.harm]

    def series(self, name: str, since: int = 0, until: int | None = None) -> Iterator[tuple[int, float]]:
        """Yields minute and true value of an observable, of the minutes from ``since`` to ``until`` (both included)."""
        for minute, value in self.truth.series(name):
            if minute >= since and (until is None or minute <= until):
                yield minute, value

    def in_range(self, name: str, low: float, high: float, since: int = 0, until: int | None = None) -> float:
        """Returns the share of the time, 0 to 1, in which an observable was in a range (both ends included).

        Each value holds until the next one. 0.0 where there is no value in that time.
        """
        found = list(self.series(name, since, until))
        if not found:
            return 0.0
        end = self.minute if until is None else min(until, self.minute)
        spans = zip(found, [*(minute for minute, _ in found[1:]), max(end, found[-1][0])], strict=True)
        told = [(low <= value <= high, after - minute) for (minute, value), after in spans]
        whole = sum(span for _, span in told)
        if not whole:
            return float(told[-1][0])
        return sum(span for within, span in told if within) / whole

    def reached(self, name: str, low: float, high: float, since: int = 0) -> int | None:
        """Returns the first minute at which an observable was in a range; None if it never was."""
        return next((minute for minute, value in self.series(name, since) if low <= value <= high), None)

    def to_data(self) -> dict[str, Any]:
        """Returns the stay as JSON, for a run's record: tuples as objects, truth by observable."""
        return {
            "begun": self.begun.isoformat(),
            "horizon": self.horizon,
            "minute": self.minute,
            "finished": self.finished,
            "left": self.left,
            "truth": self._truth(),
            **{
                name: [_as_json(each) for each in getattr(self, name)]
                for name in ("events", "given", "results", "orders", "actions", "messages")
            },
        }

    def _truth(self) -> dict[str, list[tuple[int, float]]]:
        found: dict[str, list[tuple[int, float]]] = {}
        for minute, values in self.truth.items():
            for name, value in values.items():
                if math.isfinite(value):
                    found.setdefault(name, []).append((minute, float(f"{value:.5g}")))
        return found

    def at(self, name: str, minute: int) -> float | None:
        """Returns the value of an observable at a minute, the latest one that is known by then; None without any."""
        known = [value for when, value in self.series(name, until=minute)]
        return known[-1] if known else None


def _as_json(each: Any) -> dict[str, Any]:
    """Returns a tuple as a JSON object; what has no end has None for its length."""
    told: dict[str, Any] = each._asdict()
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in told.items()
    }


class Stay(RecordSession, Protocol):
    """An episode's session on the clock: time passes with each request, and the hospital works."""

    @property
    def course(self) -> StayRecord:
        """The course so far."""
        ...

    @property
    def news(self) -> str:
        """The simulated time and what came in with the last request, in a line."""
        ...

    def finish(self) -> None:
        """Goes on to the horizon with what is ordered; the record system is written to no more."""
        ...


class Admission(Protocol):
    """A course that waits for a session to be played on."""

    def admit(self, session: RecordSession, case: Case, minutes_per_action: int) -> Stay:
        """Begins the stay at minute 0.

        Args:
            session: A session at the case's snapshot, nobody else's.
            case: The case; its id decides chance.
            minutes_per_action: Simulated minutes that each request takes.
        """
        ...


class Begin(Protocol):
    """A family's ``begin`` in ``course.py``."""

    def __call__(self, case: Case, chart: Chart) -> Admission:
        """Returns the course of a case."""
        ...
