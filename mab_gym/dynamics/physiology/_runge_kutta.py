"""The classical Runge-Kutta method of fourth order, over a state that is a tuple of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

Numbers = tuple[float, ...]
Rates = Callable[[float, Numbers], Numbers]
"""The change per minute of each number, from the minutes since the beginning and the numbers."""


def integrate(rates: Rates, start: Numbers, minutes: float, longest_step: float) -> Numbers:
    """Returns the numbers after some time.

    The time is cut into equal steps, none longer than the longest one. The error of a step falls with the fifth power
    of its length, so that it hardly matters how a time is cut.

    Args:
        rates: The change per minute.
        start: The numbers at the beginning.
        minutes: The time in minutes.
        longest_step: The longest step in minutes.
    """
    steps = math.ceil(minutes / longest_step)
    if not steps:
        return start
    h = minutes / steps
    now = start
    for step in range(steps):
        t = step * h
        k1 = rates(t, now)
        k2 = rates(t + h / 2, tuple(x + h / 2 * k for x, k in zip(now, k1, strict=True)))
        k3 = rates(t + h / 2, tuple(x + h / 2 * k for x, k in zip(now, k2, strict=True)))
        k4 = rates(t + h, tuple(x + h * k for x, k in zip(now, k3, strict=True)))
        now = tuple(x + h / 6 * (a + 2 * b + 2 * c + d) for x, a, b, c, d in zip(now, k1, k2, k3, k4, strict=True))
    return now


def integrate_one(rate: Callable[[float], float], start: float, minutes: float, longest_step: float) -> float:
    """Returns a single number after some time, where its change depends on nothing but itself; else as `integrate`.

    Args:
        rate: The change per minute, from the number.
        start: The number at the beginning.
        minutes: The time in minutes.
        longest_step: The longest step in minutes.
    """
    steps = math.ceil(minutes / longest_step)
    h = minutes / max(steps, 1)
    now = start
    for _ in range(steps):
        k1 = rate(now)
        k2 = rate(now + h / 2 * k1)
        k3 = rate(now + h / 2 * k2)
        now += h / 6 * (k1 + 2 * k2 + 2 * k3 + rate(now + h * k3))
    return now
