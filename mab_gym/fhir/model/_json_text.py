"""Reads and writes JSON as HAPI FHIR does.

HAPI writes with Jackson's default pretty printer (two blanks a level, ``[ {`` and ``} ]`` on one line). Its reader also
accepts single quotes and a leading plus sign, and keeps decimals exact. Source: HAPI FHIR 7.6,
``JacksonStructure`` and ``JacksonWriter``, with Jackson 2.17.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import isinf
from typing import Final, NoReturn, Self, TypeVar

from mab_gym.fhir.model._json_scanner import (
    GREATEST_EXPONENT,
    MAX_NUMBER_LENGTH,
    Json,
    JsonSyntaxError,
    number_length,
    scan,
    too_long,
)

__all__ = [
    "DecimalNumber", "Json", "JsonSyntaxError", "Printed", "compact", "pretty", "pretty_resource", "read_json",
    "repeated",
]  # fmt: skip

_T = TypeVar("_T")
MAX_DECIMAL_DIGITS = 5000
"""The most digits of a decimal. HAPI writes ``1e999999999`` in full and fails; here such a number is refused."""

_PLAIN_DECIMAL = re.compile(r"-?(?=.*[1-9])(?:0|[1-9][0-9]{0,400})\.[0-9]{1,400}|0\.0+", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')
_ESCAPES = {
    **{chr(code): f"\\u{code:04X}" for code in range(0x20)},
    **{"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"},
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_LEADING_SPACE = "".join(c for c in map(chr, range(0x3001)) if c.isspace() and c not in "\x85\xa0\u2007\u202f")
"""The characters that Java's ``Character.isWhitespace`` accepts: no non-breaking blanks."""


class TooManyDigitsError(ValueError):
    """A number that would need thousands of digits."""


class DecimalNumber(float):
    """A FHIR decimal, which keeps its digits: 4.0 and 4.00 are different (R4 datatypes, decimal).

    As a float it is infinite beyond 1.8E308 and zero below 5E-324; the digits do not change.

    Attributes:
        text: The number as HAPI writes it, ``BigDecimal.toPlainString``: without an exponent, zeros kept.
    """

    __slots__ = ("text",)

    text: str

    def __new__(cls, literal: str) -> Self:
        """Reads the literal.

        Raises:
            ValueError: It is no decimal number.
            TooManyDigitsError: It has thousands of digits.
        """
        if _PLAIN_DECIMAL.fullmatch(literal):
            self = super().__new__(cls, literal)
            self.text = literal
            return self
        try:
            number = Decimal(literal)
        except InvalidOperation:
            raise ValueError(f"{literal!r} is not a decimal number") from None
        if not number.is_finite() or not _DECIMAL.fullmatch(literal):
            raise ValueError(f"{literal!r} is not a decimal number")
        if not number and number.adjusted() > 0:
            number = Decimal(0)
        if max(abs(number.adjusted()), len(literal)) > MAX_DECIMAL_DIGITS:
            raise TooManyDigitsError(f"a decimal number of more than {MAX_DECIMAL_DIGITS} digits")
        self = super().__new__(cls, literal)
        self.text = format(number if number else number.copy_abs(), "f")
        return self

    @classmethod
    def unchecked(cls, literal: str) -> Self:
        """Returns a number as it is written, however long: one from the store, or one that is refused later."""
        self = super().__new__(cls, literal)
        self.text = literal
        return self

    @property
    def length(self) -> int:
        """The number of digits with which HAPI writes it, as Jackson counts them."""
        exponent = "e" in self.text or "E" in self.text
        return Decimal(self.text).adjusted() + 1 if exponent else number_length(self.text)

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]
        return (self.text,)

    def __repr__(self) -> str:
        return self.text


