"""Histories of a resource, of a type and of all types, as HAPI FHIR 7.6 answers them (FHIR R4, http.html#history)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from mab_gym.fhir.http._bundle import HistoryEntry, history_bundle
from mab_gym.fhir.http._exchange import FHIR_JSON, Response
from mab_gym.fhir.http._numbered import unknown_resource
from mab_gym.fhir.http._subset import subset
from mab_gym.fhir.http._world import Version, World, within
from mab_gym.fhir.model._dates import date_error, moment_at, parse_comparison, read_date
from mab_gym.fhir.model._definitions import resource_types
from mab_gym.fhir.model._json_text import compact, pretty
from mab_gym.fhir.model._outcome import FhirError, operation_outcome
from mab_gym.fhir.model._url import Parameters, self_link
from mab_gym.fhir.search._query import LARGEST_PAGE
from mab_gym.fhir.search._shape import Shape, check_shape, of_entry, read_elements, read_modes, summary_of
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._budget import REWRITTEN, VERSION

_AROUND_AN_ENTRY = 350
"""The number of characters that a history adds to a resource."""
_PAGE = 20
_PRECISIONS = {4: "YEAR", 7: "MONTH", 10: "DAY", 16: "MINUTE"}
_ZONE = re.compile(r"(?<=T\d\d:\d\d)(?:Z|[+-]\d\d:\d\d)$", re.ASCII)


class Span(NamedTuple):
    """The time whose versions are asked for.

    Attributes:
        since: Its beginning, or None.
        until: Its end, or None.
        at: True if the version that was current at the beginning belongs to it (``_at``).
    """

    since: datetime | None = None
    until: datetime | None = None
    at: bool = False


def asked_history(path: Sequence[str]) -> tuple[str, ...] | None:
    """Returns the type and id whose history a path asks for, empty for all; None if it asks for something else.

    HAPI ignores what comes behind ``_history`` where no version can stand.
    """
    match list(path):
        case ["_history", *_]:
            return ()
        case [kind, "_history", *_] if kind in resource_types():
            return (kind,)
        case [kind, logical_id, "_history"] if kind in resource_types() and logical_id[:1] not in ("$", "_"):
            return (kind, logical_id)
    return None


def history(
    world: World,
    asked: tuple[str, ...],
    path: str,
    parameters: Parameters,
    *,
    nested: bool = False,
    linked: bool = True,
) -> Response:
    """Answers ``_history``, the newest version first.

    Args:
        world: The session's resources.
        asked: The type and the id, the type, or nothing (for all).
        path: The request's path, for the link to itself.
        parameters: The request's parameters.
        nested: True for an entry of a Bundle.
        linked: True if the link to itself has the parameters.

    Raises:
        FhirError: There is no such resource, or HAPI refuses the parameters.
    """
    control = dict(parameters)
    span = _span(parameters)
    start, size = _offset(control), min(_number(control, "_count", _PAGE), LARGEST_PAGE)
    total, page = _found(world, asked, span, start, max(0, size))
    base_url = world.origin.base_url
    link = self_link(base_url, path, parameters if linked else ())
    more, known = total > start + size, total if span == Span() else None
    links = [("self", link)] if size else []

    def at(offset: int) -> str:
        kept = tuple((n, v) for n, v in parameters if n not in ("_count", "_offset"))
        return self_link(base_url, path, (*kept, ("_count", str(size)), ("_offset", str(offset))))

    if size and more:
        links.append(("next", at(start + size)))
    if size and start > 0:
        links.append(("previous", at(max(0, start - max(0, size)))))
    bundle_id = world.counter_ids.uuid()
    headers = {
        "content-type": FHIR_JSON,
        "content-location": f"{base_url}/Bundle/{bundle_id}",
        "last-modified": world.origin.http_date,
    }
    shaping = of_entry(parameters) if nested else parameters
    shape = Shape(summary_of(read_modes(shaping)), read_elements(shaping))
    try:
        check_shape(read_modes(shaping), shape.elements)
    except FhirError as error:  # HAPI has written the headers by then
        return Response(error.status, pretty(operation_outcome(*error.issues)), headers)
    if shape.summary == "count":
        page, links = [], []
    shown = _entries(world, page, shape, of_all=not asked)
    subsetted = not size or shape.summary in ("true", "data", "count")
    body = history_bundle(bundle_id, world.origin.instant, links, known, shown, subsetted=subsetted)
    plain = control.get("_pretty", "true") != "true"
    if plain:
        world.budget.spend(len(body) * REWRITTEN)
    return Response(200, compact(parse_element(body)) if plain else body, headers)


def _found(world: World, asked: tuple[str, ...], span: Span, start: int, size: int) -> tuple[int, Sequence[Version]]:
    """Returns the number of versions, and those of one page."""
    if len(asked) < 2:
        kind = asked[0] if asked else None
        world.budget.spend(min(size, world.count(kind)) * VERSION)
        return world.history(kind, start, size, span.since, span.until)
    versions = world.versions((asked[0], asked[1]))
    world.budget.spend(len(versions) * VERSION)
    if not versions:
        raise unknown_resource(world, (asked[0], asked[1]))
    since = span.since
    if span.at and since is not None:
        # the version of that time was made before it, except for the first
        made = [moment for each in versions if (moment := datetime.fromisoformat(each.updated)) <= since]
        since = max(made, default=since)
    versions = [each for each in versions if within(each.updated, since, span.until)]
    return len(versions), versions[start : start + size]


def _entries(world: World, page: Sequence[Version], shape: Shape, *, of_all: bool) -> Sequence[HistoryEntry]:
    shown = []
    for version in page:
        entry = _entry(_part(version, shape), world.origin.base_url, of_all=of_all)
        world.budget.show(len(entry.text) + _AROUND_AN_ENTRY, rewritten=shape != Shape())
        shown.append(entry)
    return shown


def _part(version: Version, shape: Shape) -> Version:
    """Returns a version with the parts of the resource that are asked for."""
    if not version.text or not (shape.elements or shape.summary):
        return version
    return version._replace(text=pretty(subset(parse_element(version.text), *shape)))


def _entry(version: Version, base_url: str, *, of_all: bool) -> HistoryEntry:
    kind, logical_id = version.key
    # in the history of all types, HAPI writes the type instead of its base URL for ids that clients gave
    base_url = kind if of_all and not logical_id.isdecimal() else base_url
    full_url = f"{base_url}/{kind}/{logical_id}"
    return HistoryEntry(full_url, f"{kind}/{logical_id}", version.number, version.text.replace("\n", "\n    "))


def _number(control: Mapping[str, str], name: str, default: int) -> int:
    text = control.get(name, "")
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else default


def _offset(control: Mapping[str, str]) -> int:
    text = control.get("_offset", "")
    if text and not (text.isascii() and text.removeprefix("-").isdecimal()):
        raise FhirError(400, f"HAPI-0461: Invalid _offset value: {text}")
    return max(0, _number(control, "_offset", 0))


def _span(parameters: Parameters) -> Span:
    """Returns the time that ``_since`` or ``_at`` names.

    Raises:
        FhirError: 400, a value cannot be read, or there are too many.
    """
    sinces = [value for name, value in parameters if name == "_since"]
    if len(sinces) > 1:
        raise FhirError(
            400,
            "HAPI-1955: Multiple values detected for non-repeatable parameter '_since'. This server is not configured "
            "to allow multiple (AND) values for this param.",
        )
    since = _read_since(sinces[0]) if sinces else None
    at = _read_at([value for name, value in parameters if name == "_at" and value])
    return at if at is not None else Span(since)


def _read_at(texts: Sequence[str]) -> Span | None:
    if not texts:
        return None
    since, until = None, None
    for comparison in map(parse_comparison, texts):
        low, high = moment_at(comparison.period.low), moment_at(comparison.period.high)
        match comparison.comparator:
            case "gt" | "sa":
                since = moment_at(comparison.period.high + 1)
            case "ge":
                since = low
            case "lt" | "eb":
                until = moment_at(comparison.period.low - 1)
            case "le":
                until = high
            case _:
                since, until = low, high
    return Span(since, until, at=True)


def _read_since(text: str) -> datetime | None:
    written = text.strip()
    if not written:
        return None
    text = written.replace(" ", "+")
    period = read_date(text)
    if period is None:
        refusal = date_error(text)
        raise FhirError(400, refusal if "+" in written else refusal.replace("+", " "))
    precision = _PRECISIONS.get(len(_ZONE.sub("", text)))
    if precision:
        raise FhirError(
            400,
            f"HAPI-1885: Invalid date/time string (datatype InstantDt does not support {precision} precision): {text}",
        )
    return moment_at(period.low)
