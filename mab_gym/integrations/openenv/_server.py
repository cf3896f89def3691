"""The OpenEnv server: each session has an environment of its own; all share one snapshot of the records."""

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
from mab_gym.integrations._sessions import sendable
from mab_gym.integrations.openenv._models import MedicalRecordAction, MedicalRecordObservation, MedicalRecordState
from mab_gym.runs._driver import Driver, unwrapped

SESSIONS = 256
"""The default number of sessions at once."""


class MedicalRecordEnvironment(Environment[MedicalRecordAction, MedicalRecordObservation, MedicalRecordState]):
    """The environment of one session.

    Args:
        env: An environment's id, with or without ``mab_gym/``, or the path of an environment file.
        reading: The rule by which texts are read, ``lenient`` or ``strict``; None for the usual one.
        overrides: Fields of the environment file to change, as in ``max_steps=4``.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, env: str, reading: str | None = None, **overrides: Any) -> None:
        super().__init__()
        self._driver = Driver(make(env, **overrides), reading)
        self._do = waiting_for(self._driver.env)
        self._episode_id: str | None = None

    async def reset_async(
        self, seed: int | None = None, episode_id: str | None = None, **options: Any
    ) -> MedicalRecordObservation:
        """Begins an episode.

        Args:
            seed: The seed for ``env.reset``; None for a random one.
            episode_id: The caller's id of the episode, which the state returns.
            options: The options for ``env.reset``: ``case``, ``family``, ``difficulty``, ``variant``.
        """
        begun: MedicalRecordObservation = await self._do(partial(self.reset, seed, episode_id, **options))
        return begun

    def reset(self, seed: int | None = None, episode_id: str | None = None, **options: Any) -> MedicalRecordObservation:
        """Begins an episode; the synchronous form of `reset_async`."""
        info = self._driver.begin(seed, options)
        self._episode_id = episode_id
        return _observed(self._driver.observation, info, None, False, False)

    async def step_async(
        self, action: MedicalRecordAction, timeout_s: float | None = None, **more: Any
    ) -> MedicalRecordObservation:
        """Takes an action.

        Args:
            action: The action.
            timeout_s: Ignored: a record system that is too slow ends the episode by its own timeout.
            more: Ignored.
        """
        observed: MedicalRecordObservation = await self._do(partial(self.step, action))
        return observed

    def step(
        self, action: MedicalRecordAction, timeout_s: float | None = None, **more: Any
    ) -> MedicalRecordObservation:
        """Takes an action; the synchronous form of `step_async`."""
        limit = action.context_limit
        step = self._driver.hear(action.text) if limit is None else self._driver.act(OutOfContext(limit))
        return _observed(step.observation, step.info, step.reward, step.terminated, step.truncated)

    @property
    def state(self) -> MedicalRecordState:
        """The state of the episode."""
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
        """Returns the name, description and version that OpenEnv shows."""
        environment = unwrapped(self._driver.env).scenario.environment
        return EnvironmentMetadata(name=environment.id, description=environment.summary, version=__version__)

    def close(self) -> None:
        """Gives the record system back."""
        self._driver.env.close()


def create_app(
    env: str = "MedAgentBench-v0", sessions: int = SESSIONS, reading: str | None = None, **overrides: Any
) -> FastAPI:
    """Returns the ASGI application of the server, for uvicorn or another ASGI server.

    Args:
        env: An environment's id, with or without ``mab_gym/``, or the path of an environment file.
        sessions: The greatest number of sessions at once; any further one is refused.
        reading: The rule by which texts are read, ``lenient`` or ``strict``; None for the usual one.
        overrides: Fields of the environment file to change, as in ``max_steps=4``.

    Raises:
        UsageError: There is no such environment, or a field is wrong.
    """
    open_env = partial(MedicalRecordEnvironment, env, reading, **overrides)
    first = open_env()  # errors come now, and the records are open before the first session
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
        text=sendable(observation["text"]),
        fhir=sendable(observation["fhir"]),
        status=int(observation["status"]),
        terminated=terminated,
        truncated=truncated,
        info=sendable(dict(info)),
        reward=reward,
        done=terminated or truncated,
    )
