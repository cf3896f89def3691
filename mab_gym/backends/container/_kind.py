"""HAPI FHIR in Docker as a kind of backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mab_gym.backends._kinds import BackendKind
from mab_gym.errors import NotInstalledError, how_to_install

if TYPE_CHECKING:
    from mab_gym.backends._backend import Backend


@dataclass(frozen=True, slots=True)
class ContainerSettings:
    """The settings of a pool of containers.

    Attributes:
        strategy: How a container goes back to its snapshot, ``undo`` or ``snapshot``.
        servers: The number of episodes that can be at work at once.
        spares: The number of containers more that are kept ready; as the strategy has it where None.
        image: The snapshot image's name or id, where there are several of the archive.
    """

    strategy: str = "undo"
    servers: int = 1
    spares: int | None = None
    image: str | None = None


def _open(settings: ContainerSettings, archive: Backend) -> Backend:
    """Opens the pool whose containers were loaded from the archive."""
    try:
        from mab_gym.backends.container._backend import container_backend  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise NotInstalledError(
            f"containers need what is missing here ({error.name}): {how_to_install('docker')}"
        ) from error
    return container_backend(archive.digest, settings)


KIND = BackendKind("container", ContainerSettings, _open, portable=False, capacity=lambda settings: settings.servers)
