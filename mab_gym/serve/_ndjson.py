"""Reads records from a file with one JSON resource a line (NDJSON), gzipped or not."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mab_gym.errors import RecordsError
from mab_gym.fhir.http._server import DEFAULT_BASE_URL, DEFAULT_NOW, FhirServer
from mab_gym.fhir.model._definitions import resource_types
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._parse import parse_resource
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._build import build_positioned


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the resources of a file, parsed as HAPI parses them.

    Args:
        path: The file; gzip is recognized by its first bytes.

    Raises:
        RecordsError: The file cannot be read, or a line is not a resource with an id; the text names the line.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = gzip.open(raw) if zipped else raw  # noqa: SIM115  (closed with the text)
            with io.TextIOWrapper(stream, "utf-8") as text:
                for number, line in enumerate(text, 1):
                    if line.strip():
                        yield _read_record(path, number, line)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise RecordsError(f"{path} cannot be read: {error}") from error


def _read_record(path: Path, number: int, line: str) -> dict[str, Any]:
    where = f"{path}, line {number}"
    try:
        raw = parse_element(line)
    except (ValueError, RecursionError) as error:
        raise RecordsError(f"{where}: not JSON: {error}") from error
    kind = raw.get("resourceType") if isinstance(raw, dict) else None
    if kind not in resource_types():
        raise RecordsError(f"{where}: no FHIR R4 resource: its resourceType is {kind!r}")
    try:
        resource = parse_resource(line, str(kind))
    except FhirError as error:
        raise RecordsError(f"{where}: {error.issues[0].diagnostics}") from error
    if not resource.get("id"):
        raise RecordsError(f"{where}: the {kind} has no id")
    return resource


def server_of_records(path: Path, base_url: str = DEFAULT_BASE_URL) -> FhirServer:
    """Returns a server with the resources of a file, in the file's order, as if they had been PUT one by one.

    Raises:
        RecordsError: The file cannot be read, a line is not a resource with an id, or a resource comes twice.
    """
    stamp = DEFAULT_NOW.isoformat(timespec="milliseconds")
    resources = []
    seen: set[tuple[str, str]] = set()
    for resource in read_records(path):
        key = (resource["resourceType"], resource["id"])
        if key in seen:
            raise RecordsError(f"{path}: {key[0]}/{key[1]} comes twice")
        seen.add(key)
        meta = {"versionId": "1", "lastUpdated": stamp, **resource.pop("meta", {})}
        head = {"resourceType": resource.pop("resourceType"), "id": resource.pop("id")}
        resources.append({**head, "meta": meta, **resource})
    return FhirServer(build_positioned(resources), base_url)
