"""Reads the values of search parameters into filters (FHIR R4 section 3.1.1.4, as HAPI reads them)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, localcontext
from functools import lru_cache, partial
from math import isinf

from mab_gym.fhir.hapi._messages import unknown_type
from mab_gym.fhir.model._dates import parse_comparison, unreadable_value
from mab_gym.fhir.model._definitions import SearchParameter, is_resource_type
from mab_gym.fhir.model._filter import (
    JAVA_BLANK,
    BeginsWith,
    Filter,
    PointsTo,
    Predicate,
    read_token,
    split_alternatives,
    unescape,
)
from mab_gym.fhir.model._ids import parse_id
from mab_gym.fhir.model._json_text import DecimalNumber
from mab_gym.fhir.model._outcome import FhirError, Refusal
from mab_gym.fhir.model._values import Quantity, Reference, Token, Value, normalize

_LEADING = re.compile(r"([^0-9%-]*)(.*)", re.DOTALL)
_DECIMAL = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_COMPARATORS = {"": "eq", ">": "gt", ">=": "ge", "<": "lt", "<=": "le", "~": "ap", "=": "eq"} | {
    name: name for name in ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")
}

_TENTH = Decimal.from_float(0.1)
"""Java's ``new BigDecimal(0.1)``, a little more than a tenth."""
LONGEST_REFUSAL = 500
"""HAPI keeps that much of what went wrong while it was searching."""
LONGEST_STRING = 768
"""HAPI refuses longer values of string parameters (the width of its index column)."""


def make_filter(resource_type: str, parameter: SearchParameter, modifier: str, text: str) -> Filter | None:
    """The filter for ``parameter[:modifier]=text``, or None where it asks for nothing.

    Args:
        resource_type: The type searched.
        parameter: Its definition.
        modifier: What follows the colon, or empty.
        text: The value, URL-decoded.

    Raises:
        FhirError: The value cannot be read, or the modifier is none that the parameter has.
    """
    key = (resource_type, parameter.name, modifier, text)
    if parameter.name in LABELS:
        return _label_filter(parameter, key, modifier, text)
    if parameter.name == "_source":
        return _source_filter(parameter, key, modifier, text)
    if modifier == "missing":
        if parameter.name == "_id":
            return Filter(parameter, key, ids=frozenset())
        if parameter.type == "date" and len(split_alternatives(text)) > 1:
            raise _several_dates()
        if parameter.name in ("_lastUpdated", "_profile"):
            return None
        missing = split_alternatives(text)[0] == "true"
        if parameter.is_flag:
            # Nothing is without a flag that is false where its element is not there.
            return Filter(parameter, key, ids=frozenset()) if missing else None
        return Filter(parameter, key, missing=missing)
    if parameter.type == "uri" and modifier in ("above", "below"):
        return _uri_filter(parameter, key, modifier, text)
    values = [part for part in split_alternatives(text) if part.strip(JAVA_BLANK)]
    if parameter.type == "string":
        # An empty text is the beginning of every text: it asks for resources that have one.
        values = [part for part in split_alternatives(text) if part]
        values = [part for part in values if part.strip(JAVA_BLANK)] or values or [""]
    if not values:
        if parameter.type == "reference":
            raise FhirError(400, "HAPI-1101: Parameter value missing in request")
        return None
    match parameter.type:
        case "token":
            negated = modifier == "not"
            if modifier == "not-in":
                return Filter(parameter, key, (_other_than([_token(part, "") for part in values]),))
            if modifier != "text":
                # A bar alone asks for nothing.
                values = [part for part in values if read_token(part) != ("", "")]
            if not values:
                return None
            if parameter.is_flag:
                if modifier == "text":
                    return Filter(parameter, key, ids=frozenset())
                return _flag(parameter, key, values, negated)
            return Filter(parameter, key, tuple(_token(part, modifier) for part in values), negated=negated)
        case "string":
            return Filter(parameter, key, tuple(_string(parameter, part, modifier) for part in values))
        case "reference":
            return Filter(parameter, key, tuple(_reference(parameter, part, modifier) for part in values))
        case "date":
            if len(values) > 1:
                raise _several_dates()
            return dates_filter(parameter, key, values)
        case "quantity" | "number":
            comparator = ""
            predicates = []
            for part in values:
                # The first value's comparator holds for all.
                comparator, predicate = _quantity(parameter, part, comparator)
                predicates.append(predicate)
            return Filter(parameter, key, tuple(predicates))
        case "uri":
            return Filter(parameter, key, tuple(partial(_equal, unescape(part)) for part in values))
    raise FhirError(501, f"This server does not search by {parameter.type} parameters such as {parameter.name} yet")


