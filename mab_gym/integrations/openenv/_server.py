"""The server: each session has an environment of its own, all of them one snapshot of the records."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import gymnasium
from fastapi import FastAPI
from openenv.core.env_server.http_server import create_app as openenv_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import EnvironmentMetadata

from mab_gym import __version__
from mab_gym.integrations._async_sessions import done, is_direct
from mab_gym.integrations._sessions import make
from mab_gym.integrations.openenv._models import MedicalRecordAction, MedicalRecordObservation, MedicalRecordState
from mab_gym.runs._driver import unwrapped

SESSIONS = 256
"""Sessions at once, unless another number is asked for."""


class MedicalRecordEnvironment(Environment[MedicalRecordAction, MedicalRecordObservation, MedicalRecordState]):
    """One session's environment.

    Args:
        env: An environment's id, with or without ``mab_gym/``, or the path of an environment file.
        overrides: Fields of `mab_gym.envs._environment_file.Environment`, as in ``max_steps=4``.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, env: str, **overrides: Any) -> None:
        super().__init__()
        self._env: gymnasium.Env[Any, str] = make(env, **overrides)
        self._direct = is_direct(self._env)
        self._episode_id: str | None = None
        self._steps = 0

    async def reset_async(
        self, seed: int | None = None, episode_id: str | None = None, **options: Any
    ) -> MedicalRecordObservation:
        """Begins an episode.

        Args:
            seed: See `mab_gym.envs._env.MedicalRecordEnv.reset`.
            episode_id: Comes back in the state.
            options: ``case``, ``family``, ``difficulty``, ``variant``; see there.
        """
        return await done(partial(self.reset, seed, episode_id, **options), self._direct)

    def reset(self, seed: int | None = None, episode_id: str | None = None, **options: Any) -> MedicalRecordObservation:
        """As `reset_async`."""
        observation, info = self._env.reset(seed=seed, options=options)
        self._episode_id, self._steps = episode_id, 0
        return _observed(observation, info, None, False, False)

    async def step_async(
        self, action: MedicalRecordAction, timeout_s: float | None = None, **more: Any
    ) -> MedicalRecordObservation:
        """Takes an action.

        Args:
            action: What to do.
            timeout_s: Not heeded: what is too slow ends by itself, as the record system's failure.
            more: Not heeded.
        """
        return await done(partial(self.step, action), self._direct)

    def step(
        self, action: MedicalRecordAction, timeout_s: float | None = None, **more: Any
    ) -> MedicalRecordObservation:
        """As `step_async`."""
        if action.context_limit is not None:
            ended = self._env.get_wrapper_attr("stop_for_context")(action.context_limit)
            return _observed(ended.observation, ended.info, ended.reward, ended.terminated, ended.truncated)
        observation, reward, terminated, truncated, info = self._env.step(action.text)
        self._steps = info["step"]
        return _observed(observation, info, float(reward), terminated, truncated)

    @property
    def state(self) -> MedicalRecordState:
        """The episode under way."""
        inner = unwrapped(self._env)
        case = inner.episode.case
        return MedicalRecordState(
            episode_id=self._episode_id,
            step_count=self._steps,
            env=inner.workplace.environment.id,
            max_steps=inner.episode.max_steps,
            case=None if case is None else case.id,
            over=inner.episode.over,
        )

    def get_metadata(self) -> EnvironmentMetadata:
        """What OpenEnv shows of an environment."""
        environment = unwrapped(self._env).workplace.environment
        return EnvironmentMetadata(name=environment.id, description=environment.summary, version=__version__)

    def close(self) -> None:
        """Gives the record system back."""
        self._env.close()


def create_app(env: str = "MedAgentBench-v0", sessions: int = SESSIONS, **overrides: Any) -> FastAPI:
    """The server's application, for uvicorn or any other that speaks ASGI.

    Args:
        env: An environment's id, with or without ``mab_gym/``, or the path of an environment file.
        sessions: How many sessions at once; one more is told that there is no place.
        overrides: Fields of `mab_gym.envs._environment_file.Environment`, as in ``max_steps=4``.

    Raises:
        UsageError: There is no such environment, or a field is wrong.
    """
    open_env = partial(MedicalRecordEnvironment, env, **overrides)
    first = open_env()  # what is wrong is told now, and the records are open when the first session comes
    name = first.state.env
    first.close()
    app: FastAPI = openenv_app(
        open_env,
        MedicalRecordAction,
        MedicalRecordObservation,
        env_name=name,
        max_concurrent_envs=sessions,
        state_cls=MedicalRecordState,
    )
    return app


def _observed(
    observation: Mapping[str, Any], info: Mapping[str, Any], reward: float | None, terminated: bool, truncated: bool
) -> MedicalRecordObservation:
    return MedicalRecordObservation(
        text=_sendable(observation["text"]),
        fhir=_sendable(observation["fhir"]),
        status=int(observation["status"]),
        terminated=terminated,
        truncated=truncated,
        info=_sendable(dict(info)),
        reward=reward,
        done=terminated or truncated,
    )


def _sendable(value: Any) -> Any:
    """The same without lone surrogates, for which there is no UTF-8; an agent's own words may come back in a reply."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {name: _sendable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_sendable(each) for each in value]
    return value
