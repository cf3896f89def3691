"""Gold solutions as chats, with the thoughts that they note."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mab_gym.agents import read_message
from mab_gym.runs._evaluation import Plan, whole_records
from mab_gym.runs._fine_tuning import chat, gold_run
from tests.casework.playing import ENV, FAMILIES
from tests.evaluation.commands import run


@pytest.mark.parametrize("name", FAMILIES[:3])
def test_thoughts_stand_before_the_actions_that_follow_from_them(name: str) -> None:
    played = gold_run(Plan(env=ENV, family=name, limit=1), thoughts=True)
    (record,) = whole_records(played)
    assert record.verdict["success"], record.verdict
    said, plain = (
        [each["content"] for each in (chat(record, thoughts) or {})["messages"] if each["role"] == "assistant"]
        for thoughts in (True, False)
    )
    assert plain == list(record.actions)
    assert any(text.startswith("<think>\n") for text in said)
    verbs = played.scenario.environment.actions
    read = [read_message({"role": "assistant", "content": text}, "lenient", None, verbs).action for text in said]
    assert read == list(record.actions)


def test_the_command_writes_them(tmp_path: Path) -> None:
    out = tmp_path / "gold.jsonl"
    cases = ("--env", ENV, "--family", FAMILIES[0], "--limit", "2")
    done = run("export", "--oracle", *cases, "--thoughts", "--out", str(out))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 2
    assert "<think>" in json.dumps(lines)
