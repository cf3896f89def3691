"""Connections that cannot be held for nothing: uvicorn's HTTP protocol with limits of time, size and number.

uvicorn closes idle connections and leaves the rest to a proxy. Here the server may stand alone, so that each connection
has a time for its headers and one for reading its answer, and there is a number of connections beyond which the one
that has been waiting longest for a request makes room. Bodies are timed where they are read (`mab_gym.serve._bodies`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from itertools import count
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mab_gym.fhir.http._exchange import FHIR_JSON
from mab_gym.fhir.model._json_text import pretty
from mab_gym.fhir.model._outcome import Issue, operation_outcome
from mab_gym.serve._application import CONNECTION
from mab_gym.serve._limits import Limits

_numbers = count()
_SWEEPING_SECONDS = 1.0
_MOST_PIPELINED = 16
"""Requests that a client may send on one connection before it has had the answer to the first."""
_NEW_SECONDS = 1.0
"""For how long a new connection is not taken for an idle one."""
_REASONS = {408: "Request Timeout", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}


class GuardedProtocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        since: When the connection began to wait for what it waits for: a request, or the rest of its headers.
    """

    limits: ClassVar[Limits]
    sweeping: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.since = self.loop.time()
        self._number = next(_numbers)
        self._in_headers = False
        self._completed = False  # whether what came last held the end of some headers
        self._header_bytes = 0
        self._cycles: deque[RequestResponseCycle] = deque()  # requests that have not been answered
        self._unread: tuple[float, int] | None = None  # since when an answer is unread, and its bytes

    # --- what uvicorn and its parser call ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins, where there is room."""
        super().connection_made(transport)
        if not self.sweeping:
            self._sweep()
        if len(self.connections) > self.limits.connections and not self._make_room():
            self._say(503, "There are many connections; try again in a moment")

    def data_received(self, data: bytes) -> None:
        """Reads on; headers that grow too long are refused."""
        if self.transport.is_closing():
            return
        self._completed = False
        super().data_received(data)
        self._header_bytes = self._header_bytes + len(data) if self._in_headers and not self._completed else 0
        if self._in_headers and self._header_bytes > self.limits.header_bytes and not self.transport.is_closing():
            self._say(431, f"A request's line and headers may have {self.limits.header_bytes} bytes")

    def on_message_begin(self) -> None:
        """A request's first byte has come."""
        super().on_message_begin()
        self.scope["state"][CONNECTION] = self._number
        self._in_headers, self.since = True, self.loop.time()

    def on_headers_complete(self) -> None:
        """A request's headers have come."""
        self._in_headers, self._completed = False, True
        super().on_headers_complete()
        self._cycles.append(self.cycle)
        if len(self._cycles) > _MOST_PIPELINED:
            self._abort()

    def on_response_complete(self) -> None:
        """An answer has been handed over for sending."""
        if not self._in_headers:
            self.since = self.loop.time()
        if self._cycles:
            self._cycles.popleft()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        self._leave()
        super().connection_lost(exc)

    def _unsupported_upgrade_warning(self) -> None:
        """Says nothing: who asks for WebSockets gets an ordinary answer."""

    # --- limits --------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """True where the server waits for a request, and not the client for an answer."""
        return not self._asked or bool(self.cycle.response_complete)

    @property
    def _asked(self) -> bool:
        """True where a request has come at all."""
        cycle: object = self.cycle  # of which uvicorn says that it is always there
        return cycle is not None

    def check(self, now: float) -> None:
        """Ends a connection that takes too long."""
        unread = self.transport.get_write_buffer_size()
        self._unread = None if not unread else (now, unread) if self._unread is None else self._unread
        if self._unread is not None:
            begun, size = self._unread
            self._unread = begun, max(size, unread)
            if now - begun > self.limits.answer_seconds + self._unread[1] / self.limits.answer_rate:
                self._abort()
        elif self.waiting and not self.transport.is_closing():
            if self._in_headers and now - self.since > self.limits.header_seconds:
                self._say(408, f"A request's headers must come within {self.limits.header_seconds:g} seconds")
            elif not self._asked and now - self.since > self.limits.header_seconds:
                self._abort()  # nothing has ever come
            elif now - self.since > self.limits.keep_alive + _SWEEPING_SECONDS:
                self.transport.close()  # uvicorn takes an empty line for a sign of life

    def _sweep(self) -> None:
        """Looks at all connections, once a second as long as there are any."""
        now = self.loop.time()
        for connection in self._all():
            connection.check(now)
        unread = sorted((c for c in self._all() if c._unread), key=lambda c: c._unread or (now, 0))
        total = sum(connection.transport.get_write_buffer_size() for connection in unread)
        for connection in unread:
            if total <= self.limits.unread_bytes:
                break
            total -= connection.transport.get_write_buffer_size()
            connection._abort()
        type(self).sweeping = bool(self.connections)
        if self.sweeping:
            self.loop.call_later(_SWEEPING_SECONDS, self._sweep)

    def _all(self) -> list[GuardedProtocol]:
        connections: Iterable[Any] = self.connections
        return [connection for connection in connections if isinstance(connection, GuardedProtocol)]

    def _make_room(self) -> bool:
        """Ends the connection that has been waiting longest for a request; unfinished ones before idle ones."""
        now = self.loop.time()
        waiting = [
            connection
            for connection in self._all()
            if connection is not self
            and connection.waiting
            and not connection.transport.is_closing()
            and now - connection.since > (0 if connection._asked else _NEW_SECONDS)
        ]
        oldest = min(waiting, key=lambda c: (c._asked and not c._in_headers, c.since, c._number), default=None)
        if oldest is None:
            return False
        oldest._abort()
        self.connections.discard(oldest)
        return True

    def _abort(self) -> None:
        """Ends the connection at once, whatever is on its way."""
        self._leave()
        self.transport.abort()

    def _leave(self) -> None:
        """Tells all requests that their client has gone; uvicorn tells the last one alone."""
        self.pipeline.clear()
        while self._cycles:
            cycle = self._cycles.popleft()
            cycle.disconnected = True
            cycle.message_event.set()

    def _say(self, status: int, text: str) -> None:
        """Sends an answer that no request has been read for, and ends the connection."""
        body = pretty(operation_outcome(Issue(text, "throttled" if status == 503 else "too-costly"))).encode()
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: {FHIR_JSON}\r\ncontent-length: {len(body)}\r\n"
            f"connection: close\r\n{'retry-after: 1' + chr(13) + chr(10) if status == 503 else ''}\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def guarded(limits: Limits) -> type[GuardedProtocol]:
    """The protocol with its limits, as uvicorn takes it."""

    class Protocol(GuardedProtocol):
        """One connection."""

    Protocol.limits = limits
    return Protocol
