"""Whose a container is: a lock that dies with its process, and a janitor that cleans up after it.

Every process that starts containers holds a lock on a file of its own and labels its containers with the file's name.
A janitor, a small process beside it, waits for the end of a pipe that only the owner's end closes; then it removes what
is left, whatever ended the owner. Should the janitor die as well, whoever comes next finds a lock that nobody holds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from contextlib import suppress
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

_JANITOR = Path(__file__).with_name("janitor.py")


def owners_folder() -> Path:
    """Where the locks of this machine's and user's processes lie."""
    return Path(platformdirs.user_cache_dir("mab_gym", appauthor=False)) / "owners"


class Owner:
    """This process, as long as it lives.

    Attributes:
        name: What its containers are labelled with.
    """

    def __init__(self) -> None:
        folder = owners_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self.name = str(uuid.uuid4())
        self._path = folder / f"{self.name}.lock"
        self._lock = FileLock(self._path, thread_local=False)  # whichever thread gives it up
        self._lock.acquire()
        self._janitor: subprocess.Popen[bytes] | None = subprocess.Popen(
            [sys.executable, "-P", str(_JANITOR), self.name, str(self._path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Ends the ownership; the janitor looks once more and goes."""
        janitor, self._janitor = self._janitor, None
        if janitor is None:
            return
        self._lock.release()
        if janitor.stdin is not None:
            with suppress(OSError):
                janitor.stdin.close()
        # It waits for an engine that is down; this process does not.
        with suppress(subprocess.TimeoutExpired):
            janitor.wait(timeout=5)
        janitor.returncode = janitor.returncode or 0


def is_alive(name: str) -> bool:
    """Whether the owner of this name still lives, as far as this machine can tell."""
    path = owners_folder() / f"{name}.lock"
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            pass
    except Timeout:
        return True
    path.unlink(missing_ok=True)
    return False


_OWNERS: dict[int, Owner] = {}
_GUARD = threading.Lock()


def this_process() -> Owner:
    """The owner that this process is; a fork of it is another."""
    with _GUARD:
        if os.getpid() not in _OWNERS:
            _OWNERS.clear()
            _OWNERS[os.getpid()] = Owner()
        return _OWNERS[os.getpid()]


def end_of_this_process() -> None:
    """Gives the ownership up, where this process has one."""
    with _GUARD:
        owner = _OWNERS.pop(os.getpid(), None)
    if owner is not None:
        owner.close()
