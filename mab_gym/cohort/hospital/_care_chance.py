"""Smooth chance: random courses that are the same at whichever moments they are asked for."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._streams import Floats, Ints
from mab_gym.cohort.hospital._care_effects import DAY
from mab_gym.cohort.hospital._history import RECORDS_FROM

_WAVES: Final = 12


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
        shares = (np.arange(_WAVES) + 0.5) / _WAVES / 2
        self._frequencies = np.tan(np.pi * shares) / (days * DAY) * (0.85 + 0.3 * rng.random_sample(_WAVES))
        self._sizes = rng.standard_normal((2 * _WAVES, columns)) / np.sqrt(_WAVES)

    def at(self, times: Ints) -> Floats:
        """Returns the courses at moments, shape ``(times, columns)``."""
        angles = (times - RECORDS_FROM)[:, None] * self._frequencies
        found: Floats = np.concatenate([np.cos(angles), np.sin(angles)], axis=1) @ self._sizes
        return found
