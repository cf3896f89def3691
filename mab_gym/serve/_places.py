"""The places where requests are answered: a session of a client's own, or one that all share.

A session of its own answers one request at a time. A shared one answers what reads from a snapshot, beside other
requests that read or write, and one at a time what writes.
"""

from __future__ import annotations

from collections.abc import Hashable
from copy import copy
from threading import Lock
from typing import Protocol

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import Session
from mab_gym.serve._limits import Limits
from mab_gym.serve._quota import Account, Quota

LARGE_BODY = 256 * 1024
"""Bytes from which on a body is work enough for others not to wait for it."""


_FEW_WRITES = 2000


class Place(Protocol):
    """Answers requests; its methods may be called by any thread."""

    def turn(self, *, reading: bool) -> Hashable | None:
        """The key that one request at a time may hold, that reads or that does not; None where many may be answered."""

    @property
    def queue(self) -> int:
        """The number of requests that may wait for that."""

    def answer(self, request: Request) -> Response:
        """Answers a request.

        Raises:
            FhirError: What was written does not fit.
        """

    def reset(self) -> None:
        """Goes back to the snapshot."""


def reads(method: str, target: str) -> bool:
    """Tells if a request can change nothing."""
    return method in ("GET", "HEAD", "OPTIONS") or (method == "POST" and target.partition("?")[0].endswith("/_search"))


class SharedPlace:
    """One session for many clients.

    Args:
        session: The session.
        quota: Keeps account of what is written.
        limits: How many requests may wait to write.
    """

    def __init__(self, session: Session, quota: Quota, limits: Limits) -> None:
        self.queue = limits.waiting
        self._session = session
        self._quota = quota
        self._account = Account()
        self._lock = Lock()
        self._snapshot: Session | None = None  # while nobody writes: the latest; else, if there is one, that of before

    def turn(self, *, reading: bool) -> Hashable | None:
        """The place itself where a request writes: those take turns."""
        return None if reading else self

    def answer(self, request: Request) -> Response:
        """Answers a request, beside others where it only reads."""
        if reads(request.method, request.target):
            return self._reader().handle(request)
        with self._lock:
            before = self._session.written
            if before < _FEW_WRITES or len(request.body) >= LARGE_BODY or not request.target.strip("/"):
                # Others read on meanwhile. A short write to a long history is over before there would be a copy of it.
                self._snapshot = self._session.snapshot(self._snapshot)
            try:
                return self._quota.write(self._account, self._session, request)
            finally:
                if self._session.written != before:
                    self._snapshot = None

    def reset(self) -> None:
        """Goes back to the snapshot."""
        with self._lock:
            self._session.reset()
            self._snapshot = None
            self._quota.book(self._account, 0)

    def _reader(self) -> Session:
        """A session that shows what was written up to now, for one request: it has its own base URL."""
        known = self._snapshot
        # While a write is at work, what was there before it is what there is; where nobody has it, one waits.
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
        quota: Keeps account of what is written.
        limits: How many requests may wait for it.
        others: Answers links that were given out before the client had a session.

    Attributes:
        account: What it has stored.
        used: When it was used last.
        uses: How often.
        busy: How many requests wait for it or are worked on.
    """

    def __init__(self, session: Session, quota: Quota, limits: Limits, others: Place) -> None:
        self.queue = limits.session_waiting
        self._session = session
        self._quota = quota
        self._others = others
        self.account = Account()
        self.used = 0.0
        self.uses = 0
        self.busy = 0

    def turn(self, *, reading: bool) -> Hashable | None:
        """Whatever is asked takes turns."""
        return self

    @property
    def untouched(self) -> bool:
        """True where nothing was written, so that nobody would miss it."""
        return not self._session.written and not self.busy

    def answer(self, request: Request) -> Response:
        """Answers a request."""
        if not reads(request.method, request.target):
            return self._quota.write(self.account, self._session, request)
        response = self._session.handle(request)
        if response.status == 410 and "_getpages=" in request.target:
            return self._others.answer(request)
        return response

    def reset(self) -> None:
        """Goes back to the snapshot."""
        self._session.reset()
        self._quota.book(self.account, 0)
