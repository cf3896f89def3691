"""Chance: numbers one by one, and smooth random courses that are the same at whichever moments they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._streams import Floats, Ints
from mab_gym.cohort.hospital._history import RECORDS_FROM
from mab_gym.cohort.hospital.care._effects import DAY

_WAVES: Final = 12
_AT_A_TIME: Final = 256
_ROWS: Final = 64
"""Rows of a product at a time: below the size at which BLAS starts threads, which take longer to begin than to work and
whose number would decide the order of sums."""
_SHARES: Final = np.tan(np.pi * (np.arange(_WAVES) + 0.5) / _WAVES / 2)
"""Frequencies of a Cauchy distribution, equally likely."""


class Luck:
    """Random numbers from 0 to 1, one by one; drawn many at a time, which is quicker."""

    def __init__(self, rng: RandomState) -> None:
        """Prepares.

        Args:
            rng: The stream to draw from, which nobody else may use.
        """
        self._rng = rng
        self._ready: list[float] = []

    def one(self) -> float:
        """Draws a number."""
        if not self._ready:
            self._ready = self._rng.random_sample(_AT_A_TIME).tolist()
        return self._ready.pop()

    def some(self, count: int) -> list[float]:
        """Draws several numbers."""
        while len(self._ready) < count:
            self._ready = self._rng.random_sample(_AT_A_TIME).tolist() + self._ready
        drawn = self._ready[-count:] if count else []
        del self._ready[len(self._ready) - count :]
        return drawn

    def pick(self, weights: Sequence[float]) -> int:
        """Draws a place by relative weights."""
        left = self.one() * sum(weights)
        for place, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return place
        return len(weights) - 1


class Waves:
    """Random courses, standard normal at each moment, that forget themselves within some days.

    Sums of waves whose frequencies follow a Cauchy distribution, for an exponential autocorrelation (Rahimi & Recht,
    NIPS 2007).
    """

    def __init__(self, rng: RandomState, days: float, columns: int) -> None:
        """Draws the courses.

        Args:
            rng: The stream to draw from.
            days: The time constant.
            columns: How many courses.
        """
        self.frequencies = _SHARES / (days * DAY) * (0.85 + 0.3 * rng.random_sample(_WAVES))
        self.sizes = rng.standard_normal((2 * _WAVES, columns)) / np.sqrt(_WAVES)

    def at(self, times: Ints) -> Floats:
        """Returns the courses at moments, shape ``(times, columns)``."""
        angles = (times - RECORDS_FROM)[:, None] * self.frequencies
        moved = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        parts = [moved[row : row + _ROWS] @ self.sizes for row in range(0, len(moved), _ROWS)]
        return np.concatenate(parts) if parts else np.zeros((0, self.sizes.shape[1]))
