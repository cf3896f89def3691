"""A search request, read and checked before anything is looked up (FHIR R4 section 3.1.1; HAPI's words for errors)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from mab_gym.fhir.hapi._hashes import java_set_order, string_hash
from mab_gym.fhir.hapi._messages import listed_parameters, sanitized, unknown_parameter, unknown_parameter_text
from mab_gym.fhir.hapi._order import Driver, choose_driver
from mab_gym.fhir.model._definitions import SearchParameter, resource_types, search_parameters
from mab_gym.fhir.model._filter import Filter, split_alternatives
from mab_gym.fhir.model._outcome import FhirError, Issue, Refusal
from mab_gym.fhir.model._remembered import is_short
from mab_gym.fhir.search._chains import Chain, Reverse, read_chain, read_has, read_missing_behind
from mab_gym.fhir.search._composites import read_composite, read_missing_composite
from mab_gym.fhir.search._filter_text import read_filter
from mab_gym.fhir.search._includes import Include, read_include
from mab_gym.fhir.search._matching import LABELS, LONGEST_REFUSAL, dates_filter, make_filter
from mab_gym.fhir.search._modifiers import blame_modifiers, check_modifier

DEFAULT_PAGE_SIZE = 20
LARGEST_PAGE = 4_000
"""A page holds no more, whatever ``_count`` asks for; HAPI as it is set up by default knows no such limit."""
MOST_PARAMETERS = 1000
MOST_ALTERNATIVES = 5000
DEEPEST_CHAIN = 8

_CONTROL = {
    "_count", "_total", "_summary", "_elements", "_format", "_pretty", "_offset", "_getpagesoffset", "_contained",
    "_containedType",
}  # fmt: skip
_FORMATTING = ("_format", "_pretty", "_elements", "_getpagesoffset", "_containedType", "_contained", "_type")
_UNSORTED = ("_profile", "_security", "_source", "_tag")
"""Parameters by which HAPI accepts to sort, and does not."""
_TOLD_APART = ("missing", "not", "not-in", "text", "exact", "contains", "above", "below")
"""Modifiers that make another search of one."""
_SEVERAL_DATES = "HAPI-1922: Can not have multiple date range parameters for the same param without a qualifier"
_SUMMARIES = ("true", "text", "data", "count", "false")


@dataclass(frozen=True, slots=True)
class Query:
    """A search that has been understood.

    Attributes:
        resource_type: What is searched.
        filters: All of them must hold.
        chains: Searches through references, either way, to be resolved before.
        sort: Search parameters with whether to sort downwards, the first the strongest.
        includes: What to add to each page.
        count: The page's size.
        total: ``_total`` as given, or empty.
        summary: ``_summary`` as given (``count`` for ``_count=0`` too), or empty.
        elements: ``_elements``, or empty for all.
        format: ``_format`` as given, or empty.
        pretty: Whether to write the answer on many lines.
        offset: ``_offset``, or None where results are paged by search id.
        start: ``_getpagesoffset`` of a first request.
        driver: What decides the order of unsorted results, where there are no chains.
        elements_of_all: Whether ``elements`` are those of included resources of other types, too.
        question: Equal for searches that HAPI takes for the same: those that differ in how they are shown alone.
        answers: The question that this search answers for others; not the same where it asks for a resource by an
            absolute URL, which HAPI takes for a resource of some other server.
    """

    resource_type: str
    filters: tuple[Filter, ...] = ()
    chains: tuple[Chain | Reverse, ...] = ()
    sort: tuple[tuple[SearchParameter, bool], ...] = ()
    includes: tuple[Include, ...] = ()
    count: int = DEFAULT_PAGE_SIZE
    total: str = ""
    summary: str = ""
    elements: tuple[str, ...] = ()
    format: str = ""
    pretty: bool = True
    offset: int | None = None
    start: int = 0
    driver: Driver | None = None
    question: tuple[object, ...] = ()
    answers: tuple[object, ...] = ()
    elements_of_all: bool = False


_AT_ONCE = (
    Refusal.UNREADABLE_VALUE,
    Refusal.APPROXIMATE_DATE,
    Refusal.SEVERAL_DATES,
    Refusal.TOO_MANY_COMPONENTS,
)
"""The refusals that HAPI gives while it reads the parameters, before it looks up what they ask for."""
_LONGEST_REMEMBERED = 200
"""The text of a parameter."""


def read_query(resource_type: str, parameters: tuple[tuple[str, str], ...], *, behind: bool = False) -> Query:
    """Reads a search's parameters; short ones, which come again and again, once.

    Args:
        resource_type: The type searched.
        parameters: Names and values, decoded.
        behind: Whether this is asked of what a reference leads to, where a date may be any of several.

    Raises:
        FhirError: 400 where HAPI refuses them, 501 where HAPI would not but this server does not know how.
    """
    read = _remembered_query if is_short(parameters) else _read_query
    return read(resource_type, parameters, behind=behind)


def _read_query(resource_type: str, parameters: tuple[tuple[str, str], ...], *, behind: bool) -> Query:
    _check_size(parameters)
    parts = _sort_out(resource_type, parameters, behind=behind)
    filters, chains, control = parts.filters, parts.chains, parts.control
    by_id = [c for c in chains if isinstance(c, Chain) and c.parameters[0][0] == "_id"]
    if by_id and (len(filters) + len(chains) > 1 or len(by_id[0].targets) > 1):
        # HAPI compares the id with the searched resource's own wherever that takes part in the join.
        own = search_parameters(resource_type)["_id"]
        filters.append(Filter(own, (resource_type, "_id", "", ""), ids=frozenset()))
    if not behind:
        asked = {name.partition(":")[0] for name, _ in parameters}
        dates = [wanted for wanted in filters if wanted.comparisons and wanted.parameter.name in asked]
        _check_date_bounds(dates, _dates_missing(resource_type, parameters))
    count = _read_integer("_count", control.get("_count", ""), 375)
    count = None if count is None else min(count, LARGEST_PAGE)
    offset = _read_integer("_offset", control.get("_offset", ""), 461)
    summary = control.get("_summary", "")
    _check_control(control, offset, parts.unnamed)
    includes = [read_include(*each) for each in parts.includes if each[2].strip()]
    if (error := parts.late or parts.last) is not None:
        raise _wrapped(error) if offset is not None else error
    if summary in ("true", "text", "data", "count") and control.get("_elements"):
        raise FhirError(400, "HAPI-0304: Cannot combine the _summary and _elements parameters")
    sort: list[tuple[SearchParameter, bool]] = []
    for modifier, text, whole in parts.sorts:
        sort.extend(_read_sort(resource_type, text, modifier, whole=whole))
    start = control.get("_getpagesoffset", "")
    total = control.get("_total", "")
    shown = (
        *chains,
        *((parameter.name, down) for parameter, down in sort),
        *includes,
        count or DEFAULT_PAGE_SIZE,
        summary if summary in _SUMMARIES else "",
        total if total in ("accurate", "none") else "",
    )
    question = (resource_type, *sorted((f.parameter.name, _normal_form(f)) for f in filters), *shown)
    elsewhere = tuple(f.key for f in filters if f.parameter.type == "reference" and "://" in f.key[-1])
    return Query(
        resource_type,
        tuple(filters),
        tuple(chains),
        tuple(sort),
        tuple(dict.fromkeys(includes)),
        count or DEFAULT_PAGE_SIZE,
        total,
        "count" if count == 0 else summary,
        tuple(part for part in control.get("_elements", "").split(",") if part.strip()),
        control.get("_format", ""),
        control.get("_pretty", "true") == "true",
        offset,
        int(start) if start.isascii() and start.isdigit() and len(start) < 10 else 0,
        None if sort or chains else choose_driver(resource_type, filters),
        question,
        (*question, *elsewhere) if elsewhere else question,
    )


_remembered_query = lru_cache(maxsize=1024)(_read_query)


@dataclass(slots=True)
class _Parts:
    """A search's parameters by what they are for, and what is wrong with them.

    HAPI refuses an unreadable value at once, then an unknown name, then what it meets while it makes its SQL, where it
    comes to the labels last.
    """

    filters: list[Filter] = field(default_factory=list)
    chains: list[Chain | Reverse] = field(default_factory=list)
    control: dict[str, str] = field(default_factory=dict)
    sorts: list[tuple[str, str, bool]] = field(default_factory=list)
    includes: list[tuple[str, str, str]] = field(default_factory=list)
    unnamed: FhirError | None = None
    late: FhirError | None = None
    last: FhirError | None = None


def _sort_out(resource_type: str, parameters: Sequence[tuple[str, str]], *, behind: bool) -> _Parts:
    """Looks at each parameter, in the order of their names.

    Raises:
        FhirError: What HAPI refuses at once.
    """
    defined = search_parameters(resource_type)
    parts = _Parts()
    for name, text in sorted(parameters, key=lambda pair: pair[0]):
        stem, _, modifier = name.partition(":")
        if stem in ("_include", "_revinclude"):
            parts.includes.append((stem, modifier, text))
        elif stem == "_query":
            raise _no_named_query(resource_type, parameters)
        elif stem == "_sort":
            parts.sorts.append((modifier, text, any(earlier.strip() for _, earlier, _ in parts.sorts)))
        elif stem in ("_text", "_content"):
            refusal = "HAPI-1192: Fulltext search is not enabled on this service, can not process parameter:"
            parts.late = parts.late or FhirError(400, f"{refusal} {stem}")
        elif stem in _CONTROL:
            # Of several HAPI takes the first.
            parts.control.setdefault(stem, text)
        elif stem in ("_has", "_filter", "_list") or "." in name or stem in defined:
            if stem == "_filter":
                if stem in parts.control:
                    continue
                parts.control[stem] = text
            try:
                filters, chains = _read_condition(resource_type, name, text, behind=behind)
            except FhirError as error:
                if error.kind in _AT_ONCE:
                    raise
                if error.kind is Refusal.UNKNOWN_TYPE and "." not in name:
                    error = _blamed(resource_type, parameters, error)
                if stem in LABELS:
                    parts.last = parts.last or error
                else:
                    parts.late = parts.late or error
            else:
                parts.filters.extend(filters)
                parts.chains.extend(chains)
        elif stem == "_language" or not stem.startswith("_"):
            parts.unnamed = parts.unnamed or (
                FhirError(400, unknown_parameter_text(resource_type, stem, "HAPI-1223"))
                if stem == "_language"
                else unknown_parameter(resource_type, stem or "null")
            )
    return parts


def _no_named_query(resource_type: str, parameters: Sequence[tuple[str, str]]) -> FhirError:
    names = ", ".join(java_set_order((name for name, _ in parameters), string_hash))
    text = "Invalid request: The FHIR endpoint on this server does not know how to handle "
    return FhirError(400, Issue(f"{text}GET operation[{resource_type}] with parameters [[{names}]]", "not-supported"))


def _check_control(control: Mapping[str, str], offset: int | None, unnamed: FhirError | None) -> None:
    """Refuses what cannot be shown as it is asked for, and a parameter that has no name here."""
    contained = control.get("_contained", "")
    if contained not in ("", "false", "true", "both"):
        raise FhirError(400, f"HAPI-1963: Invalid contained mode: {contained}")
    if unnamed is not None:
        raise unnamed
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


def _wrapped(error: FhirError) -> FhirError:
    """The error of a search by ``_offset``, which HAPI makes at once."""
    return error if error.status != 500 else FhirError(500, f"HAPI-2223: {error.issues[0].diagnostics}")


def _blamed(resource_type: str, parameters: Sequence[tuple[str, str]], unknown_type: FhirError) -> FhirError:
    """HAPI's error for a reference to an unknown type: it blames modifiers where there are any."""
    defined = search_parameters(resource_type)
    names = java_set_order(sorted(name for name, _ in parameters), string_hash)
    modifiers = [name.partition(":")[2] for name in names if name.partition(":")[0] in defined]
    blame = blame_modifiers(resource_type, modifiers)
    return FhirError(400, blame) if blame else unknown_type


