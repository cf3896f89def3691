"""Batches and transactions: Bundles of requests, as HAPI processes them (FHIR R4, https://hl7.org/fhir/R4/http.html).

In a transaction deletes come first, then creates, updates and reads, and either all writes happen or none. The entries
of a batch are independent; their reads also come last. Resources may refer to one another by the ``fullUrl`` of their
entries, whatever ids they get.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mab_gym.fhir.http._checks import IndexingError, map_references, references
from mab_gym.fhir.http._exchange import FHIR_JSON, Request, Response
from mab_gym.fhir.http._fhir_patch import PatchRefusedError
from mab_gym.fhir.http._patching import java_fault, patch_entry
from mab_gym.fhir.http._placeholders import (
    check_names,
    condition_of,
    is_placeholder,
    name_of,
    without_repeats,
    would_match_twice,
)
from mab_gym.fhir.http._world import World
from mab_gym.fhir.http._writing import (
    Done,
    Manner,
    check_unreferenced,
    delete,
    delete_matching,
    find_one,
    found_instead,
    store_new,
    store_patched,
    update,
    update_found,
)
from mab_gym.fhir.model._definitions import resource_types
from mab_gym.fhir.model._errors import JavaError
from mab_gym.fhir.model._ids import Key, parse_id
from mab_gym.fhir.model._json_text import Json, Printed, pretty
from mab_gym.fhir.model._outcome import FhirError, Issue, operation_outcome
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._budget import BUNDLE_ENTRY, PARAMETER

Answer = Callable[[Request], Response]

STATUS_LINES = {
    200: "200 OK",
    201: "201 Created",
    204: "204 No Content",
    304: "304 Not Modified",
    400: "400 Bad Request",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    409: "409 Conflict",
    410: "410 Gone",
    412: "412 Precondition Failed",
    422: "422 Unprocessable Entity",
    500: "500 Internal Server Error",
    501: "501 Not Implemented",
}
_ORDER = ("DELETE", "POST", "PUT", "PATCH", "GET")
_WITH_RESOURCE = ("POST", "PUT", "PATCH")
_NO_VERB = (
    "HAPI-0389: Failed to call access method: java.lang.NullPointerException: Cannot invoke "
    '"String.equalsIgnoreCase(String)" because the return value of '
    '"ca.uhn.fhir.jpa.dao.ITransactionProcessorVersionAdapter.getEntryRequestVerb(ca.uhn.fhir.context.FhirContext, '
    'org.hl7.fhir.instance.model.api.IBase)" is null'
)
_NO_METHOD = ("HAPI-0287:", "HAPI-0302:")
"""The refusals of reads over which HAPI gives up a whole transaction, besides those that name no operation of its."""
MOST_ENTRIES = 20_000
"""The most entries of a Bundle."""


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """One entry of a Bundle of requests.

    Attributes:
        place: Its place in the Bundle.
        method: The HTTP verb.
        url: The request's URL.
        full_url: The name by which other entries refer to its resource, or empty.
        resource: The resource, or None.
        request: ``Bundle.entry.request``.
    """

    place: int
    method: str
    url: str
    full_url: str
    resource: dict[str, Any] | None
    request: Mapping[str, Any]


def process(
    world: World, bundle: Mapping[str, Any], answer: Answer, *, representation: bool, path: str = ""
) -> tuple[str, str]:
    """Processes a Bundle of requests and writes the Bundle that answers it.

    Args:
        world: The session's resources.
        bundle: The Bundle as the client sent it, parsed.
        answer: Answers a single request, for the entries that read.
        representation: True if the answer shows the resources that were written (``Prefer: return=representation``).
        path: The request's path, for the link to itself: empty or a slash.

    Returns:
        The id of the answer's Bundle, and its JSON.

    Raises:
        FhirError: HAPI refuses the Bundle as a whole; nothing is changed then.
    """
    kind = bundle.get("type", "transaction")
    if kind not in ("transaction", "batch"):
        raise FhirError(400, f"HAPI-0527: Unable to process transaction where incoming Bundle.type = {kind}")
    raw = bundle.get("entry", [])
    world.budget.read(len(raw) * BUNDLE_ENTRY)
    if len(raw) > MOST_ENTRIES:
        raise FhirError(413, f"A Bundle may have {MOST_ENTRIES} entries; this one has {len(raw)}")
    entries = [_read_entry(place, entry) for place, entry in enumerate(raw)]
    bundle_id = world.counter_ids.uuid()
    world.budget.write_twice()
    if kind == "batch":
        answers = _batch(world, entries, answer, representation)
    else:
        before = world.written
        try:
            answers = _transaction(world, entries, answer, representation)
        except IndexingError as error:
            world.undo(before)
            raise FhirError(500, error.in_transaction) from None
        except Exception:
            world.undo(before)
            raise
    response: dict[str, Any] = {
        "resourceType": "Bundle",
        "id": bundle_id,
        "type": f"{kind}-response",
        "link": [{"relation": "self", "url": f"{world.origin.base_url}{path}"}],
    }
    if answers:
        response["entry"] = answers
    return bundle_id, pretty(response)


def _read_entry(place: int, entry: Mapping[str, Any]) -> BundleEntry:
    request = entry.get("request", {})
    return BundleEntry(
        place,
        str(request.get("method", "")),
        str(request.get("url", "")),
        str(entry.get("fullUrl", "")),
        entry.get("resource"),
        request,
    )


def _batch(world: World, entries: Sequence[BundleEntry], answer: Answer, representation: bool) -> list[dict[str, Any]]:
    answers: dict[int, dict[str, Any]] = {}
    if any(not entry.method for entry in entries):
        raise FhirError(500, _NO_VERB)
    for entry in sorted(entries, key=lambda each: each.method == "GET"):
        before = world.written
        try:
            answers[entry.place] = _transaction(world, [entry], answer, representation)[0]
        except FhirError as error:
            world.undo(before)
            if isinstance(error, IndexingError):
                error = FhirError(500, error.in_batch)
            elif isinstance(error, PatchRefusedError):
                error = error.in_batch
            answers[entry.place] = _refused(error)
    return [answers[place] for place in range(len(entries))]


def _refused(error: FhirError) -> dict[str, Any]:
    issue = error.issues[0]
    text = issue.diagnostics if issue.code == "processing" else f"HAPI-0303: {issue.diagnostics}"
    outcome = operation_outcome(Issue(text, "exception"))
    return {"response": {"status": STATUS_LINES.get(error.status, str(error.status)), "outcome": outcome}}


@dataclass(frozen=True, slots=True)
class _Plan:
    """A write that a Bundle asks for.

    Attributes:
        entry: The entry.
        resource: The resource that the entry brings.
        key: The type and id of the resource that it creates or changes.
        number: The id given out for a new resource, or None.
        url: The condition, or empty.
    """

    entry: BundleEntry
    resource: dict[str, Any]
    key: Key
    number: int | None = None
    url: str = ""


class _Known:
    """The resources that references in a Bundle may point to: those that exist, and those that the Bundle creates."""

    def __init__(self, world: World, plans: Sequence[_Plan]) -> None:
        self._world = world
        self._made = {plan.key for plan in plans}
        # HAPI looks up references that are searches before it writes anything
        self._found = {condition_of(plan.entry): (1, plan.key[1]) for plan in plans if plan.url}
        for text in {text for plan in plans for text in references(plan.resource) if "?" in text}:
            kind = text.partition("?")[0]
            if kind in resource_types() and text not in self._found:
                self._found[text] = world.matching(kind, text)

    def exists(self, key: Key) -> bool:
        return key in self._made or self._world.exists(key)

    def was_deleted(self, key: Key) -> bool:
        return key not in self._made and self._world.was_deleted(key)

    def numbered(self, number: int) -> Key | None:
        return self._world.numbered(number)

    def matching(self, resource_type: str, url: str) -> tuple[int, str]:
        count, logical_id = self._found.get(url) or self._world.matching(resource_type, url)
        if count > 1:
            raise FhirError(412, f'HAPI-2207: Invalid match URL "{url}" - Multiple resources match this search')
        return count, logical_id


def _transaction(
    world: World, entries: Sequence[BundleEntry], answer: Answer, representation: bool
) -> list[dict[str, Any]]:
    for entry in entries:
        _check(entry)
    entries, instead = without_repeats(entries)
    check_names(entries)
    ordered = sorted(entries, key=lambda entry: _ORDER.index(entry.method))
    again = {_path_of(entry) for entry in entries if entry.method == "PUT"}
    answers = _deletions(world, [entry for entry in ordered if entry.method == "DELETE"], again)
    again &= {_path_of(entry) for entry in entries if entry.method == "DELETE"}
    plans = [_plan(world, entry) for entry in ordered if entry.method in ("POST", "PUT")]
    plans, twins = _settled(plans)
    plans += _patch_plans(world, ordered, plans)
    names = _names(plans, instead)
    last = {plan.key: plan for plan in plans}
    known = _Known(world, plans)
    source = world.counter_ids.text(16)
    for plan in plans:
        if plan.entry.place in twins:
            first = answers[twins[plan.entry.place]]
            answers[plan.entry.place] = {**first, "response": {**first["response"], "status": STATUS_LINES[200]}}
            continue
        if last[plan.key].entry.method == "PATCH" and last[plan.key] is not plan:
            continue  # what is stored is only what the last patch has made of the resource as it was before
        revived = "/".join(plan.key) in again and world.exists(plan.key)
        manner = Manner(known, source, plan.number, timed=False, again=revived)
        done = _write(world, plan, _resolved(plan.resource, names, plan.key[0]), manner)
        answers[plan.entry.place] = _written(done, world, representation, dated=_is_named_binary(plan.entry))
    for plan in plans:
        if plan.entry.place not in answers:
            response = answers[last[plan.key].entry.place]["response"]
            answers[plan.entry.place] = {"response": {n: v for n, v in response.items() if n != "outcome"}}
    for entry in ordered:
        if entry.method == "DELETE":
            _check_conflicts(world, entry)
    for entry in ordered:
        if entry.method == "GET":
            world.budget.spend(PARAMETER)  # once the budget is spent, nothing more is looked up
            answers[entry.place] = _get(entry, answer)
    return [answers[entry.place] for entry in entries]


def _deletions(world: World, entries: Sequence[BundleEntry], again: Collection[str]) -> dict[int, dict[str, Any]]:
    """Deletes resources and returns the answers, by the entries' places.

    Args:
        world: The session's resources.
        entries: The entries that delete.
        again: The resources that the Bundle stores again: one version comes of both, so that they stay for now.
    """
    answers: dict[int, dict[str, Any]] = {}
    deleted: set[str] = set()
    for entry in entries:
        before = world.written
        # the second time a Bundle deletes a resource, HAPI says nothing about it
        known = entry.url in deleted
        answers[entry.place] = {"response": {"status": "204 No Content"}} if known else _delete(world, entry)
        if _path_of(entry) in again:
            world.undo(before)
        deleted.add(entry.url)
    return answers


def _settled(plans: Sequence[_Plan]) -> tuple[list[_Plan], dict[int, int]]:
    """Lets the writes on one condition, which found nothing, be about the resource that the first of them makes.

    Returns:
        All writes, and the places of those that are the same as an earlier one, with the earlier one's place.

    Raises:
        FhirError: 400 if an update would make another resource that the condition finds.
    """
    settled: list[_Plan] = []
    first: dict[str, _Plan] = {}
    twins: dict[int, int] = {}
    for plan in plans:
        condition = condition_of(plan.entry) if plan.url and plan.number is not None else ""
        earlier = first.setdefault(condition, plan) if condition else plan
        if earlier is plan:
            settled.append(plan)
        elif plan.entry.method == "POST":
            settled.append(replace(plan, key=earlier.key, number=None))
        elif plan.resource == earlier.resource:
            settled.append(replace(plan, key=earlier.key))
            twins[plan.entry.place] = earlier.entry.place
        else:
            raise would_match_twice(condition)
    return settled, twins


def _check_conflicts(world: World, entry: BundleEntry) -> None:
    """Refuses to have deleted a resource that another one refers to in the end."""
    target = parse_id(_path_of(entry))
    key = target.resource_type, target.logical_id
    if target.resource_type and "?" not in entry.url and world.was_deleted(key):
        check_unreferenced(world, key)


def _path_of(entry: BundleEntry) -> str:
    return entry.url.removeprefix("/")


def _plan(world: World, entry: BundleEntry) -> _Plan:
    resource = entry.resource or {}
    resource_type = str(resource["resourceType"])
    condition = str(entry.request.get("ifNoneExist", "")) if entry.method == "POST" else ""
    interaction = "CREATE"
    if entry.method == "PUT":
        path, mark, query = _path_of(entry).partition("?")
        target = parse_id(path)
        if target.resource_type and not mark:
            return _Plan(entry, resource, (target.resource_type, target.logical_id))
        condition, interaction = f"{path}?{query or path}", "UPDATE"
    if condition:
        found = find_one(world, resource_type, condition, interaction)
        if found is not None:
            return _Plan(entry, resource, found, url=condition)
        if not world.satisfies(resource, condition):
            raise FhirError(
                412,
                f'HAPI-0539: Invalid conditional URL "{condition}". The given resource is not matched by this URL.',
            )
    number = world.take_number()
    return _Plan(entry, resource, (resource_type, str(number)), number, condition)


def _patch_plans(world: World, entries: Sequence[BundleEntry], plans: Sequence[_Plan]) -> list[_Plan]:
    """Applies the patches of a Bundle, each to the resource as it was before; none is stored yet."""
    made = {plan.key for plan in plans if not world.exists(plan.key)}
    patches = []
    for entry in entries:
        if entry.method == "PATCH":
            name = entry.url.removeprefix("/").split("/")
            if tuple(name[:2]) in made:
                raise java_fault(JavaError("java.lang.NullPointerException", "theResource can not be null"))
            patched = patch_entry(world, entry.request, entry.resource or {})
            patches.append(_Plan(entry, patched.resource, patched.key, url=patched.url))
    return patches


def _names(plans: Sequence[_Plan], instead: Mapping[str, str]) -> dict[str, str]:
    """Returns the ``Type/id`` that each name of a resource within a Bundle stands for.

    Args:
        plans: All writes.
        instead: The name of another entry for that of each entry that was left out.
    """
    names: dict[str, str] = {}
    for plan in plans:
        if name := name_of(plan.entry):
            there = "/".join(plan.key)
            names[name] = there
            if is_placeholder(name):
                names[f"{plan.key[0]}/{name}"] = there
    return names | {name: names[other] for name, other in instead.items() if other in names}


def _resolved(resource: Json, names: Mapping[str, str], resource_type: str) -> Json:
    """Replaces the names in references by the ``Type/id`` that they stand for.

    Raises:
        FhirError: 400 for a URN that names nothing in the Bundle.
    """

    def target(text: str, element: str) -> str:
        if text in names or not text.startswith("urn:"):
            return names.get(text, text)
        raise FhirError(
            400,
            f"HAPI-0541: Unable to satisfy placeholder ID {text} found in element named '{element}' within "
            f"resource of type: {resource_type}",
        )

    return map_references(resource, target)


def _write(world: World, plan: _Plan, resource: dict[str, Any], manner: Manner) -> Done:
    if plan.entry.method == "POST":
        if plan.number is None:
            return found_instead(world, plan.key, plan.url)
        return store_new(world, resource, plan.url, manner)
    if plan.entry.method == "PATCH":
        return store_patched(world, plan.key, resource, plan.url, manner)
    if not plan.url:
        return update(world, plan.key, resource, str(plan.entry.request.get("ifMatch", "")), manner)
    if plan.number is None:
        return update_found(world, plan.key, resource, plan.url, manner)
    return store_new(world, resource, plan.url, manner, updating=True)


def _is_named_binary(entry: BundleEntry) -> bool:
    """True for a patch in a Binary whose entry names the patched resource: HAPI says then when it was written."""
    called = parse_id(entry.full_url).resource_type
    return (
        entry.method == "PATCH"
        and (entry.resource or {}).get("resourceType") == "Binary"
        and called not in ("", "Binary")
    )


def _written(done: Done, world: World, representation: bool, *, dated: bool = False) -> dict[str, Any]:
    assert done.key is not None
    response: dict[str, Any] = {
        "status": STATUS_LINES[done.status],
        "location": f"{'/'.join(done.key)}/_history/{done.version}",
        "etag": str(done.version),
    }
    if (done.status == 201 and not done.revived) or dated:
        write = world.latest_write(done.key)
        response["lastModified"] = world.origin.instant if write is None else write.updated
    response["outcome"] = done.outcome
    entry: dict[str, Any] = {"resource": parse_element(done.text)} if representation and done.text else {}
    return {**entry, "response": response}


def _delete(world: World, entry: BundleEntry) -> dict[str, Any]:
    path, mark, query = _path_of(entry).partition("?")
    target = parse_id(path)
    response: dict[str, Any] = {"status": "204 No Content"}
    if target.resource_type and not mark:
        key = target.resource_type, target.logical_id
        done = delete(world, key, str(entry.request.get("ifMatch", "")), referred=True)
        if done.version:
            response["location"] = f"{path}/_history/{done.version}"
            response["etag"] = str(done.version)
    else:
        done = delete_matching(world, path, f"{path}?{query}")
    return {"response": {**response, "outcome": done.outcome}}


def _get(entry: BundleEntry, answer: Answer) -> dict[str, Any]:
    # HAPI passes on no other condition
    headers = {"if-none-match": str(entry.request["ifNoneMatch"])} if "ifNoneMatch" in entry.request else {}
    response = answer(Request("GET", _path_of(entry), headers, nested=True))
    if response.status < 300:
        return {**_shown(response), "response": {"status": STATUS_LINES[response.status]}}
    if response.status == 304:
        return {"response": {"status": STATUS_LINES[304]}}
    issue = parse_element(response.body)["issue"][0]
    refusal = FhirError(response.status, Issue(issue.get("diagnostics", ""), issue["code"]))
    if issue["code"] == "not-supported" or refusal.issues[0].diagnostics.startswith(_NO_METHOD):
        raise refusal
    return _refused(refusal)


def _shown(response: Response) -> dict[str, Any]:
    """Returns the resource of an answer, if it is one; most are already printed in the Bundle's form."""
    if response.headers.get("content-type") != FHIR_JSON:
        return {}
    body = response.body
    return {"resource": Printed(body) if body.startswith("{\n") else parse_element(body)}


