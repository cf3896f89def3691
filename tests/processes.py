"""Processes that tests start: waited for with the patience of a busy machine, and always ended and reaped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

PATIENCE = 240.0
"""Seconds for what takes one or two on a quiet machine; less than a test's own time limit, so that a wait says what it
waited for."""
MEASURED = "COVERAGE_PROCESS"
"""Variables with names that begin like this have a process measured for coverage."""
_PROGRESS = re.compile(r"(mab_gym: )?building the \S+ cohort\b")


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process of a session of its own; in the end it is gone, and so is what it has started itself.

    Args:
        command: What is run.
        options: As ``subprocess.Popen`` takes them.
    """
    options = {"text": True, "encoding": "utf-8", "start_new_session": True, **options}
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Kills a process that leads a session, with all of that session, and reaps it."""
    if os.name != "nt":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait(PATIENCE)


def first_line(process: subprocess.Popen[str], patience: float = PATIENCE) -> str:
    """The first line that a process prints; empty where it ends without one, or prints none in time and is ended."""
    assert process.stdout is not None
    late = threading.Timer(patience, end, [process])
    late.start()
    try:
        return str(process.stdout.readline())
    finally:
        late.cancel()
        late.join()


def until(true: Callable[[], Any], process: subprocess.Popen[str] | None = None, patience: float = PATIENCE) -> None:
    """Waits until something is true.

    Args:
        true: It.
        process: Who is to make it true; the wait fails at once where this process has ended.
        patience: For how many seconds.
    """
    deadline = time.monotonic() + patience
    while not true():
        # Looked at again: the last that a process did may have made it true.
        if process is not None and process.poll() is not None and not true():
            raise AssertionError(f"the process has ended before this came true, with {process.returncode}")
        if time.monotonic() > deadline:
            raise AssertionError(f"this did not come true within {patience:.0f} s")
        time.sleep(0.002)


def complaints(errors: str) -> list[str]:
    """The lines on standard error that are more than progress: which cohort is being built, where none was there."""
    return [line for line in errors.splitlines() if not _PROGRESS.match(line)]


def unmeasured() -> dict[str, str]:
    """An environment in which a process is not measured for coverage, which makes it two to three times slower."""
    return {name: value for name, value in os.environ.items() if not name.startswith(MEASURED)}
