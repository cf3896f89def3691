"""A fault of this package's own is never an agent's: the episode says so and does not count, and the next is whole."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import gymnasium
import httpx
import pytest

from mab_gym.actions import OutOfContext
from mab_gym.agents._reference import Oracle
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._vector import MedicalRecordVectorEnv
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.fhir.http import _server as server
from mab_gym.fhir.http._searching import Searches
from mab_gym.fhir.http._server import OWN_FAULT, FhirServer, FhirSession
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.integrations._sessions import Session as Played
from mab_gym.official import _rules as official
from mab_gym.runs._records import read_records
from mab_gym.runs._regrade import regrade_records
from mab_gym.runs._rollout import Assignment, play_until_judged
from mab_gym.serve import Application, SharedWorld
from mab_gym.tasking._catalogue import Catalogue
from mab_gym.tasking._family import Family
from mab_gym.wrappers._credit import PartialCredit
from mab_gym.wrappers._gold import GoldRuns
from mab_gym.wrappers._shaping import PotentialShaping
from tests.conftest import CANONICAL, ROOT
from tests.official.tasks_of_our_own import write_functions, write_tasks

BASE = "http://localhost:8080/fhir"
LOOK = f"GET {BASE}/Patient?_count=1"
STORE = f'POST {BASE}/Patient\n{{"resourceType": "Patient"}}'
BATCH = f"POST {BASE}\n" + json.dumps(
    {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": "Patient?_count=1"}}]}
)
BUGS = (ZeroDivisionError("a bug"), MemoryError("a bug"), RecursionError("a bug"), AssertionError("a bug"))
Ended = tuple[dict[str, Any], float, bool, bool, dict[str, Any]]


def failing(error: Exception) -> Callable[..., NoReturn]:
    def fails(*_: object, **__: object) -> NoReturn:
        raise error

    return fails


def check_spoiled(step: Any, log: pytest.LogCaptureFixture, words: str = "a bug") -> None:
    observation, reward, terminated, truncated, info = step
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert (observation["text"], observation["fhir"], observation["status"]) == ("", "", 0)
    assert "\n" not in info["infrastructure_error"]
    assert info["verdict"]["reasons"][0]["code"] == "unjudged"
    assert "Traceback" in log.text and words in log.text


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: type(bug).__name__)
@pytest.mark.parametrize("action", [LOOK, BATCH])
def test_an_internal_error_ends_the_episode_and_the_next_is_whole(
    env: MedicalRecordEnv, action: str, bug: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    begun, _ = env.reset(seed=3)
    whole = env.step(LOOK)
    env.reset(seed=3)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(Searches, "search", failing(bug))
        check_spoiled(env.step(action), caplog)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(LOOK)
    assert repr(env.reset(seed=3)[0]) == repr(begun)
    assert repr(env.step(LOOK)) == repr(whole)


def test_nothing_is_left_half_written(env: MedicalRecordEnv, caplog: pytest.LogCaptureFixture) -> None:
    def fails(world: FhirSession, resource: dict[str, Any], condition: str = "") -> NoReturn:
        world.create("Patient", resource, "half done")
        raise ZeroDivisionError("a bug")

    env.reset(seed=0)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(server, "create", fails)
        check_spoiled(env.step(STORE), caplog)
    assert list(env.episode.session.writes) == []
    env.reset(seed=0)
    assert env.step(STORE)[0]["status"] == 201


@pytest.mark.parametrize("part", ["fold", "searches"])
def test_wherever_it_comes_up(env: MedicalRecordEnv, part: str, caplog: pytest.LogCaptureFixture) -> None:
    env.reset(seed=0)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(FhirSession, part, failing(ZeroDivisionError("a bug")))
        check_spoiled(env.step(LOOK), caplog)


def test_a_500_that_hapi_answers_is_an_answer(env: MedicalRecordEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    env.reset(seed=0)
    observation, _, terminated, truncated, info = env.step(f"GET {BASE}/Patient/%20")
    assert (observation["status"], terminated, truncated) == (500, False, False)
    monkeypatch.setattr(Searches, "search", failing(FhirError(500, "HAPI-0000: something")))
    observation, _, terminated, truncated, info = env.step(LOOK)
    assert (observation["status"], terminated, truncated) == (500, False, False)
    assert "infrastructure_error" not in info


def test_over_http_it_stays_a_500(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FhirSession, "searches", failing(ZeroDivisionError("a bug")))
    transport = httpx.ASGITransport(Application(SharedWorld(FhirServer({}))))

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as client:
            return await client.get("/fhir/Patient")

    answer = asyncio.run(asked())
    assert answer.status_code == 500
    assert answer.json()["issue"][0]["diagnostics"] == OWN_FAULT


# --- tasks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def broken_verifier(env: MedicalRecordEnv) -> Iterator[MedicalRecordEnv]:
    """An environment whose verifiers raise."""
    place = env.scenario

    def broken(family: Family) -> Family:
        return replace(family, verify=failing(KeyError("a\nbug")))

    tasks = place.tasks.catalogue
    place.tasks.catalogue = Catalogue([broken(family) for family in tasks.values()])
    yield env
    place.tasks.catalogue = tasks


def test_an_exception_of_a_verifier_is_no_verdict(
    broken_verifier: MedicalRecordEnv, caplog: pytest.LogCaptureFixture
) -> None:
    env = broken_verifier
    for last in ("FINISH([1])", "no action"):
        _, info = env.reset(seed=0)
        step = env.step(last)
        check_spoiled(step, caplog, "KeyError")
        assert f"the verifier of {info['family']}" in step[4]["infrastructure_error"]
    env.reset(seed=0)
    for _ in range(env.episode.max_steps):
        step = env.step(LOOK)
    check_spoiled(step, caplog, "KeyError")
    env.reset(seed=0)
    stopped = env.episode.step(OutOfContext("too long"))
    assert stopped.truncated and "KeyError" in stopped.info["infrastructure_error"]


def test_what_was_written_is_not_judged_by_a_broken_verifier(broken_verifier: MedicalRecordEnv) -> None:
    env = broken_verifier
    env.reset(seed=0)
    assert env.step(STORE)[4]["cost"] == 0.0
    with pytest.raises(InfrastructureError, match="KeyError: 'a"):
        env.episode.judge_writes()


def test_shaped_rewards_end_with_the_episode_too(
    broken_verifier: MedicalRecordEnv, caplog: pytest.LogCaptureFixture
) -> None:
    env = PotentialShaping(broken_verifier)
    env.reset(seed=0)
    assert not env.step(LOOK)[3]
    check_spoiled(env.step("FINISH([])"), caplog, "KeyError")


@pytest.mark.parametrize("variant", ["perturbed", "distractors"])
def test_a_case_that_cannot_be_staged_ends_at_its_first_step(
    env: MedicalRecordEnv, variant: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(FhirSession, "prepare", failing(ZeroDivisionError("a bug")))
        observation, _ = env.reset(seed=0, options={"case": "latest_magnesium/01", "variant": variant})
        assert observation["text"]
    check_spoiled(env.step(LOOK), caplog)
    env.reset(seed=0)
    assert env.step(LOOK)[0]["status"] == 200


# --- who plays -------------------------------------------------------------------------------------------------------


def failing_once(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    real, left = Searches.search, [times]

    def search(*arguments: Any, **more: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise ZeroDivisionError("a bug")
        return real(*arguments, **more)

    monkeypatch.setattr(Searches, "search", search)


def test_an_evaluation_plays_it_again(env: MedicalRecordEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_once(monkeypatch, 1)
    record = play_until_judged(env, Oracle(), Assignment(0, "latest_magnesium/02"), pause=0.0)
    assert (record.retries, record.infrastructure_error, record.reward, record.counts) == (1, None, 1.0, True)


def test_what_lasts_is_left_out(env: MedicalRecordEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Searches, "search", failing(ZeroDivisionError("a bug")))
    record = play_until_judged(env, Oracle(), Assignment(0, "latest_magnesium/02"), pause=0.0)
    assert record.infrastructure_error is not None and "ZeroDivisionError" in record.infrastructure_error
    assert not record.counts


def test_a_vector_environment_goes_on(env: MedicalRecordEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    many = MedicalRecordVectorEnv(env.scenario.environment, 3, "Disabled")
    many.reset(seed=0)
    failing_once(monkeypatch, 1)
    _, _, _, truncated, infos = many.step([LOOK] * 3)
    assert truncated.tolist() == infos["_infrastructure_error"].tolist() == [True, False, False]
    many.reset(options={"reset_mask": truncated})
    assert many.step([LOOK] * 3)[0]["status"].tolist() == [200] * 3
    many.close()


def test_the_adapters_session_tells_it_from_a_result(env: MedicalRecordEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Played(env)
    session.begin(0, {})
    failing_once(monkeypatch, 1)
    with pytest.raises(InfrastructureError, match="ZeroDivisionError"):
        session.act(LOOK)
    assert session.result is not None and "the record system failed" in session.result["error"]


# --- the official rules ----------------------------------------------------------------------------------------------


@pytest.fixture
def by_official_rules(tmp_path: Path) -> gymnasium.Env[Any, str]:
    """The official environment, over a task file of our own."""
    files: dict[str, Any] = {"tasks": write_tasks(tmp_path), "functions": write_functions(tmp_path)}
    made: gymnasium.Env[Any, str] = gymnasium.make("mab_gym/MedAgentBench-Official-v0", **files)
    return made


def test_the_official_rules_are_no_exception(
    by_official_rules: gymnasium.Env[Any, str], caplog: pytest.LogCaptureFixture
) -> None:
    env = by_official_rules
    env.reset(seed=0)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(Searches, "search", failing(ZeroDivisionError("a bug")))
        check_spoiled(env.step(f"GET {BASE}/Patient?_count=1"), caplog)
    env.reset(seed=0)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(official, "grade", failing(KeyError("a bug")))
        check_spoiled(env.step("FINISH([])"), caplog)
    env.reset(seed=0)
    assert env.step("FINISH([])")[2]


@pytest.mark.parametrize("action", [5, None, b"FINISH([])", ["FINISH([])"], 1.5])
def test_an_action_that_is_no_text_is_refused_everywhere(
    env: MedicalRecordEnv, by_official_rules: gymnasium.Env[Any, str], action: Any
) -> None:
    words = f"is a text, not {action!r}".replace("[", r"\[").replace("(", r"\(").replace(")", r"\)")
    for each in (env, by_official_rules):
        each.reset(seed=0)
        with pytest.raises(UsageError, match=words):
            each.step(action)
        assert not each.step("FINISH([])")[3]  # nothing was done
    many = gymnasium.make_vec(CANONICAL, 2)
    many.reset(seed=0)
    with pytest.raises(UsageError, match=words):
        many.step(["FINISH([])", action])
    many.close()


# --- what reads verdicts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["FINISH([1])", LOOK])
def test_partial_credit_without_a_gold_run_does_not_count(
    env: MedicalRecordEnv, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped = PartialCredit(env)
    wrapped.reset(seed=0, options={"case": "latest_magnesium/02"})
    monkeypatch.setattr(GoldRuns, "_play", failing(InfrastructureError("the gold run failed")))
    step = wrapped.step(action)
    assert ("infrastructure_error" in step[4]) == (action != LOOK)
    assert step[1] == 0.0


def test_a_gold_run_that_failed_is_not_taken_for_gold(env: MedicalRecordEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    env.reset(seed=0, options={"case": "latest_magnesium/02"})
    runs = GoldRuns(env.scenario)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(Searches, "search", failing(ZeroDivisionError("a bug")))
        with pytest.raises(InfrastructureError, match="ZeroDivisionError"):
            runs.of(env.episode)
    assert runs.of(env.episode).criteria


def test_regrading_stops_where_nothing_can_be_said(env: MedicalRecordEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    record = play_until_judged(env, Oracle(), Assignment(0, "latest_magnesium/02"))
    monkeypatch.setattr(Searches, "search", failing(ZeroDivisionError("a bug")))
    with pytest.raises(InfrastructureError, match="ZeroDivisionError"):
        list(regrade_records(env, [record], {}))


def test_the_command_line_leaves_it_out_and_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "tasks" / "patient_age"
    shutil.copytree(ROOT / "tasks" / "patient_age", folder)
    with (folder / "verifier.py").open("a") as file:
        file.write("\n\ndef verify(case, chart, result):\n    raise KeyError('a bug')\n")
    (tmp_path / "mine.toml").write_text('id = "my_lab/Broken-v0"\n[tasks]\nfolder = "tasks"\n')
    command = [sys.executable, "-m", "mab_gym.cli", "eval", "--agent", "finish", "--limit", "2", "--retries", "0"]
    done = subprocess.run(
        [*command, "--env", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "run")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "2 of 2 episodes do not count" in done.stderr
    assert "the verifier of patient_age failed (KeyError: 'a bug')" in done.stderr
    assert done.stderr.count("Traceback") == 2
    assert {record["infrastructure_error"] is not None for record in read_records(tmp_path / "run")} == {True}
