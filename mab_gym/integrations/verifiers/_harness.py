"""The harness: the model that verifiers serves plays an episode, in verifiers' own process and event loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any

import httpx
import verifiers.v1 as vf
from openai import APIStatusError, AsyncOpenAI, DefaultAsyncHttpxClient
from verifiers.v1.harnesses.utils.compaction import is_context_overflow

from mab_gym.agents._model import FORMS, TOOLS, action_of
from mab_gym.envs._make import make
from mab_gym.errors import UsageError
from mab_gym.integrations._async_sessions import AsyncSession, AsyncSessions
from mab_gym.integrations.verifiers._taskset import OUTCOME, MedicalRecordData

_TOOL_CALLS = FORMS[1]
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
            raise UsageError("these tasks have no tools beside get, post and finish; take the toolsets away")
        async with (
            _sessions(data.env, tuple(data.overrides.items())).taken() as session,
            AsyncOpenAI(
                base_url=endpoint, api_key=secret, timeout=None, http_client=DefaultAsyncHttpxClient(verify=_trust())
            ) as client,
        ):
            try:
                await self._play(session, partial(self._ask, client, ctx.model, data.form), trace, data)
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

    async def _play(self, session: AsyncSession, ask: Any, trace: vf.Trace, data: MedicalRecordData) -> None:
        await session.begin(data.seed, data.options)
        if session.session.observation["text"] != trace.task.data.prompt:
            raise UsageError(f"{data.id} is another task than its taskset says: were the two made with other settings?")
        system, prompt = self.resolve_prompt(data)
        messages: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
        messages.append({"role": "user", "content": prompt})
        try:
            await session.play(_ServedModel(ask, data.form, messages))
        except APIStatusError as error:
            if trace.stop_condition is not None:
                await session.stop(f"verifiers stopped the rollout: {trace.stop_condition}")
            elif is_context_overflow(error):
                await session.stop(error.message, context_limit=error.message)
                trace.stop(_CONTEXT_LIMIT)
            else:
                raise

    @staticmethod
    async def _ask(client: AsyncOpenAI, model: str, form: str, messages: list[Any]) -> dict[str, Any]:
        further: dict[str, Any] = {"tools": TOOLS} if form == _TOOL_CALLS else {}
        completion = await client.chat.completions.create(model=model, messages=messages, **further)
        message: dict[str, Any] = completion.choices[0].message.model_dump(exclude_none=True)
        return message


class _ServedModel:
    """The model that verifiers serves, as an asynchronous agent; each tool call of a message is a step.

    Args:
        ask: Sends a chat and returns the model's message.
        form: ``text`` or ``tools``.
        messages: The chat so far.
    """

    def __init__(self, ask: Callable[[list[Any]], Awaitable[dict[str, Any]]], form: str, messages: list[Any]) -> None:
        self._ask, self._form, self._messages = ask, form, messages
        self._calls: list[dict[str, Any]] = []
        self._reply: dict[str, Any] | None = None

    async def act(self, observation: Mapping[str, Any]) -> str:
        """Returns the action of the next tool call, or of the next message."""
        if self._reply is not None:
            self._messages.append({**self._reply, "content": observation["text"]})
        if not self._calls:
            message = await self._ask(self._messages)
            self._messages.append(message)
            self._calls = list(message.get("tool_calls") or ()) if self._form == _TOOL_CALLS else []
            if not self._calls:
                self._reply = {"role": "user"}
                return str(message.get("content") or "")
        call = self._calls.pop(0)
        self._reply = {"role": "tool", "tool_call_id": call["id"]}
        function = call.get("function") or {}
        return action_of(str(function.get("name", "")), str(function.get("arguments", "")))


@cache
def _sessions(env: str, overrides: tuple[tuple[str, Any], ...]) -> AsyncSessions:
    """Returns the pool of sessions of an environment, one for this process."""
    return AsyncSessions(partial(make, env, **dict(overrides)))


@cache
def _trust() -> ssl.SSLContext:
    """Returns the TLS context, made once: reading the certificates takes longer than an episode."""
    return httpx.create_ssl_context()
