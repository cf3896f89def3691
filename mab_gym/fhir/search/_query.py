"""A search request, read and checked before anything is looked up (FHIR R4 section 3.1.1; HAPI's words for errors)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mab_gym.fhir.hapi._hashes import parameter_order
from mab_gym.fhir.hapi._messages import unknown_parameter, unknown_parameter_text
from mab_gym.fhir.hapi._order import DrivingFilter, choose_driver
from mab_gym.fhir.model._definitions import SearchParameter, search_parameters
from mab_gym.fhir.model._filter import Filter
from mab_gym.fhir.model._outcome import FhirError, Issue, RefusalKind
from mab_gym.fhir.model._own_parameters import follows_parameters
from mab_gym.fhir.model._remembered import is_short
from mab_gym.fhir.model._url import Parameters
from mab_gym.fhir.search._chains import Chain, Reverse
from mab_gym.fhir.search._conditions import read_conditions
from mab_gym.fhir.search._includes import Include, read_include
from mab_gym.fhir.search._matching import LABEL_PARAMETERS, LONGEST_REFUSAL
from mab_gym.fhir.search._modifiers import blame_modifiers
from mab_gym.fhir.search._shape import check_shape, read_elements, read_modes, read_shape, summary_of
from mab_gym.fhir.search._sort_parameter import read_sort

DEFAULT_PAGE_SIZE = 20
LARGEST_PAGE = 4_000
"""The most matches on a page, whatever ``_count`` asks for; HAPI with its default settings has no such limit."""
MOST_PARAMETERS = 1000
MOST_ALTERNATIVES = 5000
DEEPEST_CHAIN = 8

_CONTROL = (
    "_count", "_total", "_summary", "_elements", "_format", "_pretty", "_offset", "_getpagesoffset", "_contained",
    "_containedType",
)  # fmt: skip
_TOLD_APART = ("missing", "not", "not-in", "text", "exact", "contains", "above", "below")
"""The modifiers that make two searches different for HAPI's cache."""
_SEVERAL_DATES = "HAPI-1922: Can not have multiple date range parameters for the same param without a qualifier"
_AT_ONCE = (
    RefusalKind.UNREADABLE_VALUE,
    RefusalKind.APPROXIMATE_DATE,
    RefusalKind.SEVERAL_DATES,
    RefusalKind.TOO_MANY_COMPONENTS,
)
"""The refusals that HAPI gives while it reads the parameters, before it looks up what they ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A search that has been read.

    Attributes:
        resource_type: The type searched.
        filters: Conditions on the resource itself; all must hold.
        chains: Conditions through references, in either direction; all must hold.
        sort: Search parameters, each with True if it sorts downwards; the strongest first.
        includes: The resources to add to each page.
        count: The size of a page.
        total: ``_total`` as given, or empty.
        summary: ``true``, ``text``, ``data`` or ``count`` (for ``_count=0``, too); empty for whole resources.
        elements: ``_elements``, or empty for all.
        format: ``_format`` as given, or empty.
        pretty: True if the answer is written on many lines.
        offset: ``_offset``, or None if results are paged by search id.
        start: ``_getpagesoffset`` of a first request.
        driver: The filter that decides the order of unsorted results; None with chains, where it is chosen later.
        elements_of_all: True if ``elements`` holds for included resources of other types, too.
        question: Equal for searches that HAPI's cache takes for the same: those that differ only in how they are shown.
    """

    resource_type: str
    filters: tuple[Filter, ...]
    chains: tuple[Chain | Reverse, ...]
    sort: tuple[tuple[SearchParameter, bool], ...]
    includes: tuple[Include, ...]
    count: int
    total: str
    summary: str
    elements: tuple[str, ...]
    format: str
    pretty: bool
    offset: int | None
    start: int
    driver: DrivingFilter | None
    question: tuple[object, ...]
    elements_of_all: bool = False


def read_query(resource_type: str, parameters: Parameters, *, behind: bool = False) -> Query:
    """Reads a search's parameters; short ones, which come again and again, are remembered.

    Args:
        resource_type: The type searched.
        parameters: Names and values, decoded.
        behind: True for a search at the far end of a reference, where HAPI accepts several dates.

    Raises:
        FhirError: 400 where HAPI refuses them, 501 where HAPI answers and this server does not.
    """
    read = _remembered_query if is_short(parameters) else _read_query
    return read(resource_type, parameters, behind=behind)


