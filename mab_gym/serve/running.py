"""Listening at an address and serving until told to stop."""

from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Callable

from mab_gym.errors import NotInstalledError, UsageError
from mab_gym.serve.application import Application
from mab_gym.serve.limits import Limits
from mab_gym.serve.turns import SWITCH_SECONDS

_STOPPING_SECONDS = 5
"""Seconds that requests at work have to end when the server is stopped."""
_BACKLOG = 128
"""Connections that are accepted at once at most."""


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
    ready: Callable[[], None] = lambda: None,
    limits: Limits | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        application: What answers.
        listening: From `listen`; closed at the end.
        ready: Called when requests are answered.
        limits: How long, how large and how many connections may be.

    Raises:
        NotInstalledError: uvicorn is missing.
    """
    try:
        import uvicorn  # noqa: PLC0415  (optional)

        from mab_gym.serve.connections import guarded  # noqa: PLC0415  (needs it)
    except ImportError as error:
        raise NotInstalledError("serving needs uvicorn: pip install 'mab-gym[serve]'") from error

    class Announcing(uvicorn.Server):
        """Says when it is there."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    limits = limits or Limits()
    config = uvicorn.Config(
        application,
        http=guarded(limits),
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # anybody could send them
        backlog=_BACKLOG,
        timeout_keep_alive=limits.keep_alive,
        timeout_graceful_shutdown=_STOPPING_SECONDS,
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # the records stay; looking through them again and again would stop all threads
    with listening:
        Announcing(config).run(sockets=[listening])
