"""Listens at an address and serves until it is told to stop."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator

from mab_gym.errors import NotInstalledError, UsageError, how_to_install
from mab_gym.serve._application import Scope, Send
from mab_gym.serve._bodies import Receive
from mab_gym.serve._limits import ServeLimits
from mab_gym.serve._turns import SWITCH_SECONDS

_STOPPING_SECONDS = 5
"""Seconds that running requests have to end when the server is stopped."""
_BACKLOG = 1024
"""Connections that may wait to be accepted; the kernel drops further ones, and their clients retry after a second."""
_HEAPS = 2
_M_ARENA_MAX = -8
"""glibc's parameter for the number of heaps (M_ARENA_MAX in malloc.h)."""


def listen(host: str, port: int) -> socket.socket:
    """Opens a listening socket.

    Args:
        host: The address; 127.0.0.1 is reachable from this computer only.
        port: The port, or 0 for any free one.

    Raises:
        UsageError: The port is in use, or there is no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen at {host}, port {port}: {error}; choose another --port or --host") from error


def run(
    application: Callable[[Scope, Receive, Send], Awaitable[None]],
    listening: socket.socket,
    ready: Callable[[Callable[[], None]], None] = lambda stop: None,
    limits: ServeLimits | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        application: An ASGI application.
        listening: The socket from `listen`; it is closed at the end.
        ready: Called once requests are answered, with a function that stops the server.
        limits: The limits of connections.

    Raises:
        NotInstalledError: uvicorn is missing.
    """
    try:
        import uvicorn  # noqa: PLC0415  (optional)

        from mab_gym.serve._connections import guarded  # noqa: PLC0415  (needs it)
    except ImportError as error:
        raise NotInstalledError(f"serving needs uvicorn: {how_to_install('serve')}") from error

    class Announcing(uvicorn.Server):
        """A server that tells when it answers requests."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready(self.stop)

        def stop(self) -> None:
            self.should_exit = True

    limits = limits or ServeLimits()
    config = uvicorn.Config(
        application,
        http=guarded(limits),
        ws="none",
        log_level="critical",  # the application logs its own faults; malformed requests are not worth a line
        access_log=False,
        server_header=False,
        proxy_headers=False,  # any client could send them
        backlog=_BACKLOG,
        timeout_keep_alive=limits.keep_alive,
        timeout_graceful_shutdown=_STOPPING_SECONDS,
    )
    with listening, _sharing_one_interpreter():
        Announcing(config).run(sockets=[listening])


@contextlib.contextmanager
def _sharing_one_interpreter() -> Iterator[None]:
    """Lets many threads make progress beside a busy one: short turns, and no garbage collection of the records."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    _take_memory_from_few_heaps()
    gc.collect()
    gc.freeze()  # the records stay; each collection over them would stop all threads
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


def _take_memory_from_few_heaps() -> None:
    """Has all threads allocate from a few heaps if the C library is glibc, which gives each thread its own by default.

    Separate heaps help threads that allocate at the same time, which threads of one interpreter do not. But the free
    memory of one heap is lost to the others: a third of the memory of a busy server.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _HEAPS)
