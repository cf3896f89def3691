"""A search request, read and checked before anything is looked up (FHIR R4 section 3.1.1, errors as HAPI words them)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mab_gym.fhir.definitions import SearchParameter, resource_types, search_parameters
from mab_gym.fhir.matching import Filter, make_filter, split_alternatives
from mab_gym.fhir.outcome import FhirError

DEFAULT_PAGE_SIZE = 20
_MODIFIERS = {
    ":contains", ":exact", ":in", ":iterate", ":missing", ":not", ":not-in", ":of-type", ":recurse", ":text", ":above",
    ":below", ":identifier", ":nickname",
}  # fmt: skip
_LISTED_MODIFIERS = "[:contains, :exact, :in, :iterate, :missing, :not-in, :of-type, :recurse, :text]"
_NOT_YET = {"_has", "_include", "_revinclude", "_filter", "_list"}


@dataclass(frozen=True, slots=True)
class Chain:
    """A search through a reference, such as ``patient.name=Smith``."""

    reference: SearchParameter
    target_type: str
    parameters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A search that has been understood.

    Attributes:
        resource_type: What is searched.
        filters: All of them must hold.
        chains: Searches through references, to be resolved before.
        sort: Search parameters with whether to sort downwards, the first the strongest.
        count: The page's size.
        total: ``_total`` as given, or empty.
        summary: ``_summary`` as given (``count`` for ``_count=0`` too), or empty.
        elements: ``_elements``, or empty for all.
        format: ``_format`` as given, or empty.
        pretty: Whether to write the answer on many lines.
    """

    resource_type: str
    filters: tuple[Filter, ...] = ()
    chains: tuple[Chain, ...] = ()
    sort: tuple[tuple[SearchParameter, bool], ...] = ()
    count: int = DEFAULT_PAGE_SIZE
    total: str = ""
    summary: str = ""
    elements: tuple[str, ...] = ()
    format: str = ""
    pretty: bool = True


@lru_cache(maxsize=1024)
def read_query(resource_type: str, parameters: tuple[tuple[str, str], ...], base_url: str) -> Query:
    """Reads a search's parameters.

    Args:
        resource_type: The type searched.
        parameters: Names and values, decoded.
        base_url: This server's base.

    Raises:
        FhirError: 400 where HAPI refuses them, 501 where HAPI would not but this server does not know how.
    """
    defined = search_parameters(resource_type)
    filters: list[Filter] = []
    chains: list[Chain] = []
    control: dict[str, str] = {}
    sort: list[tuple[SearchParameter, bool]] = []
    for name, text in sorted(parameters, key=lambda pair: pair[0]):
        stem, colon, modifier = name.partition(":")
        if name.startswith("_has:") or stem in _NOT_YET:
            raise FhirError(501, f"This server does not answer searches with {stem} yet")
        if stem == "_sort":
            sort.extend(_read_sort(resource_type, text, modifier))
        elif stem in ("_text", "_content"):
            raise FhirError(
                400, f"HAPI-1192: Fulltext search is not enabled on this service, can not process parameter: {stem}"
            )
        elif stem == "_contained" and text not in ("", "false"):
            raise FhirError(405, "HAPI-0984: Searching with _contained mode enabled is not enabled on this server")
        elif stem in ("_count", "_total", "_summary", "_elements", "_format", "_pretty", "_offset"):
            control[stem] = text
        elif "." in name:
            chains.append(_read_chain(resource_type, name, text))
        elif stem in defined:
            wanted = _read_filter(resource_type, defined[stem], ":" + modifier if colon else "", text, base_url)
            if wanted is not None:
                filters.append(wanted)
        elif not stem.startswith("_"):
            raise FhirError(400, unknown_parameter(resource_type, stem or "null"))
        elif stem == "_language":
            raise FhirError(400, unknown_parameter(resource_type, stem, "HAPI-1223"))
    _check_date_bounds(filters)
    if control.get("_offset", "0") not in ("", "0"):
        raise FhirError(501, "This server does not answer searches with _offset yet; follow the next links")
    summary = control.get("_summary", "")
    if summary in ("true", "text", "data", "count") and control.get("_elements"):
        raise FhirError(400, "HAPI-0304: Cannot combine the _summary and _elements parameters")
    count = _read_count(control.get("_count", ""))
    return Query(
        resource_type,
        tuple(filters),
        tuple(chains),
        tuple(sort),
        count or DEFAULT_PAGE_SIZE,
        control.get("_total", ""),
        "count" if count == 0 else summary,
        tuple(part.strip() for part in control.get("_elements", "").split(",") if part.strip()),
        control.get("_format", ""),
        control.get("_pretty", "true") != "false",
    )


