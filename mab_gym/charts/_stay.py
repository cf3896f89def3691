"""A stay in hospital on one time axis: results, doses given, orders, events, notes and an agent's actions.

A stay is read from plain resources, so that a chart in an archive and the replies of an episode show it alike.
`_stay_reading` reads it, `_stay_svg` and `_stay_text` draw it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final

from mab_gym.charts._ranges import Range
from mab_gym.charts._series import Series

LANES: Final = {
    "action": "agent’s actions",
    "order": "orders",
    "event": "events",
    "report": "reports",
    "message": "messages",
    "note": "notes",
}
"""The kinds of moments, in the order in which they are shown, with their names."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened at a time, or over one.

    Attributes:
        time: When, or from when on, in seconds since 1970.
        kind: A key of `LANES`.
        text: What, in words.
        end: When it ended; None if it took no time, or goes on.
        alarm: True if it calls for attention: an urgent message, a spoilt specimen, harm.
    """

    time: int
    kind: str
    text: str
    end: int | None = None
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """One administration of a drug.

    Attributes:
        time: When, or from when on, in seconds since 1970.
        text: The dose and the route, in words; the reason where it was not given.
        end: When it ended; None for a single dose.
        rate: The rate of an infusion, in the order's unit; None for a single dose.
        goes_on: True for an infusion without an end.
        missed: True if it was not given.
    """

    time: int
    text: str
    end: int | None = None
    rate: float | None = None
    goes_on: bool = False
    missed: bool = False


@dataclass(slots=True)
class DrugRow:
    """One drug in a stay.

    Attributes:
        name: Its name.
        given: Its administrations, by time.
        orders: Its orders, by time.
    """

    name: str
    given: list[Given] = field(default_factory=list)
    orders: list[Moment] = field(default_factory=list)


@dataclass(slots=True)
class ResultRow:
    """Results that share a row: one kind, or the two of a blood pressure.

    Attributes:
        name: Its name.
        series: One or two series, with the points of the stay alone.
        limits: The reference range of each; None where there is none.
        true: The true course of a simulated body, as pairs of time and value; empty where nobody knows it.
    """

    name: str
    series: list[Series]
    limits: list[Range | None]
    true: list[tuple[int, float]] = field(default_factory=list)


@dataclass(slots=True)
class Stay:
    """A stay on one time axis.

    Attributes:
        title: What it was, as in ``inpatient, heart failure``.
        begin: The axis' begin, in seconds since 1970.
        end: The axis' end.
        zone: The time zone in which times are shown.
        places: Wards and beds, with the times.
        results: The rows of results: vital signs, then what was out of range most.
        left_out: Further results, which are not drawn, with their last values.
        drugs: The rows of drugs, by the first dose.
        moments: All else, by time.
    """

    title: str
    begin: int
    end: int
    zone: tzinfo = UTC
    places: list[Moment] = field(default_factory=list)
    results: list[ResultRow] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    drugs: list[DrugRow] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)

    def until(self, row: DrugRow, place: int) -> int:
        """Returns the end of a dose: its own, or that of an infusion that goes on: the next rate, or the stay's end."""
        given = row.given[place]
        if given.end is not None:
            return given.end
        later = (each.time for each in row.given[place + 1 :] if each.rate is not None or each.goes_on)
        return next(later, self.end) if given.goes_on else given.time

    def told(self, time: int, form: str = "%a %d %b %H:%M") -> str:
        """Writes a time in the stay's zone."""
        return datetime.fromtimestamp(time, self.zone).strftime(form)

    @property
    def empty(self) -> bool:
        """True if there is nothing to draw."""
        return not (self.results or self.drugs or self.moments)
