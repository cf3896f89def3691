"""Searchset Bundles as HAPI writes them, put together from texts that are ready (FHIR R4 section 2.36)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mab_gym.fhir.json_text import pretty

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
) -> str:
    """Writes a searchset.

    Args:
        bundle_id: The search's id.
        last_updated: When the search was made, as an instant with milliseconds.
        total: The number of matches, or None where HAPI does not say it.
        links: Relations and URLs.
        entries: For each match its full URL and the resource's JSON, four blanks in.
        subsetted: Whether to tag the Bundle as holding parts of resources only.
    """
    tag = f',\n    {_TAG.strip()}' if subsetted else ""
    parts = [
        f'{{\n  "resourceType": "Bundle",\n  "id": "{bundle_id}",\n  "meta": {{\n    "lastUpdated": "{last_updated}"'
        f'{tag}\n  }},\n  "type": "searchset"'
    ]
    if total is not None:
        parts.append(f',\n  "total": {total}')
    if links:
        listed = "\n  }, {".join(f'\n    "relation": "{relation}",\n    "url": "{url}"' for relation, url in links)
        parts.append(f',\n  "link": [ {{{listed}\n  }} ]')
    listed = "\n  }, {".join(
        f'\n    "fullUrl": "{full_url}",\n    "resource": {text},\n    "search": {{\n      "mode": "match"\n    }}'
        for full_url, text in entries
    )
    if listed:
        parts.append(f',\n  "entry": [ {{{listed}\n  }} ]')
    parts.append("\n}")
    return "".join(parts)