def _read_query(resource_type: str, parameters: Parameters, *, behind: bool) -> Query:
    """Reads a search in the order of HAPI's checks, so that the first fault is the one that HAPI names."""
    _check_size(parameters)
    modes, elements = read_modes(parameters), read_elements(parameters)
    parts = _sort_out(resource_type, parameters, behind=behind)
    filters, chains, control = parts.filters, parts.chains, parts.control
    if _compares_own_id(parts):
        own = search_parameters(resource_type)["_id"]
        filters.append(Filter(own, (resource_type, "_id", "", ""), ids=frozenset()))
    if not behind:
        _check_date_bounds(resource_type, parameters, filters)
    count = _read_integer(control, "_count", 375)
    offset = _read_integer(control, "_offset", 461)
    _check_control(control, offset, parts.refusals.get("name"))
    includes = [read_include(*each) for each in parts.includes if each[2].strip()]
    if (error := parts.refusals.get("condition") or parts.refusals.get("label")) is not None:
        raise error if offset is None else _made_at_once(error)
    check_shape(modes, elements)
    sort = [by for modifier, text, whole in parts.sorts for by in read_sort(resource_type, text, modifier, whole=whole)]
    start, total = control.get("_getpagesoffset", ""), control.get("_total", "")
    size = min(count or DEFAULT_PAGE_SIZE, LARGEST_PAGE)
    question = (
        resource_type,
        *sorted((wanted.parameter.name, _normal_form(wanted)) for wanted in filters),
        *chains,
        *((parameter.name, down) for parameter, down in sort),
        *includes,
        size,
        summary_of(modes) or ("false" if control.get("_summary", "").lower() == "false" else ""),
        total if total in ("accurate", "none") else "",
    )
    return Query(
        resource_type=resource_type,
        filters=tuple(filters),
        chains=tuple(chains),
        sort=tuple(sort),
        includes=tuple(dict.fromkeys(includes)),
        count=size,
        total=total,
        summary="count" if count == 0 else summary_of(modes),
        elements=elements,
        **_form(control),
        offset=offset,
        start=int(start) if start.isascii() and start.isdigit() and len(start) < 10 else 0,
        driver=None if sort or chains else choose_driver(resource_type, filters),
        question=question,
    )


_remembered_query = follows_parameters(_read_query, 1024)


def shown_as(query: Query, control: Mapping[str, str]) -> Query:
    """Returns a search in the form that a page's link asks for: it carries format, elements and summary along.

    Args:
        query: The search as it was first asked.
        control: The link's parameters.
    """
    return replace(query, **_form(control), **read_shape(tuple(control.items()))._asdict(), elements_of_all=True)


def _form(control: Mapping[str, str]) -> dict[str, Any]:
    """Returns the attributes of a `Query` that say in which form each resource is written."""
    return {
        "format": control.get("_format", ""),
        "pretty": control.get("_pretty", "true") == "true",
    }


def asks_for_others(query: Query) -> bool:
    """Tells if a search only says which resources it does not want, or asks for nothing at all."""
    if query.chains:
        return False
    return all(wanted.negated and wanted.ids is None and wanted.parameter.name != "_source" for wanted in query.filters)


@dataclass(slots=True)
class _Parts:
    """A search's parameters by what they are for.

    Attributes:
        filters: Conditions on the resource itself.
        chains: Conditions through references.
        control: Parameters of how to answer; the first of each name counts.
        sorts: Modifier and value of each ``_sort``, with True if one with a value came before.
        includes: Name, modifier and value of each ``_include`` and ``_revinclude``.
        refusals: The first refusal of each kind that HAPI gives later: over a ``name`` it does not have, a
            ``condition`` it cannot look up, and a ``label``, to which it comes last.
    """

    filters: list[Filter] = field(default_factory=list)
    chains: list[Chain | Reverse] = field(default_factory=list)
    control: dict[str, str] = field(default_factory=dict)
    sorts: list[tuple[str, str, bool]] = field(default_factory=list)
    includes: list[tuple[str, str, str]] = field(default_factory=list)
    refusals: dict[str, FhirError] = field(default_factory=dict)


