"""How a server goes back to its snapshot after an episode that wrote; one that wrote nothing needs none of this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from mab_gym.backends.container._server import SnapshotServer
from mab_gym.errors import InfrastructureError, UsageError


class Strategy(Protocol):
    """A way back to the snapshot.

    Attributes:
        name: As environment files name it.
        spares: How many servers beyond those at work are kept ready, unless somebody says otherwise.
    """

    name: str
    spares: int

    def restore(self, server: SnapshotServer) -> bool:
        """Takes a server back; False where it cannot be shown to be there, and has to be replaced."""
        ...


class Snapshot:
    """A fresh container for every episode that follows one which wrote; spare ones hide how long it takes to start."""

    name = "snapshot"
    spares = 1

    def restore(self, server: SnapshotServer) -> bool:
        """Always False: the container has served its time."""
        return False


class Undo:
    """The server runs on: what the episode created is deleted and expunged, and the state must be as before."""

    name = "undo"
    spares = 0

    def restore(self, server: SnapshotServer) -> bool:
        """Deletes, expunges, and proves."""
        try:
            written = server.live.types
            return server.live.take_back() and server.is_at_snapshot(written)
        except InfrastructureError:
            return False


STRATEGIES: Final[Mapping[str, Strategy]] = {each.name: each for each in (Undo(), Snapshot())}


def strategy(name: str) -> Strategy:
    """A strategy by its name.

    Raises:
        UsageError: There is none of this name.
    """
    if name not in STRATEGIES:
        raise UsageError(f"there is no strategy {name!r}; there are: {', '.join(STRATEGIES)}")
    return STRATEGIES[name]
