"""The environments behind OpenEnv: through server and client everything is as in this process."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gymnasium
import pytest

from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.envs._make import make
from mab_gym.errors import UsageError
from mab_gym.runs import Driver
from mab_gym.runs._records import EpisodeRecord
from tests import replies
from tests.integrations.scripts import BASE, LIVING, SCRIPTS, check_solved, told_of
from tests.processes import first_line, started, until

pytest.importorskip("openenv.core")

import typer
import uvicorn
from openenv.core import GenericEnvClient
from typer.testing import CliRunner

from mab_gym.integrations.openenv import MedicalRecordAction, MedicalRecordClient, create_app
from mab_gym.integrations.openenv.__main__ import serve

pytestmark = [
    # What the framework's own imports and its sockets leave behind.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@contextmanager
def serving(**arguments: Any) -> Iterator[str]:
    """A server in a thread; its address."""
    server = uvicorn.Server(uvicorn.Config(create_app(**arguments), log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            until(lambda: server.started)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


def in_process(env: gymnasium.Env[Any, str], actions: list[str], **options: Any) -> list[tuple[Any, ...]]:
    """All that an episode gives, in plain data."""
    driver = Driver(env)  # the server reads texts by the same rule
    info = driver.begin(5, options)
    observation = driver.observation
    seen: list[tuple[Any, ...]] = [(observation["text"], observation["fhir"], 0, None, False, False, info)]
    for action in actions:
        step = driver.hear(action)
        text, fhir, status = (step.observation[name] for name in ("text", "fhir", "status"))
        seen.append((text, fhir, status, step.reward, step.terminated, step.truncated, step.info))
        if driver.over:
            break
    return seen


def told(result: Any) -> tuple[Any, ...]:
    seen = result.observation
    assert result.done == (seen.terminated or seen.truncated)
    return seen.text, seen.fhir, seen.status, result.reward, seen.terminated, seen.truncated, seen.info


async def remotely(client: MedicalRecordClient, actions: list[str], **options: Any) -> list[tuple[Any, ...]]:
    result = await client.reset(seed=5, **options)
    seen = [told(result)]
    for action in actions:
        result = await client.step(action)
        seen.append(told(result))
        if result.done:
            break
    return seen


def test_whole_episodes_are_the_same(golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv, address: str) -> None:
    scripts = told_of(golds)

    async def play() -> dict[str, list[tuple[Any, ...]]]:
        async with MedicalRecordClient(base_url=address) as client:
            return {case: await remotely(client, list(actions), case=case) for case, actions in scripts.items()}

    seen = asyncio.run(play())
    assert len(seen) == 10 * len(SCRIPTS)
    for case, actions in scripts.items():
        own = in_process(env, list(actions), case=case)
        assert json.dumps(own, default=int) == json.dumps(seen[case]), case
    assert {bool(each[-1][-1]["verdict"]["success"]) for each in seen.values()} == {True, False}


@pytest.mark.parametrize("env_id", LIVING)
def test_stays_and_casework_come_to_the_same(env_id: str, living: Mapping[str, Mapping[str, EpisodeRecord]]) -> None:
    own = {case: living["text"][case] for case in LIVING[env_id]}

    async def play(address: str) -> dict[str, list[tuple[Any, ...]]]:
        async with MedicalRecordClient(base_url=address) as client:
            return {case: await remotely(client, list(own[case].actions), case=case) for case in own}

    with serving(env=env_id) as address:
        seen = asyncio.run(play(address))
    env = make(env_id)
    for case, record in own.items():
        *_, (_, _, _, reward, terminated, truncated, info) = seen[case]
        assert (terminated, truncated, info["step"]) == (True, False, record.steps)
        check_solved(record, info["verdict"], reward, record.actions)
        assert json.dumps(in_process(env, list(record.actions), case=case), default=int) == json.dumps(seen[case])


def test_what_models_write_means_the_same_as_elsewhere(address: str) -> None:
    async def play(hand: replies.Dealt) -> dict[str, replies.Wanted]:
        found = {}
        async with MedicalRecordClient(base_url=address) as client:
            for case, (kind, gold) in hand.items():
                texts = [message["content"] for message in kind.script(gold.actions)]
                seen = await remotely(client, texts, case=case)
                found[case] = replies.told_by(seen[-1][-1]["verdict"], kind.cause, seen[-1][-1]["step"])
        return found

    for hand in replies.dealt(replies.TEXTS):
        replies.check(hand, asyncio.run(play(hand)))


def test_sessions_at_once_do_not_see_each_others_writes(
    golds: Mapping[str, EpisodeRecord], env: MedicalRecordEnv, address: str
) -> None:
    """Twelve sessions write to the same patient's chart, step by step in turn, and read it."""
    case = "record_blood_pressure/04"
    post, finish = golds[case].actions
    mrn = json.loads(post.partition("\n")[2])["subject"]["reference"].partition("/")[2]
    look = f"GET {BASE}/Observation?patient={mrn}&date=ge2023-11-13&_count=50"
    scripts = [[look, *[post] * (number % 3), look, finish] for number in range(12)]

    async def play() -> list[list[tuple[Any, ...]]]:
        clients = [MedicalRecordClient(base_url=address) for _ in scripts]
        await asyncio.gather(*(client.connect() for client in clients))
        seen = await asyncio.gather(
            *(remotely(client, actions, case=case) for client, actions in zip(clients, scripts, strict=True))
        )
        await asyncio.gather(*(client.close() for client in clients))
        return seen

    seen = asyncio.run(play())
    for number, (actions, each) in enumerate(zip(scripts, seen, strict=True)):
        assert json.dumps(each) == json.dumps(in_process(env, actions, case=case), default=int)
        written = [json.loads(step[1]).get("total", 0) for step in (each[1], each[-2])]
        assert written[1] - written[0] == number % 3
        assert each[-1][3] == (number % 3 == 1), "written once is right, not at all or twice is not"


