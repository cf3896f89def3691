"""The places where requests are answered: a session of one client, or a session that all clients share.

A client's own session answers one request at a time. A shared session answers any number of reading requests from a
snapshot, and one writing request at a time.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from copy import copy
from threading import Lock
from typing import Protocol

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import FhirSession
from mab_gym.serve._limits import ServeLimits
from mab_gym.serve._quota import Quota, StorageAccount

LARGE_BODY = 256 * 1024
"""From so many bytes on, a body takes so long that other requests should not wait for it."""


_FEW_WRITES = 2000
_GIVEN_BEFORE = {410: ("_getpages=",), 404: ("$export-poll-status", "Binary/")}
"""What stands in links that a client may have got before it had a session, by the status of what is not there."""
_MORE_THAN_A_READ = frozenset("?$_%#")
_AS_STORED = ("*/*", "application/json", "application/fhir+json")
_COMPARED = frozenset(("if-none-match", "if-modified-since"))


class SessionPlace(Protocol):
    """A session that answers requests; its methods may be called from any thread."""

    def turn(self, *, reading: bool) -> Hashable | None:
        """Returns the key that only one running request may hold; None if many may run at once.

        Args:
            reading: True if the request can change nothing.
        """

    @property
    def queue(self) -> int:
        """The number of requests that may wait for the key."""

    def answer(self, request: Request) -> Response:
        """Answers a request.

        Raises:
            FhirError: There is no room for its writes.
        """

    def ready(self) -> bool:
        """Tells if a request that reads would not have to wait for another one now."""

    def reset(self) -> None:
        """Goes back to the snapshot."""


def reads_one(method: str, target: str, headers: Mapping[str, str]) -> bool:
    """Tells if a request only asks for one resource by its id and as it is stored, which takes no time."""
    if method != "GET" or target.count("/") != 1 or not _MORE_THAN_A_READ.isdisjoint(target):
        return False
    return headers.get("accept", "*/*") in _AS_STORED and _COMPARED.isdisjoint(headers)


def reads(method: str, target: str) -> bool:
    """Tells if a request can change nothing that takes room; an export takes some."""
    path = target.partition("?")[0]
    if "$export" in path:
        return path.endswith("$export-poll-status")
    return method in ("GET", "HEAD", "OPTIONS") or (method == "POST" and path.endswith("/_search"))


class SharedPlace:
    """One session for many clients.

    Args:
        session: The session.
        quota: Counts the stored bytes.
        limits: ServeLimits the number of requests that may wait to write.
    """

    def __init__(self, session: FhirSession, quota: Quota, limits: ServeLimits) -> None:
        self.queue = limits.waiting
        self._session = session
        self._quota = quota
        self._account = StorageAccount()
        self._lock = Lock()
        self._snapshot: FhirSession | None = None  # the latest state or, during a write, the one before it

    def turn(self, *, reading: bool) -> Hashable | None:
        """Returns the place itself for writing requests, which take turns."""
        return None if reading else self

    def answer(self, request: Request) -> Response:
        """Answers a request; reading ones run beside others."""
        if reads(request.method, request.target):
            return self._reader().handle(request)
        with self._lock:
            before = self._session.written
            if before < _FEW_WRITES or len(request.body) >= LARGE_BODY or not request.target.strip("/"):
                # Others can read the snapshot meanwhile. A short write to a long history ends before a copy is made.
                self._snapshot = self._session.snapshot(self._snapshot)
            try:
                return self._quota.write(self._account, self._session, request)
            finally:
                if self._session.written != before:
                    self._snapshot = None

    def ready(self) -> bool:
        """Tells if a snapshot is there; without one, a reader would wait for the writer."""
        return self._snapshot is not None

    def reset(self) -> None:
        """Goes back to the snapshot."""
        with self._lock:
            self._session.reset()
            self._snapshot = None
            self._quota.book(self._account, 0)

    def _reader(self) -> FhirSession:
        """Returns a copy of the current snapshot for one request, which sets its own base URL."""
        known = self._snapshot
        # During a write, readers see the snapshot from before it; if there is none, they wait for the write.
        if self._lock.acquire(blocking=known is None):
            try:
                known = self._snapshot = self._session.snapshot(self._snapshot)
            finally:
                self._lock.release()
        assert known is not None
        return copy(known)


class OwnPlace:
    """A client's own session.

    Args:
        session: The session.
        quota: Counts the stored bytes.
        limits: ServeLimits the number of requests that may wait for the session.
        others: Answers links to pages that the client got before it had a session.

    Attributes:
        account: The bytes that it has stored.
        used: The time of its last use, by the monotonic clock.
        uses: The number of its requests.
        busy: The number of requests that wait for it or are being answered.
    """

    def __init__(self, session: FhirSession, quota: Quota, limits: ServeLimits, others: SessionPlace) -> None:
        self.queue = limits.session_waiting
        self._session = session
        self._quota = quota
        self._others = others
        self.account = StorageAccount()
        self.used = 0.0
        self.uses = 0
        self.busy = 0

    def turn(self, *, reading: bool) -> Hashable | None:
        """Returns the place itself: all requests take turns."""
        return self

    @property
    def untouched(self) -> bool:
        """True if nothing was written and no request is waiting, so that nobody would miss it."""
        return not self._session.written and not self.busy

    def answer(self, request: Request) -> Response:
        """Answers a request."""
        if not reads(request.method, request.target):
            return self._quota.write(self.account, self._session, request)
        response = self._session.handle(request)
        if any(part in request.target for part in _GIVEN_BEFORE.get(response.status, ())):
            return self._others.answer(request)
        return response

    def ready(self) -> bool:
        """Tells if no other request of the session waits or runs."""
        return not self.busy

    def reset(self) -> None:
        """Goes back to the snapshot."""
        self._session.reset()
        self._quota.book(self.account, 0)
