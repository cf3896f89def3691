"""Clears away what a killed driver leaves of its own cluster.

On Linux Ray's processes end with the driver, whatever ends it, but for two agents that wait for what is gone, too. This
program, which needs nothing but Python, is given their numbers on its standard input; when that closes, the driver is
gone, and so shall they be, and the folder that is named on the command line.
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
    """Has all processes that this one has started by now ended after it, and the folder removed."""
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
    """A process's parent, and when it began, which tells it from a later one of its number; None where it is gone."""
    try:
        fields = (_PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), int(fields[19])


def _descendants(pid: int) -> dict[int, int]:
    """All that a process has started, directly or not, and when they began."""
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
