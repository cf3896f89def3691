"""Archives that somebody overwrites, cuts off or replaces while they are in use; what a process remembers of files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mab_gym.backends.embedded._backend import embedded_backend
from mab_gym.cohort._locate import build_archive, named_archive, named_spec
from mab_gym.envs._scenario import open_scenario
from mab_gym.errors import ArchiveError, UsageError
from mab_gym.fhir.http._server import Request
from mab_gym.fhir.store import _archive as archive
from mab_gym.fhir.store._archive import open_archive, read_about, write_archive
from mab_gym.fhir.store._build import build_tables
from mab_gym.fhir.store._table import Table
from mab_gym.official._files import json_lines
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking._catalogue import load_catalogue
from tests.conftest import CANONICAL, ROOT
from tests.official.tasks_of_our_own import write_functions, write_tasks

BASE = "http://localhost:8080/fhir"
LOOK = f"GET {BASE}/Observation?code=K&_count=2"
IN_USE = f"""
import os, shutil, sys
import gymnasium
import mab_gym
from mab_gym.fhir.store import _archive as archive

path, change, archive.MAPPED_FROM = sys.argv[1], sys.argv[2], int(sys.argv[3])


def played(env):
    env.reset(seed=1)
    return [env.step("{LOOK}") for _ in range(2)]


env = gymnasium.make("{CANONICAL}", archive=path)
before = played(env)
env.reset(seed=1)
with open(path, "r+b") as file:
    if change == "cut off":
        file.truncate(4096)
    elif change == "emptied":
        file.truncate(0)
    else:
        file.write(os.urandom(os.path.getsize(path)))
now = env.step("{LOOK}")
if archive.MAPPED_FROM:
    assert repr(now) == repr(before[0]), now
    assert repr(played(env)) == repr(before)
else:
    observation, reward, terminated, truncated, info = now
    assert (reward, terminated, truncated) == (0.0, False, True), now
    assert path in info["infrastructure_error"] and "changed" in info["infrastructure_error"], info
    env.reset(seed=2)
    assert "infrastructure_error" in env.step("FINISH([])")[4]
try:
    gymnasium.make("{CANONICAL}", archive=path)
except mab_gym.errors.ArchiveError as error:
    assert path in str(error)
    print("told")
