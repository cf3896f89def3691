"""Environments for inspect's samples: each has one of its own while it is played, and none blocks the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import gymnasium

from mab_gym.environments import CONTAINER, EMBEDDED, read_environment
from mab_gym.episode import Step
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.registration import register_envs, register_file
from mab_gym.rollout import unwrapped

_T = TypeVar("_T")
STORED = "mab_gym"
"""Where in a sample's store the outcome lies."""


def make(name: str, **overrides: Any) -> gymnasium.Env[Any, str]:
    """An environment by its id (the part before the slash may be left out) or by its file.

    Args:
        name: The id, or the path of a TOML file.
        overrides: Fields of `mab_gym.environments.Environment`; those that are None are left as they are.

    Raises:
        UsageError: There is no such id or file.
    """
    register_envs()
    if name.endswith(".toml"):
        env_id = register_file(Path(name)) or read_environment(Path(name)).id
    else:
        env_id = name if "/" in name else f"mab_gym/{name}"
    if env_id not in gymnasium.registry:
        there = ", ".join(sorted(each for each in gymnasium.registry if each.startswith("mab_gym/")))
        raise UsageError(f"there is no environment {name!r}; there are: {there}")
    chosen = {field: value for field, value in overrides.items() if value is not None}
    made: gymnasium.Env[Any, str] = gymnasium.make(env_id, **chosen)
    return made


@dataclass
class Seat:
    """One sample's environment and what has become of its episode.

    Attributes:
        env: Nobody else's while the sample is played.
        direct: Whether the record system is this process's own memory, whose answers take microseconds and must not be
            read by two threads at once; others are waited for in a thread.
        observation: The latest.
        actions: What was done so far.
        outcome: Plain data for the sample's store once the episode has ended: the verdict and what led to it.
    """

    env: gymnasium.Env[Any, str]
    direct: bool
    observation: Mapping[str, Any] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)
    outcome: dict[str, Any] | None = None
    _reward: float = 0.0

    async def begin(self, seed: int, options: Mapping[str, Any]) -> None:
        """Begins an episode; see `mab_gym.env.MedicalRecordEnv.reset`."""
        self.observation, _ = await self._do(partial(self.env.reset, seed=seed, options=dict(options)))

    async def act(self, text: str) -> Mapping[str, Any]:
        """Takes an action and gives the observation.

        Raises:
            InfrastructureError: The record system has failed; the episode says nothing of the model.
        """
        self.actions.append(text)
        observation, reward, terminated, truncated, info = await self._do(partial(self.env.step, text))
        self.observation = observation
        self._count(Step(observation, float(reward), terminated, truncated, info))
        return self.observation

    async def stop(self, why: str, **more: Any) -> None:
        """Ends an episode that is still under way, as one that became too long for the model.

        Args:
            why: What the model, or inspect, said.
            more: For the outcome.

        Raises:
            InfrastructureError: As for `act`.
        """
        if self.outcome is None:
            self._count(await self._do(partial(self.env.get_wrapper_attr("stop_for_context"), why)), **more)

    async def leave(self) -> None:
        """Gives the record system back where an episode was broken off."""
        with suppress(InfrastructureError):
            await self._do(unwrapped(self.env).episode.close)

    def _count(self, step: Step, **more: Any) -> None:
        self._reward += step.reward
        if not (step.terminated or step.truncated):
            return
        info = step.info
        self.outcome = {
            "verdict": info["verdict"],
            "reward": self._reward,
            "steps": info["step"],
            "terminated": step.terminated,
            "truncated": step.truncated,
            "actions": list(self.actions),
            **more,
        }
        if "infrastructure_error" in info:
            self.outcome["infrastructure_error"] = info["infrastructure_error"]
            raise InfrastructureError(info["infrastructure_error"])

    async def _do(self, what: Callable[[], _T]) -> _T:
        return what() if self.direct else await anyio.to_thread.run_sync(what)


class Seats:
    """Seats for the samples of a task: made as they are needed, used again when they are free.

    Args:
        open_env: Makes a further environment.
    """

    def __init__(self, open_env: Callable[[], gymnasium.Env[Any, str]]) -> None:
        self._open = open_env
        self._free: list[gymnasium.Env[Any, str]] = []
        self._places: anyio.Semaphore | None = None

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Seat]:
        """A seat for as long as the context lasts."""
        env = self._free.pop() if self._free else self._open()
        environment = unwrapped(env).workplace.environment
        try:
            direct = environment.backend == EMBEDDED and environment.server is None
            if environment.backend != CONTAINER:
                yield Seat(env, direct)
                return
            if self._places is None:
                self._places = anyio.Semaphore(environment.servers)
            # Samples that wait here hold no server; one that waited inside could take it from a slow model.
            async with self._places:
                yield Seat(env, direct)
        finally:
            self._free.append(env)
