"""Environments for frameworks that play many episodes at once in one loop: none blocks the others.

For asyncio and trio, by anyio, which these frameworks bring along.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import gymnasium

from mab_gym.episode import Step
from mab_gym.integrations._sessions import Session
from mab_gym.runs._driver import unwrapped

_T = TypeVar("_T")


def is_direct(env: gymnasium.Env[Any, str]) -> bool:
    """True if an environment's record system answers at once; another one is waited for in a thread."""
    return unwrapped(env).workplace.backend.in_process


async def done(what: Callable[[], _T], direct: bool) -> _T:
    """Does something with an environment: here and now where it is direct, else in a thread."""
    return what() if direct else await anyio.to_thread.run_sync(what)


class Seat:
    """A session that is waited for without blocking; its methods are those of `Session`.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._direct = is_direct(session.env)

    async def begin(self, seed: int | None, options: Mapping[str, Any]) -> dict[str, Any]:
        """See `Session.begin`."""
        return await done(partial(self.session.begin, seed, options), self._direct)

    async def act(self, text: str) -> Step:
        """See `Session.act`."""
        return await done(partial(self.session.act, text), self._direct)

    async def stop(self, why: str, **more: Any) -> Step | None:
        """See `Session.stop`."""
        return await done(partial(self.session.stop, why, **more), self._direct)

    async def leave(self) -> None:
        """See `Session.leave`."""
        await done(self.session.leave, self._direct)


class Seats:
    """Seats for the episodes of a task: made as they are needed, used again when they are free.

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
        capacity = unwrapped(env).workplace.backend.capacity
        try:
            seat = Seat(Session(env))
            if capacity is None:
                yield seat
                return
            if self._places is None:
                self._places = anyio.Semaphore(capacity)
            # Episodes that wait here hold no server; one that waited inside could take it from a slow model.
            async with self._places:
                yield seat
        finally:
            self._free.append(env)