def asks_for_others(query: Query) -> bool:
    """Tells if a search says no more than what it does not want, or nothing at all."""
    if query.chains:
        return False
    return all(wanted.negated and wanted.ids is None and wanted.parameter.name != "_source" for wanted in query.filters)


def shown_as(query: Query, control: Mapping[str, str]) -> Query:
    """A search with its form taken from a page's link, which carries format, elements and summary along.

    Args:
        query: The search as it was first asked.
        control: The link's parameters.
    """
    return replace(
        query,
        format=control.get("_format", ""),
        pretty=control.get("_pretty", "true") == "true",
        elements=tuple(part for part in control.get("_elements", "").split(",") if part.strip()),
        summary=control.get("_summary", ""),
        elements_of_all=True,
    )


def _check_size(parameters: Sequence[tuple[str, str]]) -> None:
    """Refuses what no client means: each limit is far beyond what HAPI's own connector lets through in a URL."""
    if len(parameters) > MOST_PARAMETERS:
        raise FhirError(400, f"A search takes {MOST_PARAMETERS} parameters at most, not {len(parameters)}")
    if sum(text.count(",") for _, text in parameters) > MOST_ALTERNATIVES:
        raise FhirError(400, f"A search takes {MOST_ALTERNATIVES} values at most")
    if any(name.count(".") + name.count("_has:") > DEEPEST_CHAIN for name, _ in parameters):
        raise FhirError(400, f"A chain goes through {DEEPEST_CHAIN} references at most")


