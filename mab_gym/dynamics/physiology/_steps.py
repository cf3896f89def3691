"""Checks of arguments, and the cutting of time, for all models of the room."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mab_gym.errors import UsageError

LONGEST = 10_000 * 60.0
"""The longest time of one step, in minutes: ten thousand hours. Chosen: a stay is far shorter."""


def within(name: str, value: float, low: float, high: float, unit: str) -> None:
    """Raises a UsageError if a number is not within its bounds.

    Args:
        name: The argument's name, for the message.
        value: The number.
        low: The least value that is right.
        high: The greatest value that is right.
        unit: The unit of all three, for the message.
    """
    if not (isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high):
        raise UsageError(f"{name} must be a number from {low:g} to {high:g} {unit}; it is {value!r}")


def minutes_to_pass(minutes: float) -> None:
    """Raises a UsageError if a time is not one that can pass: from 0 to 10,000 hours, in minutes."""
    within("minutes", minutes, 0.0, LONGEST, "minutes")


def pieces(minutes: float) -> Iterator[tuple[int, float]]:
    """Yields how many steps of which length in minutes make up a time: whole minutes, and then what is left.

    Models that are integrated in steps of one minute are cut at whole minutes without any difference: 60 minutes are
    60 times one minute. A cut within a minute changes a result by less than that minute's own error.

    Args:
        minutes: The time.
    """
    whole = math.floor(minutes)
    if whole:
        yield whole, 1.0
    if minutes > whole:
        yield 1, minutes - whole
