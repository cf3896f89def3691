"""Reads the values of search parameters into filters (FHIR R4 section 3.1.1.4, as HAPI reads them).

`make_filter` finds the reader for a parameter: by its name for ``_tag``, ``_security`` and ``_source``, else by its
type. Each reader knows the modifiers of its parameters; ``:missing`` is read in one place for all but the named ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache, partial
from math import isinf

from mab_gym.fhir.hapi._java_numbers import why_no_number, why_too_long
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
from mab_gym.fhir.model._outcome import FhirError, RefusalKind
from mab_gym.fhir.model._values import Quantity, Reference, Token, Value, normalize

_LEADING = re.compile(r"([^\d%-]*)(.*)", re.DOTALL)
_DECIMAL = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_COMPARATORS = {"": "eq", ">": "gt", ">=": "ge", "<": "lt", "<=": "le", "~": "ap", "=": "eq"} | {
    name: name for name in ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")
}
_TENTH = Decimal.from_float(0.1)
"""Java's ``new BigDecimal(0.1)``, a little more than a tenth."""
LONGEST_REFUSAL = 500
"""The most characters that HAPI keeps of an error from within a search."""
LONGEST_STRING = 768
"""The longest value of a string parameter that HAPI accepts (the width of its index column)."""
LABEL_PARAMETERS = ("_tag", "_security")
"""The parameters that HAPI calls tags; they know few modifiers."""
_NO_LABEL = (
    "class ca.uhn.fhir.rest.param.TokenParam cannot be cast to class ca.uhn.fhir.rest.param.UriParam "
    "(ca.uhn.fhir.rest.param.TokenParam and ca.uhn.fhir.rest.param.UriParam are in unnamed module of loader "
    "org.springframework.boot.loader.LaunchedURLClassLoader)"
)
_NO_VALUE = "HAPI-1101: Parameter value missing in request"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A parameter with its modifier and value, as a request has them.

    Attributes:
        parameter: The parameter's definition.
        modifier: The text behind the colon, or empty.
        text: The value, URL-decoded.
        key: Equal for equal questions.
    """

    parameter: SearchParameter
    modifier: str
    text: str
    key: tuple[str, ...]

    @property
    def alternatives(self) -> list[str]:
        """The values between the commas."""
        return split_alternatives(self.text)

    @property
    def values(self) -> list[str]:
        """The alternatives that are not blank."""
        return [part for part in self.alternatives if part.strip(JAVA_BLANK)]

    def nothing(self) -> Filter:
        """Returns a filter that no resource satisfies."""
        return Filter(self.parameter, self.key, ids=frozenset())

    def any_of(self, predicates: Sequence[Predicate], *, negated: bool = False) -> Filter:
        """Returns a filter for values that satisfy a predicate, or for resources without such a value."""
        return Filter(self.parameter, self.key, tuple(predicates), negated=negated)


def make_filter(resource_type: str, parameter: SearchParameter, modifier: str, text: str) -> Filter | None:
    """Returns the filter for ``parameter[:modifier]=text``, or None if it asks for nothing.

    Args:
        resource_type: The type searched.
        parameter: Its definition.
        modifier: The text behind the colon, or empty.
        text: The value, URL-decoded.

    Raises:
        FhirError: The value cannot be read, or the parameter does not have the modifier.
    """
    read = _BY_NAME.get(parameter.name)
    if read is None:
        read = _missing if modifier == "missing" else _BY_TYPE.get(parameter.type, _unsupported)
    return read(_Asked(parameter, modifier, text, (resource_type, parameter.name, modifier, text)))


def _missing(asked: _Asked) -> Filter | None:
    """``:missing``, for parameters of every type."""
    parameter = asked.parameter
    if parameter.name == "_id":
        return asked.nothing()
    if parameter.type == "date" and len(asked.alternatives) > 1:
        raise _several_dates()
    if parameter.name in ("_lastUpdated", "_profile"):
        return None
    missing = asked.alternatives[0] == "true"
    if parameter.is_flag:  # it is false where its element is not there, so no resource is without it
        return asked.nothing() if missing else None
    return Filter(parameter, asked.key, missing=missing)


def _unsupported(asked: _Asked) -> Filter | None:
    if not asked.values:
        return None
    kind, name = asked.parameter.type, asked.parameter.name
    raise FhirError(501, f"This server does not search by {kind} parameters such as {name} yet")


# --- tokens ----------------------------------------------------------------------------------------------------------


def _labels(asked: _Asked) -> Filter:
    """``_tag`` and ``_security``: HAPI knows only ``:not`` for them; no system stands for any system.

    Raises:
        FhirError: 400 for a system without a code, 500 where HAPI fails: over ``:missing`` and over an empty value.
    """
    values = asked.values
    read = [read_token(part, trimmed=False) for part in values]
    if asked.modifier == "missing" or not read or read[0] == ("", ""):
        raise FhirError(500, _NO_LABEL)
    if not read[0][1]:
        raise FhirError(
            400,
            f"HAPI-1218: Missing {asked.parameter.name} parameter (must supply a value/code and not just a system): "
            f"{values[0]}",
        )
    return asked.any_of([_label(*each) for each in read if each[1]], negated=asked.modifier == "not")


def _label(system: str | None, code: str) -> Predicate:
    return lambda value: value.code == code and (not system or value.system == system)


def _tokens(asked: _Asked) -> Filter | None:
    values = asked.values
    if not values:
        return None
    if asked.modifier == "not-in":
        return asked.any_of([_other_than([_token(part) for part in values])])
    if asked.modifier == "text":
        return asked.nothing() if asked.parameter.is_flag else asked.any_of([_token_text(part) for part in values])
    values = [part for part in values if read_token(part) != ("", "")]  # a bar alone asks for nothing
    if not values:
        return None
    negated = asked.modifier == "not"
    if asked.parameter.is_flag:
        return _flag(asked, values, negated=negated)
    return asked.any_of([_token(part) for part in values], negated=negated)


def _flag(asked: _Asked, values: Sequence[str], *, negated: bool) -> Filter:
    """A parameter such as ``deceased``: true where an element is there and not false, else false.

    Every resource has one of the two values, so that ``false`` asks for resources that are not true.
    """
    wanted = {value.rpartition("|")[2] for value in values} & {"true", "false"}
    if len(wanted) == 1:
        return asked.any_of([_is_true], negated=negated != (wanted == {"false"}))
    return asked.any_of([], negated=negated != bool(wanted))


def _is_true(value: Value) -> bool:
    return not isinstance(value, Token) or value.code != "false"


def _token(text: str) -> Predicate:
    system, code = read_token(text)

    def matches(value: Token) -> bool:
        if value.code is None:
            return not code and bool(system) and value.system == system
        if system is None:
            return value.code == code
        return value.system == system and code in ("", value.code)

    return matches


def _token_text(text: str) -> Predicate:
    wanted = normalize(unescape(text))
    return lambda value: bool(value.text) and normalize(value.text).startswith(wanted)


def _other_than(wanted: Sequence[Predicate]) -> Predicate:
    """A code that is none of some others: unlike ``:not``, ``:not-in`` asks for resources that have one."""
    return lambda value: value.indexed and not any(predicate(value) for predicate in wanted)


# --- texts and URIs --------------------------------------------------------------------------------------------------


def _strings(asked: _Asked) -> Filter:
    """Texts; an empty value is the beginning of every text, so that it asks for resources that have one."""
    values = asked.values or [part for part in asked.alternatives if part] or [""]
    return asked.any_of([_string(asked.parameter, part, asked.modifier) for part in values])


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
    """Returns a text as the database's LIKE reads it: ``_`` is any character, ``%`` any number of them.

    A backslash makes the next character literal, even the percent sign that HAPI puts at the end.
    """
    parts = re.findall(r"\\(.)|([_%])|([^\\])", text, re.DOTALL)
    wild = {"_": ".", "%": ".*"}
    return re.compile(
        "".join(wild.get(any_of) or re.escape(escaped or plain) for escaped, any_of, plain in parts), re.DOTALL
    )


def _uris(asked: _Asked) -> Filter | None:
    """URIs; ``:below`` asks for those that begin with a text, ``:above`` for those that the text begins with.

    HAPI compares letters, not path segments. An empty text is the beginning of every URI.
    """
    if asked.modifier not in ("above", "below"):
        values = [unescape(part) for part in asked.values]
        return asked.any_of([partial(_equal, part) for part in values]) if values else None
    values = [unescape(part) for part in asked.alternatives if part] or [""]
    if asked.modifier == "above":
        return asked.any_of([part.startswith for part in values])
    if asked.parameter.name == "_profile" and values == [""]:
        return None
    return asked.any_of([_like(part) for part in values])


def _equal(wanted: str, value: object) -> bool:
    return value == wanted


def _like(beginning: str) -> Predicate:
    """Returns a test for texts that begin as asked; ``_`` stands for any character, as in the database's LIKE."""
    if "_" in beginning or "\\" in beginning:
        pattern = _pattern(f"{_without_percent(beginning)}%")
        return lambda value: pattern.fullmatch(value) is not None
    return lambda value: value.startswith(beginning)


