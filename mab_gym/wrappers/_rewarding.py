"""What the wrappers share: the reward of a step, however the step came about."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, SupportsFloat

import gymnasium

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._spaces import AnyText
from mab_gym.episode import Step
from mab_gym.errors import UsageError

TextEnv = gymnasium.Env[dict[str, Any], str]


class Rewarding(gymnasium.Wrapper[dict[str, Any], str, dict[str, Any], str]):
    """Pays another reward for each step, and at the end that comes without an action (a full context)."""

    def step(self, action: str) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """Takes one action."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        paid = self.pay(action, Step(observation, float(reward), terminated, truncated, info))  # type: ignore[arg-type]
        return observation, paid, terminated, truncated, info

    def stop_for_context(self, why: str) -> Step:
        """Ends the episode because the agent cannot read any more of it; see `MedicalRecordEnv`."""
        step: Step = self.env.get_wrapper_attr("stop_for_context")(why)
        return replace(step, reward=self.pay(None, step))

    def pay(self, action: str | None, step: Step) -> float:
        """The reward of a step.

        Args:
            action: What was done; None where the episode ended without an action.
            step: What came of it, with the reward so far.
        """
        raise NotImplementedError


def text_env(env: gymnasium.Env[Any, Any], who: str) -> MedicalRecordEnv:
    """The environment inside its wrappers, where none of them has changed actions and observations.

    Args:
        env: What is to be wrapped.
        who: The wrapper, for the error.

    Raises:
        UsageError: It is no environment of this package, or is not played by texts any more.
    """
    inner = env.unwrapped
    if not isinstance(inner, MedicalRecordEnv):
        raise UsageError(f"{who} wraps environments of mab_gym, not {type(inner).__name__}")
    if env.observation_space != inner.observation_space or not isinstance(env.action_space, AnyText):
        raise UsageError(f"{who} reads actions and observations as texts: put it inside the wrappers that change them")
    return inner


def judged_env(env: gymnasium.Env[Any, Any], who: str) -> MedicalRecordEnv:
    """Likewise, where the gold solution can be played beside the agent and is judged criterion by criterion.

    Raises:
        UsageError: As for `text_env`; or the environment plays by the official rules, or not on the embedded server.
    """
    inner = text_env(env, who)
    rules = inner.scenario.environment
    if not inner.episode.rules.by_criteria:
        raise UsageError(f"{who} needs verdicts by criteria; {rules.id} has the official grading, right or wrong")
    if not inner.scenario.backend.in_process:
        raise UsageError(f"{who} plays the gold solution beside the agent, on the embedded server alone")
    return inner


def amount(name: str, value: object) -> float:
    """A number from 0.

    Raises:
        UsageError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise UsageError(f"{name} is a number from 0, not {value!r}")
    return float(value)
