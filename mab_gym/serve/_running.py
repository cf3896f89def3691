"""Listening at an address and serving until told to stop."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import socket
import sys
from collections.abc import Callable, Iterator

from mab_gym.errors import NotInstalledError, UsageError
from mab_gym.serve._application import Application
from mab_gym.serve._limits import Limits
from mab_gym.serve._turns import SWITCH_SECONDS

_STOPPING_SECONDS = 5
"""Seconds that requests at work have to end when the server is stopped."""
_BACKLOG = 1024
"""Connections that may wait to be accepted. The kernel drops further ones, whose clients try again after a second."""
_HEAPS = 2
_M_ARENA_MAX = -8
"""glibc's name for their number (malloc.h)."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: The address; 127.0.0.1 keeps it to this computer.
        port: The port, or 0 for any that is free.

    Raises:
        UsageError: There is something at that port already, or no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen at {host}, port {port}: {error}; choose another --port or --host") from error


def run(
    application: Application,
    listening: socket.socket,
    ready: Callable[[Callable[[], None]], None] = lambda stop: None,
    limits: Limits | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        application: What answers.
        listening: From `listen`; closed at the end.
        ready: Called when requests are answered, with what stops the server.
        limits: How long, how large and how many connections may be.

    Raises:
        NotInstalledError: uvicorn is missing.
    """
    try:
        import uvicorn  # noqa: PLC0415  (optional)

        from mab_gym.serve._connections import guarded  # noqa: PLC0415  (needs it)
    except ImportError as error:
        raise NotInstalledError("serving needs uvicorn: pip install 'mab-gym[serve]'") from error

    class Announcing(uvicorn.Server):
        """Says when it is there."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready(self.stop)

        def stop(self) -> None:
            self.should_exit = True

    limits = limits or Limits()
    config = uvicorn.Config(
        application,
        http=guarded(limits),
        ws="none",
        log_level="critical",  # what fails is logged where it is answered; clients that send nonsense are not news
        access_log=False,
        server_header=False,
        proxy_headers=False,  # anybody could send them
        backlog=_BACKLOG,
        timeout_keep_alive=limits.keep_alive,
        timeout_graceful_shutdown=_STOPPING_SECONDS,
    )
    with listening, _sharing_one_interpreter():
        Announcing(config).run(sockets=[listening])


@contextlib.contextmanager
def _sharing_one_interpreter() -> Iterator[None]:
    """Lets many threads get on beside one that works: short turns, and no looking through all the records."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    _take_memory_from_few_heaps()
    gc.collect()
    gc.freeze()  # what is there stays; each look of the garbage collector at it would stop all threads
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


def _take_memory_from_few_heaps() -> None:
    """Has all threads allocate from few heaps, where the C library is glibc; it would give every thread one of its own.

    Heaps spare threads that allocate at the same time from waiting for each other. Threads of one interpreter do not,
    and what one heap has free is of no use to the others: a third of the memory of a busy server.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _HEAPS)
