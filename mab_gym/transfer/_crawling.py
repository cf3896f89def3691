"""Imports everything that a running FHIR server holds, page after page; a later run continues an interrupted one.

A folder beside the archive holds one NDJSON file for each resource type, and a state with the progress of each. A page
counts once the state includes it; bytes after that are cut off when a run begins. So a kill at any moment neither loses
nor repeats a resource.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from mab_gym.errors import RecordsError, UsageError
from mab_gym.fhir.model._json_text import compact
from mab_gym.transfer._asking import TRIES, Asking, StatusError
from mab_gym.transfer._gathering import Gathering
from mab_gym.transfer._importing import Imported, Tell, finish, take_lines
from mab_gym.transfer._problems import noting

PAGE: Final = 500
"""The number of resources per page."""
_FIRST_TRIES: Final = 3
"""The number of first requests to a server that has not answered yet."""
_STATE: Final = "state.json"


def import_server(
    base_url: str,
    out: Path,
    name: str,
    types: Sequence[str] = (),
    tell: Tell = lambda what, done, total: None,
    pause: float = 1.0,
) -> Imported:
    """Imports from a FHIR server by its base URL; continues an earlier, interrupted run.

    Args:
        base_url: As in ``http://localhost:8080/fhir``. Headers and a bearer token come from the
            environment (see `mab_gym.client._transport`).
        out: The archive to write; ``OUT.partial`` beside it holds the pages until then.
        name: The archive's name.
        types: The resource types to import; if empty, all that the server can search.
        tell: Called with the progress.
        pause: Seconds before a failed request is repeated the first time; doubled each time.

    Raises:
        NotInstalledError: httpx is missing.
        UsageError: The URL is not valid, or the folder belongs to the import of another server.
        RecordsError: The server does not answer, speaks another version of FHIR, or has no resources.
    """
    with _Crawl(base_url, out.with_name(out.name + ".partial"), pause) as crawl:
        chosen = crawl.types(types)
        for number, resource_type in enumerate(chosen):
            tell("resource types", number, len(chosen))
            crawl.fetch(resource_type, tell)
        tell("resource types", len(chosen), len(chosen))
        gathering = Gathering()
        with noting(out.with_name(out.name + ".problems.jsonl")) as problems:
            for resource_type in chosen:
                if (path := crawl.file(resource_type)).is_file():
                    take_lines(gathering, problems, path, f"{resource_type} of the server")
            imported = finish(gathering, problems, out, {"name": name, "source": "FHIR server"}, from_server=True)
        crawl.discard()
    return imported


class _Crawl:
    """The folder and the connection of one import."""

    def __init__(self, base_url: str, folder: Path, pause: float) -> None:
        self._base = base_url.rstrip("/")
        self._asking = Asking(self._base, pause)
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._state: dict[str, Any] = {"base": self._base, "types": {}}
        if (path := folder / _STATE).is_file():
            self._state = json.loads(path.read_text(encoding="utf-8"))
            if self._state["base"] != self._base:
                raise UsageError(
                    f"{folder} holds a part of an import from {self._state['base']}; remove it or take another --out"
                )

    def __enter__(self) -> _Crawl:
        return self

    def __exit__(self, *_: object) -> None:
        self._asking.close()
        with suppress(OSError):
            self._folder.rmdir()  # fails, as it should, while anything is in it

    def types(self, asked_for: Sequence[str]) -> list[str]:
        """Returns the resource types to fetch: the requested ones, or all that the server can search.

        Raises:
            RecordsError: The server speaks another version of FHIR, or does not answer.
        """
        statement: Mapping[str, Any] = {}
        try:
            statement = self._asking.get(f"{self._base}/metadata?_format=json", tries=_FIRST_TRIES) or {}
        except StatusError:
            if not asked_for:
                raise
        version = statement.get("fhirVersion")
        if isinstance(version, str) and not version.startswith("4."):
            raise RecordsError(
                f"{self._base} speaks FHIR {version}; archives hold FHIR R4 (4.0.1), so nothing was fetched"
            )
        if asked_for:
            return list(asked_for)
        rest = (statement.get("rest") or [{}])[0]
        return [
            str(each["type"])
            for each in rest.get("resource", ())
            if any(i.get("code") == "search-type" for i in each.get("interaction", ({"code": "search-type"},)))
        ]

    def file(self, resource_type: str) -> Path:
        """Returns the file with the resources of a type."""
        return self._folder / f"{resource_type}.ndjson"

    def fetch(self, resource_type: str, tell: Tell) -> None:
        """Fetches the missing resources of a type."""
        first = f"{self._base}/{resource_type}?_count={PAGE}&_format=json"
        for _ in range(TRIES):
            state = self._state["types"].setdefault(resource_type, {"next": first, "bytes": 0, "count": 0})
            if state["next"] is None:
                return
            if self._pages(resource_type, state, tell):
                return
            self._state["types"].pop(resource_type)
        raise RecordsError(f"{self._base} drops its search pages of {resource_type} before they can be fetched")

    def discard(self) -> None:
        """Removes the folder."""
        for path in self._folder.iterdir():
            path.unlink()
        self._folder.rmdir()

    def _pages(self, resource_type: str, state: dict[str, Any], tell: Tell) -> bool:
        """Fetches the remaining pages of a type; returns False if the server has forgotten the search."""
        begun, asked = state["count"] > 0, set[str]()
        with self.file(resource_type).open("ab") as file:
            file.truncate(state["bytes"])
            while state["next"] is not None:
                if state["next"] in asked:
                    raise RecordsError(
                        f"the pages of {resource_type} at {self._base} repeat: a next link leads to an earlier page"
                    )
                asked.add(state["next"])
                bundle = self._asking.get(state["next"], gone=begun)
                if bundle is None:
                    return False
                if bundle.get("resourceType") != "Bundle":
                    raise RecordsError(
                        f"{self._base}/{resource_type} answers with {bundle.get('resourceType')!r}, not with a Bundle"
                    )
                resources = [entry.get("resource") for entry in _objects(bundle.get("entry"))]
                mine = [each for each in _objects(resources) if each.get("resourceType") == resource_type]
                file.write("".join(compact(each) + "\n" for each in mine).encode())
                file.flush()
                os.fsync(file.fileno())
                links = (link.get("url") for link in _objects(bundle.get("link")) if link.get("relation") == "next")
                following = next(links, None)
                state |= {
                    "next": None if following is None else self._asking.same_origin(following),
                    "bytes": file.tell(),
                    "count": state["count"] + len(mine),
                }
                self._save()
                begun = True
                if state["count"]:
                    tell(resource_type, state["count"], int(bundle.get("total", 0) or 0))
        if not state["count"]:
            self.file(resource_type).unlink(missing_ok=True)
        return True

    def _save(self) -> None:
        path = self._folder / _STATE
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(self._state), encoding="utf-8")
        fresh.replace(path)


def _objects(values: Any) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
