"""Creates, updates and deletes as HAPI does them, with and without conditions (FHIR R4, https://hl7.org/fhir/R4/http.html).

These functions change a `World` and return a `Done`; ``_server`` and ``_transactions`` turn it into an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mab_gym.fhir.http._checks import (
    LABELS,
    Known,
    check_bundle,
    check_resource,
    refers_to_resources,
    repeated_labels,
    unique_labels,
)
from mab_gym.fhir.http._numbered import is_number, read_number
from mab_gym.fhir.http._preconditions import etag_version, version_number
from mab_gym.fhir.http._world import World
from mab_gym.fhir.model._definitions import search_parameters
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._json_text import Json, pretty
from mab_gym.fhir.model._outcome import FhirError, storage_outcome
from mab_gym.fhir.model._paths import compile_paths
from mab_gym.fhir.model._values import Reference, read_values
from mab_gym.fhir.search._includes import any_pointing_here
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._overlay import Write

_VALID_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_TOO_MANY = {"CREATE": "0958", "UPDATE": "0988", "DELETE": "0962", "PATCH": "0972"}
_UNSATISFIED = FhirError(
    400, "HAPI-0929: Failed to process conditional create. The supplied resource did not satisfy the conditional URL."
)
TOOK = "Took 0ms."
"""HAPI reports how long a write took; on the simulated clock it takes no time."""


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a write.

    Attributes:
        status: The HTTP status: 201 for a new resource, else 200.
        key: The resource's type and id; None for a conditional delete.
        version: Its version now; 0 if there is no such resource.
        text: Its JSON as an answer shows it; empty after a delete.
        updated: The time of this version, as a FHIR instant.
        outcome: The OperationOutcome that reports the result.
        revived: True if a resource that was deleted came again.
    """

    status: int
    key: Key | None
    version: int
    text: str
    updated: str
    outcome: dict[str, Any]
    revived: bool = False


@dataclass(frozen=True, slots=True)
class Manner:
    """The settings of a write.

    Attributes:
        known: The resources that references may point to; those of the world if None.
        source: The id of the request; a new one if empty.
        number: The id of a new resource, if it was given out already.
        timed: True if the report of an update ends with the time that it took.
        again: True if the same transaction deletes the resource: HAPI makes one version of both.
    """

    known: Known | None = None
    source: str = ""
    number: int | None = None
    timed: bool = True
    again: bool = False


PLAIN = Manner()


def create(world: World, resource: Mapping[str, Any], condition: str = "") -> Done:
    """Stores a new resource under an id of the server's.

    Args:
        world: The session's resources.
        resource: The resource as the client sent it, parsed.
        condition: ``If-None-Exist``: a search that must not find anything, or empty.

    Raises:
        FhirError: HAPI refuses it.
    """
    check_bundle(resource)
    if condition:
        found = find_one(world, str(resource["resourceType"]), condition, "CREATE")
        if found is not None:
            return found_instead(world, found, condition)
        if not world.satisfies(resource, condition):
            raise _UNSATISFIED
    return store_new(world, resource, condition)


def update(world: World, key: Key, resource: Mapping[str, Any], if_match: str = "", manner: Manner = PLAIN) -> Done:
    """Stores a resource under a given id.

    Args:
        world: The session's resources.
        key: The resource's type and id.
        resource: The resource as the client sent it, parsed.
        if_match: The version that it must have now, or empty.
        manner: The settings of the write.

    Raises:
        FhirError: HAPI refuses it.
    """
    if not _VALID_ID.fullmatch(key[1]):
        raise FhirError(400, f"HAPI-0521: Can not process entity with ID[{key[1]}], this is not a valid FHIR ID")
    existing = world.versions(key)
    version = etag_version(if_match)
    if version and existing and existing[0].number != version_number(version):
        raise _not_current("0989", "update", key, version)
    if not existing and is_number(key[1]):
        owner = world.numbered(read_number(key[1]))
        if owner is not None and owner[1] == key[1]:
            raise FhirError(
                422,
                f"HAPI-0930: Existing resource ID[{'/'.join(owner)}] is of type[{owner[0]}] - Cannot update with "
                f"[{key[0]}]",
            )
        raise FhirError(
            400,
            f"HAPI-0960: Can not create resource with ID[{key[1]}], no resource with this ID exists and clients may "
            "only assign IDs which contain at least one non-numeric character",
        )
    write = _store(world, key, resource, manner)
    took = TOOK if manner.timed else ""
    if write is None:
        text = (
            f'Successfully updated resource "{"/".join(key)}/_history/{existing[0].number}" with no changes detected.'
        )
        return _unchanged(world, key, resource, "SUCCESSFUL_UPDATE_NO_CHANGE", f"{text} {took}".rstrip())
    if write.interaction == "create" or manner.again:
        text = f'Successfully created resource "{_name(write)}" using update as create'
        text += f" (ie. create with client assigned ID). {took if existing else TOOK}"
        done = _created(_done(201, write, "SUCCESSFUL_UPDATE_AS_CREATE", text.rstrip()), write, resource)
        return replace(done, revived=bool(existing))
    return _done(200, write, "SUCCESSFUL_UPDATE", f'Successfully updated resource "{_name(write)}". {took}'.rstrip())


