"""The helpers that tests lean on when they start processes: nothing is left behind, and no wait is without an end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import complaints, first_line, started, until

GRANDCHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
child.wait()
"""
SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]


def is_there(pid: int) -> bool:
    """Tells if a process is more than a name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_failing_test_leaves_no_process_behind() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        started([sys.executable, "-c", GRANDCHILD], stdout=subprocess.PIPE) as process,
    ):
        child = int(first_line(process))
        assert is_there(process.pid)
        assert is_there(child)
        raise ZeroDivisionError
    assert process.returncode is not None
    until(lambda: not is_there(child))


def test_a_line_that_never_comes_is_an_empty_one() -> None:
    with started(SLEEPS, stdout=subprocess.PIPE) as process:
        assert first_line(process, patience=0.2) == ""
        assert process.poll() is not None


def test_a_wait_ends_with_its_time_or_with_the_process_it_waits_for() -> None:
    with pytest.raises(AssertionError, match="within 0 s"):
        until(lambda: False, patience=0.05)
    with (
        started([sys.executable, "-c", "raise SystemExit(3)"]) as process,
        pytest.raises(AssertionError, match="ended before this came true, with 3"),
    ):
        until(lambda: False, process)


def test_the_last_that_a_process_did_counts(tmp_path: Path) -> None:
    done = tmp_path / "done"
    with started([sys.executable, "-c", f"open({str(done)!r}, 'w')"]) as process:
        process.wait()
        until(done.exists, process)


def test_complaints_are_what_is_no_progress() -> None:
    errors = (
        "mab_gym: building the canonical cohort, once, at /x/y.mab\n"
        "building the train cohort (once): charts\n"
        "building the beyond cohort: writing\n"
        "mab-gym: there is no cohort 'x'\n"
    )
    assert complaints(errors) == ["mab-gym: there is no cohort 'x'"]
    assert complaints("mab-gym: building the report failed\n") == ["mab-gym: building the report failed"]
