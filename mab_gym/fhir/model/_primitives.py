"""Reads values of FHIR's primitive types, as leniently as HAPI's R4 model does.

The text counts, not the JSON type: ``5`` is accepted for a string, and ``"5"`` for a number. Source:
``org.hl7.fhir.r4.model`` 6.4 (``BaseDateTimeType``, ``DecimalType``, ``Enumeration`` and others).
"""

from __future__ import annotations

import base64
import calendar
import re
from collections.abc import Callable

from mab_gym.fhir.model._definitions import Element
from mab_gym.fhir.model._errors import DataFormatError
from mab_gym.fhir.model._json_scanner import GREATEST_EXPONENT
from mab_gym.fhir.model._json_text import DecimalNumber, Json, JsonSyntaxError, read_decimal
from mab_gym.fhir.model._outcome import sanitized
from mab_gym.fhir.model._xhtml import clean_xhtml

_LAST_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s_-]*")
_USUAL_TIME = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{3})?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
"""The form of most times; it needs no look at the calendar."""
_BAD_OFFSET = 'Timezone offset must be in the form "Z", "-HH:mm", or "+HH:mm"'
_NO_DIGITS = "No digits found."
_EXPONENT = re.compile(r"[eE][+-]?([0-9]+)\Z")
_LONG_EXPONENT = 10
"""The least number of digits of an exponent that may not fit into Java's ``int``."""


class _BadValueError(ValueError):
    """A text that is no value of its type; the error's text is that of HAPI's model."""


def scalar_text(value: Json) -> str:
    """Returns the text of a JSON string, number or boolean, as Jackson's ``asText`` does."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def read_primitive(element: Element, value: Json) -> Json:
    """Reads the value of a primitive element.

    Args:
        element: Its definition.
        value: A JSON string, number or boolean.

    Returns:
        The value as HAPI prints it, or None if there is nothing to print (an empty or blank text).

    Raises:
        DataFormatError: The text is no value of the element's type, or not one of its codes.
    """
    text = scalar_text(value)
    if element.type == "xhtml":
        return clean_xhtml(text) if text else None
    if not text.strip():
        return None
    try:
        if element.binding is not None:
            return _read_code(element.binding, element.codes, text)
        reader = _READERS.get(element.type)
        return text if reader is None else reader(text)
    except _BadValueError as error:
        raise DataFormatError(
            f'HAPI-1821: [element="{element.name}"] Invalid attribute value "{sanitized(text)}": {error}'
        ) from None


def _read_code(binding: str, codes: frozenset[str], text: str) -> str:
    if text not in codes:
        raise _BadValueError(f"Unknown {binding} code '{text}'")
    return text


def _read_boolean(text: str) -> bool:
    if text.strip() not in ("true", "false"):
        raise _BadValueError(f"Invalid boolean string: '{text}'")
    return text.strip() == "true"


def _read_integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or len(text) > 12 or not -(2**31) <= int(text) < 2**31:
        raise _BadValueError(f'java.lang.NumberFormatException: For input string: "{text}"')
    return int(text)


def _no_decimal(literal: str) -> str:
    """Returns the error of Java's ``new BigDecimal(literal)`` for a text that is no number: its first fault."""
    digits, mark, exponent = re.fullmatch(r"[+-]?([^eE]*)([eE]?)(.*)", literal, re.DOTALL).groups()  # type: ignore[union-attr]
    points = 0
    for character in digits:
        points += character == "."
        if points > 1:
            return "Character array contains more than one decimal point."
        if character not in "0123456789.":
            return (
                f'Character {character} is neither a decimal digit number, decimal point, nor "e" notation '
                "exponential mark."
            )
    power = exponent[1:] if exponent[:1] in ("+", "-") else exponent
    if mark and not power:
        return "null"
    if len(power.lstrip("0")) > 10:
        return "Too many nonzero exponent digits."
    if mark and not (power.isascii() and power.isdecimal()):
        return "Not a digit."
    if mark and int(power) >= GREATEST_EXPONENT:
        return "Scale out of range." if exponent[0] == "-" else "Exponent overflow."
    return _NO_DIGITS


