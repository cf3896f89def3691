"""Listening at an address and serving until told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable

from mab_gym.errors import NotInstalledError, UsageError
from mab_gym.serve.application import Application

KEEP_ALIVE = 60
"""Seconds for which an idle connection stays open."""


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


def run(application: Application, listening: socket.socket, ready: Callable[[], None] = lambda: None) -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        application: What answers.
        listening: From `listen`; closed at the end.
        ready: Called when requests are answered.

    Raises:
        NotInstalledError: uvicorn is missing.
    """
    try:
        import uvicorn  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise NotInstalledError("serving needs uvicorn: pip install 'mab-gym[serve]'") from error

    class Announcing(uvicorn.Server):
        """Says when it is there."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    config = uvicorn.Config(
        application, log_level="warning", access_log=False, server_header=False, timeout_keep_alive=KEEP_ALIVE
    )
    with listening:
        Announcing(config).run(sockets=[listening])
