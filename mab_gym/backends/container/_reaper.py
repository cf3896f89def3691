"""Waits until the process that started it has ended, and removes the containers that the process has left.

It runs as a script, with the owner's name and the file of its lock, and needs nothing but the Docker SDK.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import Any, Final

PATIENCE: Final = 600.0
"""Seconds that it goes on trying while the engine does not answer."""
_PAUSE: Final = 1.0


def remove_all(owner: str) -> bool:
    """Removes the owner's containers; returns False where some may be left."""
    import docker  # noqa: PLC0415  (only needed at the end)

    try:
        client: Any = docker.from_env(timeout=60)
        left = client.containers.list(all=True, filters={"label": f"mab_gym.owner={owner}"}, ignore_removed=True)
        for container in left:
            # Somebody else may be removing it, too.
            with contextlib.suppress(docker.errors.NotFound, docker.errors.APIError):
                container.remove(force=True, v=True)
    except Exception:
        return False
    return not left


def main(owner: str, lock: str) -> None:
    """Waits for the end of standard input, then cleans up."""
    while sys.stdin.buffer.read(4096):
        pass
    until = time.monotonic() + PATIENCE
    while not remove_all(owner):
        if time.monotonic() > until:
            return  # the next process that starts containers finds them
        time.sleep(_PAUSE)
    Path(lock).unlink(missing_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
