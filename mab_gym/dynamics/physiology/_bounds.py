"""Bounds of numbers that come from outside, the same for all models of the room."""

from __future__ import annotations

from mab_gym.errors import UsageError

LONGEST_MINUTES = 600_000.0
"""The longest time of one step: ten thousand hours. Chosen: a stay is far shorter."""
_NUMBERS = (int, float)


def within(name: str, value: float, low: float, high: float, unit: str) -> float:
    """Returns a number as it is.

    Args:
        name: The number's name, as a caller knows it.
        value: The number.
        low: The least number that is right.
        high: The greatest number that is right.
        unit: The unit of all three; empty where there is none.

    Raises:
        UsageError: It is no finite number, or out of bounds.
    """
    if not (isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high):
        raise UsageError(f"{name} must be a number from {low:g} to {high:g} {unit}".rstrip() + f"; it is {value!r}")
    return value


def minutes_within(minutes: float) -> float:
    """Returns a time in minutes as it is.

    Raises:
        UsageError: It is negative, or longer than 10,000 hours.
    """
    if type(minutes) in _NUMBERS and 0.0 <= minutes <= LONGEST_MINUTES:
        return minutes  # the usual case, hundreds of times a simulated day
    return within("minutes", minutes, 0.0, LONGEST_MINUTES, "minutes")
