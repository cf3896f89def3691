"""Times as the hospital writes them: local time on the American east coast, with its offset from UTC.

The offsets follow the law's rule, so that they do not depend on a machine's table of time zones: daylight saving from
the second Sunday of March to the first Sunday of November at 02:00 local time since 2007 (Energy Policy Act of 2005,
section 110), from the first Sunday of April to the last Sunday of October before. Earlier times than 1987 are written
as days.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mab_gym.cohort._spec import DAY, HOUR
from mab_gym.fhir.store._table import InstantForm

WINTER, SUMMER = -5 * HOUR, -4 * HOUR
"""Seconds east of UTC."""
FORMS: Final = (InstantForm(19, "-05:00"), InstantForm(19, "-04:00"), InstantForm(10))
"""The ways in which points in time are written: in winter, in summer, as a day."""
IN_WINTER, IN_SUMMER, AS_DAY = 1, 2, 3
_EPOCH: Final = datetime(1970, 1, 1)
_FIRST_YEAR, _LAST_YEAR, _RULE_OF_2005 = 1987, 2060, 2007


def _sunday(year: int, month: int, number: int) -> date:
    """Returns the first Sunday of a month, the second, or with -1 the last."""
    if number < 0:
        last = date(year, month + 1, 1) - timedelta(days=1)
        return last - timedelta(days=(last.weekday() + 1) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (number - 1))


def _changes() -> list[int]:
    """Returns the moments at which summer and winter begin in turn, summer first."""
    found = []
    for year in range(_FIRST_YEAR, _LAST_YEAR):
        new = year >= _RULE_OF_2005
        begins = _sunday(year, 3, 2) if new else _sunday(year, 4, 1)
        ends = _sunday(year, 11, 1) if new else _sunday(year, 10, -1)
        found += [_midnight(begins) + 2 * HOUR - WINTER, _midnight(ends) + 2 * HOUR - SUMMER]
    return found


def _midnight(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY


_CHANGES: Final = _changes()
_CHANGES_ARRAY: Final = np.array(_CHANGES, dtype=np.int64)


def offset_at(moment: int) -> int:
    """Returns the seconds east of UTC at a moment."""
    return SUMMER if bisect_right(_CHANGES, moment) % 2 else WINTER


def forms_at(moments: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Returns the codes of the forms in which moments are written: `IN_WINTER` or `IN_SUMMER`."""
    summer = np.searchsorted(_CHANGES_ARRAY, moments, side="right") % 2
    return (IN_WINTER + summer).astype(np.uint8)


@lru_cache(maxsize=1 << 14)
def written(moment: int) -> str:
    """Returns a moment as text, as in ``2024-07-01T09:30:00-04:00``."""
    offset = offset_at(moment)
    return (_EPOCH + timedelta(seconds=moment + offset)).isoformat() + ("-04:00" if offset == SUMMER else "-05:00")


@lru_cache(maxsize=1 << 14)
def day_of(moment: int) -> str:
    """Returns the local day of a moment, as in ``2024-07-01``."""
    return (_EPOCH + timedelta(seconds=moment + offset_at(moment))).isoformat()[:10]


def local_midnight_utc(moment: int) -> int:
    """Returns the beginning of a moment's local day, read as UTC, as columns hold days."""
    return (moment + offset_at(moment)) // DAY * DAY


def local_midnights(moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns the same of many moments."""
    offsets = np.where(forms_at(moments) == IN_SUMMER, SUMMER, WINTER)
    return (moments + offsets) // DAY * DAY


def in_utc(moment: int) -> datetime:
    """Returns a moment in UTC."""
    return datetime.fromtimestamp(moment, UTC)