def _source(asked: _Asked) -> Filter | None:
    """``_source``: a URI, the id of a request behind a ``#``, or both."""
    if asked.modifier == "missing":
        missing = asked.alternatives[0] == "true"
        return asked.any_of([lambda value: bool(str(value).partition("#")[0])], negated=missing)
    values = [unescape(part) for part in asked.values]
    return asked.any_of([_one_source(part, asked.modifier) for part in values]) if values else None


def _one_source(wanted: str, modifier: str) -> Predicate:
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


# --- references and dates --------------------------------------------------------------------------------------------


def _references(asked: _Asked) -> Filter:
    values = asked.values
    if not values:
        raise FhirError(400, _NO_VALUE)
    return asked.any_of([_reference(asked.parameter, part, asked.modifier) for part in values])


def _reference(parameter: SearchParameter, text: str, modifier: str) -> Predicate:
    """Returns a test for a reference by id or by type and id (R4 section 3.1.1.4.10).

    Raises:
        FhirError: FHIR has no such type, or there is no id.
    """
    wanted = unescape(text)
    # HAPI takes every absolute URL, even its own, for a resource of another server
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
        raise FhirError(400, _NO_VALUE)
    return PointsTo(wanted_id, wanted_type, parameter.targets)


def _canonical(wanted: str, value: Reference) -> bool:
    """True if a canonical URL is the wanted one; its version counts if one is asked for."""
    return not value.target_type and wanted in (value.target_id, value.target_id.partition("|")[0])


