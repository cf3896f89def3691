"""HAPI FHIR in Docker as a backend: every episode begins at a snapshot image of a loaded container."""

from __future__ import annotations

import atexit
import os
import threading
import uuid
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from mab_gym.backends._live import PROBE
from mab_gym.backends._state import read_state
from mab_gym.backends.container._engine import POOL, STATE, Engine, Image
from mab_gym.backends.container._pool import Lease, Pool, tell
from mab_gym.backends.container._process_lock import end_of_this_process, this_process
from mab_gym.backends.container._server import Answering, SnapshotServer
from mab_gym.backends.container._settings import ContainerSettings
from mab_gym.backends.container._strategies import strategy
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.fhir.http._server import DEFAULT_BASE_URL, DEFAULT_NOW, Request, Response
from mab_gym.fhir.store._overlay import Write

_USUAL: Final = ContainerSettings()
POOL_ROLE: Final = "pool"
QUICK: Final[Mapping[str, str]] = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
"""Settings with which a server starts in a third less time and takes half the memory, at a lower top speed."""
START_PATIENCE: Final = 600.0
"""Seconds that a server may take to start."""
TIMEOUT: Final = 60.0
"""Seconds for one answer."""


class ContainerSession:
    """One episode's view of a server of the pool, which is leased when it is first needed; a `RecordSession`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._held: list[Lease] = []
        self._fresh = True
        self._written: tuple[Write, ...] = ()
        self._recorded: tuple[Write, ...] = ()
        self._resources: tuple[Mapping[str, Any], ...] = ()
        # An episode that was dropped keeps its server only until another one waits for it.
        weakref.finalize(self, _let_go, self._held)

    @property
    def writes(self) -> Sequence[Write]:
        """The resources that the episode has written, though they may have been undone by now."""
        return self._written

    @property
    def recorded(self) -> Sequence[Write]:
        """The resources that the hospital itself has written, though they may have been undone by now."""
        return self._recorded

    def record(self, resources: Sequence[Mapping[str, Any]], moment: datetime) -> list[str]:
        """Writes as the hospital.

        Raises:
            InfrastructureError: No server can be had, or it does not take it.
        """
        if self._fresh:
            self.handle(PROBE)  # a server that is found broken is replaced
        lease = self._lease()
        with lease.guard:
            self._check_held()
            try:
                addresses = lease.server.live.record(resources)
            except InfrastructureError:
                lease.failed = True
                raise
            self._recorded = tuple(lease.server.live.recorded)
        return addresses

    def tell_time(self, moment: datetime) -> None:
        """Does nothing: the server has a clock of its own."""

    def handle(self, request: Request) -> Response:
        """Sends a request to a server. A server that is found broken when the episode begins is replaced.

        Raises:
            InfrastructureError: No server can be had, or it failed.
        """
        if self._fresh and request.method not in ("GET", "HEAD"):
            self.handle(PROBE)  # a write must not be lost on a dead server
        try:
            return self._ask(request)
        except InfrastructureError:
            if not self._fresh or not self._held:
                raise
            self._give_back()
        return self._ask(request)

    def release(self) -> None:
        """Ends the episode: the server goes back to the pool, which takes it back to the snapshot.

        Raises:
            InfrastructureError: The server was given to another episode before this one ended.
        """
        self._check_held()
        self._give_back()

    def reset(self) -> None:
        """Goes back to the snapshot."""
        self._give_back()
        self._fresh = True
        self._written = ()
        self._recorded = ()
        self._resources = ()

    def prepare(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Goes back to the snapshot with resources laid over it.

        Raises:
            InfrastructureError: No server can be had, or it does not take them.
        """
        self.reset()
        self._resources = tuple(resources)
        self._lease()

    def _ask(self, request: Request) -> Response:
        lease = self._lease()
        with lease.guard:
            self._check_held()
            try:
                response = lease.server.live.handle(request)
            except InfrastructureError:
                lease.failed = True
                raise
            self._written = tuple(lease.server.live.writes)
        self._fresh = False
        return response

    def _lease(self) -> Lease:
        """Returns the episode's server, with the resources that are laid over the snapshot."""
        if not self._held:
            self._held.append(self._pool.take())
            (lease,) = self._held
            if self._resources:
                try:
                    lease.server.live.prepare(self._resources)
                except InfrastructureError:
                    lease.failed = True
                    self._give_back()
                    raise
        return self._held[0]

    def _check_held(self) -> None:
        if any(lease.revoked for lease in self._held):
            self._held.clear()
            raise InfrastructureError("the episode's server was given to another: its time was over")

    def _give_back(self) -> None:
        while self._held:
            self._pool.give_back(self._held.pop())


