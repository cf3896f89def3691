"""The Docker engine: the few operations that this package needs; each failure is an `InfrastructureError`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from mab_gym.backends.container._process_lock import is_alive
from mab_gym.errors import InfrastructureError, NotInstalledError, how_to_install

PORT: Final = "8080/tcp"
"""The port at which HAPI listens in a container."""
SETTINGS: Final[Mapping[str, str]] = {
    # A search sees what was written a moment before, and finds no page of another episode.
    "HAPI_FHIR_REUSE_CACHED_SEARCH_RESULTS_MILLIS": "-1",
    # What an episode has created can be removed without a trace.
    "HAPI_FHIR_EXPUNGE_ENABLED": "true",
    # Resources keep the ids of their archive, numbers too; the server's own are UUIDs, which tell no order.
    "HAPI_FHIR_CLIENT_ID_STRATEGY": "ANY",
    # Given in any case: an image keeps the settings of the container that it was made from.
    "HAPI_FHIR_ENFORCE_REFERENTIAL_INTEGRITY_ON_WRITE": "true",
    # In the container's own layer, which a snapshot holds, and where any user may write.
    "SPRING_DATASOURCE_URL": "jdbc:h2:file:/tmp/mab_gym/h2;DB_CLOSE_ON_EXIT=FALSE",
}
"""The settings that HAPI is started with, whatever the image says."""

OURS: Final = "mab_gym"
ROLE: Final = "mab_gym.role"
OWNER: Final = "mab_gym.owner"
ARCHIVE: Final = "mab_gym.archive"
STATE: Final = "mab_gym.state"
POOL: Final = "mab_gym.pool"
LABELS: Final = (ROLE, OWNER, ARCHIVE, STATE, POOL)

Waiting = Callable[[float], None]
"""Called with the seconds that a server has been starting for."""


@dataclass(frozen=True, slots=True)
class Running:
    """A container.

    Attributes:
        id: Its id.
        name: Its name.
        port: The port of its server on this machine's loopback interface; 0 while it has none.
        status: As the engine says, as in ``running`` or ``exited``.
        labels: Its labels.
        image: The id of its image.
    """

    id: str
    name: str
    port: int
    status: str
    labels: Mapping[str, str]
    image: str

    @property
    def base_url(self) -> str:
        """The FHIR base of its server."""
        return f"http://127.0.0.1:{self.port}/fhir"


@dataclass(frozen=True, slots=True)
class Image:
    """An image.

    Attributes:
        id: Its id.
        tags: Its names.
        labels: Its labels.
        created: The moment at which it was made, as the engine writes it.
        size: In bytes, with what it shares with others.
    """

    id: str
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    created: str
    size: int


class Engine:
    """A Docker engine; safe for threads.

    Raises:
        NotInstalledError: The Docker SDK is missing.
        InfrastructureError: No engine answers.
    """

    def __init__(self) -> None:
        try:
            import docker  # noqa: PLC0415  (optional)
            import docker.errors  # noqa: PLC0415
            from requests.exceptions import RequestException  # noqa: PLC0415  (the SDK brings it)
        except ImportError as error:
            raise NotInstalledError(f"containers need the Docker SDK: {how_to_install('docker')}") from error
        self._docker: Any = docker
        self._faults = (docker.errors.DockerException, RequestException, OSError)
        with self._saying("reach a Docker engine (is one running, and may this user use it?)"):
            self.version, api_version = _versions(docker)
            self._client: Any = _client(docker, api_version)

    def close(self) -> None:
        """Closes the connections to the engine."""
        self._client.close()

    # --- containers ----------------------------------------------------------------------------------------------

    def start(
        self, image: str, role: str, owner: str = "", port: int | None = None, name: str | None = None,
        labels: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None,
    ) -> Running:  # fmt: skip
        """Starts a container whose server is reached from this machine alone.

        Args:
            image: Its image.
            role: Its purpose, as in ``pool``.
            owner: The name of the process that it belongs to; empty for none.
            port: The port on this machine; a free one where None.
            name: Its name; the engine makes one up where None.
            labels: Further labels.
            environment: Settings beside `SETTINGS`.

        Raises:
            InfrastructureError: It could not be started; nothing is left of it.
        """
        # The container that the image was made from may have had labels of its own.
        marked = {**dict.fromkeys(LABELS, ""), OURS: "1", ROLE: role, OWNER: owner, **(labels or {})}
        made: Any = None
        try:
            with self._saying(f"start a container of {image}"):
                made = self._client.containers.create(
                    image,
                    name=name,
                    labels=marked,
                    environment={**SETTINGS, **(environment or {})},
                    ports={PORT: ("127.0.0.1", port)},
                    security_opt=["no-new-privileges"],
                    healthcheck={"test": ["NONE"]},  # an image may remember one
                    detach=True,
                )
                made.start()
            return self.container(made.id)
        except BaseException:
            if made is not None:
                with suppress(InfrastructureError):
                    self.remove(made.id)
            raise

    def container(self, container_id: str) -> Running:
        """Returns a container by its id or name.

        Raises:
            InfrastructureError: There is none.
        """
        with self._saying(f"look at container {container_id[:12]}"):
            return _running(self._client.containers.get(container_id))

    def containers(self, **labels: str) -> list[Running]:
        """Returns this package's containers with these labels (as in ``role="pool"``), running or not."""
        wanted = [f"{OURS}=1", *(f"mab_gym.{name}={value}" for name, value in labels.items())]
        with self._saying("list containers"):
            found = self._client.containers.list(all=True, filters={"label": wanted}, ignore_removed=True)
            return [_running(each) for each in found]

    def wait_until_ready(
        self, running: Running, answers: Callable[[Running], bool], patience: float, waiting: Waiting | None = None
    ) -> Running:
        """Waits until a container's server answers.

        Args:
            running: The container.
            answers: Tells if its server answers.
            patience: Seconds to wait at most.
            waiting: Called with the seconds that have passed.

        Raises:
            InfrastructureError: The container has ended, or the time is over.
        """
        begun = time.monotonic()
        looked = begun
        while True:
            if running.port and answers(running):
                return running
            now = time.monotonic()
            if now - looked > 1:
                looked = now
                running = self.container(running.id)
                if running.status in ("exited", "dead"):
                    raise InfrastructureError(
                        f"the server in container {running.name} ended at its start: {self.last_words(running)}"
                    )
            if now - begun > patience:
                raise InfrastructureError(
                    f"the server in container {running.name} did not answer within {patience:.0f} s"
                )
            if waiting is not None:
                waiting(now - begun)
            time.sleep(0.1)

    def last_words(self, running: Running) -> str:
        """Returns the last line that a container has printed."""
        with suppress(*self._faults):
            printed = self._client.containers.get(running.id).logs(tail=5).decode("utf-8", "replace").strip()
            if printed:
                return str(printed.splitlines()[-1])
        return "it printed nothing"

    def stop(self, container_id: str, patience: int = 60) -> None:
        """Stops a container and waits for its server to close what it has open."""
        with self._saying(f"stop container {container_id[:12]}"):
            self._client.containers.get(container_id).stop(timeout=patience)

    def restart(self, container_id: str) -> Running:
        """Starts a stopped container again."""
        with self._saying(f"start container {container_id[:12]}"):
            self._client.containers.get(container_id).start()
        return self.container(container_id)

    def remove(self, container_id: str) -> None:
        """Removes a container, running or not; one that is gone already is no fault.

        Raises:
            InfrastructureError: It is still there.
        """
        with self._saying(f"remove container {container_id[:12]}"):
            try:
                self._client.containers.get(container_id).remove(force=True, v=True)
            except self._docker.errors.NotFound:
                return
            except self._docker.errors.APIError as error:
                if "already in progress" not in str(error):
                    raise

    def sweep(self) -> int:
        """Removes the containers of processes that have ended, and returns their number."""
        count = 0
        for running in self.containers():
            owner = running.labels.get(OWNER, "")
            if owner and not is_alive(owner):
                self.remove(running.id)
                count += 1
        return count

    def mounts(self, container_id: str) -> list[str]:
        """Returns the paths in a container at which volumes or folders of the machine can be written to."""
        with self._saying(f"look at container {container_id[:12]}"):
            mounted = self._client.containers.get(container_id).attrs.get("Mounts", ())
            return [str(each.get("Destination")) for each in mounted if each.get("RW", True)]

    # --- images --------------------------------------------------------------------------------------------------

    def commit(self, container_id: str, name: str, tag: str, labels: Mapping[str, str]) -> Image:
        """Makes an image of a container as it is now."""
        marked = {**dict.fromkeys(LABELS, ""), OURS: "1", **labels}
        changes = [f"LABEL {key}={_quoted(value)}" for key, value in marked.items()]
        with self._saying(f"commit container {container_id[:12]}"):
            made = self._client.containers.get(container_id).commit(repository=name, tag=tag, changes=changes)
            return _image(self._client.images.get(made.id))

    def images(self, **labels: str) -> list[Image]:
        """Returns this package's images with these labels, the newest first."""
        wanted = [f"{OURS}=1", *(f"mab_gym.{name}={value}" for name, value in labels.items())]
        with self._saying("list images"):
            found = [_image(each) for each in self._client.images.list(filters={"label": wanted})]
        return sorted(found, key=lambda image: image.created, reverse=True)

    def has_image(self, name: str) -> bool:
        """Returns True if an image is on this machine."""
        with self._saying(f"look for the image {name}"):
            try:
                self._client.images.get(name)
            except self._docker.errors.ImageNotFound:
                return False
        return True

    def pull(self, name: str) -> Iterator[Mapping[str, Any]]:
        """Fetches an image from its registry; yields the engine's own messages on the way."""
        with self._saying(f"pull the image {name}"):
            yield from self._client.api.pull(name, stream=True, decode=True)

    def remove_image(self, image_id: str) -> None:
        """Removes an image."""
        with self._saying(f"remove the image {image_id}"), suppress(self._docker.errors.ImageNotFound):
            self._client.images.remove(image_id, force=True)

    @contextmanager
    def _saying(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._faults as error:
            told = getattr(error, "explanation", None) or str(error) or type(error).__name__
            raise InfrastructureError(f"could not {what}: {told}") from error


def _client(docker: Any, version: str) -> Any:
    """Returns a client of the SDK. It is given a version: a client that asks for one, and fails, stays open."""
    from mab_gym.backends.container._unix_socket import close_what_cannot_connect  # noqa: PLC0415  (optional)

    made = docker.from_env(timeout=120, version=version)
    close_what_cannot_connect(made)
    return made


def _versions(docker: Any) -> tuple[str, str]:
    """Returns the version of the engine that answers, and of its API."""
    with closing(_client(docker, docker.constants.DEFAULT_DOCKER_API_VERSION)) as asking:
        told = asking.api.version(api_version=False)
    if not isinstance(told, dict) or not {"Version", "ApiVersion"} <= set(told):
        raise docker.errors.DockerException("what answers there is no Docker engine")
    return str(told["Version"]), str(told["ApiVersion"])


def _running(container: Any) -> Running:
    bound = (container.attrs.get("NetworkSettings", {}).get("Ports") or {}).get(PORT) or [{}]
    return Running(
        id=str(container.id),
        name=str(container.name),
        port=int(bound[0].get("HostPort") or 0),
        status=str(container.status),
        labels=dict(container.labels or {}),
        image=str(container.attrs.get("Image", "")),
    )


def _image(image: Any) -> Image:
    attributes = image.attrs
    return Image(
        id=str(image.id),
        tags=tuple(image.tags),
        labels=dict(image.labels or {}),
        created=str(attributes.get("Created", "")),
        size=int(attributes.get("Size", 0)),
    )


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'
