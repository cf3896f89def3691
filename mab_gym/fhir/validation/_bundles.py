"""Tests what is asked of Bundles alone, and finds the entries to which references in a Bundle point."""

from __future__ import annotations

import re
from collections.abc import Callable

from mab_gym.fhir.validation._bindings import Place
from mab_gym.fhir.validation._elements import Element
from mab_gym.fhir.validation._issues import Finding
from mab_gym.fhir.validation._primitives import is_absolute, is_id
from mab_gym.fhir.validation._rules import is_resource

_OPTIONAL = ("transaction", "transaction-response", "batch", "batch-response")
"""The types of Bundles whose entries need no ``fullUrl``."""
_SERVERS = re.compile(r"https?://[^\s?#]*/([A-Za-z]+)/[A-Za-z0-9.-]{1,64}(/_history/[A-Za-z0-9.-]{1,64})?", re.ASCII)
_ENTRY = 20.0
"""Units of work for an entry to which a reference may point."""
_HISTORY = "/_history/"
_NO_PLACE = Element("", None, "", -1, -1)


# --- references ----------------------------------------------------------------------------------------------------


Spend = Callable[[float], None]
"""Charges for work."""


def resolve(place: Place, reference: str, spend: Spend) -> Element | None:
    """Returns the resource in the Bundle around a reference to which it points; None for none, or for no Bundle."""
    full_url: str | None = None
    for around in place.element.around():
        entry = around.parent
        if around.special == "entry" and full_url is None and entry is not None and entry.name == "entry":
            full_url = entry.child_value("fullUrl")
            if full_url is None:
                text, key = "Bundle entry missing fullUrl", "Bundle_BUNDLE_Entry_NoFullUrl"
                place.found.append(Finding("error", _path_of(entry), text, key, entry.start, entry.end))
        if around.type == "Bundle":
            return _in_bundle(place._replace(element=_NO_PLACE), around, reference, full_url, spend)
    return None


def _path_of(entry: Element) -> str:
    """Returns the path of an entry as its JSON alone tells it."""
    bundle = entry.parent
    assert bundle is not None
    return f"{_path_around(bundle)}.entry[{_Entries.of(bundle).numbers[id(entry)]}]"


def _path_around(element: Element) -> str:
    parent, rule = element.parent, element.rule
    if parent is None or rule is None:
        return element.type
    number = f"[{parent.named(element.name).index(element)}]" if rule.is_list else ""
    return f"{_path_around(parent)}.{element.name}{number}"


def _in_bundle(place: Place, bundle: Element, reference: str, full_url: str | None, spend: Spend) -> Element | None:
    found = _target(place, bundle, reference, full_url)
    if found is None:
        return None
    url, version, kind = found
    match: Element | None = None
    entries = _Entries.of(bundle).by_url.get(url, [])
    spend(len(entries) * _ENTRY)
    for entry in entries:
        resource = entry.child("resource")
        meta = resource.child("meta") if resource is not None else None
        if version and (meta is None or meta.child_value("versionId") != version):
            continue
        if match is not None:
            place.add("error", f"Multiple matches in bundle for reference {reference}", "Bundle_BUNDLE_MultipleMatches")
        match = resource
    if match is None:
        _say_none(place, bundle, reference, url, spend)
    elif kind and match.type != kind:
        text = f"Matching reference for reference {reference} has resourceType {match.type}"
        place.add("error", text, "Reference_REF_ResourceType")
    return match


def _target(place: Place, bundle: Element, reference: str, full_url: str | None) -> tuple[str, str, str] | None:
    """Returns the ``fullUrl`` that a reference means, the version, and the type that it must have."""
    if is_absolute(reference) or reference.startswith(("http:", "urn:")):
        url, _, version = reference.partition(_HISTORY)
        # HAPI cuts off one character more
        return (url[:-1] if version else url), version, ""
    if full_url is None:
        kind = bundle.child_value("type")
        if kind not in ("batch-response", "transaction-response"):
            text = "Relative Reference appears inside Bundle whose entry is missing a fullUrl"
            place.add("error", text, "Bundle_BUNDLE_FullUrl_Missing")
        return None
    parts = reference.rstrip("/").split("/")
    if len(parts) not in (2, 4):
        _check_search(place, reference, in_transaction=bundle.child_value("type") == "transaction")
        return None
    urn = full_url.startswith("urn")
    base = full_url.rpartition(":")[0] + ":" if urn else "/".join(full_url.split("/")[:-2]) + "/"
    plain, _, version = reference.partition(_HISTORY)
    if version:
        return base + plain, version, parts[0]
    return (base + parts[1], "", parts[0]) if urn else (base + reference, "", "")


def _check_search(place: Place, reference: str, *, in_transaction: bool) -> None:
    start = "Relative URLs must be of the format [ResourceName]/[id]"
    if not in_transaction:
        place.add("error", f"{start}. Encountered {reference}", "Reference_REF_Format2")
    elif not ("?" in reference and is_resource(reference.partition("?")[0])):
        text = f"{start}, or a search URL is allowed ([type]?parameters. Encountered {reference})"
        place.add("error", text, "Reference_REF_Format1")


