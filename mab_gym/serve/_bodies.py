"""Reads the bodies of requests: whole, in time, and within a limit on all bodies at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.serve._gzip import Unpacker, is_packed
from mab_gym.serve._limits import MIB, ServeLimits
from mab_gym.serve._turns import GoneError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_MOST_DISCARDED = 256 * MIB
_DISCARDING_SECONDS = 10.0
_QUIET_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class _Body:
    """A body being received or worked on.

    Attributes:
        limit: The time limit, moved on as bytes arrive.
        size: Bytes received, as they are unpacked.
        received: Bytes that came over the connection.
        coming: True if more bytes are expected.
        evicted: True if it has to make room for another.
    """

    limit: asyncio.Timeout
    size: int = 0
    received: int = 0
    coming: bool = True
    evicted: bool = False


class Bodies:
    """Reads bodies within limits; use it from one event loop only.

    Args:
        limits: The limits of size and time.
    """

    def __init__(self, limits: ServeLimits) -> None:
        self._limits = limits
        self._large: dict[_Body, None] = {}  # in the order in which they began

    @asynccontextmanager
    async def read(self, receive: Receive, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Yields a request's whole body, unpacked; its room is reserved until the context ends.

        Raises:
            FhirError: 400 if it is not the gzip that it claims to be, 413 if it is too long, 408 if it is too slow, 503
                if there is no room for it.
            GoneError: The client has disconnected.
        """
        if not has_body(headers):
            yield b""
            return
        declared = headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > self._limits.body):
            raise self._too_long()
        body = _Body(asyncio.timeout(self._limits.body_seconds))
        try:
            yield await self._read(receive, body, Unpacker() if is_packed(headers) else None)
        finally:
            self._large.pop(body, None)

    async def _read(self, receive: Receive, body: _Body, unpacker: Unpacker | None) -> bytes:
        begun = asyncio.get_running_loop().time()
        parts: list[bytes] = []
        try:
            async with body.limit:
                while body.coming:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise GoneError
                    data = message.get("body", b"")
                    body.coming = message.get("more_body", False)
                    body.received += len(data)
                    if body.received > self._limits.body:
                        raise self._too_long()
                    for piece in (data,) if unpacker is None else unpacker.feed(data):
                        parts.append(piece)
                        self._make_room(body, len(piece))
                        if unpacker is not None:
                            await asyncio.sleep(0)  # unpacking is work; others go on between two pieces
                    if body.coming and not body.evicted:
                        seconds = self._limits.body_seconds + body.size / self._limits.body_rate
                        body.limit.reschedule(begun + seconds)
        except TimeoutError:
            raise self._no_room() if body.evicted else self._too_slow() from None
        if unpacker is not None:
            unpacker.end()
        return b"".join(parts)

    def _make_room(self, body: _Body, more: int) -> None:
        """Reserves room for received bytes; if there is none, the body that began first is evicted."""
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
    """Returns when the client has disconnected; the request's body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def discard(receive: Receive) -> None:
    """Reads and drops the rest of a body for a while.

    A client that is still sending reads the answer only after it has sent everything. If the connection were closed at
    once, it would see a reset instead of the answer.
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
