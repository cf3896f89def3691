"""The server: each session has an environment of its own, all of them one snapshot of the records."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI
from openenv.core.env_server.http_server import create_app as openenv_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import EnvironmentMetadata

from mab_gym import __version__
from mab_gym.actions import OutOfContext
from mab_gym.envs._make import make
from mab_gym.integrations._async_sessions import waiting_for
from mab_gym.integrations.openenv._models import MedicalRecordAction, MedicalRecordObservation, MedicalRecordState
from mab_gym.runs._driver import Driver, unwrapped

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
        self._driver = Driver(make(env, **overrides))
        self._do = waiting_for(self._driver.env)
        self._episode_id: str | None = None

    async def reset_async(
        self, seed: int | None = None, episode_id: str | None = None, **options: Any
    ) -> MedicalRecordObservation:
        """Begins an episode.

        Args:
            seed: See `mab_gym.envs._env.MedicalRecordEnv.reset`.
            episode_id: Comes back in the state.
            options: ``case``, ``family``, ``difficulty``, ``variant``; see there.
        """
        begun: MedicalRecordObservation = await self._do(partial(self.reset, seed, episode_id, **options))
        return begun

    def reset(self, seed: int | None = None, episode_id: str | None = None, **options: Any) -> MedicalRecordObservation:
        """As `reset_async`."""
        info = self._driver.begin(seed, options)
        self._episode_id = episode_id
        return _observed(self._driver.observation, info, None, False, False)

    async def step_async(
        self, action: MedicalRecordAction, timeout_s: float | None = None, **more: Any
    ) -> MedicalRecordObservation:
        """Takes an action.

        Args:
            action: What to do.
            timeout_s: Not heeded: what is too slow ends by itself, as the record system's failure.
            more: Not heeded.
        """
        observed: MedicalRecordObservation = await self._do(partial(self.step, action))
        return observed

    def step(
        self, action: MedicalRecordAction, timeout_s: float | None = None, **more: Any
    ) -> MedicalRecordObservation:
        """As `step_async`."""
        taken = action.text if action.context_limit is None else OutOfContext(action.context_limit)
        step = self._driver.act(taken)
        return _observed(step.observation, step.info, step.reward, step.terminated, step.truncated)

    @property
    def state(self) -> MedicalRecordState:
        """The episode under way."""
        inner = unwrapped(self._driver.env)
        case = inner.episode.case
        return MedicalRecordState(
            episode_id=self._episode_id,
            step_count=len(self._driver.actions),
            env=inner.scenario.environment.id,
            max_steps=inner.episode.max_steps,
            case=None if case is None else case.id,
            over=inner.episode.over,
        )

    def get_metadata(self) -> EnvironmentMetadata:
        """What OpenEnv shows of an environment."""
        environment = unwrapped(self._driver.env).scenario.environment
        return EnvironmentMetadata(name=environment.id, description=environment.summary, version=__version__)

    def close(self) -> None:
        """Gives the record system back."""
        self._driver.env.close()


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
