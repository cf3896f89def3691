"""A wrapper in which a curriculum chooses the cases of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from mab_gym.curriculum._sampler import CaseSampler
from mab_gym.curriculum._strata import strata

_CHOOSING = frozenset({"case", "family", "difficulty", "branch"})
_STREAM = 0x6D6162
"""Separates the curriculum's random numbers from the environment's, which has the same seed."""


class CurriculumWrapper(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Lets a curriculum choose each episode's case, and records the outcome.

    If the options of a reset name a case, family, difficulty or branch, the curriculum does not choose. Several
    environments of one process may share a curriculum. An episode that is left before its end is not recorded.

    Args:
        env: An environment of this package, wrapped or not.
        curriculum: The curriculum.

    Raises:
        UsageError: The environment is not one of this package.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], curriculum: CaseSampler) -> None:
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True, curriculum=curriculum)
        super().__init__(env)
        strata(env)
        self.curriculum = curriculum
        self._chance = np.random.default_rng()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins a new episode. Equal seeds and equal records give equal choices; see `MedicalRecordEnv`."""
        if isinstance(seed, int | np.integer) and seed >= 0:
            self._chance = np.random.default_rng([int(seed), _STREAM])
        if options is None or (isinstance(options, Mapping) and not _CHOOSING & set(options)):
            options = {**self.curriculum.next_options(self._chance), **(options or {})}
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Takes one action."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if "verdict" in info:
            self.curriculum.record(info)
        return observation, reward, terminated, truncated, info
