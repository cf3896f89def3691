"""Reads from a request and its response what the request changed on a FHIR server.

Creates, updates and deletes, alone or in a Bundle, are recognised by status and Location. A request that may have
changed more, such as an operation or a resource that the server itself works with, has an effect that is not known as a
whole and cannot be undone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from mab_gym.fhir.http._exchange import Request, Response

READING: Final = frozenset(
    {
        "$diff", "$docref", "$document", "$everything", "$expand", "$find-matches", "$graphql", "$lastn", "$lookup",
        "$meta", "$subsumes", "$summary", "$translate", "$validate", "$validate-code",
    }
)  # fmt: skip
"""Operations that change nothing."""
WORKED_WITH: Final = frozenset(
    {
        "CapabilityStatement", "CodeSystem", "CompartmentDefinition", "ConceptMap", "ImplementationGuide",
        "NamingSystem", "OperationDefinition", "SearchParameter", "StructureDefinition", "StructureMap",
        "Subscription", "TerminologyCapabilities", "ValueSet",
    }
)  # fmt: skip
"""Resource types that a server does more with than store them; deleting one does not undo that."""
_LOCATION: Final = re.compile(r"(?:^|/)([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/(\d+))?$", re.ASCII)
_CHANGING: Final = ("PUT", "PATCH", "DELETE")
_TYPE: Final = re.compile(r"[A-Z][A-Za-z]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Touched:
    """One resource that was changed.

    Attributes:
        interaction: ``create``, ``update`` or ``delete``.
        resource_type: As in ``Observation``.
        logical_id: Its id.
        version: The new version; 0 where the response does not say.
    """

    interaction: str
    resource_type: str
    logical_id: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Effect:
    """The changes that a request made.

    Attributes:
        touched: The resources, in order.
        whole: True if that is all; False if more may have changed.
    """

    touched: tuple[Touched, ...] = ()
    whole: bool = True


NOTHING: Final = Effect()


def effect_of(request: Request, response: Response) -> Effect:
    """Returns what a request has changed.

    Args:
        request: The request.
        response: The response to it.
    """
    if request.method in ("GET", "HEAD") or 400 <= response.status < 500:
        return NOTHING
    if response.status >= 500:
        return Effect(whole=False)
    path = _segments(request.target)
    if request.method != "POST":
        # HAPI answers an update with Content-Location alone.
        location = response.headers.get("location") or response.headers.get("content-location", "")
        return _single(request.method, path, response.status, location)
    if not path:
        return _bundle(request.body, response.body)
    if path[-1] == "_search" or path[-1] in READING:
        return NOTHING
    if len(path) == 1:
        return _single("POST", path, response.status, response.headers.get("location", ""))
    return Effect(whole=False)


def why_not_undoable(request: Request) -> str | None:
    """Returns the reason why a request cannot be undone; None where it can.

    What it creates can be deleted, and one resource that it changes or deletes by its id can be written as it was
    before, if somebody has kept it (see `changed_by`).

    Args:
        request: The request that is about to be sent.
    """
    if request.method in ("GET", "HEAD"):
        return None
    path = _segments(request.target)
    if request.method != "POST":
        return None if changed_by(request) else "only one resource at a time, by its id, is changed on it"
    if path and (path[-1] == "_search" or path[-1] in READING):
        return None
    if path:
        return _why_not_created(path)
    bundle = _json(request.body)
    if not isinstance(bundle, Mapping) or bundle.get("resourceType") != "Bundle":
        return "what is posted to the base itself is a Bundle in JSON"
    for number, entry in enumerate(_entries(bundle), 1):
        asked = entry.get("request")
        method, url = (str(asked.get("method")), str(asked.get("url"))) if isinstance(asked, Mapping) else ("", "")
        if method == "GET":
            continue
        why = _why_not_created(_segments(url)) if method == "POST" else f"it is a {method or 'request of no method'}"
        if why is not None:
            return f"entry {number} could not be taken back: {why}"
    return None


def changed_by(request: Request) -> str | None:
    """Returns the address of the one resource that a PUT, PATCH or DELETE by its id changes; None for all else."""
    path, query = _segments(request.target), request.target.partition("?")[2]
    if request.method not in _CHANGING or len(path) != 2 or query or path[0] in WORKED_WITH:
        return None
    return "/".join(path) if _LOCATION.match("/".join(path)) else None


def _why_not_created(path: list[str]) -> str | None:
    if len(path) != 1 or not _TYPE.fullmatch(path[0]):
        return f"POST {'/'.join(path)} is no plain create"
    return f"servers work with a {path[0]} beyond storing it" if path[0] in WORKED_WITH else None


def _segments(target: str) -> list[str]:
    path = target.partition("?")[0].partition("#")[0]
    return [segment for segment in unquote(path).split("/") if segment]


def _single(method: str, path: list[str], status: int, location: str) -> Effect:
    """The effect of one interaction, alone or as an entry of a Bundle."""
    if method == "GET":
        return NOTHING
    found = _LOCATION.search(location)
    if method == "DELETE":
        if len(path) == 2:
            return Effect((Touched("delete", path[0], path[1]),))
        return Effect(whole=False)
    if status == 200 and method == "POST" and path and (path[-1] == "_search" or path[-1] in READING):
        return NOTHING
    if found is None:
        return Effect(whole=False)
    resource_type, logical_id, version = found[1], found[2], int(found[3] or 0)
    if method == "POST" and status == 200:
        return NOTHING  # a conditional create that found what it looked for
    interaction = "create" if status == 201 else "update"
    return Effect((Touched(interaction, resource_type, logical_id, version),), resource_type not in WORKED_WITH)


def _bundle(asked: str, answered: str) -> Effect:
    """The effect of a batch or transaction."""
    request, response = _json(asked), _json(answered)
    if not isinstance(request, Mapping) or not isinstance(response, Mapping):
        return Effect(whole=False)
    questions, answers = list(_entries(request)), list(_entries(response))
    if len(questions) != len(answers):
        return Effect(whole=False)
    touched: list[Touched] = []
    whole = True
    for question, answer in zip(questions, answers, strict=True):
        what, came = question.get("request"), answer.get("response")
        if not isinstance(what, Mapping) or not isinstance(came, Mapping):
            whole = False
            continue
        status = str(came.get("status", ""))[:3]
        if status.isdigit() and 400 <= int(status) < 500:
            continue
        if not status.isdigit() or int(status) >= 500:
            whole = False
            continue
        each = _single(
            str(what.get("method", "")).upper(),
            _segments(str(what.get("url", ""))),
            int(status),
            str(came.get("location", "")),
        )
        touched.extend(each.touched)
        whole = whole and each.whole
    return Effect(tuple(touched), whole)


def _entries(bundle: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    listed = bundle.get("entry")
    for entry in listed if isinstance(listed, list) else ():
        yield entry if isinstance(entry, Mapping) else {}


def _json(text: str) -> Any:
    """The value, or None where the text is no JSON or names a member twice, which servers read in different ways."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members
