"""The cutting of time, for models that are integrated in steps of one minute."""

from __future__ import annotations

import math
from collections.abc import Iterator


def pieces(minutes: float, longest: float = 1.0) -> Iterator[tuple[int, float]]:
    """Yields how many steps of which length in minutes make up a time: the longest ones, and then what is left.

    Models that are integrated in steps of one minute are cut at whole minutes without any difference: 60 minutes are
    60 times one minute. A cut within a step changes a result by less than that step's own error.

    Args:
        minutes: The time.
        longest: The length of a step.
    """
    whole = math.floor(minutes / longest)
    if whole:
        yield whole, longest
    if minutes > whole * longest:
        yield 1, minutes - whole * longest
