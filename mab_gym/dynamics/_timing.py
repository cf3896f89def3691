"""Times of orders: FHIR's Timing (R4, https://hl7.org/fhir/R4/datatypes.html#Timing) as minutes of a stay."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from mab_gym.tasking.meaning.often import BY_CODE, HOURS_OF_UNIT, ONCE_CODES, often_in
from mab_gym.tasking.meaning.units import number

BEDTIME: Final = 22 * 60
"""Minute of the day of the last round, when patients go to sleep."""
_BEFORE_MEAL: Final = 10
"""Minutes before a meal at which a drug for it is given."""
_MOST_TIMES: Final = 48
"""Times of a day, or single moments, that are read; an order has a few."""
_TIME_OF_DAY: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::[0-5]\d(?:\.\d+)?)?")
_MEALS: Final = {
    **dict.fromkeys(("AC", "C", "PC", "WITH MEALS"), (0, 1, 2)),
    **dict.fromkeys(("ACM", "CM", "PCM"), (0,)),
    **dict.fromkeys(("ACD", "CD", "PCD"), (1,)),
    **dict.fromkeys(("ACV", "CV", "PCV"), (2,)),
}  # fmt: skip
"""The meals of a day by codes of EventTiming."""
_CLOCK: Final = {
    **dict.fromkeys(("HS", "PHS", "BED", "QHS", "NIGHT"), BEDTIME),
    **dict.fromkeys(("MORN", "MORN.early", "MORN.late", "WAKE", "QAM", "AM"), 9 * 60),
    "NOON": 12 * 60,
    **dict.fromkeys(("AFT", "AFT.early", "AFT.late"), 15 * 60),
    **dict.fromkeys(("EVE", "EVE.early", "EVE.late", "QPM", "PM"), 18 * 60),
}  # fmt: skip
"""The minute of the day of other codes."""
_AT_MEALS: Final = re.compile(
    r"\b(?:with|before|at|after) (?:each |every |all |the )?(?:meals?|breakfast)\b|\btid ?ac\b", re.I
)
_AT_BEDTIME: Final = re.compile(r"\b(?:at )?bedtime\b|\bq?hs\b|\bnightly\b", re.I)


@dataclass(frozen=True, slots=True)
class Clock:
    """The simulated time of a stay.

    Attributes:
        begun: The time at minute 0, in the zone's offset of that moment.
        meals: The minutes of the day of breakfast, lunch and dinner.
    """

    begun: datetime
    meals: tuple[int, ...]

    @classmethod
    def of(cls, begun: datetime, zone: tzinfo, meals: Sequence[int]) -> Clock:
        """Returns the clock of a stay in a time zone; a change to daylight saving within the stay is left out."""
        local = begun.astimezone(zone)
        return cls(local.replace(tzinfo=timezone(local.utcoffset() or timedelta())), tuple(meals))

    def at(self, minute: int) -> datetime:
        """Returns the time at a minute of the stay, in the hospital's zone."""
        return self.begun + timedelta(minutes=minute)

    def minute(self, moment: datetime) -> int:
        """Returns the minute of the stay at a time, rounded down."""
        return int((moment - self.begun) // timedelta(minutes=1))

    @property
    def first(self) -> int:
        """The minute of the local day at minute 0."""
        return self.begun.hour * 60 + self.begun.minute

    def next(self, of_day: Sequence[int], after: int) -> int:
        """Returns the first minute of the stay after another one at which it is one of these minutes of the day."""
        now = (self.first + after) % 1440
        return after + min(((minute - now - 1) % 1440) + 1 for minute in of_day)

    def moment(self, written: Any) -> datetime | None:
        """Reads a dateTime or instant; a date alone is its beginning in the hospital's zone. None if it is none."""
        if not isinstance(written, str) or not 10 <= len(written) <= 40:
            return None
        try:
            found = datetime.fromisoformat(written)
        except ValueError:
            return None
        if found.tzinfo is None:
            if len(written) > 10:
                return None
            found = found.replace(tzinfo=self.begun.tzinfo)
        try:
            return found.astimezone(UTC)
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class Plan:
    """The times of an order, in minutes.

    Attributes:
        interval: From one time to the next; None where it is done once, or at fixed times.
        of_day: Minutes of the local day at which it is done.
        events: Single minutes of the stay, rising.
        count: The most times; None for no limit.
        start: First minute; None for as soon as possible.
        end: Last minute; None for no end.
        within: Minutes from the first time to the end; None for no end.
        lasts: Minutes that each time takes; None if it is not said.
    """

    interval: int | None = None
    of_day: tuple[int, ...] = ()
    events: tuple[int, ...] = ()
    count: int | None = None
    start: int | None = None
    end: int | None = None
    within: int | None = None
    lasts: float | None = None

    @property
    def once(self) -> bool:
        """True if it is done a single time."""
        return self.interval is None and not self.of_day and len(self.events) < 2

    def following(self, after: int, done: int, clock: Clock) -> int | None:
        """Returns the minute of the next time after another; None if there is none.

        Args:
            after: The minute of the last time.
            done: How many times there were.
            clock: The stay's clock.
        """
        found: int | None
        if self.count is not None and done >= self.count:
            return None
        if self.events:
            found = next((minute for minute in self.events if minute > after), None)
        elif self.of_day:
            found = clock.next(self.of_day, after)
        else:
            found = None if self.interval is None else after + self.interval
        return None if found is None or (self.end is not None and found > self.end) else found


def read_timing(timing: Any, clock: Clock) -> Plan | str:
    """Reads a Timing.

    Returns:
        The plan, or what is wrong with it.
    """
    if not isinstance(timing, Mapping):
        return "timing is an object"
    plan = Plan()
    events = timing.get("event")
    if events is not None:
        listed = events if isinstance(events, list) else [events]
        moments = [clock.moment(event) for event in listed[:_MOST_TIMES]]
        if None in moments or len(listed) > _MOST_TIMES:
            return f"timing.event lists at most {_MOST_TIMES} times, each with its time zone"
        plan = replace(plan, events=tuple(sorted({clock.minute(m) for m in moments if m is not None})))
    repeat = timing.get("repeat")
    if repeat is not None:
        read = _read_repeat(repeat, clock, plan)
        if isinstance(read, str):
            return read
        plan = read
    if plan == Plan() and timing.get("code") is not None:
        return _read_code(timing["code"], clock)
    code = timing.get("code")
    if code is not None and plan.once and not plan.events:
        named = _read_code(code, clock)
        if isinstance(named, Plan):
            plan = replace(plan, interval=named.interval, of_day=named.of_day)
    return plan


def _read_code(code: Any, clock: Clock) -> Plan | str:
    codings = code.get("coding") if isinstance(code, Mapping) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, Mapping):
            for word in (coding.get("code"), coding.get("display")):
                plan = in_words(word, clock) if isinstance(word, str) else None
                if plan is not None:
                    return plan
    text = code.get("text") if isinstance(code, Mapping) else None
    plan = in_words(text, clock) if isinstance(text, str) else None
    return plan or "timing.code names no times that are known here; write a code such as BID or Q6H"


