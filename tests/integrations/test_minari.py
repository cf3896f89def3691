"""Stored episodes as Minari datasets: what is read back is what was played."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._make import make
from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord
from tests.integrations.scripts import BASE, FORMS, LIVING, SCRIPTS, check_solved, own_record, told_of

pytest.importorskip("minari")
pytest.importorskip("h5py")

import minari

from mab_gym.actions import OutOfContext, no_action_from
from mab_gym.integrations.minari import write_dataset


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    return tmp_path / "datasets"


def replayed(env: MedicalRecordEnv, metadata: Mapping[str, Any], episode: Any) -> None:
    """Plays a read episode again, by its seed and options, and compares everything."""
    options = {name: str(value) for name, value in metadata["options"].items()}
    observation, _ = env.reset(seed=int(metadata["seed"]), options=options)
    texts, codes = episode.observations["text"], episode.observations["status"]
    assert (texts[0], codes[0]) == (observation["text"], 0)
    for place, action in enumerate(episode.actions):
        observation, reward, terminated, truncated, info = env.step(no_action_from(action) or action)
        assert (texts[place + 1], codes[place + 1]) == (observation["text"], observation["status"])
        if episode.truncations[place] and not truncated:  # the model was at the end of its context
            _, reward, terminated, truncated, info = env.step(OutOfContext("full"))
        assert (episode.rewards[place], episode.terminations[place], episode.truncations[place]) == (
            reward, terminated, truncated,
        )  # fmt: skip
    verdict = episode.infos["verdict"]
    assert not any(verdict[:-1])
    assert json.loads(verdict[-1]) == json.loads(json.dumps(info["verdict"]))


@pytest.mark.parametrize("form", FORMS)
def test_what_is_read_back_can_be_played_again(
    form: str, golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv
) -> None:
    told = told_of(golds)
    if form == "tools":  # three cases of each script are enough for a second time
        told = dict(list(told.items())[: 3 * len(SCRIPTS)])
    records = [own_record(env, case, actions, form) for case, actions in told.items()]
    write_dataset(iter(records), "mab_gym/scripted-v0")
    read = minari.load_dataset("mab_gym/scripted-v0")
    assert read.total_episodes == len(records)
    assert read.total_steps == sum(record.steps for record in records)
    metadata = list(read.storage.get_episode_metadata(range(len(records))))
    for record, about, episode in zip(records, metadata, read.iterate_episodes(), strict=True):
        assert list(episode.actions) == list(record.actions)
        assert (about["case"], about["agent"], bool(about["success"])) == (
            record.case, "scripted", record.verdict["success"],
        )  # fmt: skip
        for place, action in enumerate(episode.actions):
            assert action in read.action_space
            shown = {"text": episode.observations["text"][place], "status": episode.observations["status"][place]}
            assert shown in read.observation_space
        assert np.sum(episode.rewards) == record.reward
        replayed(env, about, episode)


@pytest.mark.parametrize("form", FORMS)
def test_stays_and_casework_can_be_played_again(form: str, living: Mapping[str, Mapping[str, EpisodeRecord]]) -> None:
    for env_id, cases in LIVING.items():
        name = env_id.lower().replace("-v0", f"-{form}-v0")
        write_dataset([living[form][case] for case in cases], name)
        read = minari.load_dataset(name)
        metadata = read.storage.get_episode_metadata(range(len(cases)))
        env = unwrapped(make(env_id))
        for case, about, episode in zip(cases, metadata, read.iterate_episodes(), strict=True):
            verdict = json.loads(episode.infos["verdict"][-1])
            check_solved(living[form][case], verdict, np.sum(episode.rewards), list(episode.actions))
            assert (about["case"], about["env"], bool(about["success"])) == (case, env_id, True)
            replayed(env, about, episode)


def test_only_successful_episodes_where_that_is_asked_for(
    golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv
) -> None:
    told = {case: actions for case, actions in told_of(golds).items() if case.endswith(("/01", "/06"))}
    records = [own_record(env, case, actions) for case, actions in told.items()]
    dataset = write_dataset(records, "successful-v0", "successful")
    assert dataset is not None
    assert dataset.total_episodes == sum(record.verdict["success"] for record in records) == 10
    assert all(episode.rewards[-1] == 1 for episode in dataset.iterate_episodes())


def test_a_full_context_and_odd_texts_are_kept(env: MedicalRecordEnv, place: Path) -> None:
    look = f"GET {BASE}/Patient?_count=1"
    odd = 'FINISH(["\ud800 \0 ∞ 🙂"])'
    full, nothing = own_record(env, "patient_age/04", [look]), own_record(env, "patient_age/04", [])
    dataset = write_dataset([full, nothing, own_record(env, "patient_age/05", [odd])], "odd-v0")
    assert dataset is not None
    cut, last = dataset.iterate_episodes()
    assert (cut.truncations.tolist(), cut.terminations.tolist()) == ([True], [False])
    assert json.loads(cut.infos["verdict"][-1])["failure"] == "context_limit"
    assert list(last.actions) == ['FINISH(["\\ud800 \\x00 ∞ 🙂"])']
    assert write_dataset([nothing], "none-v0") is None
    assert not (place / "none-v0").exists()


def test_what_is_wrong_is_told_and_nothing_is_spoiled(
    golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = golds["patient_age/01"]
    write_dataset([record], "lab/mine-v0")
    with pytest.raises(UsageError, match="there is a dataset lab/mine-v0 already"):
        write_dataset([record], "lab/mine-v0")
    with pytest.raises(UsageError, match="medagentbench/oracle-v0"):
        write_dataset([record], "no version")
    with pytest.raises(UsageError, match="all or successful"):
        write_dataset([record], "lab/other-v0", "best")
    monkeypatch.setattr("minari.dataset.minari_storage.MinariStorage.new", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_dataset([record], "lab/torn-v0")
    assert [path.name for path in (place / "lab").iterdir() if path.is_dir()] == ["mine-v0"]


def test_the_command_writes_gold_solutions(place: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mab_gym.cli", "export", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run("--oracle", "--env", "MedAgentBench-Train-v0", "--limit", "5", "--minari", "medagentbench/oracle-v0")
    assert done.returncode == 0, done.stderr
    assert f"5 episodes in medagentbench/oracle-v0, at {place}" in done.stdout
    read = minari.load_dataset("medagentbench/oracle-v0")
    assert [episode.rewards[-1] for episode in read.iterate_episodes()] == [1.0] * 5
    both = run("--oracle", "--env", "MedAgentBench-v0", "--minari", "lab/x-v0", "--out", "x.jsonl")
    assert (both.returncode, "--out" in both.stderr) == (2, True)
