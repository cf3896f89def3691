"""Watches what a process does while an action is taken: no socket, no file written, no other process."""

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
    """An action went on for so long that nobody waits any more; no handler of errors takes it for one of its own."""


class Watch:
    """Notes what is forbidden, in the thread that is watched and only while it is.

    The interpreter keeps its hooks to the end, so that one process makes one of these.
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
        """Watches this thread; what was seen is in the list that is given."""
        self._seen = seen = []
        self._thread = threading.get_ident()
        try:
            yield seen
        finally:
            self._thread = 0


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Ends what takes more processor time than that.

    Raises:
        OutOfTimeError: It does.
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
