"""Chance in a stay: numbers that follow from the case, the order and its place alone.

No generator is shared, so that one more order or one more look at the clock changes no other number.
"""

from __future__ import annotations

from hashlib import blake2b
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()


def uniform(*about: object) -> float:
    """Returns a number from 0 to below 1, evenly distributed over what it is about."""
    digest = blake2b("/".join(map(str, about)).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


def normal(*about: object) -> float:
    """Returns a number of the standard normal distribution, within 3 standard deviations."""
    return _NORMAL.inv_cdf(0.00135 + 0.9973 * uniform(*about))