def _read_decimal(text: str) -> DecimalNumber:
    literal = text.removeprefix("+")
    exponent = _EXPONENT.search(literal)
    if exponent is not None and len(exponent[1]) >= _LONG_EXPONENT and (reason := _no_decimal(literal)) != _NO_DIGITS:
        raise _BadValueError(reason)
    try:
        return read_decimal(literal)
    except JsonSyntaxError:
        raise
    except ValueError:
        raise _BadValueError(_no_decimal(literal)) from None


def _read_base64(text: str) -> str | None:
    if not _BASE64.fullmatch(text):
        raise _BadValueError("")
    digits = re.sub(r"[=\s]", "", text).replace("-", "+").replace("_", "/")
    if len(digits) % 4 == 1:
        digits = digits[:-1]  # a last digit that does not make a byte is dropped
    return base64.b64encode(base64.b64decode(digits + "=" * (-len(digits) % 4))).decode() or None


def _read_date(written: str) -> str:
    """Checks a date, dateTime or instant: all three accept any precision, and the text is not changed."""
    if _USUAL_TIME.fullmatch(written):
        return written
    text = written.strip("".join(map(chr, range(33)))) if written[0] == " " or written[-1] == " " else written
    year = _field(text, text[:4] if len(text) >= 4 else "", 0, 9999)
    if len(text) > 4:
        _expect(text, 4, "-", length=7)
        month = _field(text, text[5:7], 1, 12)
        if len(text) > 7:
            _expect(text, 7, "-", length=10)
            # Java's calendar is Julian up to 1582: every fourth year is a leap year
            leap = year % 4 == 0 if year <= 1582 else calendar.isleap(year)
            last = 29 if month == 2 and leap else _LAST_DAYS[month - 1]
            _field(text, text[8:10], 1, last)
            if len(text) > 10:
                _check_time(text)
    return written


def _check_time(text: str) -> None:
    if len(text) < 17:
        raise _bad_date(text)
    _expect(text, 10, "T")
    offset = _offset_index(text)
    if offset != -1:
        _check_offset(text, text[offset:])
    time = text[11:] if offset == -1 else text[11:offset]
    _expect(text, 13, ":")
    _field(text, text[11:13], 0, 23)
    _field(text, text[14:16], 0, 59)
    if len(time) > 5:
        if len(text) < 19:
            raise _bad_date(text)
        _expect(text, 16, ":")
        _field(text, text[17:19], 0, 60)
        if len(time) > 8:
            _expect(text, 19, ".", length=20)
            end = len(text) if offset == -1 else offset
            _field(text, text[20 : min(end, 23)], 0, 999)


def _offset_index(text: str) -> int:
    found = [text.find(mark, 16) for mark in "+-Z"]
    if sum(index != -1 for index in found) > 1:
        raise _bad_date(text)
    return max(found)


def _check_offset(text: str, offset: str) -> None:
    if offset[0] == "Z":
        return
    if len(offset) != 6 or offset[3] != ":":
        raise _bad_date(text, _BAD_OFFSET)
    _field(text, offset[1:3], 0, 23)
    _field(text, offset[4:6], 0, 59)


def _expect(text: str, index: int, character: str, length: int = 0) -> None:
    if text[index] != character:
        raise _bad_date(text, f"Expected character '{character}' at index {index} but found {text[index]}")
    if len(text) < length:
        raise _bad_date(text)


def _field(text: str, digits: str, low: int, high: int) -> int:
    if not _INTEGER.fullmatch(digits) or not low <= int(digits) <= high:
        raise _bad_date(text)
    return int(digits)


def _bad_date(text: str, reason: str = "") -> _BadValueError:
    return _BadValueError(f'Invalid date/time format: "{text}"' + (f": {reason}" if reason else ""))


_READERS: dict[str, Callable[[str], Json]] = {
    "boolean": _read_boolean,
    "integer": _read_integer,
    "positiveInt": _read_integer,
    "unsignedInt": _read_integer,
    "decimal": _read_decimal,
    "base64Binary": _read_base64,
    "date": _read_date,
    "dateTime": _read_date,
    "instant": _read_date,
}
