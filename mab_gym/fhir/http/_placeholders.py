"""The names that entries of a transaction have within it, and the entries that ask for the same resource.

A resource that gets its id from the server can be referred to by the ``fullUrl`` of its entry, if that is a URN, or
else by the id that it is sent with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from mab_gym.fhir.model._ids import parse_id
from mab_gym.fhir.model._outcome import FhirError, sanitized

_PLACEHOLDERS = ("urn:uuid:", "urn:oid:")
_OTHER_SCHEME = re.compile(r"[a-zA-Z]+:")


class Asking(Protocol):
    """The parts of an entry that count here."""

    @property
    def method(self) -> str:
        """The HTTP verb."""

    @property
    def url(self) -> str:
        """The request's URL."""

    @property
    def full_url(self) -> str:
        """``Bundle.entry.fullUrl``, or empty."""

    @property
    def resource(self) -> dict[str, Any] | None:
        """The resource, or None."""

    @property
    def request(self) -> Mapping[str, Any]:
        """``Bundle.entry.request``."""


Entry = TypeVar("Entry", bound=Asking)


def is_placeholder(name: str) -> bool:
    """True for a URN, which stands for a resource of the same Bundle."""
    return name.startswith(_PLACEHOLDERS)


def name_of(entry: Asking) -> str:
    """Returns the name of an entry's resource within its Bundle: a URN, or its type and id; empty if it has none.

    Raises:
        FhirError: 400 for a URN of another kind.
    """
    resource = entry.resource or {}
    name = str(resource.get("id", ""))
    if is_placeholder(entry.full_url) or not name:
        name = entry.full_url
    if is_placeholder(name) or not name:
        return name
    parts = parse_id(name)
    if _OTHER_SCHEME.match(parts.logical_id):
        raise FhirError(
            400,
            f"HAPI-0533: Invalid placeholder ID found: {parts.logical_id} - Must be of the form 'urn:uuid:[uuid]' or "
            "'urn:oid:[oid]'",
        )
    return f"{parts.resource_type or resource.get('resourceType', '')}/{parts.logical_id}" if parts.logical_id else ""


def check_names(entries: Iterable[Asking]) -> None:
    """Refuses two entries whose resources have one name.

    Raises:
        FhirError: 400.
    """
    seen: set[str] = set()
    for entry in entries:
        if entry.method not in ("POST", "PUT", "PATCH") or not (name := name_of(entry)):
            continue
        if name in seen:
            code = "0534" if is_placeholder(name) else "0535"
            raise FhirError(400, f"HAPI-{code}: Transaction bundle contains multiple resources with ID: {name}")
        seen.add(name)


def condition_of(entry: Asking) -> str:
    """Returns the search on which a create or an update depends, with the type before it; empty if there is none."""
    url = str(entry.request.get("ifNoneExist", "")) if entry.method == "POST" else entry.url.removeprefix("/")
    if entry.method == "PUT" and not url.partition("?")[2]:
        return ""
    if not url.strip() or "?" in url:
        return url.strip()
    return f"{(entry.resource or {}).get('resourceType', '')}?{url}"


def without_repeats(entries: Sequence[Entry]) -> tuple[list[Entry], dict[str, str]]:
    """Leaves out the entries that ask for the same resource on the same condition as an earlier one.

    Returns:
        The entries that stay, and the ``fullUrl`` of the earlier entry for that of each one left out.

    Raises:
        FhirError: 400 for two of them that have no ``fullUrl``.
    """
    kept: list[Entry] = []
    instead: dict[str, str] = {}
    named: dict[tuple[str, str], str] = {}
    anonymous: set[tuple[str, str]] = set()
    for entry in entries:
        condition = condition_of(entry) if entry.method in ("POST", "PUT") and entry.resource is not None else ""
        key = entry.method, condition
        if condition and not entry.full_url:
            if key in anonymous:
                raise FhirError(
                    400,
                    "HAPI-2008: Unable to process Transaction - Request contains multiple anonymous entries "
                    f'(Bundle.entry.fullUrl not populated) with conditional URL: "{sanitized(condition)}". Does '
                    "transaction request contain duplicates?",
                )
            anonymous.add(key)
        elif condition and named.setdefault(key, entry.full_url) != entry.full_url:
            instead[entry.full_url] = named[key]
            continue
        kept.append(entry)
    return kept, instead


def would_match_twice(condition: str) -> FhirError:
    """Returns the refusal of two new resources, each of which was to be the only one that a search finds."""
    return FhirError(
        400,
        "HAPI-0542: Unable to process Transaction - Request would cause multiple resources to match URL: "
        f'"{condition}". Does transaction request contain duplicates?',
    )