def _several_dates() -> FhirError:
    text = "HAPI-1930: DateRange parameter does not support OR queries"
    return FhirError(400, text, kind=Refusal.SEVERAL_DATES)


def dates_filter(parameter: SearchParameter, key: tuple[str, ...], values: Sequence[str]) -> Filter:
    """The filter for any of several dates, of which HAPI takes more than one behind a reference alone."""
    comparisons = tuple(parse_comparison(value) for value in values)
    if parameter.name == "_lastUpdated":
        return Filter(parameter, key, tuple(c.matches_update for c in comparisons), comparisons)
    return Filter(parameter, key, tuple(c.matches for c in comparisons), comparisons)


def _equal(wanted: str, value: object) -> bool:
    return value == wanted


def _uri_filter(parameter: SearchParameter, key: tuple[str, ...], modifier: str, text: str) -> Filter | None:
    """``:below``: URIs that begin with a text; ``:above``: those that the text begins with.

    HAPI goes by letters, not by path segments. No text at all is the beginning of every URI.
    """
    values = [unescape(part) for part in split_alternatives(text) if part] or [""]
    if modifier == "below":
        if parameter.name == "_profile" and values == [""]:
            return None
        return Filter(parameter, key, tuple(_like(part) for part in values))
    return Filter(parameter, key, tuple(part.startswith for part in values))


def _like(beginning: str) -> Predicate:
    """A test for texts that begin as asked, in which ``_`` stands for any character (as in the database's LIKE)."""
    if "_" in beginning or "\\" in beginning:
        pattern = _pattern(f"{_without_percent(beginning)}%")
        return lambda value: pattern.fullmatch(value) is not None
    return lambda value: value.startswith(beginning)


LABELS = ("_tag", "_security")
"""What HAPI calls tags: parameters that know few modifiers."""
_UNLABELLED = (
    "class ca.uhn.fhir.rest.param.TokenParam cannot be cast to class ca.uhn.fhir.rest.param.UriParam "
    "(ca.uhn.fhir.rest.param.TokenParam and ca.uhn.fhir.rest.param.UriParam are in unnamed module of loader "
    "org.springframework.boot.loader.LaunchedURLClassLoader)"
)


def _label_filter(parameter: SearchParameter, key: tuple[str, ...], modifier: str, text: str) -> Filter | None:
    """``_tag`` and ``_security``, of whose modifiers HAPI knows ``:not`` alone; no system stands for any.

    Raises:
        FhirError: 400 for a system without a code, 500 where HAPI fails: over ``:missing`` and over nothing asked.
    """
    values = [part for part in split_alternatives(text) if part.strip(JAVA_BLANK)]
    read = [read_token(part, trimmed=False) for part in values]
    if modifier == "missing" or not read or read[0] == ("", ""):
        raise FhirError(500, _UNLABELLED)
    if not read[0][1]:
        raise FhirError(
            400,
            f"HAPI-1218: Missing {parameter.name} parameter (must supply a value/code and not just a system): "
            f"{values[0]}",
        )
    predicates = tuple(_label(*each) for each in read if each[1])
    return Filter(parameter, key, predicates, negated=modifier == "not")


