"""Sessions for frameworks that play many episodes at once in one event loop, without blocking it.

They work in asyncio and trio, by anyio, which these frameworks install.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import gymnasium

from mab_gym.agents import Reading
from mab_gym.agents._model import Chat
from mab_gym.episode import Step
from mab_gym.integrations._sessions import Session
from mab_gym.runs._driver import Do, Policy, at_once, drive, unwrapped


def waiting_for(env: gymnasium.Env[Any, str]) -> Do:
    """Returns a function that runs work on an environment: in a thread, unless its records are in this process."""
    return at_once if unwrapped(env).scenario.backend.in_process else anyio.to_thread.run_sync


class AsyncSession:
    """A `Session` whose methods are coroutine functions.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._do = waiting_for(session.env)

    async def begin(self, seed: int | None, options: Mapping[str, Any]) -> dict[str, Any]:
        """Begins an episode and returns the first ``info``."""
        return await self._do(partial(self.session.begin, seed, options))  # type: ignore[no-any-return]

    async def act(self, action: str | Reading) -> Step:
        """Takes one action; raises `InfrastructureError` if the record system has failed."""
        return await self._do(partial(self.session.act, action))  # type: ignore[no-any-return]

    async def hear(self, message: str | Mapping[str, Any], finish_reason: str | None = None) -> Step:
        """Reads a model's message and takes its action, by `mab_gym.runs.Driver.hear`."""
        return await self._do(partial(self.session.hear, message, finish_reason))  # type: ignore[no-any-return]

    async def call(self, name: str, arguments: Any) -> Step:
        """Reads a tool call and takes its action, by `mab_gym.runs.Driver.call`."""
        return await self._do(partial(self.session.call, name, arguments))  # type: ignore[no-any-return]

    async def converse(self, chat: Chat, first: Reading) -> list[dict[str, Any]]:
        """Takes all actions of a message, one after another, and returns the replies as messages.

        Args:
            chat: The chat of the episode, which took the message.
            first: The first action, as the chat read it; its further tool calls follow.

        Raises:
            InfrastructureError: The record system has failed; the episode does not count.
        """
        replies = []
        reading: Reading | None = first
        while reading is not None and self.session.result is None:
            observation = (await self.act(reading)).observation
            if observation["text"]:
                chat.hear(observation)
                replies.append(chat.sent[-1])
            reading = chat.next_call()
        return replies

    async def play(self, agent: Policy) -> None:
        """Plays an episode that has begun to its end, by `mab_gym.runs.drive`."""
        await drive(self.session, agent, self._do)

    async def stop(self, why: str, **more: Any) -> Step | None:
        """Ends an episode that is still under way, by `Session.stop`."""
        return await self._do(partial(self.session.stop, why, **more))  # type: ignore[no-any-return]

    async def leave(self) -> None:
        """Gives the record system back when an episode stops before its end."""
        await self._do(self.session.leave)


class AsyncSessions:
    """A pool of sessions: made when they are needed, and used again.

    Args:
        open_env: Makes a new environment.
        reading: The rule by which messages are read; None for the usual one.
    """

    def __init__(self, open_env: Callable[[], gymnasium.Env[Any, str]], reading: str | None = None) -> None:
        self._open = open_env
        self._reading = reading
        self._free: list[gymnasium.Env[Any, str]] = []
        self._places: anyio.Semaphore | None = None

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[AsyncSession]:
        """Yields a session for the time of the ``async with`` block."""
        env = self._free.pop() if self._free else self._open()
        capacity = unwrapped(env).scenario.backend.capacity
        try:
            session = AsyncSession(Session(env, self._reading))
            if capacity is None:
                yield session
                return
            if self._places is None:
                self._places = anyio.Semaphore(capacity)
            # An episode that waits here holds no server. Inside, it could take the server from one with a slow model.
            async with self._places:
                yield session
        finally:
            self._free.append(env)
