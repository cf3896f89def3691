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
    """Plays an environment of texts by choosing from a menu.

    Every choice is one text action, but for those that open the form of an order, which has to be filled in by the next
    choice: they send nothing, and are no step of the environment inside. ``info["action"]`` has the text that was
    written.

    ## Actions
    ``Discrete``: a place in `mab_gym.menu.CHOICES`, the same menu in all episodes. `action_masks` says which are
    possible; one that is not ends the episode, as any text that is no action does.

    ## Observations
    ``Box(-1, 1)`` of float32: `mab_gym.menu.FEATURES`, one number each.

    Rewards and ends are those of the environment inside.

    Args:
        env: An environment of this package, played by texts; wrapped for other rewards if need be.
    """

    def __init__(self, env: gymnasium.Env[dict[str, Any], str]) -> None:
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True)
        super().__init__(cast(Any, env))  # Gymnasium types it as if a wrapper changed nothing
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
        """Writes the text of a choice."""
        possible = self.menu.texts[int(action)] is not None
        text = self.menu.choose(int(action)) if possible else f"(the choice {int(action)} is not possible here)"
        if not text:
            return self.menu.features(), 0.0, False, False, {**self._info, "action": ""}
        observation, reward, terminated, truncated, info = self._inside.step(text)
        self.menu.see(observation)
        self._info = info
        return self.menu.features(), reward, terminated, truncated, {**info, "action": text}

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Which choices are possible now, as sb3-contrib's MaskablePPO asks for it."""
        return self.menu.mask()