def _source_filter(parameter: SearchParameter, key: tuple[str, ...], modifier: str, text: str) -> Filter | None:
    """``_source``: a URI, the request id behind a ``#``, or both."""
    if modifier == "missing":
        missing = split_alternatives(text)[0] == "true"
        return Filter(parameter, key, (lambda value: bool(str(value).partition("#")[0]),), negated=missing)
    values = [unescape(part) for part in split_alternatives(text) if part.strip(JAVA_BLANK)]
    return Filter(parameter, key, tuple(_source(part, modifier) for part in values)) if values else None


def _source(wanted: str, modifier: str) -> Predicate:
    uri, _, request = wanted.partition("#")

    def matches(value: str) -> bool:
        stored, _, stored_request = value.partition("#")
        match modifier:
            case "contains":
                return bool(stored) and normalize(wanted) in normalize(stored)
            case "below":
                return bool(stored) and stored.startswith(wanted)
            case "above":
                return bool(stored) and (wanted == stored or wanted.startswith(stored.rstrip("/") + "/"))
        return uri in ("", stored) and request in ("", stored_request)

    return matches


def _flag(parameter: SearchParameter, key: tuple[str, ...], values: list[str], negated: bool) -> Filter:
    """A parameter such as ``deceased``, which is true where an element is there and not false, else false.

    Every resource has one of the two, so that asking for ``false`` is asking for what is not true.
    """
    wanted = {value.rpartition("|")[2] for value in values} & {"true", "false"}

    def holds(value: Value) -> bool:
        return not isinstance(value, Token) or value.code != "false"

    if not wanted:
        return Filter(parameter, key, (), negated=negated)
    if len(wanted) == 2:
        return Filter(parameter, key, (), negated=not negated)
    return Filter(parameter, key, (holds,), negated=negated != (wanted == {"false"}))


def _label(system: str | None, code: str) -> Predicate:
    return lambda value: value.code == code and (not system or value.system == system)


def _token(text: str, modifier: str) -> Predicate:
    if modifier == "text":
        wanted = normalize(unescape(text))

        def has_text(value: Token) -> bool:
            return bool(value.text) and normalize(value.text).startswith(wanted)

        return has_text
    system, code = read_token(text)

    def matches(value: Token) -> bool:
        if value.code is None:
            return not code and bool(system) and value.system == system
        if system is None:
            return value.code == code
        return value.system == system and code in ("", value.code)

    return matches


def _other_than(wanted: list[Predicate]) -> Predicate:
    """A code that is none of some others: unlike ``:not``, ``:not-in`` asks for resources that have one."""
    return lambda value: value.indexed and not any(predicate(value) for predicate in wanted)


def _string(parameter: SearchParameter, text: str, modifier: str) -> Predicate:
    if len(text) > LONGEST_STRING:
        refusal = (
            f"HAPI-1260: Parameter[{parameter.name}] has length ({len(text)}) that is longer than maximum allowed "
            f"({LONGEST_STRING}): {text}"
        )
        raise FhirError(400, refusal[:LONGEST_REFUSAL])
    wanted = unescape(text)
    if modifier == "exact":
        return lambda value: value.exact == wanted
    folded = normalize(wanted)
    if "_" in folded or "\\" in folded:
        begin = "%" if modifier == "contains" else ""
        pattern = _pattern(f"{begin}{_without_percent(folded)}%")
        return lambda value: pattern.fullmatch(value.normalized) is not None
    if modifier == "contains":
        return lambda value: folded in value.normalized
    return BeginsWith(folded)


def _without_percent(text: str) -> str:
    return text.replace("%", "\\%")


def _pattern(text: str) -> re.Pattern[str]:
    """What the database's LIKE makes of a text: ``_`` is any character, ``%`` any number of them.

    A backslash makes the next character literal, be it the percent sign that HAPI puts at the end.
    """
    parts = re.findall(r"\\(.)|([_%])|([^\\])", text, re.DOTALL)
    wild = {"_": ".", "%": ".*"}
    return re.compile(
        "".join(wild.get(any_of) or re.escape(escaped or plain) for escaped, any_of, plain in parts), re.DOTALL
    )


