"""The cutting of time, for models that are integrated in steps of one minute."""

from __future__ import annotations

import math
from collections.abc import Iterator


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
