"""The resources that an export has: of the whole server, of patients, or of the members of a group.

Source: HAPI FHIR 7.6's ``JpaBulkExportProcessor``. Of patients HAPI takes what refers to them by any parameter of the
patient compartment; without named patients it takes all resources of the compartment's types. Of a group it takes what
refers to the members by ``patient`` or ``subject``, and then all that these refer to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from mab_gym.fhir.model._compartment import patient_parameter, patient_parameters
from mab_gym.fhir.model._definitions import search_parameters
from mab_gym.fhir.model._filter import Filter, PointsToAny
from mab_gym.fhir.model._ids import Key
from mab_gym.fhir.model._outcome import FhirError, RefusalKind
from mab_gym.fhir.model._url import Parameters, parse_query
from mab_gym.fhir.search._query import read_query
from mab_gym.fhir.search._search import View
from mab_gym.fhir.store._budget import ID, ROW, SORTED_ROW, reading_work
from mab_gym.fhir.store._table import IntArray, Rows

OF_PATIENTS = ("Practitioner", "Organization")
"""The types that a group's export has besides those of the compartment."""
_LEADING = {"Practitioner": "general-practitioner", "Organization": "organization"}
_KNOWN_TARGETS = ("patient", "subject")
"""The parameters by which a group's resources refer to its members."""
MOST_IN_A_FILE = 500
"""The most resources of a file, as in HAPI."""
FILE_CHARACTERS = 1_000_000
"""The length from which on a file takes no further resource."""

_NONE: Rows = np.empty(0, dtype=np.intp)

Found = dict[str, Rows]
"""Hits by resource type."""


class ExportFailedError(Exception):
    """An export that begins and then fails; the text is HAPI's."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The resources that an export asks for.

    Attributes:
        kinds: The resource types.
        since: The earliest time of a resource's last change, as a FHIR instant; empty for any.
        filters: Searches such as ``Patient?gender=female``; a resource has to satisfy one of those of its type.
        afterwards: The same once more (``_typePostFetchFilterUrl``).
        patients: The ids of the patients; None for all.
        group: The id of the group, or empty.
    """

    kinds: Sequence[str]
    since: str = ""
    filters: Sequence[str] = ()
    afterwards: Sequence[str] = ()
    patients: Sequence[str] | None = None
    group: str = ""


def everything(view: View, scope: Scope) -> Found:
    """Returns the resources of the whole server."""
    present = set(view.types())
    return {kind: _search(view, scope, kind) for kind in scope.kinds if kind in present}


def of_patients(view: View, scope: Scope) -> Found:
    """Returns the resources of patients.

    Raises:
        ExportFailedError: A type cannot be a patient's, or a filter names the patient.
    """
    found, present = {}, set(view.types())
    for kind in scope.kinds:
        names = patient_parameters(kind)
        if not names:
            raise ExportFailedError(
                "HAPI-2223: HAPI-2222: Resource type [] is not eligible for this type of export, as it contains no "
                "Patient compartment, and no `patient` or `subject` search parameter"
            )
        _check_filters(scope, kind, 796, "Patient")
        if kind not in present:
            continue
        if scope.patients is None:
            found[kind] = _search(view, scope, kind)
        elif kind == "Patient":
            found[kind] = _search(view, scope, kind, [_with_ids(scope.patients)])
        else:
            keys = [("Patient", logical_id) for logical_id in scope.patients]
            found[kind] = _search(view, scope, kind, [_points_to(view, kind, name, keys) for name in names])
    return found


def of_group(view: View, scope: Scope) -> Found:
    """Returns the resources of a group's members, and those that they refer to.

    Raises:
        ExportFailedError: A filter names the patient.
    """
    found: Found = {}
    present = set(view.types())
    patients = _search(view, scope, "Patient", also=f"_has:Group:member:_id={scope.group}")
    anyone = replace(scope, since="")
    members = _search(view, anyone, "Patient", also=f"_has:Group:member:_id={scope.group}")
    keys = [("Patient", logical_id) for logical_id in view.ids("Patient", members)]
    for kind in scope.kinds:
        name = patient_parameter(kind)
        if kind in ("Patient", "Group") or kind not in present:
            continue
        if kind in _LEADING:
            targets = view.targets("Patient", members, search_parameters("Patient")[_LEADING[kind]])
            ids = [logical_id for target, logical_id in targets if target == kind]
            found[kind] = _search(view, scope, kind, [_with_ids(ids, kind)])
        elif name is not None:
            _check_filters(scope, kind, 792, "Group")
            found[kind] = _search(view, scope, kind, [_points_to(view, kind, name, keys)])
    if any(map(len, found.values())) and "Patient" in scope.kinds:
        found["Patient"] = members  # all these refer to them
    found = _followed(view, scope, found)
    found["Group"] = _search(view, Scope(scope.kinds), "Group", [_with_ids([scope.group], "Group")])
    found["Patient"] = patients
    return {kind: found[kind] for kind in scope.kinds if kind in found}