def update_matching(world: World, resource: Mapping[str, Any], url: str) -> Done:
    """Updates the one resource that a search finds, or stores a new one.

    Args:
        world: The session's resources.
        resource: The resource as the client sent it, parsed.
        url: The search, with the type before it.

    Raises:
        FhirError: HAPI refuses it; 412 if the search finds several resources.
    """
    check_bundle(resource)
    found = find_one(world, str(resource["resourceType"]), url, "UPDATE")
    if found is not None:
        return update_found(world, found, resource, url)
    if not world.satisfies(resource, url):
        raise _UNSATISFIED
    return store_new(world, resource, url, updating=True)


def find_one(world: World, resource_type: str, url: str, interaction: str) -> Key | None:
    """Returns the resource that a condition finds, or None.

    Raises:
        FhirError: 412 if it finds more than one resource.
    """
    count, first = world.matching(resource_type, url)
    if count > 1:
        # HAPI looks for more than two only before a deletion
        told = count if interaction == "DELETE" else 2
        raise FhirError(
            412,
            f"HAPI-{_TOO_MANY[interaction]}: Failed to {interaction} {resource_type} with match URL "
            f'"{url}" because this search matched {told} resources',
        )
    return (resource_type, first) if count else None


def store_new(
    world: World, resource: Mapping[str, Any], condition: str = "", manner: Manner = PLAIN, *, updating: bool = False
) -> Done:
    """Stores a new resource, after a condition that found nothing or without one."""
    resource_type = str(resource["resourceType"])
    checked = check_resource(resource, manner.known or world, updating=updating)
    write = world.create(resource_type, checked, manner.source or world.counter_ids.text(16), manner.number)
    name = f'"{_name(write)}"'
    if updating:
        code = "SUCCESSFUL_UPDATE_NO_CONDITIONAL_MATCH"
        text = f"Successfully conditionally updated resource {name}. Created resource because no existing resource "
        # HAPI does not fill in the placeholder
        text += 'matched URL "{1}".'
    elif condition:
        code = "SUCCESSFUL_CREATE_NO_CONDITIONAL_MATCH"
        text = f'Successfully conditionally created resource {name}. No existing resources matched URL "{condition}".'
    else:
        code, text = "SUCCESSFUL_CREATE", f"Successfully created resource {name}."
    return _created(_done(201, write, code, f"{text} {TOOK}"), write, resource)


def found_instead(world: World, key: Key, condition: str) -> Done:
    """Returns the result of a conditional create that found a resource."""
    text = world.view().text(key) or ""
    meta = parse_element(text).get("meta", {})
    outcome = storage_outcome(
        "SUCCESSFUL_CREATE_WITH_CONDITIONAL_MATCH",
        'Successfully conditionally created resource "0". '  # HAPI fills in the milliseconds that it took
        f'Existing resource matched URL "{condition}".',
    )
    return Done(200, key, int(meta.get("versionId", 1)), text, str(meta.get("lastUpdated", "")), outcome)


def update_found(world: World, key: Key, resource: Mapping[str, Any], url: str, manner: Manner = PLAIN) -> Done:
    """Updates the resource that a condition found."""
    write = _store(world, key, resource, manner)
    start = "Successfully conditionally updated resource"
    matched = f'Existing resource matched URL "{url}". {TOOK if manner.timed else ""}'.rstrip()
    if write is None:
        name = f'"{"/".join(key)}/_history/{world.versions(key)[0].number}"'
        code = "SUCCESSFUL_UPDATE_WITH_CONDITIONAL_MATCH_NO_CHANGE"
        return _unchanged(world, key, resource, code, f"{start} {name} with no changes detected. {matched}")
    return _done(200, write, "SUCCESSFUL_UPDATE_WITH_CONDITIONAL_MATCH", f'{start} "{_name(write)}". {matched}')


