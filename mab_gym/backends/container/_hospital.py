"""The one HAPI container that is loaded and kept as a snapshot image; pools start their containers from that image."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from mab_gym.backends._state import state_of
from mab_gym.backends.container._engine import ARCHIVE, ROLE, STATE, Engine, Image, Running, Waiting
from mab_gym.backends.container._loading import check_counts
from mab_gym.backends.container._server import Answering
from mab_gym.client._transport import Transport
from mab_gym.errors import InfrastructureError, UsageError
from mab_gym.fhir.store._base import BaseTable

IMAGE_VARIABLE: Final = "MAB_GYM_HAPI_IMAGE"
"""The environment variable that names another image than `IMAGE`, such as one that was built here."""
IMAGE: Final = "hapiproject/hapi:v7.6.0"
NAME: Final = "mab-gym-hapi"
MAIN: Final = "main"
SNAPSHOTS: Final = "mab-gym/hapi"
PORT: Final = 8080
_PATIENCE: Final = 600.0
_LOADING: Final[Mapping[str, str]] = {
    # An archive may refer to what it does not hold; episodes run with HAPI's own strictness again.
    "HAPI_FHIR_ENFORCE_REFERENTIAL_INTEGRITY_ON_WRITE": "false",
}


def chosen_image(image: str | None) -> str:
    """Returns the image that the caller or the environment variable names; `IMAGE` where neither does."""
    return image or os.environ.get(IMAGE_VARIABLE) or IMAGE


def main_container(engine: Engine) -> Running | None:
    """Returns the container that is loaded, running or not; None where there is none."""
    return next(iter(engine.containers(role=MAIN)), None)


def up(
    engine: Engine,
    image: str | None = None,
    port: int = PORT,
    pulling: Callable[[Mapping[str, Any]], None] = lambda message: None,
    waiting: Waiting | None = None,
) -> Running:
    """Starts the container, or the one that was stopped, and waits until its server answers.

    Args:
        engine: The Docker engine.
        image: The image, as for `chosen_image`. Without effect where there is a container already.
        port: The port of this machine's loopback interface.
        pulling: Called with each message of the engine while it fetches the image.
        waiting: Called with the seconds that the server has been starting for.

    Raises:
        InfrastructureError: The server did not start; the text says why.
    """
    running = main_container(engine)
    if running is None:
        name = chosen_image(image)
        if not engine.has_image(name):
            for message in engine.pull(name):
                if "error" in message:
                    raise InfrastructureError(f"could not pull the image {name}: {message['error']}")
                pulling(message)
        try:
            running = engine.start(name, MAIN, port=port, name=NAME, environment=_LOADING)
        except InfrastructureError as error:
            if "port" in str(error) or "address already in use" in str(error):
                raise InfrastructureError(f"{error}; take another port, as in --port {port + 1}") from None
            raise
    elif running.status != "running":
        running = engine.restart(running.id)
    return engine.wait_until_ready(running, Answering(), _PATIENCE, waiting)


def running_main(engine: Engine) -> Running:
    """Returns the container that is loaded.

    Raises:
        UsageError: There is none, or it does not run.
    """
    running = main_container(engine)
    if running is None or running.status != "running":
        raise UsageError("no HAPI container is running; start one: mab-gym hapi up")
    return running


def snapshot(engine: Engine, tables: Mapping[str, BaseTable], digest: str, name: str) -> Image:
    """Makes an image of the container, which must hold the archive. The container is stopped for it.

    Args:
        engine: The Docker engine.
        tables: The archive's tables.
        digest: The archive's digest.
        name: The name of the archive.

    Raises:
        UsageError: No container runs, or its database lies where an image does not hold it.
        InfrastructureError: The container holds something else.
    """
    running = running_main(engine)
    mounted = engine.mounts(running.id)
    if mounted:
        raise UsageError(
            f"container {running.name} keeps data in {', '.join(mounted)}, which no image holds; use no volumes"
        )
    transport = Transport(running.base_url)
    try:
        wanted = check_counts(transport, tables)
        state = state_of(transport, wanted)
    finally:
        transport.close()
    engine.stop(running.id)
    tag = f"{re.sub(r'[^a-z0-9_.-]', '-', name.lower()).strip('.-') or 'archive'}-{digest[:12]}"
    labels = {ROLE: "snapshot", ARCHIVE: digest, STATE: state.to_text()}
    return engine.commit(running.id, SNAPSHOTS, tag, labels)


def down(engine: Engine, snapshots: bool = False) -> tuple[int, int]:
    """Removes the container and the containers that ended processes have left.

    Args:
        engine: The Docker engine.
        snapshots: True to remove the snapshot images, too.

    Returns:
        The number of containers and of images that were removed.
    """
    removed = engine.sweep()
    for running in engine.containers(role=MAIN):
        engine.remove(running.id)
        removed += 1
    images = engine.images(role="snapshot") if snapshots else []
    for image in images:
        with suppress(InfrastructureError):
            engine.remove_image(image.id)
    return removed, len(images)
