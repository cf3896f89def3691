"""The environments on a real HAPI FHIR in Docker."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from mab_gym.agents._reference import Oracle
from mab_gym.backends._state import difference, state_of
from mab_gym.backends.container._backend import ContainerBackend
from mab_gym.backends.container._engine import Engine, Image
from mab_gym.backends.container._process_lock import this_process
from mab_gym.client._transport import Transport
from mab_gym.envs._vector import MedicalRecordVectorEnv
from mab_gym.fhir.http._server import Request
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play_all
from mab_gym.runs._scores import score
from tests.conftest import HAPI
from tests.container.conftest import command, in_containers
from tests.contract.test_backends import CASES, differences, remote_environment
from tests.processes import until

JSON = {"content-type": "application/fhir+json"}
POTASSIUM = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "K"}], "text": "K"},
    "valueQuantity": {"value": 4.4, "unit": "mmol/L"},
}

pytestmark = pytest.mark.timeout(900)  # starts take half a minute where nothing else runs


@pytest.fixture(scope="module")
def env(snapshot: Image) -> Iterator[gymnasium.Env[Any, str]]:
    """The id itself, on the reduced hospital."""
    with in_containers(HAPI, snapshot, cohort="reduced") as made:
        yield made


@pytest.fixture(scope="module")
def backend(env: gymnasium.Env[Any, str]) -> ContainerBackend:
    found = unwrapped(env).scenario.backend
    assert isinstance(found, ContainerBackend)
    return found


@pytest.fixture(scope="module")
def reduced() -> gymnasium.Env[Any, str]:
    return gymnasium.make("mab_gym/MedAgentBench-v0", cohort="reduced")


def running(engine: Engine) -> list[Any]:
    return [each for each in engine.containers(owner=this_process().name) if each.status == "running"]


def test_gymnasium_takes_it(env: gymnasium.Env[Any, str]) -> None:
    check_env(env.unwrapped)


def test_the_oracle_solves_all_300_tasks(env: gymnasium.Env[Any, str], backend: ContainerBackend) -> None:
    before = backend.pool.counts.restored
    records = list(play_all(env, Oracle(), assignments(unwrapped(env))))
    assert [record.case for record in records if record.infrastructure_error or not record.reward] == []
    assert score(records).solved == 300
    assert backend.pool.counts.restored - before >= 80
    assert backend.pool.counts.replaced == 0


def test_the_same_actions_have_the_same_verdicts(
    env: gymnasium.Env[Any, str], reduced: gymnasium.Env[Any, str]
) -> None:
    assert differences(reduced, env, CASES, wrong=3, same=2) == []


def test_as_a_remote_server_it_leads_to_the_same_verdicts(
    env: gymnasium.Env[Any, str], reduced: gymnasium.Env[Any, str], backend: ContainerBackend, engine: Engine
) -> None:
    env.reset()
    env.step("GET http://localhost:8080/fhir/Patient?_count=1")
    env.reset()
    (server,) = running(engine)
    transport = Transport(server.base_url)
    before = state_of(transport, ["MedicationRequest", "Observation", "Patient", "ServiceRequest"])
    with remote_environment(server.base_url) as remote:
        assert differences(reduced, remote, CASES[::3], wrong=2, same=1) == []
    assert difference(transport, before) is None
    transport.close()


def test_an_agent_sees_its_own_writes_at_once_and_nobody_elses(backend: ContainerBackend) -> None:
    def potassiums(session: Any) -> int:
        return int(json.loads(session.handle(Request("GET", "Observation?code=K&_summary=count")).body)["total"])

    session = backend.open()
    before = potassiums(session)
    pages = json.loads(session.handle(Request("GET", "Observation?code=K")).body)["link"]
    following = next(link["url"] for link in pages if link["relation"] == "next")
    assert following.startswith("http://localhost:8080/fhir?")
    assert session.handle(Request("POST", "Observation", JSON, json.dumps(POTASSIUM))).status == 201
    assert potassiums(session) == before + 1
    page = session.handle(Request("GET", following.removeprefix("http://localhost:8080/fhir")))
    assert len(json.loads(page.body)["entry"]) == 20
    session.reset()
    assert potassiums(session) == before
    session.reset()


def test_what_cannot_be_undone_costs_a_container_and_nothing_else(backend: ContainerBackend) -> None:
    session = backend.open()
    listed = json.loads(session.handle(Request("GET", "Condition?_count=3")).body)["entry"]
    one, two, three = (entry["resource"] for entry in listed)
    addresses = [f"Condition/{each['id']}" for each in (one, two, three)]
    before = [session.handle(Request("GET", address)).body for address in addresses]
    replaced = backend.pool.counts.replaced
    tag = {"name": "meta", "valueMeta": {"tag": [{"system": "http://x.example", "code": "y"}]}}
    label = json.dumps({"resourceType": "Parameters", "parameter": [tag]})
    assert session.handle(Request("POST", f"{addresses[2]}/$meta-add", JSON, label)).status == 200
    assert list(session.writes) == []
    entries = [
        {"resource": {**one, "recordedDate": "2020-01-01"}, "request": {"method": "PUT", "url": addresses[0]}},
        {"request": {"method": "DELETE", "url": addresses[1]}},
    ]
    body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert session.handle(Request("POST", "", JSON, body)).status == 200
    assert [write.interaction for write in session.writes] == ["update", "delete"]
    assert not set(before) & {session.handle(Request("GET", address)).body for address in addresses}
    session.release()
    assert backend.pool.counts.replaced == replaced + 1
    session.reset()
    assert [session.handle(Request("GET", address)).body for address in addresses] == before
    session.reset()


def test_the_proof_finds_what_an_undo_would_leave(backend: ContainerBackend, engine: Engine) -> None:
    """Behind the session's back: each of these is a change that deleting what the episode created leaves."""
    session = backend.open()
    session.handle(Request("GET", "Patient?_count=1"))
    (server,) = running(engine)
    transport = Transport(server.base_url)
    types = ["Observation", "Patient", "Condition"]
    found = json.loads(transport.send(Request("GET", "Condition?_count=5")).body)["entry"]
    one, two, three = (entry["resource"] for entry in found[:3])
    label = {"name": "meta", "valueMeta": {"tag": [{"system": "http://x.example", "code": "y"}]}}
    for words, written, change in (
        ("1 Basic newer than the snapshot", ["Basic"], Request("POST", "Basic", JSON, json.dumps(
            {"resourceType": "Basic", "code": {"text": "x"}}))),
        ("1 Condition newer than the snapshot", [], Request("PUT", f"Condition/{one['id']}", JSON, json.dumps(
            {**one, "recordedDate": "2020-01-01"}))),
        ("299 Condition in place of 300", ["Condition"], Request("DELETE", f"Condition/{two['id']}")),
        ("other labels", [], Request("POST", f"Condition/{three['id']}/$meta-add", JSON, json.dumps(
            {"resourceType": "Parameters", "parameter": [label]}))),
    ):  # fmt: skip
        state = state_of(transport, types)
        assert difference(transport, state) is None
        assert transport.send(change).status in (200, 201)
        assert difference(transport, state, written) == words
    transport.close()
    # The pool finds it, too: the next episode has another server.
    session.handle(Request("POST", "Observation", JSON, json.dumps(POTASSIUM)))
    replaced = backend.pool.counts.replaced
    session.reset()
    assert backend.pool.counts.replaced == replaced + 1


