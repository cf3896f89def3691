"""Runs as a person starts them: killed at any moment they go on, and whatever is wrong is one clear line."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mab_gym import __version__
from mab_gym.cli.evaluate import at_once
from mab_gym.environments import Environment
from mab_gym.records import RunFolder, read_records, record_from
from tests.conftest import CANONICAL
from tests.evaluation.scripted import (
    KEY,
    TOO_LONG,
    Endpoint,
    Fails,
    Fault,
    Messages,
    Speaks,
    dead_url,
    endpoint,
    gold,
    refuses,
    solves,
    with_tools,
)  # fmt: skip

COMMAND = [sys.executable, "-m", "mab_gym.cli"]
CASES = 40


def environment(key: str = KEY) -> dict[str, str]:
    return {**os.environ, "OPENAI_API_KEY": key, "COLUMNS": "160"}


def run(*arguments: str, key: str = KEY, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
        env=environment(key), cwd=folder,
    )  # fmt: skip


def evaluation(there: Endpoint | str, out: Path, *more: str) -> list[str]:
    base_url = there if isinstance(there, str) else there.base_url
    return ["eval", "--model", "scripted", "--base-url", base_url, "--pause", "0.01", "--out", str(out), *more]


@pytest.fixture(scope="module")
def solution() -> Speaks:
    env = gymnasium.make(CANONICAL)
    return solves(gold(env, limit=CASES))


def told(folder: Path) -> list[dict[str, Any]]:
    """What a run came to, without what differs between two runs of the same: ids and times of the endpoint."""
    return sorted(
        ({name: value for name, value in record.items() if name != "calls"} for record in read_records(folder)),
        key=lambda record: int(record["seed"]),
    )


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "episodes.jsonl").read_text(encoding="utf-8").splitlines()]


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line on standard error; there is no traceback before it."""
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
def test_a_run_that_is_killed_at_any_moment_comes_to_what_an_undisturbed_one_does(
    tmp_path: Path, solution: Speaks
) -> None:
    chance = random.Random(11)
    more = ("--limit", str(CASES), "--concurrency", "4", "--seed", "3")
    killed_in_the_middle = 0
    with endpoint(solution, seconds=0.03) as there:
        assert run(*evaluation(there, tmp_path / "whole", *more)).returncode == 0
        path = tmp_path / "killed" / "episodes.jsonl"
        for _ in range(30):
            before = path.stat().st_size if path.exists() else 0
            process = subprocess.Popen(
                [*COMMAND, *evaluation(there, tmp_path / "killed", *more)],
                env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            deadline = time.monotonic() + 60
            while process.poll() is None and not (path.exists() and path.stat().st_size > before):
                assert time.monotonic() < deadline
                time.sleep(0.002)
            time.sleep(chance.uniform(0.0, 0.15))
            process.send_signal(signal.SIGKILL)
            _, errors = process.communicate(timeout=60)
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL, errors
            killed_in_the_middle += 1
        last = run(*evaluation(there, tmp_path / "killed", *more))
    assert killed_in_the_middle >= 3
    assert last.returncode == 0, last.stderr
    assert "100.0" in last.stdout
    assert told(tmp_path / "killed") == told(tmp_path / "whole")
    assert len(lines(tmp_path / "killed")) == CASES, "an episode was kept twice"


def test_a_torn_last_line_is_played_again_wherever_it_is_torn(tmp_path: Path, solution: Speaks) -> None:
    chance = random.Random(5)
    out = tmp_path / "run"
    with endpoint(solution) as there:
        arguments = evaluation(there, out, "--limit", "3")
        assert run(*arguments).returncode == 0
        whole, path = told(out), out / "episodes.jsonl"
        data = path.read_bytes()
        second = data.index(b"\n") + 1
        for cut in (0, 1, second - 1, second, second + 1, len(data) - 1, chance.randrange(len(data))):
            path.write_bytes(data[:cut])
            assert len(list(read_records(out))) == data[:cut].count(b"\n")
            done = run(*arguments)
            assert done.returncode == 0, done.stderr
            assert told(out) == whole
            assert len(lines(out)) == 3


def test_a_finished_run_is_shown_again_and_not_played_again(tmp_path: Path, solution: Speaks) -> None:
    with endpoint(solution) as there:
        arguments = evaluation(there, tmp_path / "run", "--limit", "3")
        first = run(*arguments)
        asked = len(there.requests)
        again = run(*arguments)
    assert (first.returncode, again.returncode) == (0, 0)
    assert "pass@1: 100.0 %" in again.stdout
    assert len(there.requests) == asked


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--temperature", "0.5"), "settings is {} there and"),
        (("--max-steps", "3"), "max_steps is 8 there and 3 here"),
        (("--form", "tools"), 'form is "text" there'),
        (("--model", "another"), 'model is "scripted" there and "another" here'),
        (("--limit", "2"), "episodes is 1 there and 2 here"),
        (("--env", "MedAgentBench-Easy-v0"), "env is"),
    ],
)
def test_another_run_in_the_same_folder_is_refused(
    tmp_path: Path, solution: Speaks, more: tuple[str, ...], words: str
) -> None:
    with endpoint(solution) as there:
        assert run(*evaluation(there, tmp_path / "run", "--limit", "1")).returncode == 0
        before = (tmp_path / "run" / "episodes.jsonl").read_bytes()
        done = run(*evaluation(there, tmp_path / "run", *(("--limit", "1") if "--limit" not in more else ()), *more))
    assert done.returncode == 2
    assert words in one_line(done)
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "run" / "episodes.jsonl").read_bytes() == before