def _followed(view: View, scope: Scope, found: Found) -> Found:
    """Returns hits and, of the types that are asked for, those that they refer to, over any number of steps."""
    known = dict(found)
    latest: Mapping[str, Rows] = found
    while latest:
        reached: dict[str, list[int]] = {}
        for kind, hits in latest.items():
            for target, logical_id in _targets(view, kind, hits):
                hit = view.number(target, logical_id) if target in scope.kinds else None
                view.budget.spend(ID)
                if hit is not None and view.exists((target, logical_id)):
                    reached.setdefault(target, []).append(hit)
        latest = {}
        for kind, numbers in reached.items():
            before = known.get(kind, _NONE)
            view.budget.spend(len(before) * ROW)
            further = np.setdiff1d(np.array(numbers, dtype=np.intp), before)
            if len(further):
                latest[kind], known[kind] = further, np.union1d(before, further)
    return known


def _targets(view: View, kind: str, hits: Rows) -> Iterable[Key]:
    references = (p for p in search_parameters(kind).values() if p.type == "reference")
    parameters = {p.expression: p for p in references if p.name not in _KNOWN_TARGETS}
    return (
        {key for parameter in parameters.values() for key in view.targets(kind, hits, parameter)} if len(hits) else ()
    )


# --- searches ------------------------------------------------------------------------------------------------------


def _search(view: View, scope: Scope, kind: str, alternatives: Sequence[Filter] | None = None, also: str = "") -> Rows:
    """Returns the resources of a type that satisfy one of some alternatives and what the scope asks for.

    Args:
        view: All resources.
        scope: What the export asks for.
        kind: The type.
        alternatives: Filters of which one must hold; None for no such condition.
        also: A further condition, as in a URL.
    """
    always = parse_query(also) + ((("_lastUpdated", f"ge{scope.since}"),) if scope.since else ())
    groups = [()] if alternatives is None else [(each,) for each in alternatives]
    own = [each for each in scope.filters if each.startswith(f"{kind}?")] or [f"{kind}?"]
    hits = _union(view, [_hits(view, kind, url, always, group) for url in own for group in groups])
    afterwards = [each for each in scope.afterwards if each.startswith(f"{kind}?")]
    if afterwards:
        view.budget.spend(len(hits) * ROW)
        hits = hits[np.isin(hits, _union(view, [_hits(view, kind, url, (), ()) for url in afterwards]))]
    return hits


def _hits(view: View, kind: str, url: str, always: Parameters, filters: tuple[Filter, ...]) -> Rows:
    """Returns the resources that a search such as ``Patient?gender=female`` and further conditions find."""
    parameters = (*parse_query(url.partition("?")[2]), *always)
    if not parameters:
        return view.filtered(kind, filters)
    view.budget.spend(reading_work(parameters))
    try:
        query = read_query(kind, parameters)
    except FhirError as error:
        if error.status != 400:
            raise
        text = f"HAPI-2223: {error.issues[0].diagnostics}"
        if error.kind is RefusalKind.UNKNOWN_PARAMETER:
            reason = f"Resource type {kind} does not have a parameter with name: {error.name}"
            text = f"HAPI-0488: Failed to parse match URL[{url}] - {reason}"
        raise ExportFailedError(text) from None
    return view.hits(replace(query, filters=(*query.filters, *filters), sort=(), driver=None)).all()


def _union(view: View, found: Sequence[Rows]) -> Rows:
    if len(found) == 1:
        return found[0]
    view.budget.spend(sum(map(len, found)) * SORTED_ROW)
    return np.unique(np.concatenate(found)).astype(np.intp)


def _with_ids(ids: Iterable[str], kind: str = "Patient") -> Filter:
    return Filter(search_parameters(kind)["_id"], (kind, "_id", "", ",".join(sorted(ids))), ids=frozenset(ids))


def _points_to(view: View, kind: str, name: str, keys: Sequence[Key]) -> Filter:
    view.budget.spend(len(keys) * ID)
    digest = blake2b("\n".join(f"{a}/{b}" for a, b in sorted(keys)).encode(), digest_size=16).hexdigest()
    return Filter(search_parameters(kind)[name], ("chain", "reference", name, digest), (PointsToAny(set(keys)),))


def _check_filters(scope: Scope, kind: str, code: int, style: str) -> None:
    own = [each.partition("?")[2] for each in scope.filters if each.startswith(f"{kind}?")]
    only = patient_parameter(kind)
    if any(name.partition(":")[0] == only for url in own for name, _ in parse_query(url)):
        raise ExportFailedError(
            f"HAPI-2223: HAPI-{code:04d}: {style} Bulk Export manually modifies the Search Parameter called [{only}], "
            "so you may not include this search parameter in your _typeFilter!"
        )


# --- files ---------------------------------------------------------------------------------------------------------


def file_ends(view: View, kind: str, hits: Rows) -> IntArray:
    """Returns for each file of some hits the number of hits up to its end: short files, of few resources each."""
    written = np.cumsum(view.lengths(kind, hits))
    ends, end, before = [], 0, 0
    while end < len(hits):
        fitting = int(np.searchsorted(written, before + FILE_CHARACTERS, side="right"))
        end = min(max(fitting, end + 1), end + MOST_IN_A_FILE, len(hits))
        before = int(written[end - 1])
        ends.append(end)
    view.budget.spend(len(ends) * ID)
    return np.array(ends, dtype=np.int32)
