"""Randomness and the calendar for one person's life, made quick: draws by the block, days from a table.

All draws of a person come from streams of its own, so that any person can be made without the others.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Final, TypeVar

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._spec import DAY, HOUR, MINUTE
from mab_gym.cohort.hospital._history import NOW, RECORDS_FROM, ZONE

T = TypeVar("T")
YEAR: Final = 31_557_600
"""Seconds of a Julian year."""
MONTH: Final = YEAR // 12
_BLOCK: Final = 700
_RNG: Final = RandomState(0)
_EPOCH: Final = date(1970, 1, 1)


class Chance:
    """Draws for one person, from a stream of its own.

    Args:
        seed: The hospital's entropy.
        path: Which part: a number of `life._lives`, the person's number, an attempt's number.
    """

    def __init__(self, seed: int, *path: int) -> None:
        self.next: Callable[[], float] = chain.from_iterable(_draws([seed, *path])).__next__

    def hit(self, chance: float) -> bool:
        """Tells if something with a chance happens."""
        return self.next() < chance

    def between(self, low: float, high: float) -> float:
        """Returns a number from ``low`` to ``high``, all equally likely."""
        return low + (high - low) * self.next()

    def whole(self, low: int, high: int) -> int:
        """Returns a whole number from ``low`` to ``high``, both included."""
        return low + int(self.next() * (high - low + 1))

    def one(self, choices: Sequence[T]) -> T:
        """Returns one of several things."""
        return choices[int(self.next() * len(choices))]

    def weighted(self, bounds: Sequence[float]) -> int:
        """Returns a place, by rising sums of weights."""
        return min(bisect_right(bounds, self.next() * bounds[-1]), len(bounds) - 1)

    def waits(self) -> float:
        """Returns an exponential waiting time of mean 1."""
        return -math.log(1.0 - self.next())

    def normal(self) -> float:
        """Returns a draw from the standard normal distribution (Box and Muller 1958)."""
        return math.sqrt(-2.0 * math.log(1.0 - self.next())) * math.cos(2.0 * math.pi * self.next())


def _draws(seed: list[int]) -> Iterator[list[float]]:
    """Yields blocks of numbers from 0 to 1 without end.

    Every block has a stream of its own, so that one generator serves all. To seed a generator anew takes a fifth of the
    time that it takes to make one, and gives the same draws.
    """
    block = 0
    while True:
        _RNG.seed(np.array([*seed, block], dtype=np.uint32))
        yield _RNG.random_sample(_BLOCK).tolist()
        block += 1


def sums(weights: Sequence[float]) -> tuple[float, ...]:
    """Returns rising sums, as `Chance.weighted` takes them."""
    total, found = 0.0, []
    for weight in weights:
        total += weight
        found.append(total)
    return tuple(found)


def interpolate(values: Sequence[float], age: float, first: float = 20.0, step: float = 20.0) -> float:
    """Returns a value at an age, from values at equal steps of age; constant beyond them."""
    at = (age - first) / step
    if at <= 0:
        return values[0]
    low = int(at)
    if low >= len(values) - 1:
        return values[-1]
    return values[low] + (values[low + 1] - values[low]) * (at - low)


def _midnights() -> tuple[int, tuple[int, ...]]:
    first = datetime.fromtimestamp(RECORDS_FROM, ZONE).date() - timedelta(days=2)
    last = datetime.fromtimestamp(NOW, ZONE).date() + timedelta(days=400)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    moments = (datetime(day.year, day.month, day.day, tzinfo=ZONE) for day in days)
    return (first - _EPOCH).days, tuple(int(moment.astimezone(UTC).timestamp()) for moment in moments)


_FIRST, _MIDNIGHTS = _midnights()


def day_number(moment: int) -> int:
    """Returns the local day of a moment of the records, in days since 1970-01-01."""
    return _FIRST + bisect_right(_MIDNIGHTS, moment) - 1


def at_local(day: int, seconds: int) -> int:
    """Returns the moment so many seconds after the local midnight that begins a day of the records.

    On the two Sundays of a year on which clocks change it is an hour off the clock after 02:00.
    """
    return _MIDNIGHTS[day - _FIRST] + seconds


def as_date(day: int) -> date:
    """Returns the date of a number of days since 1970-01-01."""
    return date.fromordinal(_EPOCH.toordinal() + day)


def number_of(day: date) -> int:
    """Returns the number of days since 1970-01-01."""
    return day.toordinal() - _EPOCH.toordinal()


def weekday(day: int) -> int:
    """Returns 0 for Monday to 6 for Sunday."""
    return (day + 3) % 7


_HOLIDAYS: Final = frozenset(
    number_of(date(year, month, day)) for year in range(2014, 2026) for month, day in ((1, 1), (7, 4), (12, 25))
)


def workday(day: int) -> int:
    """Returns this day, or the next on which clinics are open."""
    while weekday(day) > 4 or day in _HOLIDAYS:
        day += 1
    return day


def noon(day: date) -> int:
    """Returns about noon of any day, before the records, too."""
    return number_of(day) * DAY + 17 * HOUR


OFFICE_HOURS: Final = sums([1.0] * 24)


def office(chance: Chance, day: int) -> int:
    """Returns when a clinic visit of a day begins: from 08:00 to 16:20 in steps of 20 minutes, not at noon."""
    step = int(chance.next() * 24)
    return at_local(day, 8 * HOUR + (step if step < 12 else step + 2) * 20 * MINUTE)


_ARRIVALS: Final = sums([
    3, 2.4, 2, 1.8, 1.7, 1.8, 2.2, 3, 4.2, 5.4, 6, 6.2, 6, 5.8, 5.7, 5.6, 5.6, 5.7, 5.8, 5.6, 5.2, 4.8, 4.2, 3.6,
])  # fmt: skip
"""Arrivals at an emergency department by hour; the shape is that of NHAMCS, our estimate."""


def any_hour(chance: Chance, day: int) -> int:
    """Returns a moment of a day, as people arrive at an emergency department."""
    return at_local(day, chance.weighted(_ARRIVALS) * HOUR + int(chance.next() * 60) * MINUTE)
