"""Harbor tasks: their folders, the server of an episode, and the verifier; without Harbor and without containers."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from mab_gym.errors import InfrastructureError, MabGymError, StorageError, UsageError
from mab_gym.integrations.harbor import write_tasks
from mab_gym.integrations.harbor._episode import EpisodePlace
from mab_gym.integrations.harbor._evidence import Evidence, Start, read_evidence, read_start
from mab_gym.integrations.harbor._judge import judge
from mab_gym.integrations.harbor._server import application_of
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import EpisodeRecord, read_records
from tests.integrations.scripts import BASE, PLAYED, check_solved
from tests.processes import first_line, started, until

SERVER = "http://localhost:8080"
MAGNESIUM = Start("MedAgentBench-v0", 0, {"case": "latest_magnesium/07"})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The canonical cases as tasks."""
    folder = tmp_path_factory.mktemp("harbor") / "dataset"
    assert write_tasks(folder) == 300
    return folder


def tasks_of(dataset: Path) -> list[Path]:
    return sorted((dataset / "tasks").iterdir())


def start_of(task: Path) -> Start:
    """The episode that a task's server is begun with."""
    compose = yaml.safe_load((task / "environment/docker-compose.yaml").read_text(encoding="utf-8"))
    return read_start(compose["services"]["record"]["command"][-1].replace("$$", "$"))


class Game:
    """One served episode, asked in this process.

    Args:
        start: The episode.
        folder: The folder for its file.
    """

    def __init__(self, start: Start, folder: Path) -> None:
        self.kept = folder / "actions.jsonl"
        self.place = EpisodePlace(start, Evidence(self.kept, start))
        self.application = application_of(self.place, SERVER)

    def ask(self, *requests: tuple[str, str, str]) -> list[httpx.Response]:
        """Sends requests: method, URL, body."""

        async def all_of_them() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=self.application)
            async with httpx.AsyncClient(transport=transport, base_url=SERVER) as client:
                return [
                    await client.request(method, url, content=body.encode("utf-8", "surrogatepass"))
                    for method, url, body in requests
                ]

        return asyncio.run(all_of_them())

    @property
    def actions(self) -> Sequence[str]:
        return read_evidence(self.kept)[1]


@pytest.fixture
def game(tmp_path: Path) -> Game:
    return Game(MAGNESIUM, tmp_path)


def requests_of(solution: str) -> list[tuple[str, str, str]]:
    """The requests of a ``solve.sh``, as curl would send them."""
    asked = []
    for words in _commands(solution):
        options = dict(itertools.pairwise(words))
        asked.append((options.get("-X", "GET"), words[-1], options.get("--data-raw", "")))
    return asked


def _commands(solution: str) -> list[list[str]]:
    words = shlex.split(solution.partition("set -eu\n")[2])
    starts = [place for place, word in enumerate(words) if word == "curl"]
    return [words[start:end] for start, end in zip(starts, [*starts[1:], len(words)], strict=True)]


def test_every_solution_earns_the_reward(dataset: Path, tmp_path: Path) -> None:
    """The requests of solve.sh, sent to the server of the same task, and judged by its verifier."""
    for task in tasks_of(dataset):
        folder = tmp_path / task.name
        folder.mkdir()
        game = Game(start_of(task), folder)
        *before, last = game.ask(*requests_of((task / "solution/solve.sh").read_text(encoding="utf-8")))
        assert all(reply.status_code < 300 for reply in before)
        assert last.text == "Finished.\n"
        assert judge(game.kept, folder)["reward"] == 1.0, task.name


