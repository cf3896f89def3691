"""uvicorn's HTTP protocol with limits of time, size and number, so that nobody can hold connections for nothing.

uvicorn itself closes only idle connections and leaves the rest to a proxy. This server may run without one. So each
connection has a time limit for its headers and one for reading its answer. If there are too many connections, the one
that has waited longest for a request is closed. Bodies have their time limit in `mab_gym.serve._bodies`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Iterable
from http import HTTPStatus
from itertools import count
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mab_gym.fhir.http._exchange import FHIR_JSON
from mab_gym.fhir.http._request_line import bad_request, spring_error
from mab_gym.fhir.model._json_text import pretty
from mab_gym.fhir.model._outcome import Issue, operation_outcome
from mab_gym.serve._application import CONNECTION
from mab_gym.serve._limits import ServeLimits

_numbers = count()
_SWEEPING_SECONDS = 1.0
_MOST_PIPELINED = 16
"""Requests that a client may send on one connection before the first is answered."""
_NEW_SECONDS = 1.0
"""Seconds for which a new connection does not count as idle."""
_REQUEST_LINE = re.compile(
    rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ (/[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]*) HTTP/1\.[01]\r?\n",
)
"""A request line in which only the method can be wrong."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        since: The time at which it began to wait for a request or the rest of its headers.
    """

    limits: ClassVar[ServeLimits]
    sweeping: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.since = self.loop.time()
        self._number = next(_numbers)
        self._in_headers = False
        self._completed = False  # True if the last data held the end of a request's headers
        self._header_bytes = 0
        self._first = b""  # the first bytes of a request, or of what came last
        self._cycles: deque[RequestResponseCycle] = deque()  # unanswered requests
        self._unread: tuple[float, int] | None = None  # the time since which an answer is unread, and its bytes

    # --- called by uvicorn and its parser ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accepts the connection, or refuses it if there are too many."""
        super().connection_made(transport)
        if not self.sweeping:
            self._sweep()
        if len(self.connections) > self.limits.connections and not self._make_room():
            self._say(503, "There are many connections; try again in a moment")

    def data_received(self, data: bytes) -> None:
        """Reads data; refuses headers that are too long."""
        if self.transport.is_closing():
            return
        self._completed = False
        if not self._in_headers:
            self._first = data[: self.limits.header_bytes]
        super().data_received(data)
        self._header_bytes = self._header_bytes + len(data) if self._in_headers and not self._completed else 0
        if self._in_headers and self._header_bytes > self.limits.header_bytes and not self.transport.is_closing():
            self._say(431, f"A request's line and headers may have {self.limits.header_bytes} bytes")

    def on_message_begin(self) -> None:
        """Notes that a request's first byte arrived."""
        super().on_message_begin()
        self.scope["state"][CONNECTION] = self._number
        self._in_headers, self.since = True, self.loop.time()

    def on_headers_complete(self) -> None:
        """Notes that a request's headers are complete."""
        self._in_headers, self._completed = False, True
        super().on_headers_complete()
        if b"#" in self.url:  # uvicorn drops what no request line may hold
            self.scope["query_string"] += b"#"
        self._cycles.append(self.cycle)
        if len(self._cycles) > _MOST_PIPELINED:
            self._abort()

    def on_response_complete(self) -> None:
        """Notes that an answer was handed over for sending."""
        if not self._in_headers:
            self.since = self.loop.time()
        if self._cycles:
            self._cycles.popleft()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the connection."""
        self._leave()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, or a method that the parser does not know, as the web server around HAPI does."""
        odd = _REQUEST_LINE.match(self._first)
        if odd is None:
            response = bad_request()
        else:
            path = odd[1].decode("latin-1").partition("?")[0]
            response = spring_error(501, "Not Implemented", path, int(time.time() * 1000))
        self._end(response.status, response.headers["content-type"], response.body)

    def _unsupported_upgrade_warning(self) -> None:
        """Logs nothing: a request for WebSockets gets an ordinary answer."""

    # --- limits --------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """True if the server waits for a request; False if the client waits for an answer."""
        return not self._asked or bool(self.cycle.response_complete)

    @property
    def _asked(self) -> bool:
        """True if a request ever arrived."""
        cycle: object = self.cycle  # None before the first request, though uvicorn's type says otherwise
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
                self._abort()  # no byte ever arrived
            elif now - self.since > self.limits.keep_alive + _SWEEPING_SECONDS:
                self.transport.close()  # uvicorn would keep a connection alive that sends only empty lines

    def _sweep(self) -> None:
        """Checks all connections, once a second as long as there are any."""
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
        """Ends the connection that has waited longest for a request; those with unfinished headers before idle ones."""
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
        """Ends the connection at once, even in the middle of an answer."""
        self._leave()
        self.transport.abort()

    def _leave(self) -> None:
        """Tells all requests that their client disconnected; uvicorn would tell only the last one."""
        self.pipeline.clear()
        while self._cycles:
            cycle = self._cycles.popleft()
            cycle.disconnected = True
            cycle.message_event.set()

    def _say(self, status: int, text: str) -> None:
        """Sends an answer without a complete request, and ends the connection."""
        outcome = operation_outcome(Issue(text, "throttled" if status == 503 else "too-costly"))
        self._end(status, FHIR_JSON, pretty(outcome))

    def _end(self, status: int, content_type: str, text: str) -> None:
        body = text.encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {content_type}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n"
            f"{'retry-after: 1' + chr(13) + chr(10) if status == 503 else ''}\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def guarded(limits: ServeLimits) -> type[GuardedProtocol]:
    """Returns the protocol class with its limits, as uvicorn expects it."""

    class Guarded(GuardedProtocol):
        """One connection."""

    Guarded.limits = limits
    return Guarded
