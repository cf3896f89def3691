"""The harness: the model that verifiers serves plays an episode, in verifiers' own process and event loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

import httpx
import verifiers.v1 as vf
from openai import APIStatusError, AsyncOpenAI, DefaultAsyncHttpxClient
from verifiers.v1.harnesses.utils.compaction import is_context_overflow

from mab_gym.agents._answers import Answer
from mab_gym.agents._model import AsyncChatAgent
from mab_gym.envs._make import make
from mab_gym.errors import UsageError
from mab_gym.integrations._async_sessions import AsyncSession, AsyncSessions
from mab_gym.integrations.verifiers._taskset import OUTCOME, MedicalRecordData

_CONTEXT_LIMIT = "context_limit"


class MedicalRecordHarnessConfig(vf.HarnessConfig):
    """The configuration of the harness; it adds no field."""


class MedicalRecordHarness(vf.Harness[MedicalRecordHarnessConfig]):
    """A harness that starts no program; each episode has an environment of its own."""

    APPENDS_SYSTEM_PROMPT = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self,
        ctx: vf.ModelContext,
        trace: vf.Trace,
        runtime: vf.Runtime,
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],
        data: vf.TaskData,
    ) -> vf.ProgramResult:
        """Plays one episode to its end; the outcome goes to the trace's ``info``.

        Raises:
            InfrastructureError: The record system has failed; the rollout has no reward.
            UsageError: The task is not one of this taskset, or differs here from the place where its taskset was made.
        """
        if not isinstance(data, MedicalRecordData):
            raise UsageError("this harness plays the taskset mab-gym-verifiers and no other")
        if mcp_urls:
            raise UsageError("these tasks have tools of their own and no others; take the toolsets away")
        async with (
            _sessions(data.env, tuple(data.overrides.items()), data.reading).taken() as session,
            AsyncOpenAI(
                base_url=endpoint, api_key=secret, timeout=None, http_client=DefaultAsyncHttpxClient(verify=_trust())
            ) as client,
        ):
            try:
                await self._play(session, _ServedModel(client, ctx.model), trace, data)
            except asyncio.CancelledError:
                # A timeout of verifiers, for example; such a trace is scored all the same.
                await session.stop("verifiers stopped the rollout")
                raise
            except BaseException:
                await session.leave()
                raise
            finally:
                trace.info[OUTCOME] = session.session.result
        return vf.ProgramResult(exit_code=0, stdout="", stderr="")

    async def _play(
        self, session: AsyncSession, served: _ServedModel, trace: vf.Trace, data: MedicalRecordData
    ) -> None:
        await session.begin(data.seed, data.options)
        if session.session.observation["text"] != trace.task.data.prompt:
            raise UsageError(f"{data.id} is another task than its taskset says: were the two made with other settings?")
        system, prompt = self.resolve_prompt(data)
        messages: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
        messages.append({"role": "user", "content": prompt})
        try:
            await session.play(AsyncChatAgent(served, data.form, session.session.rule, opening=messages))
        except APIStatusError as error:
            if trace.stop_condition is not None:
                await session.stop(f"verifiers stopped the rollout: {trace.stop_condition}")
            elif is_context_overflow(error):
                await session.stop(error.message, context_limit=error.message)
                trace.stop(_CONTEXT_LIMIT)
            else:
                raise


class _ServedModel:
    """The model that verifiers serves, in the place of an endpoint.

    Args:
        client: The client of verifiers' endpoint.
        model: The model's name.
    """

    def __init__(self, client: AsyncOpenAI, model: str) -> None:
        self.model = model
        self._client = client

    async def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        calls: list[dict[str, Any]],
        further: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Returns the model's answer to a chat."""
        create: Any = self._client.chat.completions.create
        completion = await create(model=self.model, messages=list(messages), **(further or {}))
        choice = completion.choices[0]
        return Answer(choice.message.model_dump(exclude_none=True), finish_reason=choice.finish_reason)


@cache
def _sessions(env: str, overrides: tuple[tuple[str, Any], ...], reading: str | None) -> AsyncSessions:
    """Returns the pool of sessions of an environment, one for this process."""
    return AsyncSessions(partial(make, env, **dict(overrides)), reading)


@cache
def _trust() -> ssl.SSLContext:
    """Returns the TLS context, made once: reading the certificates takes longer than an episode."""
    return httpx.create_ssl_context()
