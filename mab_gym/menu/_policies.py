"""Policies over the menu that need no learner: by chance, and deaf to the chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mab_gym.menu._agent import MenuPolicy
from mab_gym.menu._features import CHART


class RandomChoice:
    """Chooses any possible line of the menu, each as likely as the others.

    Args:
        seed: Of its chance.
    """

    def __init__(self, seed: int = 0) -> None:
        self._chance = np.random.default_rng(seed)

    def begin(self, seed: int) -> None:
        """Throws the dice anew."""
        self._chance = np.random.default_rng(seed)

    def __call__(self, features: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> int:
        """The next throw."""
        return int(self._chance.choice(np.flatnonzero(mask)))


def deaf(policy: MenuPolicy, constants: Mapping[int, float] | None = None) -> MenuPolicy:
    """The same policy, told constants in the place of what the chart says.

    Args:
        policy: The policy.
        constants: By place among the features, what is told; 0 for those features of the chart that are not named.
    """
    told = dict.fromkeys(CHART, 0.0) | dict(constants or {})
    places, values = np.array(list(told)), np.array(list(told.values()), dtype=np.float32)

    def choose(features: npt.NDArray[np.float32], mask: npt.NDArray[Any]) -> int:
        fixed = features.copy()
        fixed[places] = values
        return policy(fixed, mask)

    return choose
