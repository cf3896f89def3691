"""The record systems that official tasks are played on: a chart's file, a server, or the stand-in chart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from mab_gym._opening import Opened, stamp
from mab_gym.backends import Backend
from mab_gym.backends.embedded._backend import EmbeddedBackend, embedded_backend
from mab_gym.backends.remote._kind import RemoteSettings, open_remote
from mab_gym.errors import ContentError, UsageError
from mab_gym.fhir.model._definitions import resource_types
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._parse import parse_resource
from mab_gym.fhir.store._archive import is_archive
from mab_gym.fhir.store._build import build_tables
from mab_gym.official._files import json_lines
from mab_gym.official._locate import OfficialFiles
from mab_gym.official._synthetic_chart import stand_in
from mab_gym.official._tasks import OfficialTask

_CHARTS: Opened[EmbeddedBackend] = Opened()


def open_records(files: OfficialFiles, tasks: Iterable[OfficialTask], wanting: str) -> Backend:
    """Opens the record system that official tasks are played on.

    Args:
        files: Where it is.
        tasks: The tasks, whose people the stand-in chart has.
        wanting: Who needs it, for the error.

    Raises:
        UsageError: Both a chart and a server are named, or one cannot be opened.
        ContentError: The chart is not as it should be.
    """
    if files.address is not None:
        if files.chart is not None:
            raise UsageError(f"{wanting}: name a chart or a server, not both")
        return open_remote(RemoteSettings(files.address), None)
    chart = files.chart_path
    return _stand_in(tuple(tasks), files.chart_seed) if chart is None else open_chart(chart)


@lru_cache(maxsize=4)
def _stand_in(tasks: tuple[OfficialTask, ...], seed: int) -> Backend:
    return stand_in(tasks, seed).backend()


def open_chart(path: Path) -> EmbeddedBackend:
    """Opens an embedded record system over a chart's file, once, and again where the file was changed.

    Args:
        path: FHIR resources, one a line, plain or gzipped, loaded in the file's order; or an archive of this package.

    Raises:
        ArchiveError: The file is a damaged archive.
        UsageError: The file cannot be opened.
        ContentError: A line is no resource, or has the id of another; the text names file and line.
    """
    if is_archive(path):
        return embedded_backend(path)
    return _CHARTS.get(path.absolute(), stamp(path), lambda: _read_chart(path))


def _read_chart(path: Path) -> EmbeddedBackend:
    resources: list[dict[str, Any]] = []
    known: set[tuple[str, str]] = set()
    digest = hashlib.sha256()
    for number, line, value in json_lines(path):
        digest.update(line.encode())
        resource_type, logical_id = value.get("resourceType"), value.get("id")
        if not isinstance(resource_type, str) or resource_type not in resource_types():
            raise ContentError(f"{path}, line {number}: resourceType {resource_type!r} is none of FHIR R4's")
        if not isinstance(logical_id, str) or not logical_id:
            raise ContentError(f"{path}, line {number}: the {resource_type} has no id")
        if (resource_type, logical_id) in known:
            raise ContentError(f"{path}, line {number}: there is a {resource_type} {logical_id} already")
        known.add((resource_type, logical_id))
        try:
            resources.append(parse_resource(line, resource_type))
        except FhirError as error:
            raise ContentError(f"{path}, line {number}: no valid {resource_type}: {error}") from None
    if not resources:
        raise ContentError(f"{path} holds no resource; a chart is one FHIR resource a line")
    return EmbeddedBackend({t.resource_type: t for t in build_tables(resources)}, digest.hexdigest())
