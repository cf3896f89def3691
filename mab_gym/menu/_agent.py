"""An agent that plays the text environment by a policy over the menu, so that it is judged like any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mab_gym.menu._menu import Menu

MenuPolicy = Callable[[npt.NDArray[np.float32], npt.NDArray[np.bool_]], int]
"""A policy: returns the number of a choice for the features and the mask."""


class MenuAgent:
    """Plays the text environment by a policy that sees only features and masks.

    Args:
        policy: The policy.
        name: Its name in tables and records.
        begin: Called with each episode's seed, for a policy that uses random numbers.
    """

    def __init__(self, policy: MenuPolicy, name: str, begin: Callable[[int], None] | None = None) -> None:
        self.name = name
        self._policy = policy
        self._begin = begin
        self._menu = Menu()
        self._begun = False

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        """Reads the prompt."""
        self._menu.begin(observation)
        self._begun = False
        if self._begin is not None:
            self._begin(seed)

    def act(self, observation: Mapping[str, Any]) -> str:
        """Returns the text of the policy's choice; asks again while a form is being filled in."""
        if self._begun:
            self._menu.see(observation)
        self._begun = True
        text = ""
        while not text:
            text = self._menu.choose(int(self._policy(self._menu.features(), self._menu.mask())))
        return text
