"""A FHIR server somewhere else as a kind of backend."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from mab_gym.backends._kinds import BackendKind
from mab_gym.errors import UsageError

if TYPE_CHECKING:
    from mab_gym.backends._backend import Backend


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """The settings of a remote server.

    Attributes:
        server: Its base URL, as in ``http://localhost:8080/fhir``.
        writes: What becomes of an agent's POSTs: they are ``refused``, or ``undone`` at the episode's end.
    """

    server: str | None = None
    writes: str = "refused"


@lru_cache(maxsize=4)
def open_remote(settings: RemoteSettings, archive: None) -> Backend:
    """Opens the backend that all environments of this process with the same settings share.

    Raises:
        UsageError: No server is named, or a setting is not as it should be.
    """
    from mab_gym.backends.remote._backend import RemoteBackend  # noqa: PLC0415  (settings are read more often)

    if settings.server is None:
        raise UsageError("a remote backend is named by server=, as in http://localhost:8080/fhir")
    return RemoteBackend(settings.server, writes=settings.writes)


KIND = BackendKind("remote", RemoteSettings, open_remote, needs_archive=False)
