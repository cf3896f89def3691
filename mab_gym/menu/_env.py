"""The menu as a Gymnasium environment: discrete actions, numeric observations, action masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, SupportsFloat, cast

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from mab_gym.menu._choices import CHOICES
from mab_gym.menu._features import FEATURES
from mab_gym.menu._menu import Menu

Features = npt.NDArray[np.float32]


class MenuEnv(gymnasium.Wrapper[Features, np.int64, dict[str, Any], str], RecordConstructorArgs):
    """Plays an environment with text actions by choosing from a menu.

    Each choice is one text action, except choices that open the form of an order, which the next choice must fill in:
    they send nothing and are no step of the inner environment. ``info["action"]`` holds the written text.

    ## Actions
    ``Discrete``: an index into `mab_gym.menu.CHOICES`, which is the same in all episodes. `action_masks` tells which
    choices are possible; an impossible one ends the episode, as any text that is not an action does.

    ## Observations
    ``Box(-1, 1)`` of float32: one number for each of `mab_gym.menu.FEATURES`.

    Rewards and ends are those of the inner environment.

    Args:
        env: An environment of this package with text actions; reward wrappers are allowed.
    """

    def __init__(self, env: gymnasium.Env[dict[str, Any], str]) -> None:
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True)
        super().__init__(cast(Any, env))  # Gymnasium's type does not allow other actions and observations inside
        self._inside = env
        self.menu = Menu()
        self._info: dict[str, Any] = {}
        self.action_space = spaces.Discrete(len(CHOICES))
        self.observation_space = spaces.Box(-1.0, 1.0, (len(FEATURES),), np.float32)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Features, dict[str, Any]]:
        """Begins a new episode; see `mab_gym.envs._env.MedicalRecordEnv` for the options."""
        observation, info = self._inside.reset(seed=seed, options=None if options is None else dict(options))
        self.menu.begin(observation)
        self._info = info
        return self.menu.features(), info

    def step(self, action: int | np.integer[Any]) -> tuple[Features, SupportsFloat, bool, bool, dict[str, Any]]:
        """Takes the text action of a choice."""
        possible = self.menu.texts[int(action)] is not None
        text = self.menu.choose(int(action)) if possible else f"(the choice {int(action)} is not possible here)"
        if not text:
            return self.menu.features(), 0.0, False, False, {**self._info, "action": ""}
        observation, reward, terminated, truncated, info = self._inside.step(text)
        self.menu.see(observation)
        self._info = info
        return self.menu.features(), reward, terminated, truncated, {**info, "action": text}

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Returns a mask of the possible choices, as sb3-contrib's MaskablePPO expects it."""
        return self.menu.mask()
