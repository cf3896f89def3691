"""HAPI FHIR in Docker as a kind of backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mab_gym.backends._kinds import BackendKind
from mab_gym.backends.container._settings import ContainerSettings
from mab_gym.errors import NotInstalledError, how_to_install

if TYPE_CHECKING:
    from mab_gym.backends._backend import Backend


def _open(settings: ContainerSettings, archive: Backend) -> Backend:
    """Opens the pool whose containers were loaded from the archive."""
    try:
        from mab_gym.backends.container._backend import container_backend  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise NotInstalledError(
            f"containers need what is missing here ({error.name}): {how_to_install('docker')}"
        ) from error
    return container_backend(archive.digest, settings, archive.now)


KIND = BackendKind("container", ContainerSettings, _open, portable=False, capacity=lambda settings: settings.servers)
