"""The process lock, which says to which process a container belongs, and the reaper, which removes its containers.

Every process that starts containers holds a lock on a file of its own and labels its containers with the file's name.
The reaper is a small process beside it. It waits for the end of a pipe, which closes when the owner ends, however that
happens; then it removes the containers that are left. If the reaper dies as well, the next process that starts
containers finds a lock that nobody holds, and removes them.
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

_REAPER = Path(__file__).with_name("_reaper.py")


def owners_folder() -> Path:
    """Returns the folder with the locks of this user's processes on this machine."""
    return Path(platformdirs.user_cache_dir("mab_gym", appauthor=False)) / "owners"


class Owner:
    """This process as the owner of containers, as long as it lives.

    Attributes:
        name: The label of its containers.
    """

    def __init__(self) -> None:
        folder = owners_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self.name = str(uuid.uuid4())
        self._path = folder / f"{self.name}.lock"
        self._lock = FileLock(self._path, thread_local=False)  # any thread may release it
        self._lock.acquire()
        self._reaper: subprocess.Popen[bytes] | None = subprocess.Popen(
            [sys.executable, "-P", str(_REAPER), self.name, str(self._path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Releases the lock; the reaper removes what is left and ends."""
        reaper, self._reaper = self._reaper, None
        if reaper is None:
            return
        self._lock.release()
        if reaper.stdin is not None:
            with suppress(OSError):
                reaper.stdin.close()
        # The reaper waits for an engine that is down; this process does not.
        with suppress(subprocess.TimeoutExpired):
            reaper.wait(timeout=5)
        reaper.returncode = reaper.returncode or 0


def is_alive(name: str) -> bool:
    """Returns True if the owner of this name still lives, as far as this machine can tell."""
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
    """Returns the owner that this process is; a forked child is another one."""
    with _GUARD:
        if os.getpid() not in _OWNERS:
            _OWNERS.clear()
            _OWNERS[os.getpid()] = Owner()
        return _OWNERS[os.getpid()]


def end_of_this_process() -> None:
    """Closes the owner that this process is, where it is one."""
    with _GUARD:
        owner = _OWNERS.pop(os.getpid(), None)
    if owner is not None:
        owner.close()
