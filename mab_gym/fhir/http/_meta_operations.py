"""``$meta``, ``$meta-add`` and ``$meta-delete``: tags, security labels and profiles (FHIR R4, resource-operations).

As in HAPI FHIR 7.6, adding and deleting changes the current version in place: there is no new version, and the time of
the last update stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mab_gym.fhir.http._asked import Path, Values
from mab_gym.fhir.http._checks import LABELS, sorted_labels
from mab_gym.fhir.http._numbered import unknown_resource
from mab_gym.fhir.http._world import Version, World
from mab_gym.fhir.model._definitions import search_parameters
from mab_gym.fhir.model._filter import Filter
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.search._search import View
from mab_gym.fhir.store._base import parse_element

_SHOWN = ("versionId", "lastUpdated", "profile", "security", "tag")
_LABEL_PARTS = ("system", "code", "display")
_CODES = {"$meta-add": "0554", "$meta-delete": "0555"}
"""HAPI's codes for a missing parameter."""


def meta(world: World, path: Path) -> dict[str, Any]:
    """Answers ``$meta`` of the server, of a type, of a resource or of one version.

    Raises:
        FhirError: There is no such resource or version.
    """
    if path.kind is None or path.logical_id is None:
        view = world.view()
        labels = _labels(view, view.types() if path.kind is None else [path.kind])
        # HAPI sorts them for a type, but not for the whole server
        return _returned(labels if path.kind is None else _sorted(labels))
    return _returned(_shown(_version(world, (path.kind, path.logical_id), path.version)))


def change_meta(world: World, path: Path, values: Values) -> dict[str, Any]:
    """Answers ``$meta-add`` and ``$meta-delete``.

    Raises:
        FhirError: There is no such resource, or nothing says what to add or to delete.
    """
    assert path.kind is not None
    assert path.logical_id is not None
    key = (path.kind, path.logical_id)
    wanted = next(iter(values.get("meta", ())), None)
    if wanted is None:
        raise FhirError(400, f"HAPI-{_CODES[path.operation]}: Input contains no parameter with name 'meta'")
    version = _version(world, key, None)
    if path.version is not None or not version.text:
        raise FhirError(501, f"This server answers {path.operation} for current versions of resources alone")
    resource = parse_element(version.text)
    change = _without if path.operation == "$meta-delete" else _with
    resource["meta"] = change(resource.get("meta", {}), wanted)
    write = world.relabel(key, resource, version)
    return _returned({name: write["meta"][name] for name in _SHOWN if name in write["meta"]})


def _returned(shown: Mapping[str, Any]) -> dict[str, Any]:
    part = {"name": "return", "valueMeta": shown} if shown else {"name": "return"}
    return {"resourceType": "Parameters", "parameter": [part]}


def _version(world: World, key: Key, number: str | None) -> Version:
    versions = world.versions(key)
    if not versions:
        raise unknown_resource(world, key)
    if number is None:
        return versions[0]
    for version in versions:
        if str(version.number) == number:
            return version
    code = "0979" if number.isascii() and number.isdecimal() and len(number) < 19 else "0978"
    raise FhirError(404, f'HAPI-{code}: Version "{number}" is not valid for resource {"/".join(key)}')


def _shown(version: Version) -> dict[str, Any]:
    if not version.text:
        return {"versionId": str(version.number), "lastUpdated": version.updated}
    stored = parse_element(version.text).get("meta", {})
    return {name: stored[name] for name in _SHOWN if name in stored}


def _same(label: Mapping[str, Any]) -> tuple[Any, Any]:
    return label.get("system"), label.get("code")


def _with(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if profiles := {*stored.get("profile", ()), *wanted.get("profile", ())}:
        changed["profile"] = sorted(profiles)
    for name in LABELS:
        known = {_same(label): label for label in stored.get(name, ())}
        for label in wanted.get(name, ()):
            known.setdefault(_same(label), {part: label[part] for part in _LABEL_PARTS if part in label})
        if known:
            changed[name] = sorted_labels(list(known.values()))
    return _replaced(stored, changed)


def _without(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    gone = set(wanted.get("profile", ()))
    changed: dict[str, Any] = {"profile": [url for url in stored.get("profile", ()) if url not in gone]}
    for name in LABELS:
        named = {_same(label) for label in wanted.get(name, ())}
        changed[name] = [label for label in stored.get(name, ()) if _same(label) not in named]
    return _replaced(stored, changed)


def _replaced(stored: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in stored.items() if name not in ("profile", *LABELS)}
    return {**kept, **{name: changed[name] for name in ("profile", *LABELS) if changed.get(name)}}


def _labels(view: View, kinds: Iterable[str]) -> dict[str, list[Any]]:
    """Returns all labels that resources of some types have, in the order in which they appeared."""
    profiles: dict[str, None] = {}
    labels: dict[str, dict[object, Mapping[str, Any]]] = {name: {} for name in LABELS}
    for stored in _labelled(view, kinds):
        profiles.update(dict.fromkeys(stored.get("profile", ())))
        for name in LABELS:
            for label in stored.get(name, ()):
                part = {each: label[each] for each in _LABEL_PARTS if each in label}
                labels[name].setdefault(_same(label), part)
    found: dict[str, list[Any]] = {"profile": list(profiles)}
    found.update({name: list(labels[name].values()) for name in LABELS})
    return {name: values for name, values in found.items() if values}


def _sorted(labels: Mapping[str, list[Any]]) -> dict[str, Any]:
    return {name: sorted(found) if name == "profile" else sorted_labels(found) for name, found in labels.items()}


def _labelled(view: View, kinds: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    for kind in kinds:
        for name in ("_profile", "_security", "_tag"):
            wanted = Filter(search_parameters(kind)[name], (kind, name, "missing", "false"), missing=False)
            hits = view.filtered(kind, [wanted])
            for _, text in _texts(view, kind, hits):
                yield parse_element(text).get("meta", {})


def _texts(view: View, kind: str, hits: Any) -> Iterable[tuple[str, str]]:
    for start in range(0, len(hits), 100):
        part: Sequence[tuple[str, str]] = view.entries(kind, hits[start : start + 100])
        view.budget.show(sum(len(text) for _, text in part), rewritten=True)
        yield from part
