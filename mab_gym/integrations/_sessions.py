"""What the adapters to other frameworks share: an environment by its name, and one episode with what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import gymnasium

from mab_gym.envs._environment_file import EMBEDDED, environment_file
from mab_gym.envs._registration import register_file
from mab_gym.episode import Step
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.runs._driver import unwrapped


def make(name: str, **overrides: Any) -> gymnasium.Env[Any, str]:
    """An environment by its id (the part before the slash may be left out) or by its file.

    Args:
        name: The id, or the path of a TOML file.
        overrides: Fields of `mab_gym.envs._environment_file.Environment`; those that are None are left as they are.

    Raises:
        UsageError: There is no such id or file.
    """
    env_id = register_file(environment_file(name))
    if env_id is None:
        raise UsageError(f"{name} holds no id")
    chosen = {field: value for field, value in overrides.items() if value is not None}
    made: gymnasium.Env[Any, str] = gymnasium.make(env_id, **chosen)
    return made


def make_to_read(name: str, **overrides: Any) -> gymnasium.Env[Any, str]:
    """The environment to read openings from: the same, but no container is started for them.

    Args:
        name: As for `make`; so are the others.
        overrides: See there.

    Raises:
        UsageError: See there.
    """
    made = make(name, **overrides)
    if unwrapped(made).workplace.backend.capacity is not None:
        made = make(name, **overrides, backend=EMBEDDED)
    return made


@dataclass
class Session:
    """One environment and what has become of its episode.

    Attributes:
        env: Nobody else's while the episode is played.
        observation: The latest.
        actions: What was done so far.
        outcome: Plain data once the episode has ended: the verdict and what led to it, or an ``error``, where the
            episode says nothing of the model.
    """

    env: gymnasium.Env[Any, str]
    observation: Mapping[str, Any] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)
    outcome: dict[str, Any] | None = None
    _reward: float = 0.0

    @property
    def max_steps(self) -> int:
        """Actions after which the episode is truncated."""
        return unwrapped(self.env).episode.max_steps

    def begin(self, seed: int | None, options: Mapping[str, Any]) -> dict[str, Any]:
        """Begins an episode, and gives what ``reset`` tells beside the observation.

        Args:
            seed: See `mab_gym.envs._env.MedicalRecordEnv.reset`.
            options: See there.
        """
        self.observation, info = self.env.reset(seed=seed, options=dict(options))
        self.actions, self.outcome, self._reward = [], None, 0.0
        return info

    def act(self, text: str) -> Step:
        """Takes an action.

        Raises:
            InfrastructureError: The record system has failed; the episode says nothing of the model.
        """
        self.actions.append(text)
        observation, reward, terminated, truncated, info = self.env.step(text)
        self.observation = observation
        return self._counted(Step(observation, float(reward), terminated, truncated, info))

    def stop(self, why: str, **more: Any) -> Step | None:
        """Ends an episode that is still under way, as one that became too long for the model.

        Args:
            why: What the model, or the framework, said.
            more: For the outcome.

        Returns:
            What the end came to; None where the episode had ended before.

        Raises:
            InfrastructureError: As for `act`.
        """
        if self.outcome is not None:
            return None
        return self._counted(self.env.get_wrapper_attr("stop_for_context")(why), **more)

    def leave(self) -> None:
        """Gives the record system back where an episode was broken off."""
        with suppress(InfrastructureError):
            unwrapped(self.env).episode.close()

    def _counted(self, step: Step, **more: Any) -> Step:
        self._reward += step.reward
        if not (step.terminated or step.truncated):
            return step
        info = step.info
        if "infrastructure_error" in info:
            self.outcome = {"error": f"the record system failed: {info['infrastructure_error']}"}
            raise InfrastructureError(info["infrastructure_error"])
        self.outcome = {
            "verdict": info["verdict"],
            "reward": self._reward,
            "steps": info["step"],
            "terminated": step.terminated,
            "truncated": step.truncated,
            "actions": list(self.actions),
            **more,
        }
        return step