def test_seed_family_difficulty_and_variant_choose_the_episode(env: MedicalRecordEnv, address: str) -> None:
    async def play() -> None:
        async with MedicalRecordClient(base_url=address) as client:
            for options in (
                {},
                {"family": "patient_age"},
                {"difficulty": "hard"},
                {"variant": "by_name+distractors", "case": "check_a1c/05"},
            ):
                assert json.dumps(await remotely(client, [], **options)) == json.dumps(in_process(env, [], **options))
            await client.reset(seed=1, episode_id="mine", case="patient_age/04")
            await client.step(f"GET {BASE}/Patient?_count=1")
            state = await client.state()
            assert (state.episode_id, state.case, state.step_count, state.over) == ("mine", "patient_age/04", 1, False)

    asyncio.run(play())


def test_code_without_await_and_clients_of_other_projects_play_too(
    golds: Mapping[str, EpisodeRecord], address: str
) -> None:
    record = golds["replace_potassium/01"]
    with MedicalRecordClient(base_url=address).sync() as client:
        result = client.reset(case=record.case)
        for action in record.actions:
            result = client.step(MedicalRecordAction(text=action))
        assert (result.reward, result.done) == (1.0, True)
    with GenericEnvClient(base_url=address).sync() as client:
        result = client.reset(case=record.case)
        for action in record.actions:
            result = client.step({"text": action})
        assert (result.reward, result.done, result.observation["info"]["verdict"]["success"]) == (1.0, True, True)


def test_a_full_context_ends_the_episode(address: str) -> None:
    with MedicalRecordClient(base_url=address).sync() as client:
        client.reset(case="patient_age/04")
        client.step(f"GET {BASE}/Patient?_count=1")
        result = client.step(MedicalRecordAction(text="", context_limit="full"))
        assert (result.done, result.reward, result.observation.truncated) == (True, 0.0, True)
        assert result.observation.info["verdict"]["failure"] == "context_limit"


@pytest.mark.parametrize("text", ["", "\x00", "FINISH([\ud800])", f"GET {BASE}/Patient?name=\ud800", "🙂" * 100_000])
def test_no_text_breaks_a_session(text: str, env: MedicalRecordEnv, address: str) -> None:
    own = in_process(env, [text], case="patient_age/04")[-1]
    with MedicalRecordClient(base_url=address).sync() as client:
        client.reset(seed=5, case="patient_age/04")
        seen = told(client.step(text))
        assert (seen[3:6], seen[6]["step"]) == (own[3:6], own[6]["step"])
        assert client.reset(case="patient_age/04").observation.text


def test_what_is_wrong_is_said_and_the_session_goes_on(address: str) -> None:
    with MedicalRecordClient(base_url=address).sync() as client:
        refused: list[tuple[Callable[[], Any], str]] = [
            (lambda: client.step("FINISH([])"), "before calling env.reset"),
            (lambda: client.reset(patient=3), "no option 'patient'"),
            (lambda: client.reset(case="no/01"), "no"),
            (lambda: client.reset(seed=-1), "whole number from 0"),
        ]
        for call, says in refused:
            with pytest.raises(RuntimeError, match=says):
                call()
        with GenericEnvClient(base_url=address).sync() as other:
            other.reset()
            with pytest.raises(RuntimeError, match="VALIDATION_ERROR"):
                other.step({"text": 3})
            assert other.reset(case="patient_age/04").observation["text"]
        assert client.reset(case="patient_age/04").observation.text


def test_no_more_sessions_than_asked_for_and_places_become_free() -> None:
    with serving(sessions=2, max_steps=1) as address:
        with MedicalRecordClient(base_url=address).sync() as one, MedicalRecordClient(base_url=address).sync() as two:
            one.reset(), two.reset()
            with pytest.raises((RuntimeError, ConnectionError)), MedicalRecordClient(base_url=address).sync() as three:
                three.reset()
            assert one.step(f"GET {BASE}/Patient").observation.truncated

        def has_a_place() -> bool:
            try:
                with MedicalRecordClient(base_url=address).sync() as four:
                    return bool(four.reset().observation.text)
            except (RuntimeError, ConnectionError):
                return False

        until(has_a_place)


def test_a_failing_record_system_is_told_as_such(nobody_there: str) -> None:
    with serving(env=nobody_there) as address, MedicalRecordClient(base_url=address).sync() as client:
        base = client.reset(family="patient_age").observation.text.split("Its base address is ")[1].split(" ")[0]
        result = client.step(f"GET {base.rstrip('.')}/Patient?_count=1")
        assert (result.done, result.reward, result.observation.truncated) == (True, 0.0, True)
        assert result.observation.info["infrastructure_error"]


def test_wrong_environments_are_told_before_anything_is_served() -> None:
    with pytest.raises(UsageError, match="MedAgentBench-v0"):
        create_app("No-v0")
    with pytest.raises(UsageError, match="max_steps"):
        create_app(max_steps=0)
    command = typer.Typer()
    command.command()(serve)
    told = CliRunner().invoke(command, ["--env", "No-v0"])
    assert (told.exit_code, len(told.stderr.splitlines())) == (2, 1)


def test_the_command_serves_on_this_computer_alone() -> None:
    command = [sys.executable, "-m", "mab_gym.integrations.openenv"]
    with started([*command, "--port", "0"], stdout=subprocess.PIPE) as server:
        address = first_line(server).split(" at ")[1].strip()
        assert address.startswith("http://127.0.0.1:")
        with MedicalRecordClient(base_url=address).sync() as client:
            assert client.reset(case="patient_age/04").observation.info["case"] == "patient_age/04"
