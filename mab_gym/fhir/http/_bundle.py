"""Searchset Bundles as HAPI writes them, put together from texts that are ready (FHIR R4 section 2.36)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mab_gym.fhir.model._json_text import pretty

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "Resource encoded in summary mode",
}
_TAG = f'  "tag": {pretty([SUBSETTED], 2)}'


def searchset(
    bundle_id: str,
    last_updated: str,
    total: int | None,
    links: Sequence[tuple[str, str]],
    entries: Iterable[tuple[str, str]],
    *,
    subsetted: bool = False,
    included: Iterable[tuple[str, str]] = (),
) -> str:
    """Writes a searchset.

    Args:
        bundle_id: The search's id.
        last_updated: When the search was made, as an instant with milliseconds.
        total: The number of matches, or None if HAPI does not give it.
        links: Relations and URLs.
        entries: The full URL of each match and its JSON, indented by four blanks.
        subsetted: True if the Bundle is tagged as holding only parts of resources.
        included: Full URLs and JSON of the resources that the matches bring along.
    """
    listed: list[str] = []
    for mode, found in (("match", entries), ("include", included)):
        tail = f',\n    "search": {{\n      "mode": "{mode}"\n    }}'
        for full_url, text in found:
            listed += ("\n  }, {" if listed else "", f'\n    "fullUrl": "{full_url}",\n    "resource": ', text, tail)
    return _bundle("searchset", bundle_id, last_updated, total, links, listed, subsetted=subsetted)


class HistoryEntry(NamedTuple):
    """One version in a history.

    Attributes:
        full_url: The resource's URL.
        name: Its type and id, as in ``Patient/S1``.
        version: The version, from 1.
        text: Its JSON, indented by four blanks; empty for a deletion.
    """

    full_url: str
    name: str
    version: int
    text: str


def history_bundle(
    bundle_id: str,
    last_updated: str,
    links: Iterable[tuple[str, str]],
    total: int | None,
    entries: Iterable[HistoryEntry],
    *,
    subsetted: bool = False,
) -> str:
    """Writes a history.

    Args:
        bundle_id: The Bundle's id.
        last_updated: The time of the request, as an instant with milliseconds.
        links: Relations and URLs.
        total: The number of versions, or None if HAPI does not give it.
        entries: The versions to show, the newest first.
        subsetted: True if the Bundle is tagged as holding only parts of resources.
    """
    listed: list[str] = []
    for entry in entries:
        listed += ("\n  }, {" if listed else "", _history_entry(entry))
    return _bundle("history", bundle_id, last_updated, total, links, listed, subsetted=subsetted)


def _bundle(
    kind: str,
    bundle_id: str,
    last_updated: str,
    total: int | None,
    links: Iterable[tuple[str, str]],
    entries: Sequence[str],
    *,
    subsetted: bool,
) -> str:
    """Writes a Bundle around its entries, which are finished except for the braces at both ends.

    The pieces are joined once, so that a large page is not held several times.
    """
    tag = f",\n    {_TAG.strip()}" if subsetted else ""
    parts = [
        f'{{\n  "resourceType": "Bundle",\n  "id": "{bundle_id}",\n  "meta": {{\n    "lastUpdated": "{last_updated}"'
        f'{tag}\n  }},\n  "type": "{kind}"'
    ]
    if total is not None:
        parts.append(f',\n  "total": {total}')
    if listed := "\n  }, {".join(f'\n    "relation": "{relation}",\n    "url": "{url}"' for relation, url in links):
        parts.append(f',\n  "link": [ {{{listed}\n  }} ]')
    if entries:
        parts += (',\n  "entry": [ {', *entries, "\n  } ]")
    parts.append("\n}")
    return "".join(parts)


def _history_entry(entry: HistoryEntry) -> str:
    method = "DELETE" if not entry.text else "POST" if entry.version == 1 else "PUT"
    status = "201 Created" if method == "POST" else "200 OK"
    resource = f'\n    "resource": {entry.text},' if entry.text else ""
    return (
        f'\n    "fullUrl": "{entry.full_url}",{resource}\n    "request": {{\n      "method": "{method}",\n'
        f'      "url": "{entry.name}/_history/{entry.version}"\n    }},\n    "response": {{\n'
        f'      "status": "{status}",\n      "etag": "W/\\"{entry.version}\\""\n    }}'
    )