def _read_integer(name: str, text: str, code: int) -> int | None:
    if text == "":
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text) or not -(2**31) <= int(text) < 2**31:
        raise FhirError(400, f"HAPI-{code:04}: Invalid {name} value: {text}")
    return int(text)


def _read_condition(
    resource_type: str, name: str, text: str, *, behind: bool
) -> tuple[Sequence[Filter], Sequence[Chain | Reverse]]:
    """The conditions of one parameter on a resource itself, and on what it is linked to."""
    stem, colon, modifier = name.partition(":")
    if stem == "_has":
        return (), [read_has(resource_type, name, text)]
    if stem == "_filter":
        condition = read_filter(resource_type, text)
        return ([] if condition is None else [condition]), ()
    if stem == "_list":
        if colon or not text.strip():
            raise FhirError(501, "This server answers _list with the ids of lists alone")
        return (), [read_has(resource_type, "_has:List:item:_id", text)]
    if "." not in name:
        return _read_filter(resource_type, search_parameters(resource_type)[stem], modifier, text, behind=behind), ()
    if not name.endswith(":missing"):
        return (), [read_chain(resource_type, name, text)]
    reference, own, between = read_missing_behind(resource_type, name)
    filters = [*_read_filter(resource_type, reference, "missing", "false")]
    if own is not None:
        filters.extend(_read_filter(resource_type, own, "missing", text))
    elif text != "true":
        filters.append(Filter(reference, (resource_type, name, "missing", text), ids=frozenset()))
    return filters, between


