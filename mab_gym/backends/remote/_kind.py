"""A FHIR server somewhere else as a kind of backend."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
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
        now: The time that is now in its records, in ISO form with an offset; None for that of the generated cohorts of
            MedAgentBench.
    """

    server: str | None = None
    writes: str = "refused"
    now: str | None = None


@lru_cache(maxsize=4)
def open_remote(settings: RemoteSettings, archive: None) -> Backend:
    """Opens the backend that all environments of this process with the same settings share.

    Raises:
        UsageError: No server is named, or a setting is not as it should be.
    """
    from mab_gym.backends.remote._backend import RemoteBackend  # noqa: PLC0415  (settings are read more often)

    if settings.server is None:
        raise UsageError("a remote backend is named by server=, as in http://localhost:8080/fhir")
    if settings.now is None:
        return RemoteBackend(settings.server, writes=settings.writes)
    return RemoteBackend(settings.server, _moment(settings.now), settings.writes)


def _moment(text: str) -> datetime:
    """Reads a setting.

    Raises:
        UsageError: It is no moment with an offset.
    """
    with suppress(ValueError):
        moment = datetime.fromisoformat(str(text))
        if moment.tzinfo is not None:
            return moment
    raise UsageError(f"now is a moment with an offset, as in 2024-11-12T08:00:00-05:00, not {text!r}")


KIND = BackendKind("remote", RemoteSettings, open_remote, needs_archive=False)