def test_variants_that_change_the_chart_are_played_and_undone(
    env: gymnasium.Env[Any, str], backend: ContainerBackend
) -> None:
    todo = assignments(unwrapped(env), family="latest_glucose", limit=2)
    for variant in ("distractors", "lookup"):
        records = list(play_all(env, Oracle(), todo, variant=variant))
        assert [record.reward for record in records] == [1.0, 1.0]


def test_fresh_containers_from_a_warm_pool_and_threads(snapshot: Image, engine: Engine) -> None:
    env = gymnasium.make(HAPI, cohort="reduced", strategy="snapshot", spares=1, image=snapshot.tags[0])
    backend = unwrapped(env).scenario.backend
    assert isinstance(backend, ContainerBackend)
    there = {each.id for each in running(engine)}

    def first_answer(session: Any) -> float:
        begun = time.perf_counter()
        session.reset()
        assert session.handle(Request("GET", "Observation?code=K&_count=5")).status == 200
        return time.perf_counter() - begun

    def read_and_leave(session: Any) -> None:
        first_answer(session)
        session.release()

    session, other = backend.open(), backend.open()
    first_answer(session)
    pool = backend.pool
    until(lambda: pool._idle)  # the spare one
    session.handle(Request("POST", "Observation", JSON, json.dumps(POTASSIUM)))
    assert first_answer(session) < 10  # not the half minute that a start takes
    # Two threads, one server: an episode that reads gives it back as it is.
    session.reset()
    replaced = backend.pool.counts.replaced
    with ThreadPoolExecutor(2) as executor:
        list(executor.map(read_and_leave, (session, other, session, other)))
    assert backend.pool.counts.replaced == replaced
    env.close()
    backend.close()
    assert {each.id for each in running(engine)} == there


def test_a_vector_of_episodes_has_a_container_each(snapshot: Image, engine: Engine) -> None:
    """Pairs of episodes of one case: one does as the oracle, the other counts orders meanwhile and then gives up."""
    there = {each.id for each in running(engine)}
    made = gymnasium.make_vec(
        HAPI, 2, cohort="reduced", image=snapshot.tags[0], servers=2, spares=0, autoreset_mode="Disabled"
    )
    with closing(made) as env:
        assert isinstance(env, MedicalRecordVectorEnv)
        place = env.scenario
        assert isinstance(place.backend, ContainerBackend)
        count = f"GET {place.backend.base_url}/ServiceRequest?_summary=count"
        counted, written = set(), 0
        for case in map(place.tasks.case, CASES[::4]):
            oracle = Oracle()
            oracle.brief(place, case)
            both, _ = env.reset(options={"case": case})
            terminated = np.zeros(2, bool)
            while not terminated.any():
                action = oracle.act({key: both[key][0] for key in ("text", "fhir", "status")})
                last = action.startswith("FINISH")
                both, rewards, terminated, _, infos = env.step([action, "FINISH([])" if last else count])
                written += both["status"][0] == 201
                if not last:
                    counted.add(json.loads(both["fhir"][1])["total"])
            assert terminated.all() and rewards.tolist() == [1.0, 0.0], case.id
            assert "infrastructure_error" not in infos
        assert written > 2 and len(counted) == 1
        assert len({each.id for each in running(engine)} - there) == 2
        assert place.backend.pool.counts.replaced == 0
    place.backend.close()
    assert {each.id for each in running(engine)} == there


def test_the_commands_tell_what_there_is(snapshot: Image) -> None:
    told = command("hapi", "status")
    assert "Docker engine" in told
    assert snapshot.tags[0] in told.replace("\n", "")


def test_evaluating_on_it(snapshot: Image, tmp_path: Any) -> None:
    (tmp_path / "reduced.toml").write_text(
        'id = "test/Reduced-v0"\n[data]\ncohort = "reduced"\n[episode]\nbackend = "container"\n'
        f'[container]\nimage = "{snapshot.tags[0]}"\n'
    )
    told = command("eval", "--env", str(tmp_path / "reduced.toml"), "--limit", "3", "--out", str(tmp_path / "run"))
    assert "100.0" in told
