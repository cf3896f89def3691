"""summary.json: it is written when a run ends or is stopped, says what the records say, and warns of empty results."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mab_gym.agents._reference import InstantFinish
from mab_gym.errors import AgentLostError, StorageError
from mab_gym.runs._evaluation import evaluate
from mab_gym.runs._progress import RunProgress
from mab_gym.runs._records import EpisodeRecord, RunFolder, read_about, record_from, record_lines
from mab_gym.runs._statistics import wilson
from mab_gym.runs._summary import summarize, warnings
from tests.evaluation.commands import evaluation, run
from tests.evaluation.scripted import KEY, Endpoint, Messages, Speaks, endpoint, refuses


def summary_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "summary.json").read_text(encoding="utf-8")))


def test_a_summary_says_what_the_records_say(tmp_path: Path) -> None:
    played = evaluate(agent="constant", limit=100, repeat=2, out=tmp_path / "run")
    told = summary_of(tmp_path / "run")
    assert told == json.loads(json.dumps(played.summary))
    assert told["run"] == read_about(tmp_path / "run")
    assert len(told["run"]["cases"]) == len(told["run"]["environment"]) == len(told["run"]["archive"]) == 64
    assert told["whole"] is True
    assert told["episodes"] == {"planned": 200, "played": 200, "counted": 200}
    solved = sum(record.verdict["success"] for record in played.records)
    assert 0 < solved < 200
    low, high = wilson(solved / 200, 100)
    assert told["result"] == {
        "solved": solved, "counted": 200, "value": pytest.approx(solved / 200), "low": low, "high": high, "cases": 100,
    }  # fmt: skip
    assert [each["name"] for each in told["pass_at_k"]] == ["pass@1", "pass@2", "pass^2"]
    for groups in ("by_kind", "by_difficulty", "by_family"):
        assert sum(each["solved"] for each in told[groups].values()) == solved
        assert sum(each["counted"] for each in told[groups].values()) == 200
    assert sum(each["episodes"] for each in told["failures"]) == 200 - solved
    assert sum(each["share"] for each in told["failures"]) == pytest.approx(1 - solved / 200)
    assert told["unsafe"]["judged"] == 200
    assert told["seconds"] > 0


class Lost(InstantFinish):
    """Fails for good at its third episode, unless it may go on."""

    may_go_on = False
    played = 0

    def act(self, observation: Mapping[str, Any]) -> str:
        Lost.played += 1
        if Lost.played == 3 and not Lost.may_go_on:
            raise AgentLostError(f"the key {KEY} is wrong")
        return super().act(observation)


def test_a_run_that_is_stopped_has_a_summary_and_goes_on_to_a_whole_one(tmp_path: Path) -> None:
    more: dict[str, Any] = {"agent": Lost, "family": "patient_age", "limit": 5, "out": tmp_path / "run"}
    with pytest.raises(AgentLostError):
        evaluate(**more)
    stopped = summary_of(tmp_path / "run")
    assert stopped["whole"] is False
    assert stopped["episodes"] == {"planned": 5, "played": 2, "counted": 2}
    Lost.may_go_on = True
    evaluate(**more)
    whole = summary_of(tmp_path / "run")
    assert whole["whole"] is True
    assert whole["episodes"] == {"planned": 5, "played": 5, "counted": 5}
    assert whole["seconds"] > stopped["seconds"]


def test_a_key_is_not_in_it_and_what_does_not_count_is(tmp_path: Path, solution: Speaks) -> None:
    fault = refuses(500, {"error": {"message": f"no route for {KEY}"}})
    with endpoint(solution, fails=lambda number, messages: fault if number < 2 else None) as there:
        more = ("--limit", "4", "--attempts", "2", "--price-in", "1", "--price-out", "2")
        done = run(*evaluation(there, tmp_path / "run", *more, "--json"))
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["records"] == str(tmp_path / "run" / "episodes.jsonl")
    assert {name: value for name, value in told.items() if name != "records"} == summary_of(tmp_path / "run")
    assert KEY not in (tmp_path / "run" / "summary.json").read_text()
    assert KEY not in done.stdout
    (reason,) = told["not_counted"]
    assert (reason["cause"], reason["episodes"]) == ("agent", 1)
    assert "no route for [key]" in reason["first"]
    assert told["episodes"] == {"planned": 4, "played": 4, "counted": 3}
    records = [record_from(data) for data in record_lines(tmp_path / "run")]
    assert told["tokens_in"] == sum(record.tokens_in or 0 for record in records)
    assert told["episodes_of_unknown_tokens"] == 1
    assert told["cost"] == pytest.approx(sum(record.cost or 0.0 for record in records))


def test_it_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunFolder(tmp_path / "run", {"env": "x"}) as folder:
        folder.write_json("summary.json", {"a": 1})
        before = (tmp_path / "run" / "summary.json").read_bytes()

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match=r"summary\.json cannot be written: No space left"):
            folder.write_json("summary.json", {"a": 2})
    assert (tmp_path / "run" / "summary.json").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["episodes.jsonl", "run.json", "summary.json"]


def ended(number: int, cause: str | None = None, steps: int = 1, success: bool = False) -> EpisodeRecord:
    failure = None if success else "wrong_tool_use"
    verdict: dict[str, Any] = {"success": success, "failure": failure, "unsafe": False, "reasons": []}
    return EpisodeRecord(
        "env", "agent", f"case/{number}", "case", "", "query", "easy", number, float(success), steps, True, False,
        verdict, cause=cause,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("no_action", "end at the first message, which holds no action (no action in the message: 6)"),
        ("refused", "(the model refused: 6)"),
        ("empty", "(empty message: 6)"),
        (None, "(not a valid action: 6)"),
        ("length", "end at the limit of tokens (cut off at the length limit: 6): allow longer answers"),
        ("endless_thoughts", "end at the limit of tokens (thoughts without end: 6)"),
    ],
)
def test_most_episodes_that_end_at_once_are_a_warning(cause: str | None, said: str) -> None:
    good = [ended(number, success=True, steps=2) for number in range(5)]
    bad = [ended(10 + number, cause) for number in range(6)]
    (warning,) = warnings([*good, *bad])
    assert warning.startswith("6 of 11 episodes")
    assert said in warning
    assert warnings([*good, *bad[:5]]) == []
    assert warnings([]) == []


def test_an_end_later_in_the_episode_is_no_first_message() -> None:
    bad = [ended(number, "no_action", steps=3) for number in range(6)]
    assert warnings(bad) == []
    assert len(warnings([replace(each, cause="length") for each in bad])) == 1


def test_an_empty_run_has_a_summary() -> None:
    told = summarize({}, RunProgress(0), 0.0)
    assert told["result"]["value"] is None
    assert told["failures"] == []


def test_the_console_says_why_episodes_failed_and_warns(tmp_path: Path) -> None:
    def talks(messages: Messages) -> Mapping[str, Any]:
        return {"role": "assistant", "content": "I would rather talk about the weather."}

    with endpoint(talks) as there:
        assert isinstance(there, Endpoint)
        done = run(*evaluation(there, tmp_path / "run", "--limit", "6"))
    assert done.returncode == 0
    (row,) = [line for line in done.stdout.splitlines() if "100.0" in line]
    assert row.split()[-2:] == ["6", "100.0"]
    assert "warning: 6 of 6 episodes end at the first message, which holds no action" in done.stderr
