"""Faults injected into episodes: each is told from a failure of the agent, played again, and leaves nothing behind."""

from __future__ import annotations

import gc
import os
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mab_gym.backends.container import _backend as containers
from mab_gym.backends.container._backend import ContainerBackend
from mab_gym.backends.container._engine import ARCHIVE, Engine
from mab_gym.backends.container._process_lock import this_process
from mab_gym.backends.container._settings import ContainerSettings
from mab_gym.cohort._locate import named_archive
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.http._server import Request
from mab_gym.fhir.store._archive import open_archive
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._records import RunFolder, read_records
from mab_gym.runs._rollout import assignments, play_until_judged
from tests.conftest import CANONICAL, make
from tests.container.conftest import STUB_ARCHIVE
from tests.container.test_stand_in import mine
from tests.processes import until

ENGINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
FAULTS = 200
pytestmark = pytest.mark.timeout(900)  # minutes on a machine that has other work
KINDS = ("kill", "remove", "stop", "hang", "500", "cut")


class Clumsy:
    """Reads twice and gives up; between its steps something may break that it knows nothing of."""

    name = "clumsy"

    def __init__(self) -> None:
        self.turn = 0
        self.before: Mapping[int, Any] = {}

    def reset(self, observation: Mapping[str, Any], info: Mapping[str, Any], seed: int) -> None:
        self.turn = 0

    def act(self, observation: Mapping[str, Any]) -> str:
        self.turn += 1
        broken, self.before = self.before.get(self.turn), {k: v for k, v in self.before.items() if k != self.turn}
        if broken is not None:
            broken()
        return "FINISH([])" if self.turn == 3 else "GET http://localhost:8080/fhir/Patient?_count=1"


@pytest.fixture
def env(
    stub_image: str, engine: Engine, docker_client: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[gymnasium.Env[Any, str]]:
    """The canonical tasks on stand-in servers, which hang for half a second at most."""
    monkeypatch.setattr(containers, "TIMEOUT", 0.5)
    digest = open_archive(named_archive("reduced")).digest
    container = docker_client.containers.create(stub_image)
    labelled = container.commit("mab-gym-test/stub", "reduced", changes=[f"LABEL {ARCHIVE}={digest}"])
    container.remove()
    made = gymnasium.make(CANONICAL, cohort="reduced", backend="container", image="mab-gym-test/stub:reduced", spares=1)
    yield made
    made.close()
    backend = unwrapped(made).scenario.backend
    backend.close()
    docker_client.images.remove(labelled.id, force=True)


def break_something(kind: str, docker_client: Any) -> None:
    """Does to the server at work what operators dread."""
    owner = this_process().name
    for container in docker_client.containers.list(
        filters={"label": f"mab_gym.owner={owner}", "status": "running"}, ignore_removed=True
    ):
        with suppress(Exception):  # the spare may be gone by itself
            match kind:
                case "kill":
                    container.kill()
                case "remove":
                    container.remove(force=True)
                case "stop":
                    container.stop(timeout=0)
                case "hang":
                    container.pause()
                case "500":
                    container.exec_run(["/bin/busybox", "touch", "/broken"])
                case "cut":
                    container.exec_run(["/bin/busybox", "rm", "/answer"])


def test_faults_spoil_no_result_and_leave_no_container(
    env: gymnasium.Env[Any, str], engine: Engine, docker_client: Any, tmp_path: Path
) -> None:
    chance = random.Random(7)
    agent = Clumsy()
    todo = assignments(unwrapped(env), limit=FAULTS)
    injected: Counter[str] = Counter()
    with RunFolder(tmp_path / "run", {}) as folder:
        for assignment in todo:
            kind = chance.choice(KINDS)
            injected[kind] += 1
            agent.before = {chance.choice((1, 2)): lambda kind=kind: break_something(kind, docker_client)}
            folder.add(play_until_judged(env, agent, assignment, pause=0.0))
    records = list(read_records(tmp_path / "run"))
    assert sum(injected.values()) == FAULTS
    assert len(injected) == len(KINDS)
    assert [record["case"] for record in records] == [assignment.case for assignment in todo]
    # None of it is laid at the agent's door: it gave up every time, and that alone is what the records say.
    assert {record["infrastructure_error"] for record in records} == {None}
    assert {record["verdict"]["failure"] for record in records} == {"gave_up"}
    assert sum(record["retries"] for record in records) >= FAULTS / 3
    unwrapped(env).scenario.backend.close()
    assert engine.containers(owner=this_process().name) == []


def test_an_episode_that_is_spoiled_says_so(env: gymnasium.Env[Any, str], docker_client: Any) -> None:
    env.reset(options={"case": "latest_glucose/01"})
    env.step("GET http://localhost:8080/fhir/Patient?_count=1")
    break_something("kill", docker_client)
    _, reward, terminated, truncated, info = env.step("GET http://localhost:8080/fhir/Patient?_count=1")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert "did not answer" in info["infrastructure_error"]
    assert info["verdict"]["success"] is False
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step("FINISH([])")
    assert "infrastructure_error" not in env.reset(seed=1)[1]


def test_environments_of_a_process_share_servers(env: gymnasium.Env[Any, str], engine: Engine) -> None:
    settings: dict[str, Any] = {
        "cohort": "reduced",
        "backend": "container",
        "image": "mab-gym-test/stub:reduced",
        "servers": 2,
    }
    vector = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make(CANONICAL, **settings)] * 2)
    backends = {id(unwrapped(each).scenario.backend) for each in vector.envs}
    assert len(backends) == 1
    vector.reset(seed=1)
    for _ in range(2):
        _, _, terminated, truncated, _ = vector.step(["GET http://localhost:8080/fhir/Patient?_count=1"] * 2)
        assert not terminated.any()
        assert not truncated.any()
    assert len(mine(engine)) == 2
    vector.close()
    backend = unwrapped(vector.envs[0]).scenario.backend
    assert isinstance(backend, ContainerBackend)
    assert backend.pool.counts.kept == 2
    backend.close()
    assert mine(engine) == []
    # One that was closed does not stand in the way of the next environment.
    again = gymnasium.make(CANONICAL, **settings)
    again.reset(seed=1)
    assert again.step("GET http://localhost:8080/fhir/Patient?_count=1")[0]["status"] == 200
    again.close()
    unwrapped(again).scenario.backend.close()