def _check(entry: BundleEntry) -> None:
    if not entry.method:
        raise FhirError(
            400,
            "HAPI-0529: Transaction bundle entry has missing or invalid HTTP Verb specified in "
            f'Bundle.entry({entry.place}).request.method. Found value: "null"',
        )
    if entry.method not in _ORDER:
        raise FhirError(400, f"HAPI-0538: Unable to handle verb in transaction: {entry.method}")
    if entry.method in _WITH_RESOURCE and entry.resource is None:
        raise FhirError(
            400,
            f"HAPI-0543: Missing required resource in Bundle.entry[{entry.place}].resource for operation "
            f"{entry.method}",
        )
    if entry.method != "POST" and not entry.url.strip():
        raise FhirError(400, f"HAPI-0545: Unable to perform {entry.method}, no URL provided.")
    if entry.method == "GET" and " " in (query := entry.url.partition("?")[2]):
        where = f"[?{query}] - URL is invalid (must not contain spaces)"
        raise FhirError(400, f"HAPI-1744: Failed to parse match URL{where}")
    if entry.method != "GET" and entry.url:
        path = _path_of(entry).partition("?")[0].split("/")
        if path[0] not in resource_types():
            raise FhirError(400, f"HAPI-2006: Unable to perform {entry.method}, URL provided is invalid: {entry.url}")