def _let_go(held: list[Lease]) -> None:
    for lease in held:
        lease.until = 0.0


class ContainerBackend:
    """A pool of HAPI servers at one snapshot; a `Backend`.

    Args:
        digest: The archive's; its snapshot must have been made (``mab-gym hapi``).
        settings: The settings.
        now: The record system's clock, for verifiers.
        lease: Seconds after which an episode's server may be given to another that waits.

    Attributes:
        pool: The servers.
        closed: True once it was closed.

    Raises:
        NotInstalledError: What it needs is missing.
        UsageError: There is no such snapshot or strategy.
        InfrastructureError: No Docker engine answers.
    """

    in_process = False

    def __init__(
        self,
        digest: str,
        settings: ContainerSettings = _USUAL,
        now: datetime = DEFAULT_NOW,
        lease: float = 900.0,
    ) -> None:
        chosen, servers, spares = strategy(settings.strategy), settings.servers, settings.spares
        if servers < 1 or (spares is not None and spares < 0):
            raise UsageError(
                f"a pool has one server or more, and no negative number of spares, not {servers}, {spares}"
            )
        self.base_url = DEFAULT_BASE_URL
        self.now = now
        self.digest = digest
        self.capacity: int | None = servers
        self._pid = os.getpid()
        self._name = str(uuid.uuid4())
        self._engine = Engine()
        try:
            self._image = find_snapshot(self._engine, digest, settings.image)
            self._state = read_state(self._image.labels.get(STATE, ""))
            swept = self._engine.sweep()
        except BaseException:
            self._engine.close()
            raise
        if swept:
            tell(f"removed {swept} containers that a process which is no more had left")
        self.pool = Pool(self._start, chosen, servers, chosen.spares if spares is None else spares, lease)
        self.closed = False
        self._told = False
        atexit.register(end_of_this_process)
        atexit.register(self.close)

    def open(self) -> ContainerSession:
        """Opens a new session; a server is leased when it is first needed."""
        return ContainerSession(self.pool)

    def close(self) -> None:
        """Removes all containers of the pool."""
        if self._pid != os.getpid():
            return  # in a forked child; the servers belong to its parent
        self.closed = True
        atexit.unregister(self.close)
        with suppress(InfrastructureError):
            self.pool.close()
        with suppress(InfrastructureError):  # the reaper goes on
            # An engine that was down for a while may not have removed them when it was told to.
            for running in self._engine.containers(pool=self._name):
                self._engine.remove(running.id)
        self._engine.close()

    def _start(self) -> SnapshotServer:
        if not self._told:
            self._told = True
            tell("starting HAPI FHIR from its snapshot (about a minute)")
        running = self._engine.start(
            self._image.id, POOL_ROLE, this_process().name, labels={POOL: self._name}, environment=QUICK
        )
        try:
            running = self._engine.wait_until_ready(
                running, Answering(), START_PATIENCE, lambda seconds: self.pool.check_open()
            )
            return SnapshotServer(self._engine, running, self._state, TIMEOUT)
        except BaseException:
            with suppress(InfrastructureError):
                self._engine.remove(running.id)
            raise


def find_snapshot(engine: Engine, digest: str, image: str | None = None) -> Image:
    """Finds the newest snapshot image of an archive.

    Args:
        engine: The Docker engine.
        digest: The archive's digest.
        image: The image's name or id, where there are several.

    Raises:
        UsageError: There is none; the text says how to make it.
    """
    found = engine.images(archive=digest)
    if image is not None:
        found = [each for each in found if image in (each.id, *each.tags)]
    if not found:
        named = f" named {image}" if image else ""
        raise UsageError(
            f"the engine has no snapshot{named} of this archive ({digest[:12]}); make one, once: mab-gym hapi up, "
            "mab-gym hapi load COHORT, mab-gym hapi snapshot COHORT"
        )
    return found[0]


_SHARED: dict[tuple[int, str, ContainerSettings], ContainerBackend] = {}
_GUARD = threading.Lock()


def container_backend(digest: str, settings: ContainerSettings, now: datetime = DEFAULT_NOW) -> ContainerBackend:
    """Returns the backend that all environments of this process with the same settings share.

    One that was closed is made anew. The arguments are those of `ContainerBackend`.
    """
    key = (os.getpid(), digest, settings)
    with _GUARD:
        found = _SHARED.get(key)
        if found is None or found.closed:
            found = _SHARED[key] = ContainerBackend(digest, settings, now)
        return found
