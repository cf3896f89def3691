"""One HAPI in a container that begins at a snapshot."""

from __future__ import annotations

from collections.abc import Iterable

from mab_gym.backends._live import PROBE, LiveServer
from mab_gym.backends._state import State, difference
from mab_gym.backends.container._engine import Engine, Running
from mab_gym.client._transport import Transport
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.http._server import DEFAULT_BASE_URL

PROBE_TIMEOUT = 5.0
"""Seconds to wait for the answer to a probe."""


class Answering:
    """Tells if a container's HAPI answers searches; one that has just begun to listen may not yet."""

    def __init__(self) -> None:
        self._transport: Transport | None = None

    def __call__(self, running: Running) -> bool:
        """Returns True if it answers now."""
        if self._transport is None or self._transport.base_url != running.base_url:
            self._transport = Transport(running.base_url, timeout=PROBE_TIMEOUT)
        try:
            return self._transport.send(PROBE).status == 200
        except InfrastructureError:
            return False


class SnapshotServer:
    """A container of a snapshot, ready to work.

    Args:
        engine: The Docker engine.
        running: The container; its server answers.
        state: The state of the snapshot.
        timeout: Seconds for one answer.

    Attributes:
        running: The container.
        live: The episode's conversation with it.

    Raises:
        InfrastructureError: The server is not in the state of the snapshot.
    """

    def __init__(self, engine: Engine, running: Running, state: State, timeout: float) -> None:
        self.running = running
        self._engine = engine
        self._state = state
        self._transport = Transport(running.base_url, DEFAULT_BASE_URL, timeout=timeout)
        self.live = LiveServer(self._transport)
        wrong = difference(self._transport, state)
        if wrong is not None:
            self._transport.close()
            raise InfrastructureError(f"container {running.name} does not hold what its snapshot says: {wrong}")

    def is_at_snapshot(self, written: Iterable[str]) -> bool:
        """Proves that the server holds what the snapshot holds; returns False where it does not.

        Args:
            written: The resource types that were written to.

        Raises:
            InfrastructureError: It does not answer.
        """
        return difference(self._transport, self._state, written) is None

    def discard(self) -> None:
        """Removes the container.

        Raises:
            InfrastructureError: It is still there.
        """
        self._transport.close()
        self._engine.remove(self.running.id)
