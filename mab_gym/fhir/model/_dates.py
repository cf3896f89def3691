"""Dates as HAPI FHIR reads, indexes and compares them (FHIR R4 section 3.1.1.4.8; HAPI's ``DateParam``).

A written date is a period: ``2023-11`` begins with the first millisecond of November and ends with the last. HAPI
stores both ends twice: as instants, and as day numbers (20231112) of the text as it is written. A query without a time
of day is compared by day number, one with a time of day by instant. Texts without a time zone are UTC.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mab_gym.fhir.model._outcome import FhirError, RefusalKind

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_PARTS = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_YEAR = re.compile(r"\d{4}|\+\d{3}|-000", re.ASCII)
"""The texts that Java reads as a year."""
_LEAP_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:60", re.ASCII)
_DAY = 86_400_000
_PREFIXED = re.compile(r"([^0-9%-]*)(.*)", re.DOTALL)
_COMPARATORS = {"": "eq", ">": "gt", ">=": "ge", "<": "lt", "<=": "le", "!": "ne", "!=": "ne"} | {
    name: name for name in ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")
}
_EARLIEST, _LATEST = 41_400_000, 43_200_000
"""The time by which a day begins elsewhere before and after midnight UTC, in milliseconds (``DateUtils``)."""


class Period(NamedTuple):
    """A written date or period, both ends included.

    Attributes:
        low: Its first millisecond since 1970-01-01T00:00:00Z.
        high: Its last.
        low_day: Its first day as a number like 20231112, in the zone in which it is written.
        high_day: Its last day.
        timed: True if it is written with a time of day.
    """

    low: int
    high: int
    low_day: int
    high_day: int
    timed: bool


def milliseconds(moment: datetime) -> int:
    """Returns the milliseconds from 1970-01-01T00:00:00Z to a timezone-aware datetime."""
    return (moment - _UNIX) // _MILLISECOND


_FIRST, _LAST = (milliseconds(end.replace(tzinfo=UTC)) for end in (datetime.min, datetime.max))


def moment_at(at: int) -> datetime:
    """Returns the moment at some milliseconds since 1970, or the nearest one that Python knows."""
    return _UNIX + timedelta(milliseconds=min(max(at, _FIRST), _LAST))


@lru_cache(maxsize=4096)
def read_date(text: str) -> Period | None:
    """Reads a FHIR date, dateTime or instant; None if the text is not one, or names a day that does not exist."""
    match = _PARTS.fullmatch(text)
    if match is None:
        return None
    year_text, month_text, day_text, hour, minute, second, fraction, zone = match.groups()
    year, month, day = int(year_text), int(month_text or 1), int(day_text or 1)
    try:
        if hour is None:
            last_month = int(month_text or 12)
            last_day = int(day_text) if day_text else calendar.monthrange(year, last_month)[1]
            first, last = datetime(year, month, day, tzinfo=UTC), datetime(year, last_month, last_day, tzinfo=UTC)
            length = _DAY
        else:
            micro = int((fraction or "0")[:3].ljust(3, "0")) * 1000
            first = last = datetime(year, month, day, int(hour), int(minute), int(second or 0), micro, tzinfo=UTC)
            length = 60_000 if second is None else 1000 if fraction is None else 1
    except ValueError:
        return None
    offset = 0
    if zone and zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            return None
        offset = (hours * 60 + minutes) * 60_000 * (-1 if zone[0] == "-" else 1)
    low, high = milliseconds(first) - offset, milliseconds(last) + length - 1 - offset
    return Period(low, high, _day_number(first), _day_number(last), hour is not None)


def _day_number(moment: datetime) -> int:
    return moment.year * 10000 + moment.month * 100 + moment.day


@lru_cache(maxsize=4096)
def stored_date(text: str) -> Period | None:
    """Reads a stored date as `read_date` does; the second 60 is there the first one of the next minute."""
    period = read_date(text)
    if period is None and _LEAP_SECOND.match(text):
        period = read_date(f"{text[:17]}59{text[19:]}")
        period = period and period._replace(low=period.low + 1000, high=period.high + 1000)
    return period


_START_OF_TIME = Period(milliseconds(datetime(1001, 1, 1, tzinfo=UTC)), 0, 10010101, 0, True)
_END_OF_TIME = Period(0, milliseconds(datetime(9000, 1, 2, tzinfo=UTC)) - 1, 0, 90000101, True)
"""HAPI's ends of a period that has none (``StorageSettings``)."""