def _read_filter(
    resource_type: str, parameter: SearchParameter, modifier: str, text: str, *, behind: bool = False
) -> Sequence[Filter]:
    """The filters for one parameter; what is asked again and again (of a patient, a code) is read once."""
    if behind and parameter.name == "_id" and modifier == "not":
        modifier = ""  # HAPI does not hear it there.
    if behind and parameter.type == "date" and modifier != "missing" and ("," in text or not text.strip()):
        values = [part for part in split_alternatives(text) if part.strip()]
        key = (resource_type, parameter.name, modifier, text)
        return [dates_filter(parameter, key, values) if values else Filter(parameter, key, ids=frozenset())]
    if len(text) > _LONGEST_REMEMBERED:
        return _make_filters(resource_type, parameter.name, modifier, text)
    return _remembered_filters(resource_type, parameter.name, modifier, text)


def _make_filters(resource_type: str, name: str, modifier: str, text: str) -> Sequence[Filter]:
    """The filters for one parameter: none where it asks for nothing, several for a composite."""
    parameter = search_parameters(resource_type)[name]
    if parameter.name == "_id" and modifier != "missing":
        ids = frozenset(part.rpartition("/")[2] for part in split_alternatives(text) if part.strip())
        key = (resource_type, "_id", modifier, text)
        return [Filter(parameter, key, ids=ids, negated=modifier == "not")] if ids else []
    kept, text = check_modifier(resource_type, parameter, modifier, text)
    if parameter.type == "composite":
        if kept == "missing":
            return read_missing_composite(resource_type, parameter, text)
        return read_composite(resource_type, parameter, text)
    wanted = make_filter(resource_type, parameter, kept, text)
    return [] if wanted is None else [wanted]


_remembered_filters = lru_cache(maxsize=4096)(_make_filters)


def _normal_form(wanted: Filter) -> str:
    """A filter's question as HAPI normalizes it to find a search that it has answered before.

    It keeps of a reference the type and the id alone, and drops modifiers that it does not know.
    """
    text = wanted.key[-1]
    if wanted.comparisons:
        return repr(wanted.comparisons)
    if wanted.parameter.type == "reference" and wanted.missing is None:
        prefix = f"{wanted.modifier}/" if wanted.modifier and "/" not in text else ""
        return prefix + "/".join(text.rsplit("/", 2)[-2:])
    modifier = wanted.modifier if wanted.modifier in _TOLD_APART else ""
    return f":{modifier}={text}" if not (modifier == "exact" and wanted.parameter.type == "token") else f":={text}"