def _sort_out(resource_type: str, parameters: Parameters, *, behind: bool) -> _Parts:
    """Reads each parameter: first those that begin with ``_``, then the others in the order of HAPI's hash map.

    Raises:
        FhirError: HAPI refuses a parameter at once.
    """
    defined = search_parameters(resource_type)
    parts = _Parts()
    for name, text in _in_order(parameters):
        stem, _, modifier = name.partition(":")
        if stem in ("_include", "_revinclude"):
            parts.includes.append((stem, modifier, text))
        elif stem == "_query":
            raise _no_named_query(resource_type, parameters)
        elif stem == "_sort":
            parts.sorts.append((modifier, text, any(earlier.strip() for _, earlier, _ in parts.sorts)))
        elif stem in ("_text", "_content"):
            refusal = "HAPI-1192: Fulltext search is not enabled on this service, can not process parameter:"
            parts.refusals.setdefault("condition", FhirError(400, f"{refusal} {stem}"))
        elif stem in _CONTROL:
            if not modifier:
                parts.control.setdefault(stem, text)
        elif stem in ("_has", "_filter", "_list") or "." in name or stem in defined:
            if stem == "_filter":
                if stem in parts.control:
                    continue  # of several filters, HAPI takes the first
                parts.control[stem] = text
            try:
                filters, chains = read_conditions(resource_type, name, text, behind=behind)
            except FhirError as error:
                if error.kind in _AT_ONCE:
                    raise parts.refusals.get("unknown", error) from None
                if error.kind is RefusalKind.UNKNOWN_TYPE and "." not in name:
                    error = _blamed(resource_type, parameters, error)
                kind = "label" if stem in LABEL_PARAMETERS else "condition"
                if kind not in parts.refusals or parts.refusals[kind].status == 501:
                    parts.refusals[kind] = error
            else:
                parts.filters.extend(filters)
                parts.chains.extend(chains)
        elif stem == "_language":
            refusal = unknown_parameter_text(resource_type, stem, "HAPI-1223")[:LONGEST_REFUSAL]
            parts.refusals.setdefault("name", FhirError(400, refusal))
        elif not stem.startswith("_"):
            parts.refusals.setdefault("unknown", unknown_parameter(resource_type, stem or "null"))
    if "unknown" in parts.refusals:
        parts.refusals["name"] = parts.refusals["unknown"]
    return parts


def _in_order(parameters: Parameters) -> Sequence[tuple[str, str]]:
    if len(parameters) < 2:
        return parameters
    hashed = parameter_order([name for name, _ in parameters if name[:1] != "_"])
    places = {name: place for place, name in enumerate(hashed)}
    return sorted(parameters, key=lambda pair: (places.get(pair[0], -1), pair[0]))


def _no_named_query(resource_type: str, parameters: Parameters) -> FhirError:
    names = ", ".join(parameter_order([name for name, _ in parameters]))
    text = "Invalid request: The FHIR endpoint on this server does not know how to handle "
    return FhirError(400, Issue(f"{text}GET operation[{resource_type}] with parameters [[{names}]]", "not-supported"))


def _blamed(resource_type: str, parameters: Parameters, unknown_type: FhirError) -> FhirError:
    """Returns HAPI's error for a reference to an unknown type: it blames the modifiers if there are any."""
    defined = search_parameters(resource_type)
    names = parameter_order([name for name, _ in parameters])
    modifiers = [name.partition(":")[2] for name in names if name.partition(":")[0] in defined]
    blame = blame_modifiers(resource_type, modifiers)
    return FhirError(400, blame) if blame else unknown_type


def _compares_own_id(parts: _Parts) -> bool:
    """True for a chain to ``_id`` beside anything else: HAPI then compares the searched resource's own id with it."""
    by_id = [c for c in parts.chains if isinstance(c, Chain) and c.parameters[0][0] == "_id"]
    return bool(by_id) and (len(parts.filters) + len(parts.chains) > 1 or len(by_id[0].targets) > 1)


def _check_size(parameters: Parameters) -> None:
    """Refuses what no client needs: each limit is far beyond what fits into a URL on HAPI's own connector."""
    if len(parameters) > MOST_PARAMETERS:
        raise FhirError(400, f"A search takes {MOST_PARAMETERS} parameters at most, not {len(parameters)}")
    if sum(text.count(",") for _, text in parameters) > MOST_ALTERNATIVES:
        raise FhirError(400, f"A search takes {MOST_ALTERNATIVES} values at most")
    if any(name.count(".") + name.count("_has:") > DEEPEST_CHAIN for name, _ in parameters):
        raise FhirError(400, f"A chain goes through {DEEPEST_CHAIN} references at most")