def store_patched(world: World, key: Key, resource: Mapping[str, Any], url: str = "", manner: Manner = PLAIN) -> Done:
    """Stores what a patch has made of a resource.

    Args:
        world: The session's resources.
        key: The resource's type and id.
        resource: The patched resource.
        url: The search that found it, or empty.
        manner: The settings of the write.
    """
    write = _store(world, key, resource, manner, updating=False)
    version = write.version if write is not None else world.versions(key)[0].number
    name = f"{'/'.join(key)}/_history/{version}"
    unchanged = "" if write is not None else " with no changes detected"
    if url:
        text = f"Successfully conditionally patched resource{unchanged}. Existing resource {name} matched URL: {url}."
    else:
        text = f'Successfully patched resource "{name}"{unchanged}.'
    text = f"{text} {TOOK if manner.timed else ''}".rstrip()
    code = f"SUCCESSFUL_{'CONDITIONAL_' if url else ''}PATCH"
    if write is None:
        return _unchanged(world, key, resource, f"{code}_NO_CHANGE", text)
    return _done(200, write, code, text)


def delete(world: World, key: Key, if_match: str = "", *, referred: bool = False) -> Done:
    """Deletes a resource.

    Args:
        world: The session's resources.
        key: The resource's type and id.
        if_match: The version that it must have now, or empty.
        referred: True to delete it although another resource may refer to it.

    Raises:
        FhirError: 409 if another resource refers to it, or if it has another version.
    """
    name = "/".join(key)
    if not world.exists(key):
        versions = world.versions(key)
        if not versions and is_number(key[1]):
            owner = world.numbered(read_number(key[1]))
            if owner is not None and owner[1] == key[1]:
                return _delete_of_another_type(world, key, owner)
        if not versions:
            text = f"Not deleted, resource {name} does not exist."
            return Done(200, key, 0, "", "", storage_outcome("SUCCESSFUL_DELETE_NOT_FOUND", text))
        version = versions[0].number
        text = f"Not deleted, resource {name}/_history/{version} was already deleted."
        return Done(200, key, version, "", "", storage_outcome("SUCCESSFUL_DELETE_ALREADY_DELETED", text))
    wanted = etag_version(if_match)
    if wanted and world.versions(key)[0].number != version_number(wanted):
        raise _not_current("0961", "delete", key, wanted)
    if not referred:
        check_unreferenced(world, key)
    write = world.delete(key)
    return _done(200, write, "SUCCESSFUL_DELETE", f"Successfully deleted 1 resource(s). {TOOK}")


def _delete_of_another_type(world: World, key: Key, owner: Key) -> Done:
    """Answers for the resource of another type that has the number of the one to delete."""
    if not world.exists(owner):
        return delete(world, owner)
    name = f"{'/'.join(key)} (pid {key[1]}, version R4)"
    raise FhirError(
        400,
        f"HAPI-0928: Failed to parse database resource[{name}: HAPI-1814: Incorrect resource type found, expected "
        f'"{key[0]}" but found "{owner[0]}"',
    )


def delete_matching(world: World, resource_type: str, url: str) -> Done:
    """Deletes the one resource that a search finds.

    Args:
        world: The session's resources.
        resource_type: The resource's type.
        url: The search, with the type before it.

    Raises:
        FhirError: 412 if the search finds several resources.
    """
    found = find_one(world, resource_type, url, "DELETE")
    if found is None:
        text = f'Unable to find resource matching URL "{url}". Nothing has been deleted.'
        return Done(200, None, 0, "", "", storage_outcome("SUCCESSFUL_DELETE_NOT_FOUND", text, "warning", "not-found"))
    done = delete(world, found)
    return Done(200, None, done.version, "", "", done.outcome)


def _store(
    world: World, key: Key, resource: Mapping[str, Any], manner: Manner, *, updating: bool = True
) -> Write | None:
    """Stores a version and returns the write; None if the resource is the same as before."""
    checked = check_resource(resource, manner.known or world, updating=updating)
    stored = None if manner.again else world.view().read(key)
    if stored is None and world.was_deleted(key):
        checked = _with_kept_labels(checked, _before_deletion(world, key))
    if stored is not None:
        checked = _with_kept_labels(checked, stored)
        if _is_same(stored, checked):
            return None
    # where HAPI looks up references while it revives a resource, it stores the resource twice
    skipped = 1 if world.was_deleted(key) and refers_to_resources(checked) else 0
    return world.update(key, checked, manner.source or world.counter_ids.text(16), skipped)