@pytest.mark.parametrize(("env_id", "case"), PLAYED)
def test_stays_and_casework_come_to_the_same(
    env_id: str, case: str, living: Mapping[str, Mapping[str, EpisodeRecord]], tmp_path: Path
) -> None:
    record = living["text"][case]
    write_tasks(tmp_path / "dataset", env_id, family=record.family, limit=1)
    (task,) = tasks_of(tmp_path / "dataset")
    assert start_of(task).options == {"case": case}
    game = Game(start_of(task), tmp_path)
    *solution, finish = requests_of((task / "solution/solve.sh").read_text(encoding="utf-8"))
    *before, last = game.ask(*solution, ("DELETE", f"{BASE}/Basic/nothing", ""), finish)
    assert all(reply.status_code < 300 for reply in before)
    assert last.text == "Finished.\n"
    reward = judge(game.kept, tmp_path)["reward"]
    (found,) = read_records(tmp_path / "run")
    check_solved(record, found["verdict"], reward, game.actions)
    told = (task / "instruction.md").read_text(encoding="utf-8")
    most = unwrapped(game.place.driver.env).episode.max_steps
    assert f"You have {most} requests" in told and "curl -sS -X PATCH" in told
    assert tomllib.loads((task / "task.toml").read_text(encoding="utf-8"))["agent"]["timeout_sec"] >= 60 * most


def test_a_task_has_what_harbor_reads(dataset: Path) -> None:
    names = set()
    for task in tasks_of(dataset):
        assert sorted(str(path.relative_to(task)) for path in task.rglob("*") if path.is_file()) == [
            "environment/Dockerfile",
            "environment/docker-compose.yaml",
            "instruction.md",
            "solution/solve.sh",
            "task.toml",
            "tests/Dockerfile",
            "tests/docker-compose.yaml",
            "tests/test.sh",
        ]
        told = tomllib.loads((task / "task.toml").read_text(encoding="utf-8"))
        assert told["schema_version"] == "1.4"
        assert told["verifier"]["environment_mode"] == "separate"
        assert told["agent"]["user"] == "agent"
        names.add(told["task"]["name"])
        assert start_of(task).options == {"case": told["metadata"]["case"]}
    assert len(names) == 300
    assert all(re.fullmatch(r"mab-gym/[a-z0-9_]+-\d\d", name) for name in names)


def test_agent_verifier_and_record_system_are_apart(dataset: Path) -> None:
    for task in tasks_of(dataset):
        desk = re.fullmatch(r"FROM (mab-gym-harbor-desk:\S+)\n", (task / "environment/Dockerfile").read_text())
        services = yaml.safe_load((task / "environment/docker-compose.yaml").read_text())["services"]
        assert desk
        assert services["record"]["image"] == desk[1].replace("-desk", "")
        assert not any("volumes" in service for service in services.values())
        assert (
            yaml.safe_load((task / "tests/docker-compose.yaml").read_text())["services"]["main"]["network_mode"]
            == "none"
        )
    images = (dataset / "image/Dockerfile").read_text()
    at_the_desk = images.partition("AS desk")[2].partition("AS record")[0]
    assert at_the_desk and "COPY" not in at_the_desk and "pip" not in at_the_desk


def test_an_instruction_tells_the_task_and_no_more(dataset: Path) -> None:
    for task in tasks_of(dataset):
        text = (task / "instruction.md").read_text(encoding="utf-8")
        case = tomllib.loads((task / "task.toml").read_text(encoding="utf-8"))["metadata"]["case"]
        opening = str(start_of(task).begin().observation["text"])
        assert text.partition("\nContext: ")[2].rstrip() == opening.partition("\nContext: ")[2].rstrip()
        assert case not in text and case.partition("/")[0] not in text
        assert "You have 8 requests" in text and f"{SERVER}/fhir/" in text


def test_equal_datasets_have_equal_bytes(dataset: Path, tmp_path: Path) -> None:
    write_tasks(tmp_path / "again", limit=3)
    for path in (tmp_path / "again").rglob("*"):
        if path.is_file() and path.name != "README.md":
            assert path.read_bytes() == (dataset / path.relative_to(tmp_path / "again")).read_bytes()