def unknown_parameter(resource_type: str, name: str, code: str = "HAPI-0524") -> str:
    """HAPI's words for a search parameter that it does not have."""
    listed = ", ".join(sorted({*search_parameters(resource_type), "_id", "_lastUpdated"}))
    return (
        f'{code}: Unknown search parameter "{name}" for resource type "{resource_type}". '
        f"Valid search parameters for this search are: [{listed}]"
    )


def _read_count(text: str) -> int | None:
    if text == "":
        return None
    if not re.fullmatch(r"[+-]?\d+", text) or not -(2**31) <= int(text) < 2**31:
        raise FhirError(400, f"HAPI-0375: Invalid _count value: {text}")
    return int(text) if int(text) >= 0 else None


def _read_filter(
    resource_type: str, parameter: SearchParameter, modifier: str, text: str, base_url: str
) -> Filter | None:
    bare = modifier.removeprefix(":")
    if parameter.type == "reference" and modifier and bare != "missing" and bare not in resource_types():
        raise FhirError(
            400,
            f'HAPI-2498: Unsupported search modifier(s): "[{modifier}]" for resource type "{resource_type}". '
            f"Valid search modifiers are: {_LISTED_MODIFIERS}",
        )
    if bare in ("in", "not-in", "above", "below", "of-type", "identifier") and modifier in _MODIFIERS:
        raise FhirError(501, f"This server does not answer searches with {modifier} yet")
    if parameter.name == "_id":
        ids = frozenset(part.strip().rpartition("/")[2] for part in split_alternatives(text) if part.strip())
        return Filter(parameter, (resource_type, "_id", text), ids=ids) if ids else None
    return make_filter(resource_type, parameter, bare, text, base_url)


def _read_sort(resource_type: str, text: str, modifier: str) -> list[tuple[SearchParameter, bool]]:
    defined = search_parameters(resource_type)
    order = []
    for part in text.split(","):
        name, down = part.strip(), modifier == "desc"
        if name.startswith("-"):
            name, down = name[1:], True
        name = name.rpartition(":")[2]
        if not name:
            continue
        if name not in defined:
            listed = ", ".join(sorted({*defined, "_id", "_lastUpdated"} - {"_text", "_content"}))
            raise FhirError(
                400,
                f'HAPI-1194: Unknown _sort parameter value "{name}" for resource type "{resource_type}" (Note: sort '
                f"parameters values must use a valid Search Parameter). Valid values for this search are: [{listed}]",
            )
        order.append((defined[name], down))
    return order


def _read_chain(resource_type: str, name: str, text: str) -> Chain:
    head, _, rest = name.partition(".")
    stem, _, target = head.partition(":")
    parameter = search_parameters(resource_type).get(stem)
    if parameter is None:
        raise FhirError(400, unknown_parameter(resource_type, stem))
    if parameter.type != "reference":
        raise FhirError(
            400,
            f'HAPI-1935: Invalid search parameter "{name}". Parameter contains a chain (.{rest}) and chains are not '
            "supported for this parameter (chaining is only allowed on reference parameters)",
        )
    first = rest.partition(".")[0].partition(":")[0]
    candidates = [target] if target else [t for t in parameter.targets if first in search_parameters(t)]
    if not candidates:
        raise FhirError(400, f"HAPI-1243: Invalid parameter chain: {stem}.{rest}")
    if len(candidates) > 1:
        candidates = [t for t in candidates if t == "Patient"] or candidates[:1]
    return Chain(parameter, candidates[0], ((rest, text),))


def _check_date_bounds(filters: Sequence[Filter]) -> None:
    """HAPI takes one lower and one upper bound for each date parameter."""
    seen: set[tuple[str, str]] = set()
    for wanted in filters:
        for comparison in wanted.comparisons:
            for side, code, bounds in (("lower", 1923, comparison.bounds_low), ("upper", 1924, comparison.bounds_high)):
                if bounds and (wanted.parameter.name, side) in seen:
                    raise FhirError(
                        400,
                        f"HAPI-{code}: Can not have multiple date range parameters for the same param that specify "
                        f"{'an upper' if side == 'upper' else 'a lower'} bound",
                    )
                if bounds:
                    seen.add((wanted.parameter.name, side))