def test_environments_in_processes_leave_nothing(env: gymnasium.Env[Any, str], engine: Engine) -> None:
    settings: dict[str, Any] = {"cohort": "reduced", "backend": "container", "image": "mab-gym-test/stub:reduced"}
    before = {each.id for each in engine.containers()}
    vector = gymnasium.vector.AsyncVectorEnv(
        [partial(make, CANONICAL, **settings)] * 2, shared_memory=False, context="spawn"
    )
    vector.reset(seed=1)
    observations, *_ = vector.step(["GET http://localhost:8080/fhir/Patient?_count=1"] * 2)
    assert list(observations["status"]) == [200, 200]
    assert len({each.id for each in engine.containers()} - before) == 2
    vector.close()
    until(lambda: {each.id for each in engine.containers()} <= before)


class Switch:
    """A socket before the engine's that can be shut, as when the engine is stopped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open_: socket.socket | None = None
        self.carried: list[socket.socket] = []

    def on(self) -> None:
        self.path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self.path))
        listening.listen(64)
        self.open_ = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def off(self) -> None:
        if self.open_ is not None:
            with suppress(OSError):
                self.open_.shutdown(socket.SHUT_RDWR)
            self.open_.close()
        for end in self.carried:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.carried.clear()
        self.path.unlink(missing_ok=True)

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(ENGINE)
                self.carried += (near, far)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


def test_an_engine_that_is_stopped_and_started_again(
    stub_image: str, engine: Engine, docker_client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not Path(ENGINE).is_socket():
        pytest.skip("the engine is not behind a socket of this machine")
    switch = Switch(tmp_path / "engine.sock")
    switch.on()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{switch.path}")
    backend = ContainerBackend(STUB_ARCHIVE, ContainerSettings(image=stub_image))
    session = backend.open()
    try:
        assert session.handle(Request("GET", "Patient")).status == 200
        switch.off()
        break_something("kill", docker_client)
        with pytest.raises(InfrastructureError):
            session.handle(Request("GET", "Patient"))
        session.reset()
        with pytest.raises(InfrastructureError, match="could not"):
            session.handle(Request("GET", "Patient"))
        switch.on()
        session.reset()
        assert session.handle(Request("GET", "Patient")).status == 200
    finally:
        session.reset()
        backend.close()
        switch.off()
        gc.collect()
    assert engine.containers(owner=this_process().name) == []