"""


def tables(*families: str) -> list[Table]:
    people = [
        {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": family}]}
        for number, family in enumerate(families)
    ]
    return build_tables(people)


def families_in(path: Path) -> list[str]:
    body = json.loads(embedded_backend(path).open().handle(Request("GET", "Patient")).body)
    return [entry["resource"]["name"][0]["family"] for entry in body["entry"]]


@pytest.mark.parametrize("mapped_from", [1 << 40, 0], ids=["read", "mapped"])
@pytest.mark.parametrize("change", ["cut off", "emptied", "overwritten"])
def test_a_change_of_the_file_kills_nobody_and_counts_against_nobody(
    tmp_path: Path, change: str, mapped_from: int
) -> None:
    path = Path(shutil.copy(named_archive("reduced"), tmp_path / "a.mab"))
    done = subprocess.run(
        [sys.executable, "-c", IN_USE, str(path), change, str(mapped_from)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr


@pytest.mark.parametrize("mapped_from", [1 << 40, 0], ids=["read", "mapped"])
def test_what_is_open_stays_as_it_is_where_the_file_is_replaced(
    tmp_path: Path, mapped_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAPPED_FROM", mapped_from)
    path = tmp_path / "a.mab"
    write_archive(path, tables("Alt"), {})
    old = embedded_backend(path)
    assert embedded_backend(path) is old
    session = old.open()
    write_archive(path, tables("Neu"), {})
    assert "Alt" in session.handle(Request("GET", "Patient")).body
    assert families_in(path) == ["Neu"]
    path.unlink()
    with pytest.raises(ArchiveError, match="there is no archive"):
        embedded_backend(path)
    assert "Alt" in session.handle(Request("GET", "Patient")).body


def test_a_replaced_archive_is_not_remembered(tmp_path: Path) -> None:
    """With the size and the time of the old one: the file itself is another."""
    path, other = tmp_path / "a.mab", tmp_path / "b.mab"
    write_archive(path, tables("Alt"), {})
    assert families_in(path) == ["Alt"]
    write_archive(other, tables("Neu"), {})
    stat = path.stat()
    assert stat.st_size == other.stat().st_size
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert families_in(path) == ["Neu"]


def test_equal_archives_are_held_once(tmp_path: Path) -> None:
    """As several processes build them in a cold cache, one over the other."""
    for name in ("a.mab", "b.mab"):
        write_archive(tmp_path / name, tables("Alt"), {})
    first = embedded_backend(tmp_path / "a.mab")
    assert embedded_backend(tmp_path / "b.mab") is first
    (tmp_path / "b.mab").replace(tmp_path / "a.mab")
    assert embedded_backend(tmp_path / "a.mab") is first
    write_archive(tmp_path / "a.mab", tables("Neu"), {})
    assert embedded_backend(tmp_path / "a.mab") is not first


def test_an_environment_made_after_a_replacement_plays_on_the_new_archive(tmp_path: Path) -> None:
    path = Path(shutil.copy(named_archive("reduced"), tmp_path / "a.mab"))
    old = gymnasium.make(CANONICAL, archive=path)
    before = unwrapped(old).scenario
    assert unwrapped(gymnasium.make(CANONICAL, archive=path)).scenario.chart is before.chart
    replacing = Path(shutil.copy(named_archive("canonical"), tmp_path / "b.mab"))
    replacing.replace(path)
    new = gymnasium.make(CANONICAL, archive=path)
    assert unwrapped(new).scenario.backend.digest == open_archive(path).digest != before.backend.digest
    found = []
    for env in (old, new):
        env.reset(seed=0)
        found.append(json.loads(env.step(f"GET {BASE}/Observation?_summary=count")[0]["fhir"])["total"])
    assert found[0] < found[1] == 563_426


def test_frozen_cases_of_other_people_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAB_GYM_CACHE", str(tmp_path))
    path = build_archive(named_spec("train-40-3"))
    with pytest.raises(UsageError, match=f"{path} has no patient S\\d+, whom .* is about"):
        gymnasium.make(CANONICAL, archive=path)
    env = gymnasium.make(CANONICAL, archive=path, cases="drawn", families=("patient_age",))
    assert env.reset(seed=0)[1]["family"] == "patient_age"


def test_a_replaced_chart_is_not_remembered(tmp_path: Path) -> None:
    chart = tmp_path / "chart.ndjson"
    files: dict[str, Any] = {"tasks": write_tasks(tmp_path), "functions": write_functions(tmp_path), "chart": chart}
    digests = set()
    for family in ("Alt", "Neu"):
        chart.write_text(json.dumps({"resourceType": "Patient", "id": "p", "name": [{"family": family}]}) + "\n")
        assert len(list(json_lines(chart))) == 1
        made: Any = gymnasium.make("mab_gym/MedAgentBench-Official-v0", **files)
        digests.add(unwrapped(made).scenario.backend.digest)
    assert len(digests) == 2


def test_a_changed_task_folder_is_loaded_anew(tmp_path: Path) -> None:
    folder = tmp_path / "tasks"
    shutil.copytree(ROOT / "tasks" / "patient_age", folder / "patient_age")
    first = load_catalogue(folder)
    assert load_catalogue(folder) is first
    verifier = folder / "patient_age" / "verifier.py"
    verifier.write_text(verifier.read_text() + "\nCHANGED = True\n")
    second = load_catalogue(folder)
    module = sys.modules[second["patient_age"].verify.__module__]
    assert module.CHANGED
    assert not hasattr(sys.modules[first["patient_age"].verify.__module__], "CHANGED")
    shutil.copytree(ROOT / "tasks" / "latest_glucose", folder / "latest_glucose")
    assert set(load_catalogue(folder)) == {"patient_age", "latest_glucose"}


def test_a_scenario_sees_a_changed_prompt(tmp_path: Path) -> None:
    environment = unwrapped(gymnasium.make(CANONICAL)).scenario.environment
    folder = tmp_path / "tasks"
    shutil.copytree(ROOT / "tasks" / "patient_age", folder / "patient_age")
    changed = gymnasium.make(CANONICAL, folder=folder)
    before = unwrapped(changed).scenario.tasks.catalogue["patient_age"].question
    prompt = folder / "patient_age" / "prompt.md"
    prompt.write_text(prompt.read_text() + "\nPlease.\n")
    again = open_scenario(unwrapped(gymnasium.make(CANONICAL, folder=folder)).scenario.environment)
    assert again.tasks.catalogue["patient_age"].question == f"{before}\n\nPlease."
    assert again.environment.id == environment.id


def test_what_an_archive_says_of_itself_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.mab"
    write_archive(path, tables("Alt"), {"name": "mine", "seed": 3})
    assert read_about(path) == {"name": "mine", "seed": 3}
    with path.open("r+b") as file:
        file.truncate(60)
    with pytest.raises(ArchiveError, match=r"a\.mab is not an archive"):
        read_about(path)


@pytest.mark.parametrize("manifest", [b"[]", b"{}", b'{"about": 1, "tables": 2}', b'{"about": {}, "tables": [{}]}'])
def test_an_archive_of_another_make_is_named(tmp_path: Path, manifest: bytes) -> None:
    """Its hash is right, and still it is none of ours."""
    path = tmp_path / "a.mab"
    write_archive(path, tables("Alt"), {})
    contents = len(manifest).to_bytes(8, "little") + manifest
    path.write_bytes(archive.MAGIC + hashlib.blake2b(contents, digest_size=32).digest() + contents)
    with pytest.raises(ArchiveError, match=r"a\.mab is not an archive"):
        open_archive(path)
