"""A pool of servers at one snapshot. The episodes of a process lease them, one after another.

Any thread may lease. As many episodes go on at once as the pool has servers; further ones wait. A lease that is not
given back in time is taken away, so that a forgotten environment does not hold a server for good.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from mab_gym.backends.container._server import SnapshotServer
from mab_gym.backends.container._strategies import Strategy
from mab_gym.errors import InfrastructureError

Start = Callable[[], SnapshotServer]
_TICK = 0.2
_TRIES = 2
_GRACE = 10.0


@dataclass(slots=True)
class Lease:
    """One episode's hold on a server.

    Attributes:
        server: The server.
        until: The time from which on it may be taken away, by the monotonic clock.
        revoked: True once it was taken away.
        failed: True if the server did not work.
        guard: Held while a request is under way.
    """

    server: SnapshotServer
    until: float
    revoked: bool = False
    failed: bool = False
    guard: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class PoolCounts:
    """The number of servers that were started and given back.

    Attributes:
        started: Servers that were started.
        kept: Returns of a server that nothing had been written to.
        restored: Returns of a server that was taken back to the snapshot.
        replaced: Returns of a server that was given up.
    """

    started: int = 0
    kept: int = 0
    restored: int = 0
    replaced: int = 0


class Pool:
    """Servers at one snapshot.

    Args:
        start: Starts a server and waits until it answers.
        strategy: The way back to the snapshot.
        servers: The number of episodes that can be at work at once.
        spares: The number of further servers that are kept ready.
        lease: Seconds after which a lease may be taken away when another episode waits.
        patience: Seconds that an episode waits for a server, not counting the time that a start takes.

    Attributes:
        counts: The number of servers that were started and given back.
    """

    def __init__(
        self, start: Start, strategy: Strategy, servers: int, spares: int, lease: float = 900.0, patience: float = 120.0
    ) -> None:
        self._start = start
        self._strategy = strategy
        self._most = servers
        self._spares = spares
        self._lease = lease
        self._patience = patience
        self.counts = PoolCounts()
        self._changed = threading.Condition()
        self._idle: list[SnapshotServer] = []
        self._leases: list[Lease] = []
        self._starting = 0
        self._busy = 0
        self._waiting = 0
        self._failure: InfrastructureError | None = None
        self._condemned: list[SnapshotServer] = []
        self._closed = False

    # --- leases --------------------------------------------------------------------------------------------------

    def take(self) -> Lease:
        """Leases a server at the snapshot.

        Raises:
            InfrastructureError: None could be had; the text says why.
        """
        until = time.monotonic() + self._patience
        with self._changed:
            self._failure = None
            self._waiting += 1
            try:
                while True:
                    self.check_open()
                    if self._idle and len(self._leases) < self._most:
                        lease = Lease(self._idle.pop(), time.monotonic() + self._lease)
                        self._leases.append(lease)
                        return lease
                    if self._failure is not None:
                        raise self._failure
                    self._fill()
                    if self._starting or self._busy:
                        until = max(until, time.monotonic() + self._patience)
                    else:
                        self._revoke_overdue()
                    if time.monotonic() > until:
                        raise InfrastructureError(
                            f"all {self._most} servers have been at work for {self._patience:.0f} s; play fewer "
                            "episodes at once, or let the environment have more (servers=...)"
                        )
                    self._changed.wait(_TICK)
            finally:
                self._waiting -= 1
                self._fill()

    def give_back(self, lease: Lease) -> None:
        """Ends a lease: the server goes back to the snapshot, or is replaced.

        A server that has failed is kept only if it proves to be at the snapshot again.
        """
        with self._changed:
            if lease not in self._leases:
                return
            self._leases.remove(lease)
            self._busy += 1
        self._renew(lease)

    def close(self) -> None:
        """Removes all servers; those that are still starting are waited for, since they remove themselves.

        Raises:
            InfrastructureError: Some are still there; the reaper of this process goes on.
        """
        with self._changed:
            self._closed = True
            for lease in self._leases:
                lease.revoked = True
            doomed = [*self._idle, *(lease.server for lease in self._leases), *self._condemned]
            self._idle, self._leases, self._condemned = [], [], []
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._starting, _GRACE)
        failures = []
        for server in doomed:
            try:
                server.discard()
            except InfrastructureError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def check_open(self) -> None:
        """Checks that the pool was not closed.

        Raises:
            InfrastructureError: It was.
        """
        if self._closed:
            raise InfrastructureError("the pool of servers is closed")

    # --- the condition is held ---------------------------------------------------------------------------------------

    def _revoke_overdue(self) -> None:
        """Takes away one lease that is overdue and has no request under way."""
        now = time.monotonic()
        for lease in self._leases:
            if lease.until < now and lease.guard.acquire(blocking=False):
                lease.revoked = True
                lease.guard.release()
                self._leases.remove(lease)
                self._busy += 1
                self._in_background(partial(self._renew, lease))
                return

    def _fill(self) -> None:
        """Starts as many servers as are wanted: one for each episode that waits, and the spares."""
        if self._closed:
            return
        at_work = len(self._leases) + self._busy
        there = len(self._idle) + self._starting
        wanted = min(self._most + self._spares - at_work, self._waiting + self._spares) - there
        for _ in range(wanted):
            self._starting += 1
            self._in_background(self._start_one)

    def _in_background(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name="mab_gym pool", daemon=True).start()

    # --- in other threads --------------------------------------------------------------------------------------------

    def _start_one(self) -> None:
        server: SnapshotServer | None = None
        failure: InfrastructureError | None = None
        for _ in range(_TRIES):
            if self._closed:
                break
            try:
                server = self._start()
                break
            except InfrastructureError as error:
                failure = error
            except Exception as error:
                failure = InfrastructureError(f"a server could not be started: {type(error).__name__}: {error}")
        with self._changed:
            if server is None:
                self._failure = failure
            elif not self._closed:
                self.counts.started += 1
                self._idle.append(server)
                server = None
        if server is not None:  # closed in the meantime
            with suppress(InfrastructureError):
                server.discard()
        with self._changed:
            self._starting -= 1
            self._changed.notify_all()

    def _renew(self, lease: Lease) -> None:
        """Takes a server back to the snapshot and offers it again, or removes it."""
        server = lease.server
        restored = not server.live.untouched or lease.failed
        good = self._strategy.restore(server) if restored else True
        with self._changed:
            self._busy -= 1
            closed = self._closed
            if good and not closed:
                self.counts.kept += not restored
                self.counts.restored += restored
                self._idle.append(server)
            else:
                self.counts.replaced += 1
            self._changed.notify_all()
        if not good or closed:
            self._discard(server)

    def _discard(self, server: SnapshotServer) -> None:
        """Removes a server, and those that could not be removed before."""
        with self._changed:
            doomed, self._condemned = [*self._condemned, server], []
            self._fill()
        for each in doomed:
            try:
                each.discard()
            except InfrastructureError:
                with self._changed:
                    self._condemned.append(each)


def tell(text: str) -> None:
    """Prints a line on standard error, about something that takes long."""
    with suppress(OSError, ValueError):
        print(f"mab_gym: {text}", file=sys.stderr, flush=True)
