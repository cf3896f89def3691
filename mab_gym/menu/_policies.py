"""Policies over the menu that need no training: a random one, and one that does not see the chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mab_gym.menu._agent import MenuPolicy
from mab_gym.menu._features import CHART


class RandomChoice:
    """Chooses among the possible choices with equal probability.

    Args:
        seed: The seed of its random numbers.
    """

    def __init__(self, seed: int = 0) -> None:
        self._chance = np.random.default_rng(seed)

    def begin(self, seed: int) -> None:
        """Seeds the random numbers anew."""
        self._chance = np.random.default_rng(seed)

    def __call__(self, features: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> int:
        """Returns the next random choice."""
        return int(self._chance.choice(np.flatnonzero(mask)))


def deaf(policy: MenuPolicy, constants: Mapping[int, float] | None = None) -> MenuPolicy:
    """Returns the same policy with constants in place of the chart's features.

    Args:
        policy: The policy.
        constants: Values by index among the features; other features of the chart are 0.
    """
    told = dict.fromkeys(CHART, 0.0) | dict(constants or {})
    places, values = np.array(list(told)), np.array(list(told.values()), dtype=np.float32)

    def choose(features: npt.NDArray[np.float32], mask: npt.NDArray[Any]) -> int:
        fixed = features.copy()
        fixed[places] = values
        return policy(fixed, mask)

    return choose
