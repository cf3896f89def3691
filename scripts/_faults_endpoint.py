"""The scripted model's endpoint in its own process; shared memory tells it which faults to make."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _faults_script import Wrong

from tests.evaluation.scripted import CUT, EMPTY_CHOICES, HANG, MALFORMED, Fault, Messages, Speaks, endpoint, refuses

_FORM = struct.Struct("=qqd")


class Faults:
    """The current faults; one process writes them, the endpoint's process reads them."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, _FORM.size)
        self._attempt = 0

    def begin(self, share: float, seed: int) -> None:
        """Begins an attempt."""
        self._attempt += 1
        self._shared[:] = _FORM.pack(self._attempt, seed, share)

    def read(self) -> tuple[int, int, float]:
        """Returns the attempt, its seed and its share of disturbed requests."""
        attempt, seed, share = _FORM.unpack(self._shared[:])
        return attempt, seed, share


@contextmanager
def endpoint_process(solution: Speaks, faults: Faults) -> Iterator[str]:
    """Runs the endpoint and yields its address.

    Args:
        solution: The model.
        faults: The faults of requests.
    """
    reading, writing = os.pipe()
    child = multiprocessing.get_context("fork").Process(target=_serve, args=(solution, faults, writing), daemon=True)
    child.start()
    os.close(writing)
    with os.fdopen(reading) as told:
        address = told.readline().strip()
    try:
        yield address
    finally:
        child.terminate()
        child.join()


def _serve(solution: Speaks, faults: Faults, writing: int) -> None:
    lock = threading.Lock()
    state: dict[int, Wrong] = {}

    def fails(number: int, messages: Messages) -> Fault | None:
        attempt, seed, share = faults.read()
        with lock:
            if attempt not in state:
                state.clear()
                state[attempt] = Wrong(share, seed)
            kind = state[attempt].next()
        return _fault(kind)

    with endpoint(solution, fails) as there:
        os.write(writing, f"{there.base_url}\n".encode())
        os.close(writing)
        threading.Event().wait()


def _fault(kind: str) -> Fault | None:
    if kind == "slow":
        time.sleep(0.05)
    faults = {
        "500": refuses(500, "out of order"),
        "502": refuses(502, "<html>bad gateway</html>"),
        "429": refuses(429, "slowly", Retry_After="0.01"),
        "garbage": MALFORMED,
        "empty": EMPTY_CHOICES,
        "html": refuses(200, "<html>log in</html>"),
        "cut": CUT,
        "hang": HANG,
    }
    return faults.get(kind)
