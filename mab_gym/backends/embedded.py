"""The embedded FHIR server as a backend: in process, memory-mapped, reset in microseconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from mab_gym.fhir.archive import open_archive
from mab_gym.fhir.server import DEFAULT_BASE_URL, DEFAULT_NOW, Server, Session
from mab_gym.fhir.table import Table


class EmbeddedBackend:
    """A `Server` over an archive or over tables in memory; see `Backend` for the attributes."""

    def __init__(
        self,
        tables: Mapping[str, Table],
        digest: str,
        base_url: str = DEFAULT_BASE_URL,
        now: datetime = DEFAULT_NOW,
    ) -> None:
        self.server = Server(tables, base_url, now)
        self.base_url = base_url
        self.now = now
        self.digest = digest

    def open(self) -> Session:
        """A new session at the snapshot; costs microseconds."""
        return self.server.open()

    def close(self) -> None:
        """Nothing to give back: the archive is unmapped when the last session is gone."""


_OPEN: dict[tuple[Path, int, int], EmbeddedBackend] = {}


def embedded_backend(archive: Path) -> EmbeddedBackend:
    """The backend over an archive; one process opens (and verifies) each archive once.

    Args:
        archive: The archive's file.

    Raises:
        ArchiveError: The file is missing, damaged or no archive.
    """
    archive = archive.resolve()
    try:
        stat = archive.stat()
        key = (archive, stat.st_mtime_ns, stat.st_size)
    except OSError:
        key = (archive, 0, 0)
    if key not in _OPEN:
        opened = open_archive(archive)
        _OPEN[key] = EmbeddedBackend(opened.tables, opened.digest)
    return _OPEN[key]
