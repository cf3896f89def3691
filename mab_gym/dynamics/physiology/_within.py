"""Bounds of numbers that come from outside: a number beyond them, or one that is none, raises UsageError."""

from __future__ import annotations

import math

from mab_gym.errors import UsageError

LONGEST_MINUTES = 600_000.0
"""The longest time that one call can advance: 10,000 hours."""


def within(name: str, value: float, low: float, high: float, unit: str) -> float:
    """Returns a number as it is, or raises.

    Args:
        name: The number's name, as a caller knows it.
        value: The number.
        low: The smallest number that is allowed.
        high: The greatest number that is allowed.
        unit: The unit of all three; empty where there is none.

    Raises:
        UsageError: The number is not finite, or it is out of bounds.
    """
    if not (math.isfinite(value) and low <= value <= high):
        raise UsageError(f"{name} is {value:g}; it must be from {low:g} to {high:g} {unit}".rstrip() + ".")
    return value


def minutes_within(minutes: float) -> float:
    """Returns a time in minutes as it is, or raises UsageError where it is negative or longer than 10,000 hours."""
    return within("minutes", minutes, 0.0, LONGEST_MINUTES, "min")
