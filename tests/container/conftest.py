"""What the tests with a Docker engine share: the engine, and an image of a stand-in server that starts at once."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mab_gym.backends.container.backend import ContainerBackend
from mab_gym.backends.container.engine import ARCHIVE, COUNTS, OURS, ROLE, Engine
from mab_gym.errors import InfrastructureError

STUB = "mab-gym-test/stub:latest"
STUB_ARCHIVE = "5" * 64
"""What stands for an archive's digest."""
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
def stub_image(docker_client: Any) -> str:
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
    labels = {OURS: "1", ROLE: "snapshot", ARCHIVE: STUB_ARCHIVE, COUNTS: json.dumps({"Patient": 1})}
    changes = [f"LABEL {name}={json.dumps(value)}" for name, value in labels.items()]
    changes.append('CMD ["/bin/busybox","nc","-ll","-p","8080","-e","/answer"]')
    repository, _, tag = STUB.partition(":")
    docker_client.api.import_image_from_data(packed.getvalue(), repository=repository, tag=tag, changes=changes)
    return STUB


def _folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, 0o1777
    return info


@pytest.fixture
def stub_backend(stub_image: str, engine: Engine) -> Iterator[ContainerBackend]:
    """A pool of one stand-in server; nothing may be left of it."""
    backend = ContainerBackend(STUB_ARCHIVE, image=stub_image)
    yield backend
    backend.close()
