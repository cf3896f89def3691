"""The engine that tests with Docker share, and an image of a stand-in server that starts at once."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mab_gym.backends._state import State
from mab_gym.backends.container._backend import ContainerBackend
from mab_gym.backends.container._engine import ARCHIVE, OURS, ROLE, STATE, Engine, Image
from mab_gym.backends.container._hospital import IMAGE_VARIABLE, SNAPSHOTS, chosen_image, main_container
from mab_gym.backends.container._settings import ContainerSettings
from mab_gym.cohort._locate import named_archive
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.store._archive import open_archive
from mab_gym.runs._driver import unwrapped

STUB = "mab-gym-test/stub:latest"
STUB_ARCHIVE = "5" * 64
"""A text in the place of an archive's digest."""
_ANSWER = Path(__file__).parent / "stub" / "answer"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A Docker engine, where there is one."""
    try:
        made = Engine()
    except InfrastructureError as error:
        pytest.skip(f"no Docker engine: {error}")
    yield made
    made.close()


@pytest.fixture(scope="session")
def docker_client(engine: Engine) -> Iterator[Any]:
    """The engine as the SDK has it, to break things with."""
    import docker

    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def stub_image(docker_client: Any, engine: Engine) -> Iterator[str]:
    """An image of a server that starts within a second: a shell script behind busybox."""
    busybox = os.environ.get("MAB_GYM_BUSYBOX") or shutil.which("busybox")
    if busybox is None:
        pytest.skip("no busybox to make a stand-in server of (Debian: busybox-static)")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        tar.add(_ANSWER, "answer")
        link = tarfile.TarInfo("bin/sh")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        tar.addfile(link)
        tar.addfile(_folder("tmp"))
    labels = {OURS: "1", ROLE: "snapshot", ARCHIVE: STUB_ARCHIVE, STATE: State({"Patient": 1}, "", ()).to_text()}
    changes = [f"LABEL {name}={json.dumps(value)}" for name, value in labels.items()]
    changes.append('CMD ["/bin/busybox","nc","-ll","-p","8080","-e","/answer"]')
    repository, _, tag = STUB.partition(":")
    docker_client.api.import_image_from_data(packed.getvalue(), repository=repository, tag=tag, changes=changes)
    yield STUB
    for image in engine.images(archive=STUB_ARCHIVE):
        engine.remove_image(image.id)


def _folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, 0o1777
    return info


@pytest.fixture
def stub_backend(stub_image: str, engine: Engine) -> Iterator[ContainerBackend]:
    """A pool of one stand-in server; nothing may be left of it."""
    backend = ContainerBackend(STUB_ARCHIVE, ContainerSettings(image=stub_image))
    yield backend
    backend.close()


# --- the real thing --------------------------------------------------------------------------------------------------


def command(*words: str, code: int = 0) -> str:
    """Returns everything that a command line prints, on standard error too."""
    done = subprocess.run([sys.executable, "-m", "mab_gym.cli", *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def hapi_image(engine: Engine) -> str:
    """An image of HAPI FHIR that is here already: nothing is fetched for a test."""
    name = chosen_image(None)
    if not engine.has_image(name):
        pytest.skip(f"no image {name} here; pull it, or name another in {IMAGE_VARIABLE}")
    return name


def snapshot_of(engine: Engine, cohort: str) -> Image | None:
    """Returns the image of a HAPI FHIR that holds a cohort; None if there is none."""
    found = engine.images(archive=open_archive(named_archive(cohort)).digest, role="snapshot")
    return next((image for image in found if any(tag.startswith(SNAPSHOTS) for tag in image.tags)), None)


@contextmanager
def in_containers(env_id: str, image: Image, **overrides: Any) -> Iterator[gymnasium.Env[Any, str]]:
    """Gives an environment on a snapshot; its containers are gone afterwards."""
    made = gymnasium.make(env_id, backend="container", image=image.tags[0], **overrides)
    yield made
    made.close()
    unwrapped(made).scenario.backend.close()


@pytest.fixture(scope="session")
def snapshot(engine: Engine, hapi_image: str) -> Image:
    """The snapshot of the reduced hospital; made by the commands that a user has for it, where it is not there yet."""
    if (there := snapshot_of(engine, "reduced")) is not None:
        return there
    if main_container(engine) is not None:
        pytest.skip("there is a container of mab-gym hapi already, which these tests leave alone: mab-gym hapi down")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        assert f"127.0.0.1:{port}/fhir" in command("hapi", "up", "--port", str(port))
        assert "14,183 resources are loaded" in command("hapi", "load", "reduced")
        assert "holds reduced" in command("hapi", "snapshot", "reduced")
    finally:
        for running in engine.containers(role="main"):
            engine.remove(running.id)
    made = snapshot_of(engine, "reduced")
    assert made is not None
    return made