def test_what_says_nothing_of_the_result_may_differ(tmp_path: Path, solution: Speaks) -> None:
    with endpoint(solution) as there:
        arguments = evaluation(there, tmp_path / "run", "--limit", "1")
        assert run(*arguments).returncode == 0
        done = run(*arguments, "--concurrency", "3", "--price-in", "1", "--price-out", "2", "--attempts", "2")
    assert done.returncode == 0, done.stderr


def test_a_folder_of_another_version_is_refused(tmp_path: Path, solution: Speaks) -> None:
    with endpoint(solution) as there:
        arguments = evaluation(there, tmp_path / "run", "--limit", "1")
        assert run(*arguments).returncode == 0
        path = tmp_path / "run" / "run.json"
        path.write_text(path.read_text().replace(f'"mab_gym": "{__version__}"', '"mab_gym": "0.0.9"'))
        done = run(*arguments)
    assert done.returncode == 2
    assert f'mab_gym is "0.0.9" there and "{__version__}" here' in one_line(done)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no lock here")
def test_two_processes_do_not_play_into_one_folder(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {"mab_gym": __version__}):
        done = run("eval", "--agent", "finish", "--limit", "1", "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "another process" in one_line(done)


def after(count: int, fault: Fault) -> Fails:
    return lambda number, messages: fault if number >= count else None


@pytest.mark.parametrize(
    ("fault", "words"),
    [(refuses(500, "out of order"), "out of order"), (refuses(401, "who are you"), "refuses the key")],
)
def test_an_endpoint_that_dies_on_the_way_leaves_what_was_finished(
    tmp_path: Path, solution: Speaks, fault: Fault, words: str
) -> None:
    broken = [True]

    def fails(number: int, messages: Messages) -> Fault | None:
        return fault if broken[0] and number >= 6 else None

    with endpoint(solution, fails) as there:
        arguments = evaluation(there, tmp_path / "run", "--limit", "8", "--attempts", "2")
        done = run(*arguments)
        assert done.returncode == 1
        assert words in one_line(done)
        assert "goes on from there" in one_line(done)
        kept = [record for record in read_records(tmp_path / "run") if record["agent_error"] is None]
        assert 0 < len(kept) < 8
        assert f"after {len(kept)} of 8" in one_line(done)
        broken[0] = False
        again = run(*arguments)
    assert again.returncode == 0, again.stderr
    records = list(read_records(tmp_path / "run"))
    assert [record["reward"] for record in records] == [1.0] * 8
    assert sorted(record["seed"] for record in records) == list(range(8))


def test_an_episode_that_the_endpoint_spoils_does_not_count_and_is_played_again(
    tmp_path: Path, solution: Speaks
) -> None:
    broken = [True]

    def fails(number: int, messages: Messages) -> Fault | None:
        return refuses(500) if broken[0] and number in (4, 5) else None

    with endpoint(solution, fails) as there:
        arguments = evaluation(there, tmp_path / "run", "--limit", "5", "--attempts", "2")
        done = run(*arguments)
        assert done.returncode == 1
        assert "1 of 5 episodes do not count" in one_line(done)
        assert "(95 % interval" in done.stdout
        assert "4 cases" in done.stdout
        broken[0] = False
        again = run(*arguments)
    assert again.returncode == 0, again.stderr
    assert "5 cases" in again.stdout
    assert len(list(read_records(tmp_path / "run"))) == 5
    assert len(lines(tmp_path / "run")) == 6, "what happened before is kept, too"


def test_a_dead_endpoint_is_one_clear_line(tmp_path: Path) -> None:
    done = run(*evaluation(dead_url(), tmp_path / "run", "--attempts", "2", "--limit", "5", "--concurrency", "3"))
    assert done.returncode == 1
    assert "cannot be reached" in one_line(done)
    assert "after 0 of 5" in one_line(done)


def test_a_wrong_key_is_one_clear_line_and_stands_nowhere(tmp_path: Path, solution: Speaks) -> None:
    wrong = "sk-wrong-1234567890"
    with endpoint(solution) as there:
        done = run(*evaluation(there, tmp_path / "run", "--limit", "5"), key=wrong)
    assert done.returncode == 1
    assert "refuses the key" in one_line(done)
    assert wrong not in done.stdout + done.stderr
    assert all(wrong not in file.read_text() for file in (tmp_path / "run").iterdir())


def test_a_key_that_a_model_says_is_not_stored(tmp_path: Path) -> None:
    with endpoint(lambda messages: {"role": "assistant", "content": f"your key is {KEY}"}) as there:
        assert run(*evaluation(there, tmp_path / "run", "--limit", "1")).returncode == 0
    (record,) = read_records(tmp_path / "run")
    assert record["actions"] == ["your key is [key]"]
    assert all(KEY not in file.read_text() for file in (tmp_path / "run").iterdir())


def test_a_model_that_says_nothing_and_one_whose_context_is_full_have_failed(tmp_path: Path) -> None:
    def fails(number: int, messages: Messages) -> Fault | None:
        return refuses(400, TOO_LONG) if number == 0 else None

    with endpoint(lambda messages: {"role": "assistant", "content": ""}, fails) as there:
        done = run(*evaluation(there, tmp_path / "run", "--limit", "2"))
    assert done.returncode == 0, done.stderr
    first, second = read_records(tmp_path / "run")
    assert (first["verdict"]["failure"], first["verdict"]["reasons"][0]["code"]) == ("context_limit", "context_limit")
    assert "maximum context length" in first["context_limit"]
    assert second["verdict"]["reasons"][0]["code"] == "invalid_action"
    assert "pass@1: 0.0 %" in done.stdout
    assert "0 of 2 verdicts changed" in run("regrade", str(tmp_path / "run")).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "m"), "--base-url"),
        (("--model", "m", "--agent", "oracle", "--base-url", "http://127.0.0.1/v1"), "not both"),
        (("--model", "m", "--base-url", "nonsense"), "nonsense"),
        (("--model", "m", "--base-url", "http://127.0.0.1/v1", "--form", "dance"), "text or tools"),
        (("--model", "m", "--base-url", "http://127.0.0.1/v1", "--settings", "[1]"), "settings"),
        (("--model", "m", "--base-url", "http://127.0.0.1/v1", "--price-in", "1"), "both prices"),
        (("--split", "nonsense"), "test, validation, train"),
        (("--env", "MedAgentBench-Query-v0", "--split", "train"), "MedAgentBench-Train-v0"),
        (("--repeat", "0"), "from 1"),
        (("--agent", "missing_module:Agent"), "missing_module"),
        (("--agent", "json:loads"), "json:loads"),
        (("--agent", "json:nothing"), "json:nothing"),
    ],
)
def test_wrong_input_is_one_clear_line(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = run("eval", "--out", str(tmp_path / "x"), *arguments)
    assert done.returncode == 2, done.stderr
    assert words in one_line(done)
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "x" / "episodes.jsonl").exists()


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
    done = run("regrade", str(stored))
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
    ],
)
def test_what_is_no_run_is_one_clear_line(command: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*command, folder=tmp_path)
    assert done.returncode == 2
    assert one_line(done).startswith("mab-gym:")
    assert list(tmp_path.iterdir()) == []


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


