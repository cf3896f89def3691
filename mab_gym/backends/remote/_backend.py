"""A FHIR server somewhere else, which others may use, too: nothing is written to it, or everything is undone."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from mab_gym.backends._effects import changed_by, why_not_undoable
from mab_gym.backends._live import LiveServer
from mab_gym.client._transport import TIMEOUT, Transport, said, secret_headers
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.fhir.http._server import DEFAULT_NOW, Request, Response
from mab_gym.fhir.store._overlay import Write

REFUSED: Final = "refused"
UNDONE: Final = "undone"
WRITES: Final = (REFUSED, UNDONE)
"""The ways with what an agent writes: none of it is sent, or it is taken back when the episode ends."""


class RemoteSession:
    """One episode's view of a remote server; a `RecordSession`."""

    def __init__(self, transport: Transport, undoing: bool) -> None:
        self._live = LiveServer(transport)
        self._undoing = undoing
        self._written: tuple[Write, ...] | None = None
        self._recorded: tuple[Write, ...] = ()
        # For an episode that is dropped in the middle, and at the end of the process.
        weakref.finalize(self, _tidy, self._live)

    @property
    def writes(self) -> Sequence[Write]:
        """The resources that the episode has written, though they may have been undone by now."""
        return self._live.writes if self._written is None else self._written

    @property
    def recorded(self) -> Sequence[Write]:
        """The resources that the hospital itself has written, though they may have been undone by now."""
        return self._live.recorded if self._written is None else self._recorded

    def record(self, resources: Sequence[Mapping[str, Any]], moment: datetime) -> list[str]:
        """Writes as the hospital.

        Raises:
            UsageError: Nothing may be written to this server.
            InfrastructureError: The server does not take it.
        """
        if not self._undoing:
            raise UsageError(f'a stay on the clock writes to its server: give it writes="{UNDONE}"')
        return self._live.record(resources)

    def tell_time(self, moment: datetime) -> None:
        """Does nothing: the server has a clock of its own."""

    def handle(self, request: Request) -> Response:
        """Sends a request to the server, or refuses one that could not be undone.

        Raises:
            InfrastructureError: The server gives no answer.
        """
        if request.method not in ("GET", "HEAD") and not self._undoing:
            return said(405, "This record system is only read from", "not-supported")
        why = why_not_undoable(request)
        if why is not None:
            return said(403, f"This record system is not for this environment alone: {why}", "forbidden")
        address = changed_by(request)
        if address is not None and not self._live.keep(address):
            return said(410, f"{address} is deleted", "deleted")
        return self._live.handle(request)

    def release(self) -> None:
        """Ends the episode: deletes what was created, expunging it where the server can, and writes the rest as it was.

        Raises:
            InfrastructureError: Something is still there; the text names it.
        """
        if self._written is None:
            self._written = tuple(self._live.writes)
            self._recorded = tuple(self._live.recorded)
        if self._live.untouched:
            return
        written = (*self._live.writes, *self._live.recorded)
        left = ", ".join(dict.fromkeys("/".join(write.key) for write in written)) or "something"
        try:
            gone = self._live.take_back()
        except InfrastructureError as error:
            raise InfrastructureError(f"{error}; {left} may still be on the server") from None
        finally:
            self._live.forget()  # a failure is said once
        if not gone:
            raise InfrastructureError(f"{left} could not be taken back and may still be on the server")

    def reset(self) -> None:
        """Goes back to the state before the episode.

        Raises:
            InfrastructureError: As for `release`.
        """
        try:
            self.release()
        finally:
            self._written = None

    def prepare(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Lays resources over the records until the episode ends, where the server's changes are taken back then.

        Raises:
            UsageError: Nothing may be written to this server, or it has deleted a resource of the same address.
            InfrastructureError: The server does not take them.
        """
        self.reset()
        if not self._undoing:
            raise UsageError(
                "what comes in with a case, and variants that change the chart, are written to the server: "
                f'give it writes="{UNDONE}", or play on the embedded record system or in a container'
            )
        laid = tuple(resources)
        for each in laid:
            address = f"{each['resourceType']}/{each['id']}" if "id" in each else None
            if address is not None and not self._live.keep(address):
                raise UsageError(f"{address} cannot be laid over the records: the server has deleted such a one")
        self._live.prepare(laid)


def _tidy(live: LiveServer) -> None:
    with suppress(InfrastructureError):
        if not live.untouched:
            live.take_back()


class RemoteBackend:
    """A FHIR R4 server by its base URL, as a `Backend`.

    Args:
        base_url: As in ``http://localhost:8080/fhir``. Headers and a token come from the environment (see
            `mab_gym.client._transport`).
        now: The record system's clock.
        writes: One of `WRITES`.
        timeout: Seconds for one answer.

    Raises:
        NotInstalledError: httpx is missing.
        UsageError: The URL is none, or a setting is unknown.
    """

    capacity: int | None = None
    in_process = False

    def __init__(
        self, base_url: str, now: datetime = DEFAULT_NOW, writes: str = REFUSED, timeout: float = TIMEOUT
    ) -> None:
        if writes not in WRITES:
            raise UsageError(f"what is written to a remote server is {' or '.join(WRITES)}, not {writes!r}")
        self._transport = Transport(base_url, headers=secret_headers(), timeout=timeout)
        self._undoing = writes == UNDONE
        self.base_url = self._transport.base_url
        self.now = now
        self.digest = f"remote:{self.base_url}"

    def open(self) -> RemoteSession:
        """Opens a new session."""
        return RemoteSession(self._transport, self._undoing)

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()