def _before_deletion(world: World, key: Key) -> dict[str, Any]:
    """Returns the last version of a resource that was deleted."""
    text = next((version.text for version in world.versions(key) if version.text), "{}")
    resource: dict[str, Any] = parse_element(text)
    return resource


def _with_kept_labels(resource: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the tags and security labels of the previous version: an update does not remove them."""
    meta = dict(resource.get("meta", {}))
    for name in LABELS:
        codings = [*stored.get("meta", {}).get(name, ()), *meta.pop(name, ())]
        if codings:
            meta[name] = unique_labels(codings)
    return {**resource, "meta": meta} if meta else resource


_OWN_META = ("versionId", "lastUpdated", "source")


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tells if two versions are the same but for ids, times and source."""

    def meta(resource: Mapping[str, Any]) -> Json:
        return {name: value for name, value in resource.get("meta", {}).items() if name not in _OWN_META}

    ignored = {"id", "meta"}
    return (
        one.keys() - ignored == other.keys() - ignored
        and _alike(meta(one), meta(other))
        and all(_alike(value, other[name]) for name, value in one.items() if name not in ignored)
    )


def _alike(one: Json, other: Json) -> bool:
    """Tells if two JSON values are written alike: 1.0 and 1.00 are not."""
    if isinstance(one, dict):
        if not isinstance(other, dict) or one.keys() != other.keys():
            return False
        return all(_alike(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, str):
        return bool(one == other)
    return type(one) is type(other) and repr(one) == repr(other)


def _unchanged(world: World, key: Key, resource: Mapping[str, Any], code: str, text: str) -> Done:
    """Returns the result of an update without changes: the stored resource, with the source that was sent."""
    stored = dict(world.view().read(key) or {})
    sent = resource.get("meta", {})
    meta = {name: value for name, value in stored.get("meta", {}).items() if name != "source" or name in sent}
    if "source" in meta:
        meta["source"] = sent["source"]
    stored["meta"] = meta
    version, updated = int(meta.get("versionId", 1)), str(meta.get("lastUpdated", ""))
    return Done(200, key, version, pretty(stored), updated, storage_outcome(code, text))


def _done(status: int, write: Write, code: str, text: str) -> Done:
    return Done(status, write.key, write.version, write.text, write.updated, storage_outcome(code, text))


def _created(done: Done, write: Write, resource: Mapping[str, Any]) -> Done:
    """Returns the result of storing a new resource; it shows profiles and labels as they were sent."""
    repeated = repeated_labels(resource)
    if not repeated or write.resource is None:
        return done
    stored = write.resource
    return replace(done, text=pretty({**stored, "meta": {**stored["meta"], **repeated}}))


def _name(write: Write) -> str:
    return f"{write.resource_type}/{write.logical_id}/_history/{write.version}"


def _not_current(code: str, interaction: str, key: Key, version: str) -> FhirError:
    return FhirError(
        409,
        f"HAPI-0550: HAPI-{code}: Trying to {interaction} {'/'.join(key)}/_history/{version} but this is not the "
        "current version",
    )


def check_unreferenced(world: World, key: Key) -> None:
    """Refuses to delete a resource that another one refers to (HAPI's referential integrity)."""
    view = world.view()
    pointing = any_pointing_here(key, view)
    if pointing is not None:
        raise FhirError(
            409,
            f"Unable to delete {'/'.join(key)} because at least one resource has a reference to this resource. First "
            f"reference found was resource {'/'.join(pointing)} in path "
            f"{_path_to(pointing[0], view.read(pointing) or {}, key)}",
        )


def _path_to(resource_type: str, resource: Mapping[str, Any], key: Key) -> str:
    """Returns the path by which a resource refers to another; of several, the first in HAPI's indexes."""
    for parameter in sorted(search_parameters(resource_type).values(), key=lambda p: "(" in p.expression):
        if parameter.type != "reference":
            continue
        for alternative in parameter.expression.split(" | "):
            for path in compile_paths(resource_type, alternative):
                for node in path.nodes(resource.get(path.top)):
                    for value in read_values("reference", node):
                        if isinstance(value, Reference) and (value.target_type, value.target_id) == key:
                            return alternative.strip()
    return resource_type
