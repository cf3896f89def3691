"""Building archives: two at once, and what a kill leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from mab_gym.errors import ArchiveError, UsageError
from mab_gym.fhir.store._archive import open_archive
from tests.command_line import typed
from tests.processes import PATIENCE, started


def building(folder: Path, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "mab_gym.cli", "data", "build", *arguments]
    environment = {**os.environ, "MAB_GYM_CACHE": str(folder)}
    return started(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def build(folder: Path, *arguments: str) -> tuple[int, str]:
    """Builds in this process, as the command does; gives the exit code and the text on standard error."""
    done = typed(["data", "build", *arguments], environment={**os.environ, "MAB_GYM_CACHE": str(folder)})
    return done.returncode, done.stderr


def archives(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.mab"))


def test_two_builds_at_once_do_no_harm(tmp_path: Path) -> None:
    arguments = ("train", "--patients", "20", "--seed", "3", "--force")
    with building(tmp_path, *arguments) as one, building(tmp_path, *arguments) as other:
        for process in (one, other):
            out, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err
            assert "train-20-3" in out
    (path,) = archives(tmp_path)
    assert open_archive(path).about["patients"] == 20
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("after", [0.2, 0.6, 1.0, 1.4])
def test_a_killed_build_leaves_no_half_archive(tmp_path: Path, after: float) -> None:
    with building(tmp_path, "train", "--patients", "150", "--seed", "3"):
        time.sleep(after)  # and then it is killed
    for path in archives(tmp_path):
        assert open_archive(path).about["patients"] == 150
    assert build(tmp_path, "train", "--patients", "20", "--seed", "3")[0] == 0


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    assert build(tmp_path, "train", "--patients", "5", "--seed", "3")[0] == 0
    (path,) = archives(tmp_path)
    whole = path.read_bytes()
    for place in (100, len(whole) // 2, len(whole) - 100):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ArchiveError, match=path.name):
            open_archive(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveError, match=path.name):
        open_archive(path)


@pytest.mark.parametrize(
    "arguments", [("beyond", "--patients", "3"), ("nobody",), ("train-5-x",), ("train", "--seed", "-1")]
)
def test_what_cannot_be_built_is_said(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, err = build(tmp_path, *arguments)
    assert code != 0
    assert "Traceback" not in err
    assert not archives(tmp_path)


def test_a_cohort_that_is_too_large_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with building(tmp_path, "train", "--patients", "9000000") as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "million" in err or "GB" in err
    assert UsageError.__name__ not in err
