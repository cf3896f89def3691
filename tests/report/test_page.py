"""The page as a file: whole, of one piece, safe, with everything in it."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mab_gym.agents._reference import InstantFinish
from mab_gym.cli.app import app
from mab_gym.report._trajectories import task_of
from mab_gym.runs._records import read_records
from mab_gym.runs._rollout import Assignment
from tests.report.conftest import HOSTILE, make_report, play_run


class Page(HTMLParser):
    """The content that a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.words += data

    @property
    def index(self) -> Any:
        return json.loads(self.scripts[0])

    @property
    def trajectories(self) -> list[Any]:
        packed = [line for script in self.scripts[2:] for line in script.strip().split("\n")]
        return [unpacked(each) for each in packed]


def unpacked(text: str) -> Any:
    """The whole episode that a line of the page holds."""
    return json.loads(zlib.decompress(base64.b64decode(text)))


@pytest.fixture(scope="module")
def page(report: Path) -> Page:
    return Page(report.read_text(encoding="utf-8"))


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form") or attributes == {
            "method": "dialog"
        }
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_every_word_of_every_episode_is_in_it(page: Page, runs: list[Path]) -> None:
    told = [record for run in runs for record in sorted(read_records(run), key=lambda record: record["seed"])]
    assert len(page.trajectories) == len(page.index["episodes"]) == len(told)
    for record, entry, shown in zip(told, page.index["episodes"], page.trajectories, strict=True):
        assert (entry["case"], entry["seed"], entry["solved"]) == (
            record["case"], record["seed"], record["verdict"]["success"],
        )  # fmt: skip
        assert [step["action"]["text"] for step in shown["steps"]] == record["actions"]
        assert shown["opening"] == record["messages"][0]["content"]
        replies = [m for m in record["messages"][1:] if m["role"] == "user"]
        assert [(s["reply"], s["status"]) for s in shown["steps"]][: len(replies)] == [
            (m["content"], m["status"]) for m in replies
        ]
        assert shown["verdict"] == record["verdict"]


def test_what_was_expected_is_the_oracles(page: Page, runs: list[Path]) -> None:
    gold = {record["case"]: record["actions"] for record in read_records(runs[0])}
    for entry, shown in zip(page.index["episodes"], page.trajectories, strict=True):
        assert [action["text"] for action in shown["expected"]] == gold[entry["case"]]


def test_an_agent_cannot_break_out_of_the_page(page: Page, report: Path) -> None:
    assert page.index["runs"] == ["oracle", "gives up", "hostile"]
    assert len(page.scripts) == 2 + len({number // 50 for number in range(len(page.trajectories))})
    assert "boom" not in page.scripts[1]
    assert not any("boom" in str(attributes) for _, attributes in page.tags)
    said = page.trajectories[-1]["steps"]
    assert [step["action"]["text"] for step in said] == HOSTILE[: len(said)]
    assert "<u>hostile</u>" not in report.read_text(encoding="utf-8")


def test_figures_are_those_of_the_runs(page: Page) -> None:
    words = re.sub(r"\s+", " ", page.words)
    assert "oracle less gives up" in words
    assert "30 of 30 episodes failed" in words or "of 30 episodes failed" in words
    for family in ("patient lookup", "check a1c"):
        assert family in words
    assert "not comparable" in words
    assert "Claude 3.5 Sonnet v2" not in words  # published results stand beside official ones alone


def test_without_gold_solutions_it_says_so(runs: list[Path], tmp_path: Path, todo: list[Assignment]) -> None:
    page = Page(make_report(runs[:1], tmp_path / "r.html", "--no-expected").read_text(encoding="utf-8"))
    assert all(shown["expected"] is None for shown in page.trajectories)
    other = play_run(tmp_path / "other", InstantFinish(), todo[:1], archive="f" * 64)
    done = CliRunner().invoke(app, ["report", str(other), "--out", str(tmp_path / "o.html")])
    assert done.exit_code == 0
    assert "what was expected is not shown: " in done.stderr
    assert "was played on other records" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "holds no run"),
        (["{run}", "{run}"], "is named twice"),
        (["{run}", "--out", "{folder}"], "is a folder; name a file"),
        (["{run}", "--out", "{run}/run.json/x.html"], "cannot be written"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: list[str], says: str, runs: list[Path], tmp_path: Path
) -> None:
    filled = [each.format(run=runs[0], folder=tmp_path) for each in arguments]
    done = CliRunner().invoke(app, ["report", *filled])
    assert done.exit_code != 0
    assert says in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_the_task_is_found_in_what_the_agent_was_told() -> None:
    assert task_of("Rules.\n\nTask: Find her.\nSoon.") == "Find her.\nSoon."
    assert task_of("Find her.") == "Find her."