class Printed:
    """JSON that is already printed; `pretty` only indents it.

    Attributes:
        text: The JSON, without indentation.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def read_decimal(literal: str) -> DecimalNumber:
    """Reads a decimal that a client sends.

    HAPI writes all digits and cannot read more than a thousand again, so that such a number would be lost. A number
    that is too large for a double is returned all the same: HAPI refuses it later, in other words, if it is to be
    indexed (`mab_gym.fhir.http._checks`).

    Raises:
        JsonSyntaxError: It has more than a thousand digits.
        ValueError: It is no decimal number.
    """
    try:
        number = DecimalNumber(literal)
    except TooManyDigitsError as error:
        if isinf(number := DecimalNumber.unchecked(literal)) and Decimal(literal).adjusted() < GREATEST_EXPONENT:
            return number
        raise JsonSyntaxError(str(error)) from None
    if len(number.text) > MAX_NUMBER_LENGTH and number.length > MAX_NUMBER_LENGTH and not isinf(number):
        raise JsonSyntaxError(too_long(number.length))
    return number


def read_json(text: str) -> Json:
    """Reads one JSON object as leniently and as strictly as HAPI does.

    Decimals become `DecimalNumber`; if a key occurs twice, the last value counts, at the place of the first.

    Args:
        text: The body of a request.

    Raises:
        JsonSyntaxError: HAPI refuses it; the error's text is HAPI's (``HAPI-1857``, ``HAPI-1859`` or ``HAPI-1861``).
    """
    body = text.lstrip(_LEADING_SPACE)
    if not body.startswith("{"):
        raise JsonSyntaxError(
            "HAPI-1857: Did not find any content to parse"
            if not body
            else "HAPI-1859: Content does not appear to be FHIR JSON, first non-whitespace character was: "
            f"'{body[0]}' (must be '{{')"
        )
    try:
        value = _DECODER.decode(body)
    except (ValueError, RecursionError):
        # not plain JSON: the slow reader knows the texts that HAPI accepts, and its words for the others
        value = scan(body, read_decimal)
    if "\\u" not in body and _SURROGATE.search(body) is None:
        return value
    try:
        return _without_lone_surrogates(value)
    except RecursionError:
        raise JsonSyntaxError("Document nesting depth exceeds the maximum allowed") from None


def nests_too_deeply(text: str) -> bool:
    """Tells if JSON nests deeper than can be read; it reads no further than that depth."""
    try:
        _DECODER.decode(text)
    except RecursionError:
        return True
    except ValueError:
        return False
    return False


def pretty(value: Json | Printed, indent: int = 0) -> str:
    """Returns JSON in HAPI's pretty form.

    Args:
        value: A value of `read_json` or ``parse_resource``: dict, list, str, bool, int, None or `DecimalNumber`.
        indent: The level of the value; all lines except the first are indented by two blanks for each level.
    """
    parts: list[str] = []
    _write_pretty(value, "\n" + "  " * indent, parts)
    return "".join(parts)


_MOST_REPEATED: Final = 4096
_REPEATED: Final[dict[int, tuple[object, str]]] = {}
"""Values that many resources share, by identity, with their text as an element of a resource."""


def repeated(value: _T) -> _T:
    """Remembers the text of a value that many resources will have as an element; it must never change.

    Args:
        value: A dict or list. It is held, with some thousands of others.
    """
    if len(_REPEATED) >= _MOST_REPEATED:
        _REPEATED.clear()
    _REPEATED[id(value)] = (value, pretty(value, 1))
    return value


def pretty_resource(resource: Mapping[str, Json]) -> str:
    """Returns the same text as `pretty`; quicker where elements are `repeated` ones."""
    parts: list[str] = []
    for name, value in resource.items():
        if type(value) is str and _ESCAPED.search(value) is None:
            parts.append(f'{_name(name)}"{value}"')
            continue
        known = _REPEATED.get(id(value))
        parts.append(_name(name) + (pretty(value, 1) if known is None else known[1]))
    return "{\n  " + ",\n  ".join(parts) + "\n}" if parts else "{ }"


def compact(value: Json) -> str:
    """Returns JSON without white space, as HAPI writes it for ``_pretty=false``."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_scalar(key)}:{compact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return _scalar(value)


def _write_pretty(value: Json | Printed, newline: str, parts: list[str]) -> None:
    if isinstance(value, dict):
        if not value:
            parts.append("{ }")
            return
        inner = newline + "  "
        separator = "{" + inner
        for key, item in value.items():
            if type(item) is str and _ESCAPED.search(item) is None:
                parts.append(f'{separator}{_name(key)}"{item}"')
            elif isinstance(item, dict | list | Printed):
                parts.append(separator + _name(key))
                _write_pretty(item, inner, parts)
            else:
                parts.append(f"{separator}{_name(key)}{_scalar(item)}")
            separator = "," + inner
        parts.append(newline + "}")
    elif isinstance(value, list):
        separator = "[ "
        for item in value:
            parts.append(separator)
            _write_pretty(item, newline, parts)
            separator = ", "
        parts.append(" ]" if value else "[ ]")
    elif isinstance(value, Printed):
        parts.append(value.text.replace("\n", newline))
    else:
        parts.append(_scalar(value))


@lru_cache(maxsize=4096)
def _name(key: str) -> str:
    """Returns the name of a member as it stands before its value."""
    return f"{_scalar(key)}: "


def _scalar(value: Json) -> str:
    if isinstance(value, str):
        if _ESCAPED.search(value) is None:
            return f'"{value}"'
        return '"' + _ESCAPED.sub(lambda match: _ESCAPES[match[0]], value) + '"'
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def _read_int(literal: str) -> int:
    if len(literal) > MAX_NUMBER_LENGTH:
        raise ValueError("a number of too many digits")
    return int(literal)


def _read_float(literal: str) -> DecimalNumber:
    if len(literal) > MAX_NUMBER_LENGTH:
        raise ValueError("a number of too many digits")
    return read_decimal(literal)


def _refuse(constant: str) -> NoReturn:
    """Refuses NaN and the infinities, which Python reads and Jackson does not."""
    raise ValueError(constant)


_DECODER: Final = json.JSONDecoder(parse_float=_read_float, parse_int=_read_int, parse_constant=_refuse)


def _without_lone_surrogates(value: Json) -> Json:
    """Replaces half surrogate pairs, which cannot be written as UTF-8, by question marks, as Java does."""
    if isinstance(value, str):
        return _SURROGATE.sub("?", value)
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_lone_surrogates(key): _without_lone_surrogates(item) for key, item in value.items()}
    return value