def _read_integer(control: Mapping[str, str], name: str, code: int) -> int | None:
    text = control.get(name, "")
    if text == "":
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text) or not -(2**31) <= int(text) < 2**31:
        raise FhirError(400, f"HAPI-{code:04}: Invalid {name} value: {text}")
    return int(text)


def _check_control(control: Mapping[str, str], offset: int | None, unknown_name: FhirError | None) -> None:
    """Refuses what cannot be shown as it is asked for, and a parameter with a name that HAPI does not have."""
    contained = control.get("_contained", "")
    if contained not in ("", "false", "true", "both"):
        raise FhirError(400, f"HAPI-1963: Invalid contained mode: {contained}")
    if unknown_name is not None:
        raise unknown_name
    if contained == "true":
        raise FhirError(405, "HAPI-0984: Searching with _contained mode enabled is not enabled on this server")
    if contained == "both":
        raise FhirError(405, "HAPI-0983: Contained mode 'both' is not currently supported")
    if offset is not None and offset < 0:
        raise FhirError(
            500,
            "HAPI-0389: Failed to call access method: org.springframework.dao.InvalidDataAccessApiUsageException: "
            "Offset must be a positive integer",
        )


def _made_at_once(error: FhirError) -> FhirError:
    """Returns the error of a search by ``_offset``, which HAPI makes at once and reports in other words."""
    return error if error.status != 500 else FhirError(500, f"HAPI-2223: {error.issues[0].diagnostics}")


def _check_date_bounds(resource_type: str, parameters: Parameters, filters: Sequence[Filter]) -> None:
    """Refuses more than one lower or upper bound for a date parameter.

    A date without a prefix is both bounds. With ``:missing``, or with an empty value, nothing else may be asked of it.
    """
    asked = {name.partition(":")[0] for name, _ in parameters}
    dates = [wanted for wanted in filters if wanted.comparisons and wanted.parameter.name in asked]
    stems = [
        name.removesuffix(":missing") for name, text in parameters if name.endswith(":missing") or not text.strip()
    ]
    if len(dates) + len(stems) < 2:
        return
    defined = search_parameters(resource_type)
    missing = [stem for stem in stems if stem in defined and defined[stem].type == "date"]
    named = [*missing, *(wanted.parameter.name for wanted in dates)]
    if any(named.count(name) > 1 for name in missing):
        raise FhirError(400, _SEVERAL_DATES)
    bounded: set[tuple[str, str]] = set()
    for wanted in dates:
        for comparison in wanted.comparisons:
            ends = (("lower", 1923, comparison.bounds_low), ("upper", 1924, comparison.bounds_high))
            exact = not comparison.bounds_low and not comparison.bounds_high
            for side, code, bounds in ends:
                if (bounds or exact) and (wanted.parameter.name, side) in bounded:
                    raise FhirError(
                        400,
                        _SEVERAL_DATES
                        if exact
                        else f"HAPI-{code}: Can not have multiple date range parameters for the same param that "
                        f"specify {'an upper' if side == 'upper' else 'a lower'} bound",
                    )
            bounded.update((wanted.parameter.name, side) for side, _, bounds in ends if bounds or exact)


def _normal_form(wanted: Filter) -> str:
    """Returns a filter as HAPI normalizes it to find a search that it has answered before.

    HAPI drops modifiers that it does not know. Of a reference it keeps only type and id, so that one to another server
    is answered as if it were to this one: here they are told apart.
    """
    text = wanted.key[-1]
    if wanted.comparisons:
        return repr(wanted.comparisons)
    if wanted.parameter.type == "reference" and wanted.missing is None:
        prefix = f"{wanted.modifier}/" if wanted.modifier and "/" not in text else ""
        return text if "://" in text else prefix + "/".join(text.rsplit("/", 2)[-2:])
    modifier = wanted.modifier if wanted.modifier in _TOLD_APART else ""
    return f":{modifier}={text}" if not (modifier == "exact" and wanted.parameter.type == "token") else f":={text}"
