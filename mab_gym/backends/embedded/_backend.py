"""The embedded FHIR server as a backend: in this process, reset in microseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakValueDictionary

from mab_gym._opening import READING, Opened, stamp
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.http._exchange import Request, Response
from mab_gym.fhir.http._server import DEFAULT_BASE_URL, DEFAULT_NOW, FhirServer, FhirSession
from mab_gym.fhir.store._archive import open_archive
from mab_gym.fhir.store._table import Table


class EmbeddedSession(FhirSession):
    """A session of one episode. A fault of the server is an `InfrastructureError`, and threads take turns.

    A request takes microseconds of the one processor that Python gives to all threads, so no thread waits long.
    """

    __slots__ = ()

    def handle(self, request: Request) -> Response:
        """Answers a request; never raises for anything that a request holds.

        Raises:
            InfrastructureError: The server is at fault, or its archive was changed under it.
        """
        with READING:
            return super().handle(request)

    def prepare(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Goes back to the snapshot with resources laid over it."""
        with READING:
            super().prepare(resources)

    def record(self, resources: Sequence[Mapping[str, Any]], moment: datetime) -> list[str]:
        """Stores resources as the hospital itself."""
        with READING:
            return super().record(resources, moment)

    def failed(self, request: Request, error: Exception) -> NoReturn:
        """Raises in place of a response, which an agent would take for its own fault.

        Raises:
            InfrastructureError: Always.
        """
        if isinstance(error, InfrastructureError):
            raise error
        raise InfrastructureError(
            f"the embedded server could not answer a {request.method} ({type(error).__name__}); its log says why"
        ) from error


class EmbeddedBackend:
    """A `FhirServer` over an archive or over tables in memory, as a `Backend`.

    Attributes:
        ledger: The archive's ledger (`mab_gym.fhir.store._archive.Archive`), which no session shows.
    """

    capacity: int | None = None
    in_process = True

    def __init__(
        self,
        tables: Mapping[str, Table],
        digest: str,
        base_url: str = DEFAULT_BASE_URL,
        now: datetime = DEFAULT_NOW,
        check: Callable[[], None] | None = None,
        ledger: Mapping[str, str] | None = None,
    ) -> None:
        self.ledger = ledger or {}
        self.server = FhirServer(tables, base_url, now, check=check)
        self.base_url = base_url
        self.now = now
        self.digest = digest

    def open(self) -> EmbeddedSession:
        """Opens a new session at the snapshot, in microseconds."""
        return EmbeddedSession(self.server)

    def close(self) -> None:
        """Does nothing: the archive is dropped when the last session is gone."""


_OPEN: Opened[EmbeddedBackend] = Opened()
_BY_DIGEST: WeakValueDictionary[str, EmbeddedBackend] = WeakValueDictionary()
"""The backends in use, by digest: files of equal contents, as several processes build them, are held once."""


def embedded_backend(archive: Path) -> EmbeddedBackend:
    """Opens the backend over an archive: each file once in a process, and again where it was replaced.

    Args:
        archive: The archive's file.

    Raises:
        ArchiveError: The file is missing, damaged or no archive.
    """

    def make() -> EmbeddedBackend:
        opened = open_archive(archive)
        now = opened.now or DEFAULT_NOW
        if opened.check is not None:  # the file under it is its own
            return EmbeddedBackend(opened.tables, opened.digest, now=now, check=opened.check, ledger=opened.ledger)
        known = _BY_DIGEST.get(opened.digest)
        if known is None:
            known = EmbeddedBackend(opened.tables, opened.digest, now=now, ledger=opened.ledger)
            _BY_DIGEST[opened.digest] = known
        return known

    return _OPEN.get(archive.absolute(), stamp(archive), make)
