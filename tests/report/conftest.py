"""The small runs that tests of reports share, really played, and one report of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from typer.testing import CliRunner

from mab_gym.agents import Agent
from mab_gym.agents._reference import InstantFinish, Oracle
from mab_gym.cli.app import app
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord, RunFolder, read_records, record_from
from mab_gym.runs._rollout import Assignment, assignments, play_until_judged
from tests.conftest import CANONICAL

_BASE = "http://localhost:8080/fhir"
HOSTILE = [
    f"GET {_BASE}/Observation?patient=</script><img src=x onerror=boom()>",
    f"POST {_BASE}/Observation\n</script><script>boom()</script>",
    f'POST {_BASE}/Observation\n{{"resourceType": "Observation", "status": 7, "code": [null], "valueQuantity": "x"}}',
    f'POST {_BASE}/MedicationRequest\n{{"resourceType": "MedicationRequest", "dosageInstruction": [null, 3]}}',
    f'POST {_BASE}/Patient\n{{"resourceType": "Bundle", "entry": [null, {{"resource": {{"resourceType": null}}}}]}}',
    f"GET {_BASE}/Patient?_count=2&_summary=text&name=\ud800<b>",
    "GET file:///etc/passwd",
    "<!-- <script> \u2028 \x00 I would rather not",
]
"""Actions of an agent that wants to spoil the page."""


class Says:
    """An agent that says what it was given."""

    def __init__(self, actions: Sequence[str], name: str) -> None:
        self.name = name
        self._actions = actions
        self._said = 0

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        self._said = 0

    def act(self, observation: Mapping[str, Any]) -> str:
        self._said += 1
        return self._actions[self._said - 1]


def play_run(folder: Path, agent: Agent, todo: Sequence[Assignment], **about: Any) -> Path:
    """A run of these episodes, as ``mab-gym eval`` writes it."""
    env = gymnasium.make(CANONICAL)
    scenario = unwrapped(env).scenario
    says = {
        "env": CANONICAL, "agent": agent.name, "protocol": "ehr", "max_steps": 8, "file": None,
        "archive": scenario.backend.digest, **about,
    }  # fmt: skip
    with RunFolder(folder, says) as run:
        for assignment in todo:
            run.add(play_until_judged(env, agent, assignment))
    env.close()
    return folder


@pytest.fixture(scope="session")
def todo() -> list[Assignment]:
    """Three cases of each of the ten families."""
    env = unwrapped(gymnasium.make(CANONICAL))
    every = assignments(env)
    return [each for each in every if each.case is not None and each.case.endswith(("/01", "/02", "/04"))]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, todo: list[Assignment]) -> list[Path]:
    """The oracle, one who gives up, and one who wants to spoil the page."""
    folder = tmp_path_factory.mktemp("runs")
    return [
        play_run(folder / "oracle", Oracle(), todo),
        play_run(folder / "gives up", InstantFinish(), todo),
        play_run(folder / "hostile", Says(HOSTILE, "<u>hostile</u>"), todo[:3]),
    ]


def make_report(folders: Sequence[Path], out: Path, *more: str) -> Path:
    """The report, as the command line makes it."""
    done = CliRunner().invoke(app, ["report", *map(str, folders), "--out", str(out), *more])
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="session")
def report(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One report of all of them."""
    return make_report(runs, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="session")
def eight(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of eight runs with long names, of which one thinks and refuses."""
    folder = tmp_path_factory.mktemp("eight")
    for number in range(8):
        played = list(map(record_from, read_records(runs[number % 2])))
        about = {"env": CANONICAL, "agent": "a", "protocol": "ehr", "archive": "d"}
        with RunFolder(folder / f"a-model-with-a-long-name-{number}", about) as run:
            for record in played[: 30 - number]:
                run.add(refusing(record) if number == 7 else record)
    return make_report(sorted(folder.iterdir()), folder / "report.html", "--no-expected")


def refusing(record: EpisodeRecord) -> EpisodeRecord:
    """An episode that ends at a first message with thoughts, a refusal and no action."""
    message = {"role": "assistant", "content": "", "refusal": "I won't <b>do</b> that.", "thoughts": "Hmm. " * 50}
    verdict = {**record.verdict, "success": False, "failure": "wrong_tool_use"}
    return replace(record, cause="refused", actions=[""], messages=[record.messages[0], message], verdict=verdict)