class _Entries:
    """The entries of a Bundle, in tables.

    Attributes:
        by_url: By ``fullUrl``.
        by_name: By type and id, with their numbers.
        numbers: Their numbers.
    """

    def __init__(self, bundle: Element) -> None:
        self.by_url: dict[str, list[Element]] = {}
        self.by_name: dict[tuple[str, str], list[tuple[int, Element]]] = {}
        self.numbers: dict[int, int] = {}
        for index, entry in enumerate(bundle.named("entry")):
            self.numbers[id(entry)] = index
            url, resource = entry.child_value("fullUrl"), entry.child("resource")
            if url is not None:
                self.by_url.setdefault(url, []).append(entry)
            if resource is not None:
                name = (resource.type, resource.child_value("id") or "")
                self.by_name.setdefault(name, []).append((index, entry))

    @staticmethod
    def of(bundle: Element) -> _Entries:
        """Returns the tables of a Bundle, which are made once."""
        if bundle.entries is None:
            bundle.entries = _Entries(bundle)
        assert isinstance(bundle.entries, _Entries)
        return bundle.entries


def _say_none(place: Place, bundle: Element, reference: str, url: str, spend: Spend) -> None:
    if reference.startswith("urn"):
        text = f"URN reference is not locally contained within the bundle {reference}"
        place.add("warning", text, "Bundle_BUNDLE_Not_Local")
    parts = reference.split("/")
    if is_absolute(reference) or len(parts) < 2 or not is_resource(parts[0]) or not is_id(parts[1]):
        return
    similar = _Entries.of(bundle).by_name.get((parts[0], parts[1]), [])
    spend(len(similar) * _ENTRY)
    if len(similar) > 1:
        text = (
            f"The bundle contains no match for {url} by the rules of Bundle reference resolution, but it has multiple "
            f"resources that match {reference} by resource type and id"
        )
        place.add("warning", text, "BUNDLE_POSSSIBLE_MATCHES")
    for index, entry in similar:
        start = f"Entry {index} matches the reference {reference} by type and id but it"
        other = entry.child_value("fullUrl")
        end = f" does not match the full target URL {url} by Bundle resolution rules"
        if other is None:
            place.add("warning", start + end, "BUNDLE_BUNDLE_POSSIBLE_MATCH_NO_FU")
        else:
            place.add("warning", f"{start}'s fullUrl {other}{end}", "BUNDLE_BUNDLE_POSSIBLE_MATCH_WRONG_FU")


# --- the Bundle itself ---------------------------------------------------------------------------------------------


Check = Callable[[Element, str, list[Finding]], None]


def check_bundle(bundle: Element, path: str, found: list[Finding], check: Check) -> None:
    """Tests a Bundle's links and entries; not what documents and messages must have in them.

    Args:
        bundle: The Bundle.
        path: Its path.
        found: The list to which findings are added.
        check: Tests what only resources of an entry's type have.
    """
    kind = bundle.child_value("type") or ""
    entries = bundle.named("entry")
    if not entries:
        if kind in ("document", "message"):
            text = "Documents or Messages must contain at least one entry"
            found.append(Finding("error", path, text, "Bundle_BUNDLE_Entry_NoFirst", -1, -1))
        return
    if kind == "searchset":
        _check_searchset(bundle, path, entries, found)
    for index, entry in enumerate(entries):
        _check_full_url(entry, path, index, found, needed=kind not in _OPTIONAL)
        resource = entry.child("resource")
        if resource is not None:
            check(resource, f"{path}.entry[{index}].resource", found)


def _check_searchset(bundle: Element, path: str, entries: list[Element], found: list[Finding]) -> None:
    if any(link.child_value("relation") == "self" for link in bundle.named("link")):
        return
    text = "SearchSet Bundles should have a self link that specifies what the search was"
    found.append(Finding("warning", path, text, "BUNDLE_SEARCH_NOSELF", bundle.start, bundle.end))
    if not any(entry.child("search") for entry in entries):
        text = "SearchSet bundles should have search modes on the entries"
        found.append(Finding("warning", path, text, "BUNDLE_SEARCH_NO_MODE", bundle.start, bundle.end))


def _check_full_url(entry: Element, path: str, index: int, found: list[Finding], *, needed: bool) -> None:
    def add(text: str, message_id: str, number: int = 0) -> None:  # HAPI names the first entry
        found.append(Finding("error", f"{path}.entry[{number}]", text, message_id, entry.start, entry.end))

    url, resource = entry.child_value("fullUrl"), entry.child("resource")
    if url:
        match = _SERVERS.fullmatch(url)
        logical_id = resource.child_value("id") if resource is not None else None
        if not is_absolute(url):
            add(f"The fullUrl must be an absolute URL (not '{url}')", "BUNDLE_ENTRY_URL_ABSOLUTE")
        elif resource is not None and match is not None and is_resource(match[1]):
            start = f"The fullUrl '{url}' looks like a RESTful server URL, "
            if logical_id is None:
                add(f"{start}but the resource has no id", "BUNDLE_ENTRY_URL_MATCHES_NO_ID")
            elif not url.endswith(f"/{resource.type}/{logical_id}"):
                text = f"{start}so it must end with the correct type and id (/{resource.type}/{logical_id})"
                add(text, "BUNDLE_ENTRY_URL_MATCHES_TYPE_ID")
    if needed and url is None:
        text = (
            "Except for transactions and batches, each entry in a Bundle must have a fullUrl which is the identity of "
            "the resource in the entry"
        )
        add(text, "BUNDLE_BUNDLE_ENTRY_FULLURL_REQUIRED", index)