def test_drawn_cases_variants_and_limits_travel(tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    write_tasks(folder, split="train", limit=2, seed=5, variant="reworded", max_steps=3, image="lab.test/x")
    (first, second) = tasks_of(folder)
    assert (start_of(first).seed, start_of(second).seed) == (5, 6)
    assert start_of(first).max_steps == 3
    assert first.name.endswith(("-5-reworded", "-6-reworded"))
    assert "You have 3 requests" in (first / "instruction.md").read_text(encoding="utf-8")
    assert (first / "environment/Dockerfile").read_text().startswith("FROM lab.test/x-desk:")
    game = Game(start_of(first), tmp_path)
    game.ask(*requests_of((first / "solution/solve.sh").read_text(encoding="utf-8")))
    assert judge(game.kept, tmp_path)["reward"] == 1.0


def test_what_is_no_action_counts_as_nothing(game: Game) -> None:
    refused = game.ask(
        ("PUT", "/fhir/Patient/S1", "{}"),
        ("DELETE", "/fhir/Patient/S1", ""),
        ("HEAD", "/fhir/metadata", ""),
        ("POST", "/reset", ""),
        ("DELETE", "/session", ""),
        ("GET", "/verdict", ""),
        ("POST", "/finish", "no list"),
        ("POST", "/finish", '{"answer": 1}'),
        ("POST", "/finish", "[NaN]"),
        ("GET", "/finish", ""),
    )
    assert [reply.status_code for reply in refused] == [405, 405, 405, 403, 403, 404, 400, 400, 400, 404]
    assert "write [...] with a JSON list" in refused[6].text
    assert game.actions == []


def test_each_request_is_an_action_and_is_kept_as_it_came(game: Game) -> None:
    resource = '{"resourceType": "Observation", "note": "ä \\u0000"}'
    found, stored, broken = game.ask(
        ("GET", "/fhir/Observation?patient=S3732812&code=MG&_count=1", ""),
        ("POST", "/fhir/Observation", resource),
        ("POST", "/fhir/Observation", "\ud800 [ ```"),
    )
    assert found.status_code == 200
    assert found.json()["resourceType"] == "Bundle"
    assert stored.status_code >= 400 or stored.json()["id"]
    assert broken.status_code == 400
    assert game.actions[:2] == [
        f"GET {SERVER}/fhir/Observation?patient=S3732812&code=MG&_count=1",
        f"POST {SERVER}/fhir/Observation\n{resource}",
    ]
    assert len(game.actions) == 3


def test_after_the_end_nothing_more_is_done_and_no_verdict_is_told(game: Game, tmp_path: Path) -> None:
    last, *later = game.ask(
        ("POST", "/finish", "[1]"), ("POST", "/finish", "[1.1]"), ("GET", "/fhir/Patient", ""), ("POST", "/reset", "")
    )
    assert last.text == "Finished.\n"
    assert [reply.status_code for reply in later] == [410, 410, 403]
    assert game.actions == ["FINISH([1])"]
    assert judge(game.kept, tmp_path) == {"reward": 0.0, "steps": 1.0, "unsafe": 0.0}


def test_steps_are_limited(tmp_path: Path) -> None:
    game = Game(Start("MedAgentBench-v0", 0, {"case": "latest_magnesium/07"}, max_steps=2), tmp_path)
    replies = game.ask(*[("GET", "/fhir/Patient?_count=1", "")] * 2, ("POST", "/finish", "[1.1]"))
    assert [reply.status_code for reply in replies] == [200, 200, 410]
    judge(game.kept, tmp_path)
    (record,) = read_records(tmp_path / "run")
    assert record["verdict"]["reasons"][0]["code"] == "step_limit"


def test_an_agent_that_does_nothing_earns_nothing(game: Game, tmp_path: Path) -> None:
    assert judge(game.kept, tmp_path)["reward"] == 0.0
    (record,) = read_records(tmp_path / "run")
    assert (record["case"], record["steps"], record["verdict"]["success"]) == ("latest_magnesium/07", 0, False)


def test_what_the_agent_left_where_the_reward_belongs_is_removed(game: Game, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.write_text("as it was")
    (out / "reward.json").symlink_to(elsewhere)
    (out / "run").symlink_to(tmp_path)
    judge(game.kept, out)
    assert json.loads((out / "reward.json").read_text())["reward"] == 0.0
    assert elsewhere.read_text() == "as it was"
    (out / "reward.json").unlink()
    (out / "reward.json").mkdir()
    (out / "run" / "run.json").write_text('{"env": "another"}')
    judge(game.kept, out)
    assert json.loads((out / "reward.json").read_text())["reward"] == 0.0
    assert len(list(read_records(out / "run"))) == 1


def test_where_the_record_system_failed_there_is_no_reward(
    game: Game, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = unwrapped(game.place.driver.env).episode.session

    def fails(request: object) -> object:
        raise RuntimeError("out of order")

    monkeypatch.setattr(type(session), "handle", lambda self, request: fails(request))
    (reply,) = game.ask(("GET", "/fhir/Patient", ""))
    monkeypatch.undo()
    assert reply.status_code == 500
    with pytest.raises(InfrastructureError, match="out of order"):
        judge(game.kept, tmp_path)
    assert not (tmp_path / "reward.json").exists()


@pytest.mark.parametrize("content", [None, "", "{}\n", '{"env": "MedAgentBench-v0"}\n[]\n', "\xff"])
def test_evidence_that_cannot_be_read_gives_no_reward(content: str | None, tmp_path: Path) -> None:
    kept = tmp_path / "actions.jsonl"
    if content is not None:
        kept.write_text(content, encoding="latin-1")
    with pytest.raises(UsageError):
        judge(kept, tmp_path)
    assert not (tmp_path / "reward.json").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(UsageError, match="holds something already"):
        write_tasks(tmp_path, limit=1)
    with pytest.raises(UsageError, match="holds something already"):
        write_tasks(tmp_path / "mine", limit=1)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr("mab_gym.integrations.harbor._tasks._write_task", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_tasks(empty, limit=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "mine"]
    monkeypatch.undo()
    assert write_tasks(empty, limit=1) == 1


def test_a_place_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        write_tasks(tmp_path / "file" / "dataset", limit=1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"env": "MedAgentBench-Official-v0"}, "official"),
        ({"env": "MedAgentBench-HAPI-v0"}, "embedded record system"),
        ({"env": "no_such"}, "there is no environment"),
        ({"family": "no_such"}, "no_such"),
        ({"variant": "no_such"}, "no_such"),
        ({"limit": 0}, "whole number from 1"),
    ],
)
def test_what_cannot_be_a_task_is_told(given: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(MabGymError, match=words):
        write_tasks(tmp_path / "dataset", **{"limit": 1, **given})
    assert list(tmp_path.iterdir()) == []


def test_an_environment_of_ones_own_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('id = "tests/HarborOwn-v0"\n')
    with pytest.raises(UsageError, match="this package's own environments alone"):
        write_tasks(tmp_path / "dataset", str(own))


@pytest.mark.skipif(sys.platform == "win32", reason="signals end the server")
def test_the_server_of_a_container_tells_when_it_is_ready_and_ends(tmp_path: Path) -> None:
    kept = tmp_path / "actions.jsonl"
    command = [sys.executable, "-m", "mab_gym.integrations.harbor", "serve", MAGNESIUM.text, "--kept", str(kept)]
    with started([*command, "--port", "0"], stdout=subprocess.PIPE) as process:
        url = first_line(process).strip()
        assert kept.is_file()
        assert httpx.get(f"{url}/Patient?_count=1", trust_env=False).status_code == 200
        assert httpx.post(url.replace("/fhir", "/finish"), content="[]", trust_env=False).text == "Finished.\n"
        process.send_signal(signal.SIGTERM)
        until(lambda: process.poll() is not None)
    command = [sys.executable, "-m", "mab_gym.integrations.harbor", "judge", str(kept), "--out", str(tmp_path / "out")]
    (tmp_path / "out").mkdir()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out/reward.json").read_text()) == {"reward": 0.0, "steps": 2.0, "unsafe": 0.0}
    again = [sys.executable, "-m", "mab_gym.integrations.harbor", "serve", MAGNESIUM.text, "--kept", str(kept)]
    refused = subprocess.run([*again, "--port", "0"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "cannot take an episode" in refused.stderr
