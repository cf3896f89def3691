"""Cleans up after a driver that was killed while it had a temporary cluster.

On Linux Ray's processes end with the driver, except for two that go on waiting. This program, which needs nothing but
Python, gets their process ids on its standard input. When that closes, the driver has ended; then the program kills
these processes and removes the folder that its command line names.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PROCESSES = Path("/proc")


@contextmanager
def guarded(scratch: str) -> Iterator[None]:
    """Makes sure that all processes started so far end with this one, and that the folder is removed."""
    if not _PROCESSES.is_dir():
        yield
        return
    watched = " ".join(f"{pid}:{begun}" for pid, begun in sorted(_descendants(os.getpid()).items()))
    guard = subprocess.Popen(
        [sys.executable, "-I", __file__, scratch], stdin=subprocess.PIPE, text=True, start_new_session=True
    )
    assert guard.stdin is not None
    try:
        print(watched, file=guard.stdin, flush=True)
        yield
    finally:
        guard.stdin.close()
        guard.wait()


def _stat(pid: int | str) -> tuple[int, int] | None:
    """Returns a process's parent and its start time, which tells reused ids apart; None if the process has ended."""
    try:
        fields = (_PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), int(fields[19])


def _descendants(pid: int) -> dict[int, int]:
    """Returns all descendants of a process, with their start times."""
    known = {int(path.name): _stat(path.name) for path in _PROCESSES.iterdir() if path.name.isdecimal()}
    found: dict[int, int] = {}
    parents = {pid}
    while parents:
        children = {each: stat[1] for each, stat in known.items() if stat is not None and stat[0] in parents}
        found |= children
        parents = children.keys() - parents
    return found


def _main() -> None:
    watched = [tuple(map(int, each.split(":"))) for each in sys.stdin.readline().split()]
    sys.stdin.read()
    for pid, begun in watched:
        stat = _stat(pid)
        if stat is not None and stat[1] == begun:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    _main()
