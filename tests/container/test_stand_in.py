"""Containers and their pool, with a stand-in server that starts at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mab_gym.backends.container._backend import ContainerBackend
from mab_gym.backends.container._engine import OWNER, Engine, Running
from mab_gym.backends.container._process_lock import is_alive, owners_folder, this_process
from mab_gym.backends.container._settings import ContainerSettings
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.fhir.http._server import Request
from tests.conftest import hear_ctrl_c
from tests.container.conftest import STUB, STUB_ARCHIVE
from tests.processes import PATIENCE, first_line, started, until

READ = Request("GET", "Patient")
HOLDER = f"""
import sys, time
from mab_gym.backends.container._backend import ContainerBackend
from mab_gym.backends.container._settings import ContainerSettings
from mab_gym.fhir.http._server import Request

backend = ContainerBackend({STUB_ARCHIVE!r}, ContainerSettings(image={STUB!r}, servers=2, spares=1))
sessions = [backend.open(), backend.open()]
for session in sessions:
    assert session.handle(Request("GET", "Patient")).status == 200
from mab_gym.backends.container._process_lock import this_process
print(this_process().name, this_process()._reaper.pid, flush=True)
"""


def mine(engine: Engine) -> list[Running]:
    return engine.containers(owner=this_process().name)


def test_a_pool_starts_on_demand_and_leaves_nothing(stub_backend: ContainerBackend, engine: Engine) -> None:
    session = stub_backend.open()
    assert mine(engine) == []
    assert session.handle(READ).status == 200
    (running,) = mine(engine)
    assert running.base_url.startswith("http://127.0.0.1:")
    assert running.labels["mab_gym.role"] == "pool"
    session.release()
    assert stub_backend.pool.counts.kept == 1
    stub_backend.close()
    assert mine(engine) == []


def test_only_this_machine_reaches_it(stub_backend: ContainerBackend, engine: Engine, docker_client: Any) -> None:
    stub_backend.open().handle(READ)
    (running,) = mine(engine)
    (binding,) = docker_client.containers.get(running.id).attrs["NetworkSettings"]["Ports"]["8080/tcp"]
    assert binding["HostIp"] == "127.0.0.1"


def test_without_a_snapshot_the_way_to_one_is_said(engine: Engine) -> None:
    with pytest.raises(UsageError, match="mab-gym hapi load"):
        ContainerBackend("0" * 64)
    with pytest.raises(UsageError, match="named nobody/nothing"):
        ContainerBackend(STUB_ARCHIVE, ContainerSettings(image="nobody/nothing"))


def test_an_image_that_is_gone_is_said(stub_image: str, engine: Engine) -> None:
    with pytest.raises(InfrastructureError, match="nobody/nothing"):
        engine.start("nobody/nothing:none", "pool")


def test_a_port_that_is_taken_is_said_and_nothing_is_left(stub_image: str, engine: Engine) -> None:
    owner = this_process().name
    first = engine.start(stub_image, "pool", owner)
    with pytest.raises(InfrastructureError, match="port"):
        engine.start(stub_image, "pool", owner, port=first.port)
    assert [each.id for each in mine(engine)] == [first.id]
    engine.remove(first.id)
    engine.remove(first.id)  # is no fault


def test_a_server_that_ends_while_it_starts_is_told_at_once(
    engine: Engine, docker_client: Any, stub_image: str
) -> None:
    running = engine.start(stub_image, "pool", this_process().name)
    docker_client.containers.get(running.id).kill()
    with pytest.raises(InfrastructureError, match="ended at its start"):
        engine.wait_until_ready(running, lambda _: False, 60.0)
    engine.remove(running.id)


def test_a_slow_start_has_an_end(engine: Engine, stub_image: str) -> None:
    running = engine.start(stub_image, "pool", this_process().name)
    with pytest.raises(InfrastructureError, match="within 1 s"):
        engine.wait_until_ready(running, lambda _: False, 1.0)
    engine.remove(running.id)


@pytest.mark.parametrize("spoil", ["kill", "remove", "stop"])
def test_a_container_that_dies_in_mid_episode_spoils_that_episode_alone(
    stub_backend: ContainerBackend, engine: Engine, docker_client: Any, spoil: str
) -> None:
    session = stub_backend.open()
    session.handle(READ)
    container = docker_client.containers.get(mine(engine)[0].id)
    {"kill": container.kill, "remove": lambda: container.remove(force=True), "stop": lambda: container.stop(timeout=1)}[
        spoil
    ]()
    with pytest.raises(InfrastructureError):
        session.handle(READ)
    session.reset()
    assert session.handle(READ).status == 200
    assert [each.id for each in mine(engine)] != [container.id]


@pytest.mark.parametrize("request_", [READ, Request("POST", "Observation", {}, "{}")])
def test_a_server_that_died_between_episodes_is_replaced_unseen(
    stub_backend: ContainerBackend, engine: Engine, docker_client: Any, request_: Request
) -> None:
    session = stub_backend.open()
    session.handle(READ)
    session.reset()
    docker_client.containers.get(mine(engine)[0].id).kill()
    assert session.handle(request_).status == 200


def test_an_episode_whose_time_is_over_is_told_and_judged_by_nothing_of_another(stub_image: str) -> None:
    backend = ContainerBackend(STUB_ARCHIVE, ContainerSettings(image=stub_image), lease=0.1)
    slow, other = backend.open(), backend.open()
    slow.handle(READ)
    assert other.handle(READ).status == 200
    with pytest.raises(InfrastructureError, match="given to another"):
        slow.release()
    assert list(slow.writes) == []
    other.reset()
    backend.close()


@pytest.mark.parametrize("ending", ["", "raise ValueError", "sys.exit(3)", "SIGTERM", "SIGKILL", "SIGINT"])
def test_whatever_ends_a_process_nothing_is_left(stub_image: str, engine: Engine, ending: str) -> None:
    by_signal = ending.startswith("SIG")
    script = HOLDER + ("time.sleep(600)" if by_signal else ending)
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with started([sys.executable, "-c", script], preexec_fn=hear_ctrl_c, **quiet) as process:
        owner, _ = first_line(process).split()
        if by_signal:
            assert len(engine.containers(owner=owner)) >= 2
            process.send_signal(getattr(signal, ending))
        process.wait(PATIENCE)
        until(lambda: engine.containers(owner=owner) == [])
        until(lambda: not (owners_folder() / f"{owner}.lock").exists())


def test_what_nobody_cleaned_up_is_swept_at_the_next_start(stub_image: str, engine: Engine) -> None:
    """The reaper is killed as well, before its owner."""
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with started([sys.executable, "-c", HOLDER + "time.sleep(600)"], **quiet) as process:
        owner, reaper = first_line(process).split()
        assert is_alive(owner)
        ours = engine.start(stub_image, "pool", this_process().name)
        assert engine.sweep() == 0  # two processes share the engine, and both live
        os.kill(int(reaper), 9)
        process.kill()
        process.wait(PATIENCE)
    assert len(engine.containers(owner=owner)) >= 2
    assert not is_alive(owner)
    assert engine.sweep() >= 2
    assert engine.containers(owner=owner) == []
    assert [each.id for each in mine(engine)] == [ours.id]
    engine.remove(ours.id)


def test_a_container_without_an_owner_is_nobodys_to_sweep(stub_image: str, engine: Engine) -> None:
    running = engine.start(stub_image, "test")
    assert running.labels[OWNER] == ""
    engine.sweep()
    assert engine.container(running.id).status == "running"
    engine.remove(running.id)


def test_labels_of_a_committed_container_are_not_inherited(stub_image: str, engine: Engine) -> None:
    running = engine.start(stub_image, "main", "somebody", labels={"mab_gym.archive": "x"})
    image = engine.commit(running.id, "mab-gym-test/committed", "t", {"mab_gym.role": 'a "quoted" $role'})
    assert image.labels["mab_gym.owner"] == ""
    assert image.labels["mab_gym.role"] == 'a "quoted" $role'
    again = engine.start(image.id, "pool", this_process().name)
    assert again.labels["mab_gym.archive"] == ""
    engine.remove(again.id)
    engine.remove(running.id)
    engine.remove_image(image.id)


def test_no_engine_is_said_in_a_line(tmp_path: Path) -> None:
    nowhere = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/nothing.sock"}
    command = [sys.executable, "-m", "mab_gym.cli", "hapi", "status"]
    done = subprocess.run(command, capture_output=True, text=True, env=nowhere, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("mab-gym: could not reach a Docker engine (is one running")
    assert len(done.stderr.splitlines()) == 1
