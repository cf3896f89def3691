"""Evaluations that are disturbed by seed come to what undisturbed ones come to; what is planted is found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mab_gym.errors import StorageError
from mab_gym.runs._records import EPISODES, RUN, EpisodeRecord, RunFolder, read_records
from tests.conftest import ROOT
from tests.processes import unmeasured

SCRIPTS = ROOT / "scripts"
SEEDS = "0-19"
ABOUT = {"env": "mab_gym/MedAgentBench-v0", "agent": "a"}

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="forks, and sets limits to what a process may write"),
    pytest.mark.once,
]


PLAYS = f"""
import json, os, sys
sys.path.insert(0, {str(SCRIPTS)!r})
import _faults
import mab_gym.runs._evaluation as evaluation

_faults.warm_up()
folders = evaluation.RunFolder
for planted, arguments in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        sys.argv[1:] = arguments
        exec(planted)
        sys.exit(_faults.main())
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print("THE END", code, flush=True)
"""
"""Plays stories once for each of some plans, each in a fork of one process that has loaded everything."""


def play(*plans: tuple[str, Sequence[str]]) -> list[tuple[int, str]]:
    """Plays stories with planted faults; returns for each plan the exit code and all that was printed."""
    command = [sys.executable, "-c", PLAYS, json.dumps(plans)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=True,
        env=unmeasured(),
    )
    *ended, rest = re.split(r"THE END (-?\d+)\n", done.stdout)
    assert not rest
    return [(int(code), said) for said, code in zip(ended[::2], ended[1::2], strict=True)]


@pytest.mark.timeout(900)
def test_nothing_is_lost_or_doubled_whatever_goes_wrong() -> None:
    ((code, said),) = play(("", ("--seeds", SEEDS)))
    assert code == 0, said
    assert said.startswith("20 stories")
    assert "nothing was lost, nothing was doubled" in said


LEAVES_TORN_LINES = "folders._cut_torn_line = lambda folder: None"
PLAYS_AGAIN = """
begin = folders._begin
def forgets(folder, path):
    begin(folder, path)
    folder.before.clear()
folders._begin = forgets
"""
LOSES = """
begin = folders._begin
def empties(folder, path):
    folder._file.truncate(0)
    begin(folder, path)
folders._begin = empties
"""
GOES_ON_OTHERWISE = """
from dataclasses import replace
add = folders.add
folders.add = lambda folder, record: add(folder, replace(record, steps=99) if folder.before else record)
"""
LETS_ERRORS_THROUGH = """
def fails(folder, line):
    raise RuntimeError("no space left")
folders._append = fails
_faults.Theatre.undisturbed = lambda theatre, which: []
"""


PLANTED = {
    LEAVES_TORN_LINES: "FOUND",
    PLAYS_AGAIN: "doubled",
    LOSES: "lost",
    GOES_ON_OTHERWISE: "not those of an undisturbed run",
    LETS_ERRORS_THROUGH: "a traceback",
}
"""Faults that are planted, and words by which they are found."""


@pytest.mark.timeout(600)
def test_planted_faults_are_found() -> None:
    plans = [(planted, ("--seeds", "0-5", "--to-the-first")) for planted in PLANTED]
    for (code, said), words in zip(play(*plans), PLANTED.values(), strict=True):
        assert code == 1, said
        assert words in said
        assert "FOUND scripts/faults --seeds" in said


def record(seed: int, said: str = "hé\n") -> EpisodeRecord:
    return EpisodeRecord(
        env=ABOUT["env"], agent="a", case=f"c/{seed}", family="c", branch="", kind="query", difficulty="easy",
        seed=seed, reward=1.0, steps=1, terminated=True, truncated=False, verdict={"success": True},
        messages=[{"role": "user", "content": said}],
    )  # fmt: skip


def test_every_prefix_of_the_records_can_be_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    records = [record(seed) for seed in range(3)]
    with RunFolder(tmp_path, ABOUT) as folder:
        for each in records:
            folder.add(each)
    path = tmp_path / EPISODES
    whole, read = path.read_bytes(), list(read_records(tmp_path))
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        with RunFolder(tmp_path, ABOUT) as folder:
            there = [each.seed for each in folder.before]
            assert there == list(range(whole[:cut].count(b"\n")))
            for each in records[len(there) :]:
                folder.add(each)
        assert list(read_records(tmp_path)) == read
        assert path.read_bytes() == whole


@contextmanager
def room(path: Path, size: int) -> Iterator[None]:
    """Lets this process write files of at most so many bytes beyond what one has."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    there = path.stat().st_size if path.exists() else 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (there + size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 1, 200])
def test_a_full_disk_is_said_and_leaves_the_file_as_it_was(tmp_path: Path, size: int) -> None:
    path = tmp_path / EPISODES
    with RunFolder(tmp_path, ABOUT) as folder:
        folder.add(record(0))
        before = path.read_bytes()
        with room(path, size), pytest.raises(StorageError, match=f"{EPISODES} cannot take the record .* goes on"):
            folder.add(record(1, "x" * 500))
        assert path.read_bytes() == before
        folder.add(record(2))  # somebody has made room
    assert [each["seed"] for each in read_records(tmp_path)] == [0, 2]


def test_a_disk_that_fails_to_keep_a_record_has_not_taken_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with RunFolder(tmp_path, ABOUT) as folder:
        monkeypatch.setattr(os, "fsync", fails)
        with pytest.raises(StorageError, match="Input/output error"):
            folder.add(record(0))
    assert not (tmp_path / EPISODES).read_bytes()


def test_a_run_that_a_full_disk_does_not_let_begin_can_begin_later(tmp_path: Path) -> None:
    with room(tmp_path / "none", 10), pytest.raises(StorageError, match="cannot take a run: "):
        RunFolder(tmp_path, ABOUT)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(RUN)]
    with RunFolder(tmp_path, ABOUT) as folder:
        folder.add(record(0))
    about: dict[str, Any] = json.loads((tmp_path / RUN).read_text())
    assert about["agent"] == "a"
