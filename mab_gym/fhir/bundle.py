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
    included: Iterable[tuple[str, str]] = (),
) -> str:
    """Writes a searchset.

    Args:
        bundle_id: The search's id.
        last_updated: When the search was made, as an instant with milliseconds.
        total: The number of matches, or None where HAPI does not say it.
        links: Relations and URLs.
        entries: For each match its full URL and the resource's JSON, four blanks in.
        subsetted: Whether to tag the Bundle as holding parts of resources only.
        included: The same for resources that the matches bring along.
    """
    tag = f",\n    {_TAG.strip()}" if subsetted else ""
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
    if brought := "\n  }, {".join(
        f'\n    "fullUrl": "{full_url}",\n    "resource": {text},\n    "search": {{\n      "mode": "include"\n    }}'
        for full_url, text in included
    ):
        listed = f"{listed}\n  }}, {{{brought}" if listed else brought
    if listed:
        parts.append(f',\n  "entry": [ {{{listed}\n  }} ]')
    parts.append("\n}")
    return "".join(parts)


def history_bundle(bundle_id: str, last_updated: str, link: str, entries: Iterable[tuple[str, str, str]]) -> str:
    """Writes a history of resources that were created and not touched since.

    Args:
        bundle_id: The Bundle's id.
        last_updated: When it was asked for.
        link: The request's own URL.
        entries: For each version its full URL, the resource's JSON, four blanks in, and its relative URL.
    """
    listed = [
        f'\n    "fullUrl": "{full_url}",\n    "resource": {text},\n    "request": {{\n      "method": "POST",\n'
        f'      "url": "{url}"\n    }},\n    "response": {{\n      "status": "201 Created",\n'
        f'      "etag": "W/\\"{url.rpartition("/")[2]}\\""\n    }}'
        for full_url, text, url in entries
    ]
    joined = "\n  }, {".join(listed)
    return (
        f'{{\n  "resourceType": "Bundle",\n  "id": "{bundle_id}",\n  "meta": {{\n    "lastUpdated": "{last_updated}"'
        f'\n  }},\n  "type": "history",\n  "total": {len(listed)},\n  "link": [ {{\n    "relation": "self",\n'
        f'    "url": "{link}"\n  }} ],\n  "entry": [ {{{joined}\n  }} ]\n}}'
    )
