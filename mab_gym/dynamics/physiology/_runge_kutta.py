"""The classical Runge-Kutta method of fourth order, over a state that is a tuple of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

_Drive = TypeVar("_Drive")
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


Five = tuple[float, float, float, float, float]


def integrate_five(
    rates: Callable[[_Drive, float, float, float, float, float], Five],
    drives: Sequence[_Drive],
    start: Five,
    minutes: float,
) -> Five:
    """Returns five numbers after some time, as `integrate` does, three times as fast.

    Args:
        rates: The change per minute, from what acts at that time and the five numbers.
        drives: What acts from outside, at the beginning, the middle and the end of each step: two more a step.
        start: The numbers at the beginning.
        minutes: The time in minutes.
    """
    steps = len(drives) // 2
    if not steps:
        return start
    h = minutes / steps
    half, sixth = h / 2, h / 6
    a, b, c, d, e = start
    for place in range(0, 2 * steps, 2):
        middle = drives[place + 1]
        a1, b1, c1, d1, e1 = rates(drives[place], a, b, c, d, e)
        a2, b2, c2, d2, e2 = rates(middle, a + half * a1, b + half * b1, c + half * c1, d + half * d1, e + half * e1)
        a3, b3, c3, d3, e3 = rates(middle, a + half * a2, b + half * b2, c + half * c2, d + half * d2, e + half * e2)
        a4, b4, c4, d4, e4 = rates(drives[place + 2], a + h * a3, b + h * b3, c + h * c3, d + h * d3, e + h * e3)
        a += sixth * (a1 + 2 * a2 + 2 * a3 + a4)
        b += sixth * (b1 + 2 * b2 + 2 * b3 + b4)
        c += sixth * (c1 + 2 * c2 + 2 * c3 + c4)
        d += sixth * (d1 + 2 * d2 + 2 * d3 + d4)
        e += sixth * (e1 + 2 * e2 + 2 * e3 + e4)
    return a, b, c, d, e


def half_steps(minutes: float, longest_step: float) -> list[float]:
    """Returns the times of all half steps, from 0 to the end, of steps none of which is longer than the longest one."""
    steps = math.ceil(minutes / longest_step)
    return [minutes / (2 * steps) * place for place in range(2 * steps + 1)] if steps else [0.0]
