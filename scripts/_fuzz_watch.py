"""Watches a process during an action: no socket, no file written, no other process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

FORBIDDEN = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.remove", "os.rename",
    "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "shutil.", "ftplib.", "urllib.",
    "webbrowser.", "ctypes.dlopen", "sqlite3.", "pty.", "os.startfile",
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


class OutOfTimeError(BaseException):
    """An action took too long; a BaseException, so that no error handler catches it."""


class Watch:
    """Notes forbidden operations of the watched thread, only while it is watched.

    The interpreter cannot remove audit hooks, so a process makes only one of these.
    """

    def __init__(self) -> None:
        self._thread = 0
        self._seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._thread != threading.get_ident():
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING and "__pycache__" not in str(path):
                self._seen.append(f"open {path!r} for writing")
        elif event.startswith(FORBIDDEN):
            self._seen.append(event)

    @contextmanager
    def watching(self) -> Iterator[list[str]]:
        """Watches this thread; yields the list that findings are added to."""
        self._seen = seen = []
        self._thread = threading.get_ident()
        try:
            yield seen
        finally:
            self._thread = 0


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Limits the processor time of its block.

    Raises:
        OutOfTimeError: The block took longer.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise OutOfTimeError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
