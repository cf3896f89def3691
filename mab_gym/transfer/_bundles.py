"""Reads resources from Bundles and resolves the references within a Bundle, as a server does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mab_gym.transfer._reading import Piece, entries, found_in

_UUID: Final = "urn:uuid:"
_REFERENCE: Final = re.compile(rb'"reference"\s*:\s*"(urn:uuid:[^"\\]{1,256})"')


class BundleFile:
    """One file with a Bundle: a transaction, as Synthea writes it, a collection, a searchset or a history.

    It is read up to three times: for the references, for the entries that they name, and for the resources.

    Args:
        path: The file.

    Attributes:
        conditional: The number of references by a search, as in ``Practitioner?identifier=1``, which are not resolved.
        dangling: The number of references to entries that the Bundle does not have.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.conditional = 0
        self.dangling = 0

    def resources(self) -> Iterator[tuple[Piece, Any]]:
        """Yields each entry with its resource, references resolved; if it is None, the piece has the reason."""
        targets = self._targets()
        deleted: set[str] = set()
        for piece in entries(self._path):
            entry = piece.value
            if piece.problem:
                yield piece, None
            elif not isinstance(entry, Mapping):
                yield Piece(piece.place, problem="an entry is a JSON object"), None
            elif gone := _deletes(entry):
                deleted.add(gone)
                yield Piece(piece.place, problem=f"{gone} is deleted here; there is no resource to take"), None
            elif not isinstance(entry.get("resource"), Mapping):
                yield Piece(piece.place, problem="an entry without a resource"), None
            else:
                resource = dict(entry["resource"])
                full_url = entry.get("fullUrl")
                if resource.get("id") is None and isinstance(full_url, str):
                    resource |= {"id": made} if (made := _id_of(full_url, resource)) else {}
                key = f"{resource.get('resourceType')}/{resource.get('id')}"
                if key in deleted:  # a history names the newest first
                    yield Piece(piece.place, problem=f"a version of {key} before it was deleted"), None
                else:
                    yield piece, self._resolved(resource, targets)

    def _targets(self) -> dict[str, str]:
        """Maps the UUIDs of the entries that are referred to, to the type and id of their resources."""
        wanted = found_in(self._path, _REFERENCE)
        targets: dict[str, str] = {}
        if not wanted:
            return targets
        for piece in entries(self._path):
            entry = piece.value
            if isinstance(entry, Mapping) and isinstance(entry.get("resource"), Mapping) and not piece.problem:
                full_url, resource = entry.get("fullUrl"), entry["resource"]
                if isinstance(full_url, str) and full_url in wanted:
                    targets[full_url] = f"{resource.get('resourceType')}/{_id_of(full_url, resource)}"
        return targets

    def _resolved(self, resource: dict[str, Any], targets: Mapping[str, str]) -> dict[str, Any]:
        """Replaces a resource's references to other entries, at any depth."""
        open_values: list[Any] = [resource]
        while open_values:
            value = open_values.pop()
            if isinstance(value, list):
                open_values.extend(value)
                continue
            if not isinstance(value, dict):
                continue
            reference = value.get("reference")
            if isinstance(reference, str):
                if reference.startswith(_UUID):
                    self.dangling += reference not in targets
                    value["reference"] = targets.get(reference, reference)
                elif "?" in reference and not reference.startswith(("http:", "https:")):
                    self.conditional += 1
            open_values.extend(value.values())
        return resource


def _id_of(full_url: str, resource: Mapping[str, Any]) -> str:
    """Returns a resource's id, else the last part of its address; empty if there is neither."""
    given = resource.get("id")
    if isinstance(given, str):
        return given
    if full_url.startswith(_UUID):
        return full_url.removeprefix(_UUID)
    kind, _, last = full_url.rpartition("/")
    return last if kind.endswith(f"/{resource.get('resourceType')}") else ""


def _deletes(entry: Mapping[str, Any]) -> str:
    """Returns the type and id of the resource that a history's entry deletes; empty if it deletes none."""
    request = entry.get("request")
    if not isinstance(request, Mapping) or request.get("method") != "DELETE" or "resource" in entry:
        return ""
    return "/".join(str(request.get("url")).split("?")[0].rstrip("/").split("/")[-2:])
