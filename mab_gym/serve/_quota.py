"""The quota of stored bytes: for each session, and for all sessions together."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import FhirSession
from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.serve._limits import MIB, ServeLimits


@dataclass(slots=True, eq=False)
class StorageAccount:
    """The bytes that one session has stored.

    Attributes:
        held: The bytes.
        closed: True if the session has ended; a request that still works on it is not booked.
    """

    held: int = 0
    closed: bool = False


class Quota:
    """Counts the bytes that all sessions have stored; thread-safe.

    A refused request gets 507 and not 413: it is not too large itself, and smaller ones would not help.

    Args:
        limits: The limits of the server.
        shared: True if one session for all clients may use all of the room.
    """

    def __init__(self, limits: ServeLimits, *, shared: bool) -> None:
        self._each = limits.stored_bytes if shared else min(limits.session_bytes, limits.stored_bytes)
        self._all = limits.stored_bytes
        self._share = limits.session_share
        self._shared = shared
        self._pooled = 0
        self._lock = Lock()

    def write(self, account: StorageAccount, session: FhirSession, request: Request) -> Response:
        """Answers a request that may write; a write that does not fit is undone, and the session's exports end.

        Raises:
            FhirError: 507 if there is no room for the write.
        """
        before = session.written
        response = session.handle(request)
        try:
            self.book(account, session.held)
        except FhirError:
            session.undo(before)
            session.forget_exports()
            self.book(account, session.held)
            raise
        return response

    def book(self, account: StorageAccount, held: int) -> None:
        """Notes the bytes that a session holds now.

        Raises:
            FhirError: 507 if they have grown and exceed a limit.
        """
        with self._lock:
            if account.closed:
                return
            pooled = self._pooled + self._beyond(held) - self._beyond(account.held)
            if held > account.held:
                if held > self._each:
                    raise self._full(self._each)
                if pooled > self._all and held > self._share:
                    raise FhirError(
                        507,
                        Issue(
                            f"All sessions together hold {self._all // MIB} MiB, as much as they may; end one (DELETE "
                            "/session), take one back (POST /reset), or begin the server with more --stored-bytes",
                            "too-costly",
                        ),
                    )
            self._pooled = pooled
            account.held = held

    def close(self, account: StorageAccount) -> None:
        """Frees the bytes of a session that has ended."""
        self.book(account, 0)
        account.closed = True

    def _beyond(self, held: int) -> int:
        """Returns the bytes of a session beyond its own share, which count towards the common limit."""
        return max(0, held - self._share)

    def _full(self, most: int) -> FhirError:
        where, option = ("This server", "--stored-bytes") if self._shared else ("This session", "--session-bytes")
        end = "" if self._shared else " or end it (DELETE /session)"
        text = (
            f"{where} may hold {most // MIB} MiB of what was written, all versions together, and this request would "
            f"make it more; go back to the snapshot (POST /reset){end}, or begin the server with more {option}"
        )
        return FhirError(507, Issue(text, "too-costly"))
