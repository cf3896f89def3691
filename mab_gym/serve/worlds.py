"""Who shares a record system with whom: all clients one, or each session its own."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Protocol

from mab_gym.fhir.outcome import FhirError, Issue
from mab_gym.fhir.server import Server, Session

SESSION_HEADER = "x-mab-session"
"""The header by which a client names its session."""
SESSION_COOKIE = "mab_session"
"""The cookie by which it does so where it sends no such header; the server gives it out."""
LONGEST_NAME = 200
MOST_SESSIONS = 10_000
IDLE_SECONDS = 3600.0
"""How long a session must not have been used before another one may take its place."""


class Worlds(Protocol):
    """Gives each request its session."""

    def session(self, headers: Mapping[str, str]) -> tuple[Session, str | None]:
        """The session that a request belongs to, and the name of a new one, to be told to the client.

        Raises:
            FhirError: There is no room for another session, or the named one has ended.
        """

    def end(self, headers: Mapping[str, str]) -> None:
        """Ends the session that a request names."""


class SharedWorld:
    """One session for all clients: what one writes, the others see.

    Args:
        server: Where the session is opened.
    """

    def __init__(self, server: Server) -> None:
        self._session = server.open()

    def session(self, headers: Mapping[str, str]) -> tuple[Session, str | None]:
        """The one session."""
        return self._session, None

    def end(self, headers: Mapping[str, str]) -> None:
        """Goes back to the snapshot, for all."""
        self._session.reset()


class OwnWorlds:
    """A session for each client that names one, by a header or by the cookie that its first answer brings.

    Args:
        server: Where sessions are opened.
        most: How many there may be at once.
        idle: Seconds after which a session that nobody uses may make room.
    """

    def __init__(self, server: Server, most: int = MOST_SESSIONS, idle: float = IDLE_SECONDS) -> None:
        self._server = server
        self._most = most
        self._idle = idle
        self._open: OrderedDict[str, tuple[Session, float]] = OrderedDict()

    def session(self, headers: Mapping[str, str]) -> tuple[Session, str | None]:
        """The session that the request names, or a new one (see `Worlds`)."""
        name, given_out = _name_in(headers)
        now = time.monotonic()
        if name is not None and name in self._open:
            session, _ = self._open.pop(name)
            self._open[name] = (session, now)
            return session, None
        if name is not None and given_out:
            text = f"The session of the cookie {SESSION_COOKIE} has ended; send the request without the cookie"
            raise FhirError(410, Issue(text, "expired"))
        if len(self._open) >= self._most:
            self._make_room(now)
        fresh = name or secrets.token_urlsafe(16)
        session = self._server.open()
        self._open[fresh] = (session, now)
        return session, None if name else fresh

    def end(self, headers: Mapping[str, str]) -> None:
        """Drops the session that the request names."""
        name, _ = _name_in(headers)
        if name is not None:
            self._open.pop(name, None)

    def _make_room(self, now: float) -> None:
        oldest, (_, used) = next(iter(self._open.items()))
        if now - used < self._idle:
            text = f"There are {self._most} sessions already; end one (DELETE /session) or use one that is open"
            raise FhirError(503, Issue(text, "too-costly"))
        del self._open[oldest]


def _name_in(headers: Mapping[str, str]) -> tuple[str | None, bool]:
    """The session's name, and whether the server has given it out."""
    name = headers.get(SESSION_HEADER, "").strip()
    if len(name) > LONGEST_NAME:
        raise FhirError(400, Issue(f"A session's name has at most {LONGEST_NAME} characters", "too-long"))
    if name:
        return name, False
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(SESSION_COOKIE)
    except CookieError:
        return None, False
    return (cookie.value, True) if cookie is not None and cookie.value else (None, False)
