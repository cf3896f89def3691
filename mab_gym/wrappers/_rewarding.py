"""The base class of the wrappers, and checks of the environments they wrap."""

from __future__ import annotations

import math
from typing import Any, SupportsFloat

import gymnasium

from mab_gym.actions import NoAction, OutOfContext
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._spaces import AnyText
from mab_gym.episode import Step
from mab_gym.errors import UsageError

TextEnv = gymnasium.Env[dict[str, Any], str]


class Rewarding(gymnasium.Wrapper[dict[str, Any], str, dict[str, Any], str]):
    """Changes the reward of each step, and of an end without an action (a full context)."""

    def step(
        self, action: str | NoAction | OutOfContext
    ) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """Takes one action; `mab_gym.OutOfContext` ends the episode."""
        observation, reward, terminated, truncated, info = self.env.step(action)  # type: ignore[arg-type]
        text = action if isinstance(action, str) else None
        paid = self.pay(text, Step(observation, float(reward), terminated, truncated, info))  # type: ignore[arg-type]
        return observation, paid, terminated, truncated, info

    def pay(self, action: str | None, step: Step) -> float:
        """Returns the reward of a step.

        Args:
            action: The action; None if the episode ended without one.
            step: The result of the action, with the reward so far.
        """
        raise NotImplementedError


def text_env(env: gymnasium.Env[Any, Any], who: str) -> MedicalRecordEnv:
    """Returns the environment inside its wrappers, and checks that none of them changes actions or observations.

    Args:
        env: The environment to wrap.
        who: The name of the wrapper, for the error.

    Raises:
        UsageError: It is not an environment of this package, or a wrapper changes actions or observations.
    """
    inner = env.unwrapped
    if not isinstance(inner, MedicalRecordEnv):
        raise UsageError(f"{who} wraps environments of mab_gym, not {type(inner).__name__}")
    if env.observation_space != inner.observation_space or not isinstance(env.action_space, AnyText):
        raise UsageError(f"{who} reads actions and observations as texts: put it inside the wrappers that change them")
    return inner


def judged_env(env: gymnasium.Env[Any, Any], who: str) -> MedicalRecordEnv:
    """Returns the environment as `text_env` does, and checks that its gold solution can be played and judged.

    Raises:
        UsageError: `text_env` raises, or the environment plays by the official rules, or not on the embedded server.
    """
    inner = text_env(env, who)
    rules = inner.scenario.environment
    if not inner.episode.rules.by_criteria:
        raise UsageError(f"{who} needs verdicts by criteria; {rules.id} is graded officially, only as right or wrong")
    if not inner.scenario.backend.in_process:
        raise UsageError(f"{who} plays the gold solution beside the agent, which works only on the embedded server")
    return inner


def amount(name: str, value: object) -> float:
    """Checks a number from 0.

    Raises:
        UsageError: It is not a number from 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise UsageError(f"{name} is a number from 0, not {value!r}")
    return float(value)