def _reference(parameter: SearchParameter, text: str, modifier: str) -> Predicate:
    """A reference by id or by type and id (R4 section 3.1.1.4.10).

    Raises:
        FhirError: The type is none that FHIR has, or nothing is left for an id.
    """
    wanted = unescape(text)
    # HAPI takes every absolute URL, its own too, for a resource of some other server.
    read = parse_id(wanted)
    wanted_type, wanted_id = read.resource_type, read.logical_id
    if modifier:
        # With a type as modifier HAPI takes the rest as an id, unless it names the same type.
        wanted_type, wanted_id = modifier, wanted_id if wanted_type in ("", modifier) and not read.base else wanted
    elif wanted.lower().startswith(("http://", "https://")):
        return partial(_canonical, wanted.split("/_history/", maxsplit=1)[0])
    elif read.base:
        return _nothing
    elif wanted_type and not is_resource_type(wanted_type):
        raise unknown_type(wanted_type)
    if not wanted_id:
        raise FhirError(400, "HAPI-1101: Parameter value missing in request")
    return PointsTo(wanted_id, wanted_type, parameter.targets)


def _canonical(wanted: str, value: Reference) -> bool:
    """Whether a canonical URL is the wanted one; a version counts where it is asked for."""
    return not value.target_type and wanted in (value.target_id, value.target_id.partition("|")[0])


def _nothing(value: object) -> bool:
    return False


def _quantity(parameter: SearchParameter, text: str, first: str) -> tuple[str, Predicate]:
    """A comparator and the predicate; of several alternatives the ``first`` one's comparator holds for all."""
    parts = [unescape(part) for part in split_alternatives(text, "|")]
    prefix, number = _LEADING.fullmatch(parts[0]).groups()  # type: ignore[union-attr]
    if prefix and not number:
        raise unreadable_value(f'HAPI-1940: Invalid date/time/quantity format: "{parts[0]}"')
    comparator = _COMPARATORS.get(prefix.strip())
    if comparator is None:
        raise unreadable_value(f'HAPI-1941: Invalid prefix: "{prefix}"')
    system = parts[1] if len(parts) > 1 else ""
    unit = parts[2] if len(parts) > 2 else ""
    if comparator in ("sa", "eb") and not first:
        written = f"{comparator}{DecimalNumber(number).text if _DECIMAL.fullmatch(number) else number}"
        written += f"|{system}|{unit}" if parameter.type == "quantity" else ""
        text = f'HAPI-1235: Unable to handle {parameter.type} prefix "{comparator}" for value: {written}'
        raise FhirError(400, text, kind=Refusal.UNSUPPORTED_PREFIX)
    if not _DECIMAL.fullmatch(number):
        raise FhirError(500, f"HAPI cannot read this as a number: {number[:100]}")
    amount: float | Decimal = float(number)
    if not amount or isinf(amount):
        amount = Decimal(number)  # HAPI compares with the number itself, not with the nearest float.
    used = first or comparator

    def matches(value: Quantity | float) -> bool:
        if isinstance(value, Quantity):
            # HAPI hashes the system together with a unit alone, so that a system without one asks for nothing.
            if unit and (unit != value.code or (system and value.system != system)):
                return False
            value = value.value
        return _compare(used, value, amount)

    return used, matches


@lru_cache(maxsize=256)
def _around(amount: float | Decimal) -> tuple[Decimal, Decimal]:
    """A tenth around an amount, to the 16 digits that HAPI calculates with."""
    exact = amount if isinstance(amount, Decimal) else Decimal(repr(amount))
    margin = exact * _TENTH
    with localcontext() as context:
        context.prec = 16
        ends = exact - margin, exact + margin
    return min(ends), max(ends)


def _compare(prefix: str, value: float, amount: float | Decimal) -> bool:
    match prefix:
        case "gt":
            return value > amount
        case "ge":
            return value >= amount
        case "lt":
            return value < amount
        case "le":
            return value <= amount
        case "ne":
            return value != amount
        case "ap":
            low, high = _around(amount)
            return low <= Decimal(repr(float(value))) <= high
    return value == amount
