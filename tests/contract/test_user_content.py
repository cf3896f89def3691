"""A user's own families and environments: the recipe in CONTRIBUTING.md, followed in a temporary folder."""

from __future__ import annotations

import re
from pathlib import Path

import gymnasium
import pytest
from typer.testing import CliRunner

import mab_gym
from mab_gym.agents._reference import Oracle
from mab_gym.cli.app import app
from mab_gym.envs._environment_file import environment_files
from mab_gym.envs._registration import register_file
from mab_gym.errors import ContentError
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play_all
from mab_gym.tasking._catalogue import load_catalogue
from mab_gym.tasking._family import load_family
from tests.conftest import ROOT

_FILE = re.compile(r"^`([\w./]+)`:\n\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def recipe() -> dict[str, str]:
    """The files that CONTRIBUTING.md tells one to write, by path."""
    return dict(_FILE.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))


def follow_recipe(folder: Path) -> Path:
    """Writes them; returns the environment file."""
    files = recipe()
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return next(folder / name for name in files if name.endswith(".toml") and "task.toml" not in name)


def test_the_recipe_in_contributing_adds_a_family_that_the_oracle_solves(tmp_path: Path) -> None:
    env_id = register_file(follow_recipe(tmp_path))
    assert env_id is not None
    try:
        env = gymnasium.make(env_id)
        records = list(play_all(env, Oracle(), assignments(unwrapped(env), limit=10)))
        assert [record.reward for record in records] == [1.0] * 10
        assert len({record.branch for record in records}) > 1
    finally:
        del gymnasium.registry[env_id]


def test_the_recipe_keeps_the_limits_of_the_audit_that_it_recommends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = follow_recipe(tmp_path)
    monkeypatch.chdir(tmp_path)
    frozen = CliRunner().invoke(app, ["tasks", "freeze", "latest_haemoglobin", "--folder", "my_tasks"])
    assert frozen.exit_code == 0, frozen.output
    environment.write_text(environment.read_text(encoding="utf-8").replace('cases = "drawn"', ""), encoding="utf-8")
    audited = CliRunner().invoke(app, ["tasks", "audit", "--id", str(environment)])
    assert audited.exit_code == 0, audited.output


def test_folders_named_by_the_environment_variables_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment_file = follow_recipe(tmp_path)
    tasks = next(path.parent.parent for path in tmp_path.rglob("task.toml"))
    monkeypatch.setenv("MAB_GYM_TASKS", str(tasks))
    monkeypatch.setenv("MAB_GYM_ENVS", str(environment_file.parent))
    assert len(load_catalogue()) == 11
    assert environment_file in environment_files()


def test_a_program_registers_a_folder_of_families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mab_gym.tasking._catalogue._REGISTERED", [])
    follow_recipe(tmp_path)
    mab_gym.register_families(tmp_path / "my_tasks")
    mab_gym.register_families(str(tmp_path / "my_tasks"))
    assert list(load_catalogue())[-1] == "latest_haemoglobin"
    assert len(load_catalogue()) == 11
    with pytest.raises(ContentError, match="there is no folder of task families"):
        mab_gym.register_families(tmp_path / "nowhere")
    (tmp_path / "my_tasks/latest_haemoglobin/cases.py").write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(ContentError, match="BRANCHES"):
        mab_gym.register_families(tmp_path / "my_tasks")


@pytest.mark.parametrize("way", ["registered", "variable"])
def test_families_that_become_known_between_two_episodes_are_played(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mab_gym.tasking._catalogue._REGISTERED", [])
    follow_recipe(tmp_path)
    which = "MedAgentBench-Train-v0", "oracle"
    before = [mab_gym.play(*which, seed=seed).family for seed in range(12)]
    if way == "registered":
        mab_gym.register_families(tmp_path / "my_tasks")
    else:
        monkeypatch.setenv("MAB_GYM_TASKS", str(tmp_path / "my_tasks"))
    made = mab_gym.make(which[0])
    wanted = [made.reset(seed=seed)[1]["family"] for seed in range(12)]
    assert [mab_gym.play(*which, seed=seed).family for seed in range(12)] == wanted
    assert set(before) <= set(load_catalogue()) - {"latest_haemoglobin"}


@pytest.mark.parametrize(
    ("part", "text", "words"),
    [
        ("prompt.md", None, "missing: prompt.md"),
        ("prompt.md", "no separator", "prompt.md"),
        ("task.toml", "number = 'x'", "number is a whole number"),
        ("task.toml", "number = 3\nkind = 'dance'", "query, action"),
        ("task.toml", "= 3", "task.toml"),
        ("cases.py", "def draw(", "cases.py, line 1"),
        ("cases.py", "x = 1\n1 / 0\n", "cases.py, line 2"),
        ("cases.py", "BRANCHES = {}\n", "BRANCHES"),
        ("verifier.py", "\n", "verify"),
        ("cases.jsonl", '{"number": 1}\n', "cases.jsonl, line 1"),
        ("cases.jsonl", '{"number": 1, "branch": "a", "params": {}}\n', "lacks mrn"),
    ],
)
def test_a_family_with_something_wrong_is_told_file_and_line(
    tmp_path: Path, part: str, text: str | None, words: str
) -> None:
    follow_recipe(tmp_path)
    folder = next(path.parent for path in tmp_path.rglob("task.toml"))
    if text is None:
        (folder / part).unlink()
    else:
        (folder / part).write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=words):
        load_family(folder)


def test_a_prompt_may_have_placeholders_that_are_no_parameters(tmp_path: Path) -> None:
    follow_recipe(tmp_path)
    folder = tmp_path / "my_tasks/latest_haemoglobin"
    prompt = (folder / "prompt.md").read_text(encoding="utf-8")
    (folder / "prompt.md").write_text(f"{prompt.rstrip()} {{wish}}\n", encoding="utf-8")
    (folder / "cases.jsonl").write_text('{"number": 1, "branch": "x", "params": {"mrn": "S1"}}\n', encoding="utf-8")
    with pytest.raises(ContentError, match=r"case latest_haemoglobin/01 lacks .*wish"):
        load_family(folder)
    (folder / "placeholders.py").write_text(
        'PLACEHOLDERS = {"wish": lambda case, now: f"For {case.id}, at {now}."}\n', encoding="utf-8"
    )
    found = load_family(folder)
    assert found.prompt(found.cases[0], "noon")[1].endswith("For latest_haemoglobin/01, at noon.")


def test_two_families_of_one_name_are_refused(tmp_path: Path) -> None:
    follow_recipe(tmp_path)
    folder = next(path.parent for path in tmp_path.rglob("task.toml"))
    folder.rename(folder.parent / "check_a1c")
    from mab_gym.tasking._catalogue import Catalogue, load_folder

    with pytest.raises(ContentError, match="check_a1c"):
        Catalogue([*load_catalogue().values(), *load_folder(folder.parent)])
