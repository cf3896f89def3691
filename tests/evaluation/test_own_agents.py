"""Agents that users write themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from mab_gym.runs._records import read_records
from tests.evaluation.commands import one_line
from tests.evaluation.commands import run_apart as run

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
