"""Compares dates as HAPI's FHIRPath engine does."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction

_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)


def not_after(first: str, second: str) -> bool:
    """True if a date or time is not after another one; False, too, if that cannot be told.

    It cannot be told if one is less precise than the other and they are alike as far as the less precise one goes.
    """
    one, other = _parts(first), _parts(second)
    if one is None or other is None:
        return False
    for a, b in zip(one, other, strict=False):
        if a != b:
            return a < b
    return len(one) == len(other)


def _parts(text: str) -> tuple[Fraction, ...] | None:
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    if hour is None:
        return tuple(Fraction(part) for part in (year, month, day) if part is not None)
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=UTC) - _offset(zone)
    except (ValueError, OverflowError):
        return None
    seconds = Fraction(int(second or 0)) + Fraction(fraction or 0)
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute)
    return (*map(Fraction, parts), seconds)


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta()
    sign = -1 if zone[0] == "-" else 1
    return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
