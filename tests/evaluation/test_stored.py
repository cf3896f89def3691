"""The stored episodes of a run, and work on them: regrading, exporting."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mab_gym import __version__
from mab_gym.runs._records import read_records, record_from
from tests.evaluation.commands import evaluation, lines, one_line, run, run_apart
from tests.evaluation.scripted import (
    Messages,
    Speaks,
    endpoint,
    with_tools,
)


def test_a_record_says_what_a_reader_needs_to_trust_it(tmp_path: Path, solution: Speaks) -> None:
    prices = ("--price-in", "2", "--price-out", "30")
    with endpoint(solution) as there:
        done = run(*evaluation(there, tmp_path / "run", "--limit", "4", "--temperature", "0", "--seed", "9", *prices))
    records = list(read_records(tmp_path / "run"))
    for record in records:
        assert record["run"]["mab_gym"] == __version__
        assert record["run"]["python"].startswith("3.")
        assert len(record["run"]["archive"]) == 64
        assert record["run"]["settings"] == {"temperature": 0.0}
        assert (record["run"]["seed"], record["run"]["base_url"]) == (9, there.base_url)
        turns = len(record["calls"])
        assert (record["tokens_in"], record["tokens_out"]) == (100 * turns, 10 * turns)
        assert record["cost"] == pytest.approx(turns * (100 * 2 + 10 * 30) / 1e6)
    assert [record["seed"] for record in records] == [9, 10, 11, 12]
    assert {request["temperature"] for request in there.requests} == {0.0}
    assert {request["seed"] for request in there.requests} == {9, 10, 11, 12}
    spent = sum(record["cost"] for record in records)
    assert f"cost {spent:.4f}" in done.stdout
    assert "4 of 4 played, 100.0 % solved" in done.stderr


def test_splits_and_repetitions(tmp_path: Path) -> None:
    tries: dict[str, int] = {}

    def gives_up_at_first(messages: Messages) -> Mapping[str, Any]:
        tries[messages[0]["content"]] = tries.get(messages[0]["content"], 0) + 1
        return {"role": "assistant", "content": "FINISH([])"}

    with endpoint(gives_up_at_first) as there:
        more = ("--split", "validation", "--family", "patient_age", "--limit", "3", "--repeat", "2")
        done = run(*evaluation(there, tmp_path / "run", *more))
    assert done.returncode == 0, done.stderr
    assert sorted(tries.values()) == [2, 2, 2]
    assert "pass@2: 0.0 %" in done.stdout
    assert "pass^2: 0.0 %" in done.stdout
    records = list(read_records(tmp_path / "run"))
    assert {record["env"] for record in records} == {"mab_gym/MedAgentBench-Validation-v0"}
    assert sorted((record["seed"], record["repeat"]) for record in records) == [
        (seed, again) for seed in range(3) for again in range(2)
    ]


@pytest.fixture
def stored(tmp_path: Path, solution: Speaks) -> Iterator[Path]:
    """A run of six by tool calls, one of which the model has thrown away."""
    openings: list[str] = []

    def speak(messages: Messages) -> Mapping[str, Any]:
        opening = messages[1]["content"]
        if opening not in openings:
            openings.append(opening)
        if openings.index(opening) == 2:
            return {"role": "assistant", "content": "FINISH([])"}
        return with_tools(solution)(messages)

    with endpoint(speak) as there:
        assert run(*evaluation(there, tmp_path / "stored", "--limit", "6", "--form", "tools")).returncode == 0
    yield tmp_path / "stored"


def test_regrading_finds_every_verdict_that_was_tampered_with_and_no_other(stored: Path) -> None:
    assert "0 of 6 verdicts changed" in run("regrade", str(stored)).stdout
    records = lines(stored)
    records[1]["verdict"] = {**records[2]["verdict"]}
    (stored / "episodes.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    done = run_apart("regrade", str(stored))
    assert done.returncode == 1
    assert "1 of 6 verdicts changed" in done.stdout
    assert f"{records[1]['case']} (seed 1, try 1): not solved (gave_up, answer_wrong) -> solved (solved)" in done.stdout


def test_regrading_on_other_records_is_refused(stored: Path) -> None:
    path = stored / "run.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "archive": "0" * 64}))
    done = run("regrade", str(stored))
    assert done.returncode == 2
    assert "other records" in one_line(done)


@pytest.mark.parametrize(
    "command",
    [
        ("regrade", "missing"),
        ("export", "missing", "--out", "x.jsonl"),
        ("export", "--out", "x.jsonl"),
        ("export", "--oracle", "--out", "x.jsonl"),
        ("export", "--harbor", "x", "--out", "x.jsonl"),
        ("export", "--harbor", "x", "--oracle"),
        ("export", "--harbor", "x", "--env", "MedAgentBench-HAPI-v0"),
        ("export", "--harbor", "x", "--family", "no_such"),
        ("export", "--oracle", "--env", "MedAgentBench-v0", "--image", "x", "--out", "x.jsonl"),
    ],
)
def test_what_is_no_run_is_one_clear_line(command: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*command, folder=tmp_path)
    assert done.returncode == 2
    assert one_line(done).startswith("mab-gym:")
    assert list(tmp_path.iterdir()) == []


def test_export_writes_harbor_tasks(tmp_path: Path) -> None:
    done = run_apart("export", "--harbor", "tasks", "--family", "latest_magnesium", "--limit", "2", folder=tmp_path)
    assert done.returncode == 0
    assert "2 tasks in tasks; build their images: tasks/image/build.sh" in done.stdout
    assert len(list((tmp_path / "tasks" / "tasks").iterdir())) == 2


def test_export_writes_chats_that_a_trainer_can_read(stored: Path, tmp_path: Path) -> None:
    for which, count in (("all", 6), ("successful", 5)):
        out = tmp_path / f"{which}.jsonl"
        assert run("export", str(stored), "--out", str(out), "--which", which).returncode == 0
        chats = [json.loads(line) for line in out.read_text().splitlines()]
        assert len(chats) == count
        for chat in chats:
            roles = [message["role"] for message in chat["messages"]]
            assert roles[:2] == ["system", "user"]
            assert roles[-1] == "assistant"
            assert {name for message in chat["messages"] for name in message} <= {
                "role", "content", "tool_calls", "tool_call_id",
            }  # fmt: skip
            assert chat["metadata"]["family"] == chat["metadata"]["case"].partition("/")[0]
    again = run("export", str(stored), "--out", str(tmp_path / "all.jsonl"))
    assert again.returncode == 2
    assert "is there already" in one_line(again)


def test_gold_solutions_are_exported_as_chats_that_solve(tmp_path: Path) -> None:
    out = tmp_path / "gold.jsonl"
    arguments = (
        "export",
        "--oracle",
        "--env",
        "MedAgentBench-Train-v0",
        "--limit",
        "12",
        "--seed",
        "4",
        "--out",
        str(out),
    )
    assert run(*arguments).returncode == 0
    chats = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(chats) == 12
    assert all(chat["metadata"]["success"] for chat in chats)
    env = gymnasium.make("mab_gym/MedAgentBench-Train-v0")
    for chat in chats:
        observation, _ = env.reset(seed=chat["metadata"]["seed"])
        reward = 0.0
        for asked, answered in zip(chat["messages"][::2], chat["messages"][1::2], strict=True):
            assert asked == {"role": "user", "content": observation["text"]}
            observation, earned, *_ = env.step(answered["content"])
            reward = float(earned)
        assert reward == 1.0


def test_a_record_of_an_older_version_can_still_be_read(tmp_path: Path) -> None:
    old = {
        "env": "e", "agent": "a", "case": "f/01", "family": "f", "branch": "b", "kind": "query", "difficulty": "easy",
        "seed": 0, "reward": 0.0, "steps": 1, "terminated": True, "truncated": False, "verdict": {"success": False},
        "something": "that nobody knows",
    }  # fmt: skip
    (tmp_path / "episodes.jsonl").write_text(json.dumps(old) + "\n")
    (record,) = map(record_from, read_records(tmp_path))
    assert record.counts
    assert record.messages == ()


def test_lone_surrogates_of_a_model_reach_the_disk(tmp_path: Path) -> None:
    with endpoint(lambda messages: {"role": "assistant", "content": "GET \ud800"}) as there:
        done = run(*evaluation(there, tmp_path / "run", "--limit", "1"))
    assert done.returncode == 0, done.stderr
    (record,) = read_records(tmp_path / "run")
    assert set(record["actions"]) == {"GET \ud800"}
