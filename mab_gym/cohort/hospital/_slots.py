"""The times at which clinics see people in the coming weeks: slots of half an hour, by practitioner."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Final

from mab_gym.cohort._spec import DAY, HOUR, MINUTE
from mab_gym.cohort.hospital._history import NOW, local
from mab_gym.cohort.hospital._zone import WINTER, offset_at

WEEKS: Final = 6
LENGTH: Final = 30 * MINUTE
_HOURS: Final = (8, 9, 10, 11, 13, 14, 15, 16)
"""Local hours in which the clinics see people; two slots each. Our choice."""
_CLOSED: Final = frozenset({date(2024, 11, 28), date(2024, 12, 25)})
"""Thanksgiving and Christmas."""
_FIRST_DAY: Final = local(NOW).date()


@cache
def starts(service: str, number: int) -> tuple[int, ...]:
    """Returns the beginnings of a practitioner's usual slots, rising.

    Args:
        service: The practitioner's service; in primary care every working day, elsewhere two days a week.
        number: The practitioner's number.
    """
    wanted = range(5) if service == "primary" else (number % 5, (number + 2) % 5)
    return tuple(start for start in slot_numbers() if local(start).weekday() in wanted)


@cache
def slot_numbers() -> dict[int, int]:
    """Returns the beginnings of all slots that there could be in the coming weeks, each with its number."""
    found: list[int] = []
    for day in (_FIRST_DAY + timedelta(days=n) for n in range(7 * WEEKS)):
        if day.weekday() >= 5 or day in _CLOSED:
            continue
        midnight = (day - date(1970, 1, 1)).days * DAY
        offset = offset_at(midnight + 12 * HOUR - WINTER)
        found += [midnight + hour * HOUR + half * LENGTH - offset for hour in _HOURS for half in (0, 1)]
    return {start: number for number, start in enumerate(start for start in found if start > NOW)}
