"""Times of physicians, wishes of patients, and which times fit to both and to the clinic's notice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from mab_gym.casework import SlotTime

BETWEEN = timedelta(minutes=60)
"""Time between two appointments of a person, at least."""
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


@dataclass(frozen=True, slots=True)
class Wish:
    """The times at which a person can come.

    Attributes:
        weekdays: Days of the week from 0 for Monday; none for any.
        part: ``morning`` (begins before noon), ``afternoon`` or empty for any.
    """

    weekdays: tuple[int, ...] = ()
    part: str = ""

    def allows(self, time: SlotTime) -> bool:
        """Tells if a person can come at a time."""
        morning = time.start.hour < 12
        return (not self.weekdays or time.start.weekday() in self.weekdays) and (
            not self.part or morning == (self.part == "morning")
        )

    def words(self) -> str:
        """Says it as a person does."""
        days = " or ".join(f"{NAMES[each]}s" for each in self.weekdays)
        when = {"morning": "before noon", "afternoon": "after noon", "": ""}[self.part]
        return " ".join(each for each in ("on " + days if days else "", when) if each)


def wish_of(data: Mapping[str, Any]) -> Wish:
    """Reads a wish from a case."""
    return Wish(tuple(data["weekdays"]), str(data["part"]))


@dataclass(frozen=True, slots=True)
class Notice:
    """The clinic's rules about an absence.

    Attributes:
        who: The physician who is away.
        first: The first day away.
        last: The last day away.
        days: Days after the old visit by which the new one is.
        ahead: Days from today to the first new visit, at least.
        until: Hour from which times are kept for urgent visits.
        not_to: The colleague who takes nobody.
    """

    who: str
    first: date
    last: date
    days: int
    ahead: int
    until: int
    not_to: str

    def is_open(self, time: SlotTime) -> bool:
        """Tells if somebody may be seen at a time, whoever it is."""
        if not time.free or time.who == self.not_to or time.start.hour >= self.until:
            return False
        return time.who != self.who or not self.first <= time.start.date() <= self.last

    def allows(self, time: SlotTime, old: date, today: date) -> bool:
        """Tells if a time is one for a visit that was on a day."""
        first, last = today + timedelta(days=self.ahead), old + timedelta(days=self.days)
        return first <= time.start.date() <= last and self.is_open(time)


def clashes(time: SlotTime, taken: Iterable[tuple[datetime, datetime]]) -> bool:
    """Tells if a time is too near to another appointment of the person."""
    return any(time.start < end + BETWEEN and begin < time.end + BETWEEN for begin, end in taken)


def fitting(
    times: Sequence[SlotTime],
    notice: Notice,
    wish: Wish,
    old: date,
    today: date,
    taken: Sequence[tuple[datetime, datetime]] = (),
) -> list[SlotTime]:
    """Returns the times that are right, the first first: with the same physician, else with a colleague."""
    found = [
        each for each in times if notice.allows(each, old, today) and wish.allows(each) and not clashes(each, taken)
    ]
    found.sort(key=lambda each: each.start)
    return [each for each in found if each.who == notice.who] or found
