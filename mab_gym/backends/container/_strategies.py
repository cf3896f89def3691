"""Strategies: the ways in which a server goes back to its snapshot after an episode that wrote something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from mab_gym.backends.container._server import SnapshotServer
from mab_gym.errors import InfrastructureError, UsageError


class Strategy(Protocol):
    """A way back to the snapshot.

    Attributes:
        name: As environment files name it.
        spares: The usual number of servers that are kept ready beyond those at work.
    """

    name: str
    spares: int

    def restore(self, server: SnapshotServer) -> bool:
        """Takes a server back; returns False where it is not proven to be there, and has to be replaced."""
        ...


class Snapshot:
    """Gives every episode after one that wrote a fresh container; spare ones hide the time that a start takes."""

    name = "snapshot"
    spares = 1

    def restore(self, server: SnapshotServer) -> bool:
        """Returns False: the container is replaced."""
        return False


class Undo:
    """Deletes and expunges what the episode created; the server runs on, and its state must be as before."""

    name = "undo"
    spares = 0

    def restore(self, server: SnapshotServer) -> bool:
        """Deletes, expunges, and proves the state."""
        try:
            written = server.live.types
            return server.live.take_back() and server.is_at_snapshot(written)
        except InfrastructureError:
            return False


STRATEGIES: Final[Mapping[str, Strategy]] = {each.name: each for each in (Undo(), Snapshot())}


def strategy(name: str) -> Strategy:
    """Returns a strategy by its name.

    Raises:
        UsageError: There is none of this name.
    """
    if name not in STRATEGIES:
        raise UsageError(f"there is no strategy {name!r}; there are: {', '.join(STRATEGIES)}")
    return STRATEGIES[name]