OWN = """
class Mine:
    name = "mine"
    def reset(self, observation, info, seed):
        assert "case" in info and observation["text"]
        self.turn = 0
    def act(self, observation):
        self.turn += 1
        return "GET http://localhost:8080/fhir/Patient?_count=1" if self.turn == 1 else "FINISH([1])"

class Broken(Mine):
    def act(self, observation):
        raise ValueError("oh dear")

class Wordless(Mine):
    def act(self, observation):
        return None

one = Mine()
"""


def test_an_agent_of_ones_own_plays(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    arguments = ("eval", "--limit", "6", "--concurrency", "3", "--out")
    assert run(*arguments, "a", "--agent", "own:Mine", folder=tmp_path).returncode == 0
    records = list(read_records(tmp_path / "a"))
    assert {record["agent"] for record in records} == {"mine"}
    assert [message["role"] for message in records[0]["messages"]] == ["user", "assistant", "user", "assistant"]
    for name, words in (("Broken", "ValueError: oh dear"), ("Wordless", "NoneType")):
        failed = run(*arguments, name, "--agent", f"own:{name}", folder=tmp_path)
        assert failed.returncode == 1
        assert words in one_line(failed)
    shared = run(*arguments, "c", "--agent", "own:one", folder=tmp_path)
    assert shared.returncode == 2
    assert "one episode at a time" in one_line(shared)


def test_an_installed_package_offers_an_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "own-1.0.dist-info").mkdir()
    (tmp_path / "own-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    (tmp_path / "own-1.0.dist-info" / "entry_points.txt").write_text("[mab_gym.agents]\nmine = own:Mine\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert run("eval", "--agent", "mine", "--limit", "2", "--out", str(tmp_path / "run")).returncode == 0
    assert "oracle, finish, random, constant, mine" in run("eval", "--agent", "none", "--out", "x").stderr


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


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_a_run_at_once_although_the_model_thinks(tmp_path: Path, solution: Speaks) -> None:
    def fails(number: int, messages: Messages) -> Fault | None:
        return Fault("hang") if number >= 9 else None

    with endpoint(solution, fails) as there:
        process = subprocess.Popen(
            [*COMMAND, *evaluation(there, tmp_path / "run", "--limit", "20", "--concurrency", "3")],
            env=environment(), stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while len(there.requests) < 12:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - begun < 15
    kept = len(list(read_records(tmp_path / "run")))
    assert kept > 0
    assert f"stopped after {kept} of 20 episodes" in errors


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
def test_a_reference_agents_run_goes_on_as_well_and_drawn_cases_stay_the_same(tmp_path: Path) -> None:
    arguments = ("eval", "--env", "MedAgentBench-Train-v0", "--agent", "oracle", "--limit", "400", "--out")
    assert run(*arguments, str(tmp_path / "whole")).returncode == 0
    process = subprocess.Popen([*COMMAND, *arguments, str(tmp_path / "killed")], stderr=subprocess.DEVNULL)
    path = tmp_path / "killed" / "episodes.jsonl"
    deadline = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size > 100_000):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.wait()
    assert 0 < len(list(read_records(tmp_path / "killed"))) < 400
    assert run(*arguments, str(tmp_path / "killed")).returncode == 0
    assert told(tmp_path / "killed") == told(tmp_path / "whole")
    assert "0 of 400 verdicts changed" in run("regrade", str(tmp_path / "killed")).stdout


def test_no_more_episodes_are_under_way_than_there_are_containers() -> None:
    two = Environment("mab_gym/Some-v0", "some", backend="container", servers=2)
    assert [at_once(two, wanted) for wanted in (1, 2, 8)] == [1, 2, 2]
    assert at_once(Environment("mab_gym/Some-v0", "some"), 8) == 8
