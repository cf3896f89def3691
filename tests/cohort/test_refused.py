"""Things that lie in an archive's place, and disks that refuse: one line that names the path, and nothing is lost."""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from mab_gym.cli import app
from mab_gym.cohort._locate import archive_path, build_archive, ensure_archive, named_archive, named_spec
from mab_gym.cohort._spec import CANONICAL, CohortSpec
from mab_gym.errors import ArchiveError, UsageError
from mab_gym.fhir.store import _archive as archive
from mab_gym.fhir.store._archive import open_archive, read_about, write_archive
from tests.conftest import CANONICAL as CANONICAL_ENV
from tests.processes import unmeasured

SMALL = "train-5-3"
SPEC = named_spec(SMALL)
COMMANDS = {
    "build": ("data", "build"),
    "info": ("data", "info"),
    "patients": ("data", "patients"),
    "eval": ("eval", "--agent", "oracle", "--limit", "1", "--out", "run"),
    "rollout": ("rollout", "--agent", "oracle", "--limit", "1", "--out", "run"),
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder that is not there yet, and another current folder."""
    monkeypatch.setenv("MAB_GYM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield tmp_path / "cache"
    assert not list((tmp_path / "here").glob("run/*"))


def refusal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """The line on standard error with which a command refuses."""
    monkeypatch.setattr(sys, "argv", ["mab-gym", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 2
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith(("building", "importing"))]
    (line,) = said
    assert line.startswith("mab-gym: ")
    return line


@pytest.mark.parametrize(
    ("what", "command"),
    [
        (what, command)
        for what in ("a folder", "nothing in it", "a file for the cache", "a name too long")
        for command in COMMANDS
        if (what, command) != ("nothing in it", "build")  # which builds it anew: nothing is lost
    ],
)
def test_what_is_in_the_way_is_said_in_a_line(
    cache: Path, what: str, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive_path(CANONICAL)
    if what == "a folder":
        (path / "mine").mkdir(parents=True)
    elif what == "nothing in it":
        cache.mkdir()
        path.touch()
    elif what == "a file for the cache":
        cache.write_text("mine")
    else:
        monkeypatch.setenv("MAB_GYM_CACHE", "x" * 300)
        path = archive_path(CANONICAL)
    line = refusal(capsys, monkeypatch, *COMMANDS[command])
    assert str(path) in line
    assert "MAB_GYM_CACHE" in line
    if what == "a folder":
        assert (path / "mine").is_dir()
    if what == "a file for the cache":
        assert cache.read_text() == "mine"


def test_a_server_says_it_too(cache: Path) -> None:
    archive_path(CANONICAL).mkdir(parents=True)
    command = [sys.executable, "-m", "mab_gym.cli", "serve", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert str(archive_path(CANONICAL)) in line and "MAB_GYM_CACHE" in line


@pytest.mark.parametrize("what", ["a folder", "a file for the cache"])
def test_an_import_says_it_too(
    cache: Path, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a.ndjson"
    source.write_text('{"resourceType": "Patient", "id": "p"}\n')
    if what == "a folder":
        (cache / "mine.mab" / "x").mkdir(parents=True)
    else:
        cache.write_text("mine")
    line = refusal(capsys, monkeypatch, "data", "import", str(source), "--name", "mine")
    assert str(cache / "mine.mab") in line and "MAB_GYM_CACHE" in line


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("call", ["mkstemp", "fsync", "replace"])
def test_a_disk_that_refuses_leaves_nothing(
    cache: Path, number: int, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    module = {"mkstemp": archive.tempfile, "fsync": os, "replace": Path}[call]  # type: ignore[attr-defined]
    with monkeypatch.context() as broken:
        broken.setattr(module, call, refuses)
        for make in (lambda: build_archive(SPEC), lambda: gymnasium.make(CANONICAL_ENV, cohort=SMALL)):
            with pytest.raises(ArchiveError, match=os.strerror(number)) as refused:
                make()
            assert str(archive_path(SPEC)) in str(refused.value) and "MAB_GYM_CACHE" in str(refused.value)
            assert "\n" not in str(refused.value)
            assert list(cache.iterdir()) == []
    assert open_archive(ensure_archive(SPEC)).about["patients"] == 5


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
@pytest.mark.parametrize("size", [0, 4096, 120_000])
def test_a_disk_that_is_full_in_the_middle_leaves_nothing(cache: Path, size: int) -> None:
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); "
    command = limited + "from mab_gym.cli.app import main; main()"
    arguments = ["data", "build", "train", "--patients", "5", "--seed", "3"]
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=unmeasured(),
    )
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert str(archive_path(SPEC)) in last and os.strerror(errno.EFBIG) in last and "MAB_GYM_CACHE" in last
    assert "Traceback" not in done.stderr
    assert list(cache.iterdir()) == []


def test_who_has_no_home_is_told_what_to_set(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAB_GYM_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(UsageError, match="MAB_GYM_CACHE"):
        ensure_archive(SPEC)
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000, "\0", "no.mab"])
def test_what_is_no_name_is_said(cache: Path, name: str) -> None:
    with pytest.raises(UsageError, match="there is no"):
        named_archive(name)


# --- archives of something else --------------------------------------------------------------------------------------


@pytest.fixture
def misplaced(cache: Path) -> Path:
    """The small cohort's place, which an archive of another seed has taken."""
    other = build_archive(named_spec("train-5-4"))
    return other.replace(archive_path(SPEC))


def test_an_archive_of_another_cohort_is_refused_and_kept(
    misplaced: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = misplaced.read_bytes()
    words = "'train-5-4' in place of 'train-5-3'"
    for opens in (
        lambda: gymnasium.make(CANONICAL_ENV, cohort=SMALL),
        lambda: named_archive(SMALL),
        lambda: ensure_archive(SPEC),
    ):
        with pytest.raises(ArchiveError, match=words) as refused:
            opens()
        assert str(misplaced) in str(refused.value) and "seed 4 in place of 3" in str(refused.value)
    for command in (
        ("data", "build", "train", "--patients", "5", "--seed", "3"),
        ("data", "info", SMALL),
        ("data", "patients", "--cohort", SMALL),
    ):
        line = refusal(capsys, monkeypatch, *command)
        assert words in line and f"mab-gym data build {SMALL} --force" in line
    assert misplaced.read_bytes() == kept


def test_force_builds_it_anew(misplaced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["mab-gym", "data", "build", SMALL, "--force"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert not ended.value.code
    assert read_about(misplaced)["seed"] == 3
    assert ensure_archive(SPEC) == misplaced


@pytest.mark.parametrize("changed", [{"generator": 1}, {"patients": 6}, {"seed": 0}, {"name": "mine"}])
def test_an_archive_of_another_recipe_is_refused(cache: Path, changed: dict[str, object]) -> None:
    opened = open_archive(build_archive(SPEC))
    path = archive_path(SPEC)
    write_archive(path, list(opened.tables.values()), {**opened.about, **changed})
    with pytest.raises(ArchiveError, match=f"is not that of the cohort {SMALL}: it says {next(iter(changed))} "):
        ensure_archive(SPEC)


def test_an_import_under_a_cohorts_name_is_refused(cache: Path) -> None:
    write_archive(archive_path(SPEC), [], {"name": "mine", "source": "files"})
    with pytest.raises(ArchiveError, match="is not that of the cohort"):
        named_archive(SMALL)


def test_the_named_cohorts_say_what_they_are(cache: Path) -> None:
    for name in ("reduced", "beyond", SMALL):
        path = ensure_archive(named_spec(name))
        assert ensure_archive(named_spec(name)) == path
        assert read_about(path)["name"] == name
    assert isinstance(SPEC, CohortSpec) and read_about(archive_path(SPEC))["seed"] == SPEC.seed


@pytest.mark.parametrize("place", [50, 120, -10])
def test_a_damaged_archive_is_built_anew(cache: Path, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build_archive(SPEC)
    whole = bytearray(path.read_bytes())
    whole[place] ^= 1
    path.write_bytes(whole)
    monkeypatch.setattr(sys, "argv", ["mab-gym", "data", "build", SMALL])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert not ended.value.code
    assert open_archive(ensure_archive(SPEC)).about["patients"] == 5
