"""Limits how much sessions may store: each for itself, and all together."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import Session
from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.serve._limits import MIB, Limits


@dataclass(slots=True, eq=False)
class Account:
    """The account of what one session has stored.

    Attributes:
        held: Bytes.
        closed: Whether the session has ended; a request that still works on it is not booked.
    """

    held: int = 0
    closed: bool = False


class Quota:
    """Keeps account of what all sessions have stored; threads may share it.

    507 and not 413: the request alone is not too large, and smaller ones would not help; there is no room left.

    Args:
        limits: How much they may store.
        shared: Whether there is one session for all clients, which may have all there is.
    """

    def __init__(self, limits: Limits, *, shared: bool) -> None:
        self._each = limits.stored_bytes if shared else min(limits.session_bytes, limits.stored_bytes)
        self._all = limits.stored_bytes
        self._share = limits.session_share
        self._shared = shared
        self._pooled = 0
        self._lock = Lock()

    def write(self, account: Account, session: Session, request: Request) -> Response:
        """Answers a request that may write; what does not fit is taken back.

        Raises:
            FhirError: 507 where there is no room for what it has stored.
        """
        before = session.written
        response = session.handle(request)
        try:
            self.book(account, session.held)
        except FhirError:
            session.undo(before)
            raise
        return response

    def book(self, account: Account, held: int) -> None:
        """Notes how much a session has stored now.

        Raises:
            FhirError: 507 where that is more than before and too much.
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

    def close(self, account: Account) -> None:
        """Gives back what a session has stored that has ended."""
        self.book(account, 0)
        account.closed = True

    def _beyond(self, held: int) -> int:
        """The part of what a session has stored that counts towards what all share."""
        return max(0, held - self._share)

    def _full(self, most: int) -> FhirError:
        where, option = ("This server", "--stored-bytes") if self._shared else ("This session", "--session-bytes")
        end = "" if self._shared else " or end it (DELETE /session)"
        text = (
            f"{where} may hold {most // MIB} MiB of what was written, all versions together, and this request would "
            f"make it more; go back to the snapshot (POST /reset){end}, or begin the server with more {option}"
        )
        return FhirError(507, Issue(text, "too-costly"))
