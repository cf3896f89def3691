"""The Gymnasium side: every id passes the checker, seeds decide everything, errors say what would be right."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._environment_file import environment_files, read_environment
from mab_gym.envs._registration import register_file
from mab_gym.errors import ContentError, NotInstalledError, UsageError
from mab_gym.runs._driver import unwrapped
from tests.conftest import CANONICAL, HAPI, make

IDS = [read_environment(path).id for path in environment_files()]
# What needs a Docker engine is tested in tests/container.
PLAYABLE = [each for each in IDS if each != HAPI]


@pytest.mark.parametrize("env_id", PLAYABLE)
def test_check_env_passes_without_warnings(env_id: str) -> None:
    env = make(env_id)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


def test_all_ids_are_registered_by_importing_the_package() -> None:
    parts = (
        "",
        "-Query",
        "-Action",
        "-Easy",
        "-Medium",
        "-Hard",
        "-Train",
        "-Validation",
        "-Beyond",
        "-Beyond-Train",
        "-Official",
        "-HAPI",
    )
    hospital = {f"mab_gym/Hospital{part}-v0" for part in ("", "-Train", "-Validation")}
    services = ("-Ward", "-Emergency", "-Transitions", "-Clinic", "-Administration", "-Judgement", "-Marathon")
    casework = {f"mab_gym/Casework{part}-v0" for part in ("", "-Train", "-Validation", *services)}
    expected = {f"mab_gym/MedAgentBench{part}-v0" for part in parts} | hospital | casework
    assert expected == set(IDS) <= set(gymnasium.registry)


@pytest.mark.parametrize("env_id", PLAYABLE)
def test_equal_seeds_give_equal_episodes(env_id: str) -> None:
    def episode(seed: int) -> list[Any]:
        env = make(env_id)
        env.action_space.seed(seed)
        steps: list[Any] = [env.reset(seed=seed)]
        for _ in range(8):
            steps.append(env.step(env.action_space.sample()))
            if steps[-1][2] or steps[-1][3]:
                break
        return steps

    assert repr(episode(7)) == repr(episode(7))
    assert len({episode(seed)[0][1]["case"] + episode(seed)[0][0]["text"] for seed in range(8)}) > 1


@pytest.mark.parametrize(
    ("env_id", "key", "value"),
    [
        ("mab_gym/MedAgentBench-Query-v0", "kind", "query"),
        ("mab_gym/MedAgentBench-Action-v0", "kind", "action"),
        ("mab_gym/MedAgentBench-Easy-v0", "difficulty", "easy"),
        ("mab_gym/MedAgentBench-Medium-v0", "difficulty", "medium"),
        ("mab_gym/MedAgentBench-Hard-v0", "difficulty", "hard"),
    ],
)
def test_siblings_play_their_part_of_the_tasks(env_id: str, key: str, value: str) -> None:
    env = gymnasium.make(env_id)
    infos = [env.reset(seed=seed)[1] for seed in range(20)]
    assert {info[key] for info in infos} == {value}
    assert len({info["family"] for info in infos}) > 1


def test_options_choose_the_case(env: MedicalRecordEnv) -> None:
    assert env.reset(options={"case": "check_a1c/03"})[1]["case"] == "check_a1c/03"
    assert env.reset(seed=1, options={"family": "check_a1c"})[1]["family"] == "check_a1c"
    assert env.reset(seed=1, options={"difficulty": "hard"})[1]["difficulty"] == "hard"


def test_training_cases_are_other_people(scenario: Any) -> None:
    env = gymnasium.make("mab_gym/MedAgentBench-Train-v0")
    train = unwrapped(env).scenario.chart.patients()
    assert not set(train) & set(scenario.chart.patients())
    texts = {env.reset(seed=seed)[0]["text"] for seed in range(50)}
    assert len(texts) >= 45


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"options": {"case": "check_a1c/99"}}, "check_a1c/01 to check_a1c/30"),
        ({"options": {"case": "nonsense"}}, "latest_magnesium"),
        ({"options": {"case": 5}}, "a case id is a text"),
        ({"options": {"family": "nonsense"}}, "latest_magnesium"),
        ({"options": {"family": 5}}, "named by a text"),
        ({"options": {"difficulty": "brutal"}}, "easy, medium, hard"),
        ({"options": {"cases": "x"}}, "case, family, difficulty"),
        ({"options": "check_a1c/01"}, "options are a dict"),
        ({"seed": "7"}, "whole number from 0"),
        ({"seed": 1.5}, "whole number from 0"),
        ({"seed": -1}, "whole number from 0"),
        ({"seed": True}, "whole number from 0"),
    ],
)
def test_reset_says_what_is_wrong_and_what_would_be_right(
    env: MedicalRecordEnv, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        env.reset(**arguments)


def test_numpy_seeds_are_welcome(env: MedicalRecordEnv) -> None:
    int_like: Any = np.int64(3)
    assert env.reset(seed=int_like)[1] == env.reset(seed=3)[1]


def test_stepping_before_reset_and_after_the_end(env: MedicalRecordEnv) -> None:
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        env.step("FINISH([])")
    with pytest.raises(gymnasium.error.ResetNeeded):
        gymnasium.make(CANONICAL).step("FINISH([])")
    env.reset(seed=0)
    env.step("FINISH([])")
    with pytest.raises(gymnasium.error.ResetNeeded, match="ended"):
        env.step("FINISH([])")


def test_transcript_is_rendered_as_text() -> None:
    env = gymnasium.make(CANONICAL, render_mode="ansi")
    env.reset(seed=0)
    env.step("GET nowhere")
    shown = env.render()
    assert isinstance(shown, str)
    assert ">>> GET nowhere" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"max_steps": 0}, "max_steps"),
        ({"protocol": "nonsense"}, "ehr"),
        ({"backend": "nonsense"}, "embedded"),
        ({"cohort": "nonsense"}, "canonical"),
        ({"families": ("nonsense",)}, "nonsense"),
        ({"colour": "blue"}, "max_steps"),
    ],
)
def test_make_says_what_is_wrong(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        gymnasium.make(CANONICAL, **arguments)


def test_an_id_that_needs_what_is_not_installed_names_the_command(tmp_path: Path) -> None:
    file = tmp_path / "needy.toml"
    file.write_text('id = "test/Needy-v0"\n[requires]\nmodules = ["no_such_module"]\nextra = "docker"\n')
    assert register_file(file) == "test/Needy-v0"
    with pytest.raises(NotInstalledError, match=r"pip install 'mab-gym\[docker\]'"):
        gymnasium.make("test/Needy-v0")
    del gymnasium.registry["test/Needy-v0"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "broken.toml"),
        ('id = "NoVersion"', "version"),
        ('id = "a/B-v0"\n[tasks]\ncolour = "blue"', "colour"),
        ('id = "a/B-v0"\n[tasks]\nkind = "blue"', "query, action"),
        ('id = "a/B-v0"\n[colours]\nblue = 1', "colours"),
    ],
)
def test_broken_environment_files_are_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "broken.toml"
    file.write_text(text)
    with pytest.raises(ContentError, match=words):
        read_environment(file)


def test_many_environments_side_by_side() -> None:
    envs = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make(CANONICAL) for _ in range(3)])
    observations, _ = envs.reset(seed=[1, 2, 3])
    assert len(observations["text"]) == 3
    _, rewards, terminated, truncated, _ = envs.step(("FINISH([])",) * 3)
    assert rewards.tolist() == [0.0, 0.0, 0.0]
    assert terminated.all()
    assert not truncated.any()
    envs.close()


def test_asynchronous_environments_without_shared_memory() -> None:
    envs = gymnasium.vector.AsyncVectorEnv([_canonical] * 2, shared_memory=False)
    observations, infos = envs.reset(seed=[1, 2])
    assert [text.count("Task: ") for text in observations["text"]] == [1, 1]
    _, rewards, terminated, _, _ = envs.step(("FINISH([])", "nonsense"))
    assert rewards.tolist() == [0.0, 0.0]
    assert terminated.all()
    assert infos["case"][0] != infos["case"][1]
    envs.close()


def _canonical() -> gymnasium.Env[Any, str]:
    return gymnasium.make(CANONICAL)


@pytest.mark.once
def test_equal_seeds_give_equal_episodes_in_every_process() -> None:
    """Whatever Python's hashing does; the Train id draws its cases, so that is played too."""
    code = (
        "import hashlib, gymnasium, mab_gym\n"
        "seen = hashlib.sha256()\n"
        "for name in ('mab_gym/MedAgentBench-v0', 'mab_gym/MedAgentBench-Train-v0'):\n"
        "    env = gymnasium.make(name)\n"
        "    env.action_space.seed(5)\n"
        "    for seed in range(20):\n"
        "        seen.update(repr(env.reset(seed=seed)).encode())\n"
        "        for _ in range(3):\n"
        "            step = env.step(env.action_space.sample())\n"
        "            seen.update(repr(step).encode())\n"
        "            if step[2]:\n"
        "                break\n"
        "print(seen.hexdigest())\n"
    )
    digests = [
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": salt},
        ).stdout
        for salt in ("1", "2")
    ]
    assert digests[0] == digests[1]
