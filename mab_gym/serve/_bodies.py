"""The bodies of requests: read whole, in time, and not more at once than there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.serve._limits import MIB, Limits
from mab_gym.serve._turns import GoneError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_MOST_DISCARDED = 256 * MIB
_DISCARDING_SECONDS = 10.0
_QUIET_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class _Body:
    """A body on its way, or being worked on.

    Attributes:
        limit: Until when it must have come; moved as it comes.
        size: Bytes that have come.
        coming: Whether more is to come.
        evicted: Whether it has to make room.
    """

    limit: asyncio.Timeout
    size: int = 0
    coming: bool = True
    evicted: bool = False


class Bodies:
    """Reads bodies; to be used from one event loop.

    Args:
        limits: How large and how slow they may be.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._large: dict[_Body, None] = {}  # in the order in which they began

    @asynccontextmanager
    async def read(self, receive: Receive, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Yields a request's whole body, which has its room until the end.

        Raises:
            FhirError: 413 where it is too long, 408 where it is too slow, 503 where there is no room for it.
            GoneError: The client has gone.
        """
        if not has_body(headers):
            yield b""
            return
        declared = headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > self._limits.body):
            raise self._too_long()
        body = _Body(asyncio.timeout(self._limits.body_seconds))
        try:
            yield await self._read(receive, body)
        finally:
            self._large.pop(body, None)

    async def _read(self, receive: Receive, body: _Body) -> bytes:
        begun = asyncio.get_running_loop().time()
        parts: list[bytes] = []
        try:
            async with body.limit:
                while body.coming:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise GoneError
                    parts.append(message.get("body", b""))
                    body.coming = message.get("more_body", False)
                    self._make_room(body, len(parts[-1]))
                    if not body.evicted:
                        seconds = self._limits.body_seconds + body.size / self._limits.body_rate
                        body.limit.reschedule(begun + seconds)
        except TimeoutError:
            raise self._no_room() if body.evicted else self._too_slow() from None
        return b"".join(parts)

    def _make_room(self, body: _Body, more: int) -> None:
        """Takes room for what has come; where there is none, who has been sending longest must go."""
        body.size += more
        if body.size > self._limits.body:
            raise self._too_long()
        if body.size <= self._limits.small_body:
            return
        self._large[body] = None
        taken = sum(other.size for other in self._large if not other.evicted)
        while taken > self._limits.bodies:
            oldest = next((other for other in self._large if other.coming and not other.evicted), None)
            if oldest is None or oldest is body:
                raise self._no_room()
            oldest.evicted = True
            oldest.limit.reschedule(asyncio.get_running_loop().time())
            taken -= oldest.size

    def _too_long(self) -> FhirError:
        text = (
            f"A request's body may have {self._limits.body} bytes; send several smaller Bundles, or begin the server "
            "with more --body-bytes"
        )
        return FhirError(413, Issue(text, "too-long"))

    def _too_slow(self) -> FhirError:
        text = (
            f"The body did not come in time: a body may take {self._limits.body_seconds:g} seconds, and a second more "
            f"for every {self._limits.body_rate} bytes"
        )
        return FhirError(408, Issue(text, "timeout"))

    def _no_room(self) -> FhirError:
        return FhirError(503, Issue("Many large bodies are on their way; send this one again in a moment", "throttled"))


def has_body(headers: Mapping[str, str]) -> bool:
    """Tells if a request announces a body."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def gone(receive: Receive) -> None:
    """Returns when the client of a request whose body has been read has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def discard(receive: Receive) -> None:
    """Reads on, for a while, and forgets what comes.

    A client that is still sending looks at an answer only when it has sent all; were the connection closed at once, it
    would see a reset and no answer.
    """
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARDING_SECONDS):
            while size < _MOST_DISCARDED:
                async with asyncio.timeout(_QUIET_SECONDS):
                    message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                size += len(message.get("body", b""))
