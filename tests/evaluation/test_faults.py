"""Runs whose endpoint, key, model or arguments are wrong: one clear line, and what was finished is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from mab_gym.runs._records import read_records
from tests.evaluation.commands import evaluation, lines, one_line, only_line, run
from tests.evaluation.scripted import (
    KEY,
    TOO_LONG,
    Fault,
    Messages,
    Speaks,
    dead_url,
    endpoint,
    refuses,
)


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
    assert record["messages"][1]["content"] == "your key is [key]"
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
    assert words in only_line(done)
    assert not (tmp_path / "x" / "episodes.jsonl").exists()