def _read_sort(resource_type: str, text: str, modifier: str, *, whole: bool) -> list[tuple[SearchParameter, bool]]:
    """The order that ``_sort`` asks for; of several the later ones are ``whole`` names, without sign or comma."""
    defined = search_parameters(resource_type)
    order: list[tuple[SearchParameter, bool]] = []
    for part in [text] if whole else text.split(","):
        name, down = part.strip(), modifier == "desc"
        if name.startswith("-") and not whole:
            name, down = name[1:], True
        target, _, name = name.rpartition(":")
        if not name:
            continue
        name, _, chain = name.partition(".")
        if "." in chain:
            raise FhirError(
                400,
                "HAPI-2286: Invalid _sort expression, can not chain more than once in a sort expression: "
                f"{sanitized(name)}.{sanitized(chain)}",
            )
        if name not in defined:
            raise _unknown_sort(resource_type, name)
        if chain:
            raise _refused_chain(resource_type, defined[name], chain, target)
        if defined[name].type == "special":
            raise FhirError(
                400,
                f'HAPI-2307: Can not sort on coordinate parameter "{name}" unless this parameter is also specified as '
                "a search parameter with a latitude/longitude value",
            )
        if len(defined[name].components) > 2:
            raise FhirError(
                400,
                f"HAPI-1196: The composite _sort parameter {name} must have 2 composite types declared in parameter "
                f"annotation, found {len(defined[name].components)}",
            )
        if defined[name].type == "composite":
            order.extend((defined[part], down) for part, _ in defined[name].components)
        elif name not in _UNSORTED:
            order.append((defined[name], down))
    return order


def _unknown_sort(resource_type: str, name: str, code: str = "1194") -> FhirError:
    refusal = (
        f'HAPI-{code}: Unknown _sort parameter value "{sanitized(name)}" for resource type "{resource_type}" '
        "(Note: sort parameters values must use a valid Search Parameter). "
        f"Valid values for this search are: [{listed_parameters(resource_type)}]"
    )
    return FhirError(400, refusal[:LONGEST_REFUSAL])


def _refused_chain(resource_type: str, parameter: SearchParameter, chain: str, target: str) -> FhirError:
    """The reason why a sort by what a reference points to is refused: HAPI sorts where it leads to one type."""
    name = parameter.name
    if parameter.type != "reference":
        return FhirError(400, f"HAPI-2285: Invalid chain, {name} is not a reference SearchParameter")
    targets = parameter.targets if not target else (target,)
    if len(targets) != 1:
        return FhirError(
            400,
            f"HAPI-2287: Unable to sort on a chained parameter from '{name}' as this parameter has multiple target "
            "types. Please specify the target type.",
        )
    if targets[0] in resource_types() and chain not in search_parameters(targets[0]):
        return _unknown_sort(targets[0], chain, "2289")
    return FhirError(501, "This server does not sort by chained parameters yet")


def _dates_missing(resource_type: str, parameters: Sequence[tuple[str, str]]) -> list[str]:
    """The date parameters that are asked for with ``:missing``, or with nothing."""
    defined = search_parameters(resource_type)
    stems = (
        name.removesuffix(":missing") for name, text in parameters if name.endswith(":missing") or not text.strip()
    )
    return [stem for stem in stems if stem in defined and defined[stem].type == "date"]


def _check_date_bounds(filters: Sequence[Filter], missing: Sequence[str]) -> None:
    """HAPI takes one lower and one upper bound for each date parameter; a date without a prefix is both.

    So is ``:missing``, whatever else is asked of the parameter.
    """
    bounded = [wanted.parameter.name for wanted in filters]
    if any([*missing, *bounded].count(name) > 1 for name in missing):
        raise FhirError(400, _SEVERAL_DATES)
    seen: set[tuple[str, str]] = set()
    for wanted in filters:
        name = wanted.parameter.name
        for comparison in wanted.comparisons:
            if not comparison.bounds_low and not comparison.bounds_high:
                if {(name, "lower"), (name, "upper")} & seen:
                    raise FhirError(400, _SEVERAL_DATES)
                seen |= {(name, "lower"), (name, "upper")}
            for side, code, bounds in (("lower", 1923, comparison.bounds_low), ("upper", 1924, comparison.bounds_high)):
                if bounds and (wanted.parameter.name, side) in seen:
                    raise FhirError(
                        400,
                        f"HAPI-{code}: Can not have multiple date range parameters for the same param that specify "
                        f"{'an upper' if side == 'upper' else 'a lower'} bound",
                    )
                if bounds:
                    seen.add((wanted.parameter.name, side))