def stored_period(value: object) -> Period | None:
    """Returns the period that HAPI indexes for a stored date, dateTime, instant (a text) or Period (a dict).

    A dateTime to the second or finer is one instant. An open end of a Period lies at the beginning or end of time.
    """
    if isinstance(value, str):
        period = stored_date(value)
        return period._replace(high=period.low) if period is not None and period.timed else period
    if isinstance(value, dict):
        start, end = stored_period(value.get("start")), stored_period(value.get("end"))
        if start is None and end is None:
            return None
        low, high = start or _START_OF_TIME, end or _END_OF_TIME
        return Period(low.low, high.high, low.low_day, high.high_day, low.timed)
    return None


def timing_period(events: Sequence[str | None], bounds: Sequence[str | None]) -> Period | None:
    """Returns the period that HAPI indexes for a Timing: from its least to its greatest instant.

    Its days are those of the first and the last event in the list, as written; without events, those of the bounds, in
    UTC.

    Args:
        events: ``Timing.event``; None stands for an event that has only extensions.
        bounds: Both ends of ``Timing.repeat.boundsPeriod``.
    """
    listed = [period for text in events if text and (period := stored_date(text))]
    around = [period for text in bounds if text and (period := stored_date(text))]
    if not listed and not around:
        return None
    low, high = (choose(period.low for period in (*listed, *around)) for choose in (min, max))
    if not listed:
        first, last = (_day_number(moment_at(at)) for at in (low, high))
        return Period(low, high, first, last, True)
    if not listed[-1].timed:
        high = listed[-1].high
    return Period(low, high, listed[0].low_day, listed[-1].high_day, listed[0].timed)


@dataclass(frozen=True, slots=True)
class DateComparison:
    """One value of a date parameter: a comparator, and the period that a stored date is compared with."""

    comparator: str
    period: Period

    @property
    def bounds_low(self) -> bool:
        """True if it only sets a lower bound (HAPI accepts one of these for each parameter)."""
        return self.comparator in ("gt", "ge", "sa")

    @property
    def bounds_high(self) -> bool:
        """True if it only sets an upper bound (HAPI accepts one of these for each parameter)."""
        return self.comparator in ("lt", "le", "eb")

    def matches(self, stored: Period) -> bool:
        """True if a stored date satisfies the comparison."""
        if self.period.timed:
            low, high = self.period.low, self.period.high
            return bool(self._holds(stored.low, stored.high, low, high, low, high))
        first, last = self.period.low_day, self.period.high_day
        return bool(self._holds(stored.low_day, stored.high_day, first, last, last, first))

    def matches_update(self, stored: Period) -> bool:
        """True if the time of a resource's last update satisfies the comparison.

        ``_lastUpdated`` is compared by instants. For HAPI a day begins where it begins first on Earth, at GMT+11:30. As
        an upper bound it ends at noon UTC of that day, or a whole unit later if the day itself counts.
        """
        low, high = self._update_bounds()
        match self.comparator:
            case "gt" | "sa" | "ge":
                return stored.low >= low
            case "lt" | "eb" | "le":
                return stored.low <= high
            case "ne":
                return stored.low < low or stored.low > high
        return low <= stored.low <= high

    def _update_bounds(self) -> tuple[int, int]:
        begin, unit = self.period.low, self.period.high + 1 - self.period.low
        if self.period.timed:
            unit = max(1, unit)
            return begin + (unit if self.comparator in ("gt", "sa") else 0), (
                begin - 1 if self.comparator in ("lt", "eb") else begin + unit - 1
            )
        low = begin - _EARLIEST + (unit if self.comparator in ("gt", "sa") else 0)
        return low, begin + _LATEST - 1 + (0 if self.comparator in ("lt", "eb") else unit)

    def matches_array(
        self, low: npt.NDArray[Any], high: npt.NDArray[Any], low_day: npt.NDArray[Any], high_day: npt.NDArray[Any]
    ) -> npt.NDArray[np.bool_]:
        """Does the same as `matches` for arrays of stored dates, all of shape ``(n,)``."""
        if self.period.timed:
            result = self._holds(low, high, self.period.low, self.period.high, self.period.low, self.period.high)
        else:
            first, last = self.period.low_day, self.period.high_day
            result = self._holds(low_day, high_day, first, last, last, first)
        return np.asarray(result, dtype=np.bool_)

    def _holds(self, low: Any, high: Any, first: int, last: int, at_least: int, at_most: int) -> Any:
        """Compares numbers, or arrays of numbers.

        ``at_least`` and ``at_most`` are the ends that ``ge`` and ``le`` use: HAPI takes the far end of a year or month
        there, so that ge2023 begins with the last day of 2023.
        """
        match self.comparator:
            case "ge":
                return high >= at_least
            case "gt":
                return high > last
            case "sa":
                return low > last
            case "le":
                return low <= at_most
            case "lt":
                return low < first
            case "eb":
                return high < first
            case "ne":
                return (low < first) | (high > last)
        return (low >= first) & (high >= first) & (low <= last) & (high <= last)