def in_words(text: str, clock: Clock) -> Plan | None:
    """Reads times from a code or from words such as ``BID``, ``every 6 hours`` or ``with meals``; None without any."""
    text = text[:400]
    word = text.strip().upper()
    if word in ONCE_CODES:
        return Plan(count=1)
    at: list[int] = []
    if word in _MEALS or _AT_MEALS.search(text):
        at += [clock.meals[place] - _BEFORE_MEAL for place in _MEALS.get(word, (0, 1, 2)) if place < len(clock.meals)]
    if word in _CLOCK:
        at.append(_CLOCK[word])
    elif _AT_BEDTIME.search(text):
        at.append(BEDTIME)
    if at:
        return Plan(of_day=tuple(sorted(set(at))))
    if word in BY_CODE:
        return Plan(interval=round(BY_CODE[word] * 60))
    for often, _ in often_in(text):
        if often.hours is not None:
            return Plan(interval=max(1, round(often.hours * 60)), count=often.times)
        if often.times == 1:
            return Plan(count=1)
    return None


def _read_repeat(repeat: Any, clock: Clock, plan: Plan) -> Plan | str:
    if not isinstance(repeat, Mapping):
        return "timing.repeat is an object"
    for name in ("boundsPeriod", "boundsDuration"):
        if name in repeat:
            bounds = repeat[name]
            if not isinstance(bounds, Mapping):
                return f"{name} is an object"
            read = _bounded(plan, bounds, clock) if name == "boundsPeriod" else _for_so_long(plan, bounds)
            if isinstance(read, str):
                return read
            plan = read
    count = repeat.get("count")
    if count is not None:
        times = number(count)
        if times is None or not 1 <= times <= 100_000:
            return "timing.repeat.count is a whole number from 1"
        plan = replace(plan, count=int(times))
    if "duration" in repeat:
        length, unit = number(repeat["duration"]), repeat.get("durationUnit")
        if length is None or not 0 < length < 1e6 or str(unit) not in HOURS_OF_UNIT:
            return "timing.repeat.duration is a number above 0 with a durationUnit such as h"
        plan = replace(plan, lasts=length * HOURS_OF_UNIT[str(unit)] * 60)
    at = _times_of_day(repeat, clock)
    if isinstance(at, str):
        return at
    if at:
        return replace(plan, of_day=at)
    frequency, period, unit = repeat.get("frequency"), repeat.get("period"), repeat.get("periodUnit")
    if frequency is None and period is None:
        return plan
    times = 1.0 if frequency is None else number(frequency)
    if times is None or not 0 < times <= 100_000:
        return "timing.repeat.frequency is a number above 0"
    if period is None:
        return replace(plan, count=int(max(1, times)))
    length = number(period)
    if length is None or not 0 < length < 1e6 or str(unit) not in HOURS_OF_UNIT:
        return "timing.repeat.period is a number above 0 with a periodUnit such as h or d"
    if plan.count == 1:
        return plan
    return replace(plan, interval=max(1, round(length * HOURS_OF_UNIT[str(unit)] * 60 / times)))