def _nothing(value: object) -> bool:
    return False


def _dates(asked: _Asked) -> Filter | None:
    values = asked.values or ([asked.text] if asked.text else [])  # a blank is read, and refused
    if len(values) > 1:
        raise _several_dates()
    return dates_filter(asked.parameter, asked.key, values) if values else None


def _several_dates() -> FhirError:
    text = "HAPI-1930: DateRange parameter does not support OR queries"
    return FhirError(400, text, kind=RefusalKind.SEVERAL_DATES)


def dates_filter(parameter: SearchParameter, key: tuple[str, ...], values: Sequence[str]) -> Filter:
    """Returns the filter for any of several dates; HAPI takes more than one only behind a reference."""
    comparisons = tuple(parse_comparison(value) for value in values)
    if parameter.name == "_lastUpdated":
        return Filter(parameter, key, tuple(c.matches_update for c in comparisons), comparisons)
    return Filter(parameter, key, tuple(c.matches for c in comparisons), comparisons)


# --- numbers and quantities ------------------------------------------------------------------------------------------


def _quantities(asked: _Asked) -> Filter | None:
    """Numbers and quantities; the comparator of the first value holds for all."""
    comparator = ""
    predicates = []
    for part in asked.values:
        comparator, predicate = _quantity(asked.parameter, part, comparator)
        predicates.append(predicate)
    return asked.any_of(predicates) if predicates else None


def _quantity(parameter: SearchParameter, text: str, first: str) -> tuple[str, Predicate]:
    """Returns a comparator and a test; the ``first`` comparator among the alternatives, if any, is used."""
    parts = [unescape(part) for part in split_alternatives(text, "|")]
    prefix, number = _LEADING.fullmatch(parts[0]).groups()  # type: ignore[union-attr]
    if prefix and not number:
        raise unreadable_value(f'HAPI-1940: Invalid date/time/quantity format: "{parts[0]}"')
    comparator = _COMPARATORS.get(prefix if prefix.strip() else "")
    if comparator is None:
        raise unreadable_value(f'HAPI-1941: Invalid prefix: "{prefix}"')
    system = parts[1] if len(parts) > 1 else ""
    unit = parts[2] if len(parts) > 2 else ""
    if comparator in ("sa", "eb") and not first:
        written = f"{comparator}{DecimalNumber(number).text if _DECIMAL.fullmatch(number) else number}"
        written += f"|{system}|{unit}" if parameter.type == "quantity" else ""
        text = f'HAPI-1235: Unable to handle {parameter.type} prefix "{comparator}" for value: {written}'
        raise FhirError(400, text, kind=RefusalKind.UNSUPPORTED_PREFIX)
    fault = why_no_number(number)
    if fault is None:
        fault = why_too_long(number)
    if fault is not None:
        raise FhirError(500, fault)
    amount: float | Decimal = float(number)
    if not amount or isinf(amount):
        amount = Decimal(number)  # HAPI compares with the number itself, not with the nearest float
    used = first or comparator

    def matches(value: Quantity | float) -> bool:
        if isinstance(value, Quantity):
            # HAPI hashes the system only together with a unit, so that a system without one asks for nothing
            if unit and (unit != value.code or (system and value.system != system)):
                return False
            value = value.value
        return _compare(used, value, amount)

    return used, matches


@lru_cache(maxsize=256)
def _around(amount: float | Decimal) -> tuple[Decimal, Decimal]:
    """Returns the ends of a tenth around an amount, to the 16 digits that HAPI calculates with."""
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


_Reader = Callable[[_Asked], Filter | None]
_BY_NAME: Mapping[str, _Reader] = {"_tag": _labels, "_security": _labels, "_source": _source}
_BY_TYPE: Mapping[str, _Reader] = {
    "token": _tokens,
    "string": _strings,
    "uri": _uris,
    "reference": _references,
    "date": _dates,
    "number": _quantities,
    "quantity": _quantities,
}