def parse_comparison(text: str) -> DateComparison:
    """Reads one value of a date parameter, such as ``ge2023-11-12T10:15:00+00:00``.

    Blanks are read as ``+``, which URL decoding turns into blanks.

    Raises:
        FhirError: 400 with HAPI's words for what was wrong.
    """
    written = text.replace(" ", "+")
    match = _PREFIXED.fullmatch(written)
    prefix, rest = match.groups() if match else ("", written)
    if not rest:
        raise unreadable_value(f'HAPI-1940: Invalid date/time/quantity format: "{written}"')
    comparator = _COMPARATORS.get(prefix)
    if comparator is None:
        raise unreadable_value(f'HAPI-1941: Invalid prefix: "{prefix}"')
    period = read_date(rest)
    if period is None:
        raise unreadable_value(date_error(rest))
    if comparator == "ap":
        raise FhirError(400, "HAPI-1925: Unknown comparator: APPROXIMATE", kind=RefusalKind.APPROXIMATE_DATE)
    return DateComparison(comparator, period)


def unreadable_value(text: str) -> FhirError:
    """Returns the refusal of a search value that cannot be read, in HAPI's words."""
    return FhirError(400, text, kind=RefusalKind.UNREADABLE_VALUE)


def date_error(text: str) -> str:
    """Returns HAPI's error for a text that is no date; it names the first wrong position, if it can.

    Source: the order of the checks in HAPI FHIR 7.6's ``BaseDateTimeDt.parse``.
    """
    quoted = f'Invalid date/time format: "{text}"'
    plain = f"HAPI-1882: {quoted}"
    if len(text) < 4 or not _YEAR.fullmatch(text[:4]):
        return plain
    for index, expected, shortest in ((4, "-", 7), (7, "-", 10)):
        if len(text) > index and text[index] != expected:
            return _misplaced(text, index, expected)
        if len(text) > index and (len(text) < shortest or not text[index + 1 : shortest].isdigit()):
            return plain
    if len(text) > 10 and (len(text) < 16 or not _is_day(text[:10])):
        return plain
    if len(text) <= 10:
        return plain
    if text[10] != "T":
        return _misplaced(text, 10, "T")
    marks = [place for mark in "+ -Z" if (place := text.find(mark, 16)) >= 0]
    if len(marks) > 1:
        return plain
    zone = text[marks[0] :] if marks else ""
    if zone and zone[0] != "Z" and (len(zone) != 6 or zone[3] != ":"):
        return f'HAPI-1883: {quoted}: Timezone offset must be in the form "Z", "-HH:mm", or "+HH:mm"'
    if zone and zone[0] != "Z" and not (zone[1:3] + zone[4:6]).isdigit():
        return plain
    time = text[11 : marks[0]] if marks else text[11:]
    if text[13] != ":":
        return _misplaced(text, 13, ":")
    if not (text[11:13] + text[14:16]).isdigit() or int(text[11:13]) > 23 or int(text[14:16]) > 59:
        return plain
    if len(time) > 5 and len(text) >= 19 and text[16] != ":":
        return _misplaced(text, 16, ":")
    if len(time) > 8 and text[17:19].isdigit() and int(text[17:19]) < 60 and text[19] != ".":
        return _misplaced(text, 19, ".")
    return plain


def _misplaced(text: str, index: int, expected: str) -> str:
    return (
        f"HAPI-1883: Invalid date/time format: \"{text}\": Expected character '{expected}' at index {index} "
        f"but found {text[index]}"
    )


def _is_day(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return False
    return True
