"""Reads what an export asks for, with HAPI FHIR 7.6's checks and words (``BulkExportJobParametersValidator``)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mab_gym.fhir.hapi._hashes import java_set_order, string_hash
from mab_gym.fhir.http._asked import Path, Values, given
from mab_gym.fhir.http._export_scope import OF_PATIENTS, Scope
from mab_gym.fhir.http._reading import current_text
from mab_gym.fhir.http._world import World
from mab_gym.fhir.model._compartment import patient_compartment
from mab_gym.fhir.model._dates import moment_at, read_date
from mab_gym.fhir.model._definitions import is_resource_type, resource_types, search_parameters
from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._url import parse_query

NDJSON = "application/fhir+ndjson"
_SEVERAL_FILTERS = re.compile(r",(?=[A-Z][a-z]+\?)")


def read_scope(world: World, path: Path, values: Values) -> Scope:
    """Returns what a request asks for, checked in HAPI's order.

    Raises:
        FhirError: HAPI refuses it.
    """
    patients = _patients(world, path, values)
    if path.kind == "Group":
        current_text(world, ("Group", str(path.logical_id)))
    stated = str(given(values, "_type") or "")
    kinds = java_set_order({name: None for part in stated.split(",") if (name := part.strip())}, string_hash)
    if path.kind is not None:
        bad = [kind for kind in kinds if kind not in (*patient_compartment(), "Device", *OF_PATIENTS)]
        if bad:
            raise FhirError(
                400,
                f"HAPI-0512: Resource types [{','.join(bad)}] are invalid for this type of export, as they do not "
                "contain search parameters that refer to patients.",
            )
    afterwards = _filters(values, "_typePostFetchFilterUrl")
    _check_job(kinds, values, afterwards)
    own = (*patient_compartment(), "Device", *(OF_PATIENTS if path.kind == "Group" else ()))
    every = [name for name in resource_types() if name != "Binary"] if path.kind is None else own
    return Scope(
        kinds=tuple(kinds or java_set_order(every, string_hash)),
        since=_since(str(given(values, "_since") or "")),
        filters=_filters(values, "_typeFilter"),
        afterwards=afterwards,
        patients=patients,
        group=str(path.logical_id) if path.kind == "Group" else "",
    )


def _patients(world: World, path: Path, values: Values) -> tuple[str, ...] | None:
    """Returns the ids of the patients that are named; None for all."""
    if path.kind != "Patient":
        return None
    named = [path.logical_id] if path.logical_id is not None else [text for text in values.get("patient", ()) if text]
    found = []
    for text in named:
        before, _, logical_id = str(text).rpartition("/")
        kind = before.rpartition("/")[2]
        if kind not in ("", "Patient"):
            raise FhirError(400, f"HAPI-0996: Incorrect resource type ({kind}) for this DAO, wanted: Patient")
        current_text(world, ("Patient", logical_id))
        found.append(logical_id)
    return tuple(dict.fromkeys(found)) or None


def _filters(values: Values, name: str) -> tuple[str, ...]:
    parts = (part for text in values.get(name, ()) for part in _SEVERAL_FILTERS.split(str(text)))
    return tuple(dict.fromkeys(part for part in parts if part.strip()))


def _since(text: str) -> str:
    if not text:
        return ""
    period = read_date(text)
    if period is None:
        raise FhirError(400, f'Invalid date/time format: "{text}"')
    return moment_at(period.low).isoformat(timespec="milliseconds")


def _check_job(kinds: Iterable[str], values: Values, afterwards: Iterable[str]) -> None:
    faults = []
    for kind in kinds:
        if kind.lower() == "binary":
            faults.append("Bulk export of Binary resources is forbidden")
        elif not is_resource_type(kind):
            faults.append(f"Resource type {kind} is not a supported resource type!")
    formats = values.get("_outputFormat", ())
    if formats and str(formats[0]).replace(" ", "+").lower() != NDJSON:
        faults.append(f"The only allowed format for Bulk Export is currently {NDJSON}")
    faults += [fault for url in afterwards if (fault := _fault_of(url))]
    if faults:
        start = "HAPI-2039: Failed to validate parameters for job of type BULK_EXPORT: "
        raise FhirError(400, start + "".join(f"\n * {fault}" for fault in faults))


def _fault_of(url: str) -> str:
    kind, _, query = url.partition("?")
    if not query.strip():
        return f"Invalid post-fetch filter URL, must be in the format [resourceType]?[parameters]: {url}"
    if not is_resource_type(kind):
        return f"Invalid post-fetch filter URL, unknown resource type: {kind}"
    for name, _ in parse_query(query):
        if name.partition(":")[0].partition(".")[0] not in search_parameters(kind) and not name.startswith("_"):
            return (
                f"Invalid post-fetch filter URL. Reason: HAPI-0488: Failed to parse match URL[{url}] - Resource type "
                f"{kind} does not have a parameter with name: {name}"
            )
    return ""