def _bounded(plan: Plan, bounds: Mapping[str, Any], clock: Clock) -> Plan | str:
    for name in ("start", "end"):
        if bounds.get(name) is None:
            continue
        moment = clock.moment(bounds[name])
        if moment is None:
            return f"boundsPeriod.{name} is a time with its time zone, not {str(bounds[name])[:40]!r}"
        minute = clock.minute(moment)
        plan = replace(plan, start=minute) if name == "start" else replace(plan, end=minute)
    if plan.start is not None and plan.end is not None and plan.end < plan.start:
        return "boundsPeriod ends before it begins"
    return plan


def _for_so_long(plan: Plan, bounds: Mapping[str, Any]) -> Plan | str:
    length, unit = number(bounds.get("value")), bounds.get("code") or bounds.get("unit")
    hours = HOURS_OF_UNIT.get(str(unit))
    if length is None or not 0 < length < 1e6 or hours is None:
        return "boundsDuration is a number above 0 with a unit such as h or d"
    return replace(plan, within=round(length * hours * 60))


def _times_of_day(repeat: Mapping[str, Any], clock: Clock) -> tuple[int, ...] | str:
    at: list[int] = []
    times = repeat.get("timeOfDay")
    for written in (times if isinstance(times, list) else [times])[:_MOST_TIMES] if times is not None else ():
        found = _TIME_OF_DAY.fullmatch(str(written))
        if found is None:
            return f"timeOfDay is a time such as 08:00:00, not {str(written)[:20]!r}"
        at.append(int(found[1]) * 60 + int(found[2]))
    when = repeat.get("when")
    for code in (when if isinstance(when, list) else [when])[:_MOST_TIMES] if when is not None else ():
        if str(code) in _MEALS:
            shift = 30 if str(code).startswith("PC") else 0 if str(code).startswith("C") else -_BEFORE_MEAL
            at += [clock.meals[place] + shift for place in _MEALS[str(code)] if place < len(clock.meals)]
        elif str(code) in _CLOCK:
            at.append(_CLOCK[str(code)])
        else:
            return f"timing.repeat.when has no {str(code)[:20]!r} that is known here"
    return tuple(sorted(set(at)))
