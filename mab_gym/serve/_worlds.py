"""Worlds: give each request its session, either one for all clients or one for each client."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from itertools import islice
from typing import Protocol

from mab_gym.fhir.hapi._counter_ids import CounterIds
from mab_gym.fhir.http._server import FhirServer
from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.serve._limits import ServeLimits
from mab_gym.serve._places import OwnPlace, SessionPlace, SharedPlace
from mab_gym.serve._quota import Quota

SESSION_HEADER = "x-mab-session"
"""The header in which a client names its session."""
SESSION_COOKIE = "mab_session"
"""The cookie that names the session of a client without that header; the answer to its first write sets it."""
LONGEST_NAME = 200
USED_ONCE_SECONDS = 10.0
"""Seconds for which a session without a write, or one used only once, is kept when there is no room.

A session without a write may hold search pages that its client is about to ask for.
"""
_LOOKED_AT = 64
_FAR_AWAY = 1 << 48


class Worlds(Protocol):
    """Gives each request its place."""

    def place(self, headers: Mapping[str, str], *, reading: bool) -> tuple[SessionPlace, str | None]:
        """Returns the place of a request, and the name of its session if that is new, to be sent to the client.

        Args:
            headers: The request's headers, by lower-case name.
            reading: True if the request can change nothing.

        Raises:
            FhirError: There is no room for another session, or the named one has ended.
        """

    def named(self, headers: Mapping[str, str]) -> SessionPlace | None:
        """Returns the session that a request names, to be reset to the snapshot; None if there is none."""

    def end(self, headers: Mapping[str, str]) -> None:
        """Ends the session that a request names, after its reset to the snapshot."""


class SharedWorld:
    """One session for all clients: each sees the others' writes.

    Args:
        server: The server that opens the session.
        limits: The limits of the session.
    """

    def __init__(self, server: FhirServer, limits: ServeLimits | None = None) -> None:
        limits = limits or ServeLimits()
        self._place = SharedPlace(server.open(), Quota(limits, shared=True), limits)

    def place(self, headers: Mapping[str, str], *, reading: bool) -> tuple[SessionPlace, str | None]:
        """Returns the one place."""
        return self._place, None

    def named(self, headers: Mapping[str, str]) -> SessionPlace | None:
        """Returns the one place."""
        return self._place

    def end(self, headers: Mapping[str, str]) -> None:
        """Does nothing: a shared session does not end."""


class OwnWorlds:
    """A session for each client, named by a header or by the cookie that its first write sets.

    A client that names none and only reads sees the snapshot, which needs no session. If there is no room for another
    session, the first of these is dropped: one without a write and unused for a while, one used only once, one unused
    for a long time, any one without a write.

    Args:
        server: The server that opens sessions.
        limits: The limits of sessions.
    """

    def __init__(self, server: FhirServer, limits: ServeLimits | None = None) -> None:
        self._server = server
        self._limits = limits or ServeLimits()
        self._quota = Quota(self._limits, shared=False)
        # Both ordered from the least to the most recently used.
        self._untouched: OrderedDict[str, OwnPlace] = OrderedDict()
        self._written: OrderedDict[str, OwnPlace] = OrderedDict()
        snapshot = server.open()
        snapshot.counter_ids = CounterIds(_FAR_AWAY)  # its links are never a session's own
        self._snapshot = SharedPlace(snapshot, self._quota, self._limits)

    def place(self, headers: Mapping[str, str], *, reading: bool) -> tuple[SessionPlace, str | None]:
        """Returns the named session, a new one, or the snapshot, as `Worlds.place` describes."""
        name, given_out = _name_in(headers)
        if name is None and reading:
            return self._snapshot, None
        known = None if name is None else self._find(name)
        if known is None and given_out:
            text = f"The session of the cookie {SESSION_COOKIE} has ended; send the request without the cookie"
            raise FhirError(410, Issue(text, "expired"))
        place = known or self._open(name or secrets.token_urlsafe(16))
        place.used = time.monotonic()
        place.uses += 1
        return place, None if name else next(reversed(self._untouched))

    def named(self, headers: Mapping[str, str]) -> SessionPlace | None:
        """Returns the session that a request names, if it is open."""
        name, _ = _name_in(headers)
        return None if name is None else self._find(name)

    def end(self, headers: Mapping[str, str]) -> None:
        """Drops the session that the request names."""
        name, _ = _name_in(headers)
        if name is not None:
            self._drop(name)

    def _find(self, name: str) -> OwnPlace | None:
        for places in (self._untouched, self._written):
            if name in places:
                places.move_to_end(name)
                return places[name]
        return None

    def _open(self, name: str) -> OwnPlace:
        if len(self._untouched) + len(self._written) >= self._limits.sessions:
            self._make_room()
        place = self._untouched[name] = OwnPlace(self._server.open(), self._quota, self._limits, self._snapshot)
        return place

    def _drop(self, name: str) -> None:
        place = self._untouched.pop(name, None) or self._written.pop(name, None)
        if place is not None:
            self._quota.close(place.account)

    def _longest_untouched(self) -> str | None:
        """Returns the name of the least recently used session without a write; None if there is none."""
        while self._untouched:
            name, place = next(iter(self._untouched.items()))
            if place.untouched:
                return name
            self._written[name] = self._untouched.pop(name)
        return None

    def _make_room(self) -> None:
        now = time.monotonic()
        untouched = self._longest_untouched()
        if untouched is not None and now - self._untouched[untouched].used > USED_ONCE_SECONDS:
            return self._drop(untouched)
        for name, place in islice(self._written.items(), _LOOKED_AT):
            idle = self._limits.session_idle if place.uses > 1 else min(USED_ONCE_SECONDS, self._limits.session_idle)
            if not place.busy and now - place.used > idle:
                return self._drop(name)
        if untouched is not None:
            return self._drop(untouched)
        text = f"There are {self._limits.sessions} sessions already; end one (DELETE /session) or use one that is open"
        raise FhirError(503, Issue(text, "too-costly"))


def _name_in(headers: Mapping[str, str]) -> tuple[str | None, bool]:
    """Returns the session's name, and True if it comes from the server's cookie."""
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
