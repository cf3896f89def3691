r"""Reads JSON as Jackson 2.17 does with the settings of HAPI FHIR 7.6, to the character, errors included.

It is slow, and only used if Python's own reader refuses a text: for single quotes, a leading plus sign and ``\'``,
which Jackson accepts here, and for the words of Jackson's errors. It has its own stack, so that no depth of nesting can
exhaust Python's. Source: Jackson's ``ReaderBasedJsonParser``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from mab_gym.fhir.model._errors import DataFormatError

Json: TypeAlias = Any
"""A JSON value: dict, list, str, bool, None, int or `DecimalNumber`."""

MAX_DEPTH = 1000
MAX_NUMBER_LENGTH = 1000
_MAX_TOKEN_LENGTH = 256
GREATEST_EXPONENT = 2**31
"""The least exponent that is too large for Java."""
_VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_TRAILING = (
    "Trailing token (of type {}) found after value (bound as `com.fasterxml.jackson.databind.JsonNode`): "
    "not allowed as per `DeserializationFeature.FAIL_ON_TRAILING_TOKENS`"
)
_SPACE = re.compile(r"[ \t\r\n]*")
_NEWLINE = re.compile(r"\r\n|\r|\n")
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LONE_ZERO = re.compile(r"[-+]?0[.eE]")
_PLAIN = {quote: re.compile(rf"[^{quote}\\\x00-\x1f]*") for quote in "\"'"}
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "/": "/", "\\": "\\", "'": "'"}
_LITERALS: dict[str, tuple[str, bool | None]] = {
    "t": ("true", True),
    "f": ("false", False),
    "n": ("null", None),
}


def number_length(literal: str) -> int:
    """Returns the length of a number as Jackson counts it: its digits, without a single zero before the point."""
    digits = sum(map(str.isdecimal, literal))
    return digits - 1 if _LONE_ZERO.match(literal) else digits


def too_long(length: int) -> str:
    """Returns Jackson's error for a number that is too long."""
    return (
        f"Number value length ({length}) exceeds the maximum allowed ({MAX_NUMBER_LENGTH}, "
        "from `StreamReadConstraints.getMaxNumberLength()`)"
    )


class JsonSyntaxError(DataFormatError):
    """A text that HAPI does not accept as JSON; the error's text is HAPI's."""

    def __init__(self, message: str) -> None:
        super().__init__("HAPI-1861: Failed to parse JSON encoded FHIR content: " + message)


@dataclass(slots=True)
class _Container:
    """An object or array that is being read."""

    value: Json
    is_object: bool
    start: int
    entries: int = 0
    name: str = field(default="")

    @property
    def kind(self) -> str:
        return "Object" if self.is_object else "Array"

    def add(self, item: Json) -> None:
        if self.is_object:
            self.value[self.name] = item
        else:
            self.value.append(item)


def scan(text: str, decimal: Callable[[str], Json]) -> Json:
    """Reads a JSON object.

    Args:
        text: Begins with ``{``.
        decimal: Makes a number from a literal with a fraction or an exponent; raises ValueError to refuse it.

    Raises:
        JsonSyntaxError: Jackson refuses it.
    """
    return _Scanner(text, decimal).read()


class _Scanner:
    def __init__(self, text: str, decimal: Callable[[str], Json]) -> None:
        self.text = text
        self.position = 0
        self.decimal = decimal
        self.open: list[_Container] = []

    def read(self) -> Json:
        root: Json = None
        finished = False
        while True:
            character = self._skip_space()
            if not character:
                if not self.open:
                    return root
                outer = self.open[-1]
                self._fail(
                    f"Unexpected end-of-input: expected close marker for {outer.kind} "
                    f"(start marker at [{self._place(outer.start)}])"
                )
            if character in "}]":
                self._close(character)
                finished = not self.open
                continue
            if self.open:
                character = self._begin_entry(self.open[-1], character)
            start = self.position
            value, kind, opened = self._value(character)
            if finished:
                following = self.text[self.position : self.position + 1]
                if kind.startswith("VALUE_NUMBER") and following not in " \t\r\n":
                    self._unexpected(following, "Expected space separating root-level values")
                self._fail(_TRAILING.format(kind), at=start)
            if self.open:
                self.open[-1].add(value)
            else:
                root = value
            if opened:
                self.open.append(_Container(value, isinstance(value, dict), self.position - 1))
                if len(self.open) > MAX_DEPTH:
                    raise JsonSyntaxError(
                        f"Document nesting depth ({len(self.open)}) exceeds the maximum allowed ({MAX_DEPTH}, "
                        "from `StreamReadConstraints.getMaxNestingDepth()`)"
                    )
            elif not self.open:
                finished = True

    def _begin_entry(self, outer: _Container, character: str) -> str:
        """Reads the comma and, in an object, the name and the colon; returns the value's first character."""
        if outer.entries:
            if character != ",":
                self._unexpected(character, f"was expecting comma to separate {outer.kind} entries")
            self.position += 1
            character = self._skip_space()
            if not character:
                self._fail(f"Unexpected end-of-input within/between {outer.kind} entries")
        outer.entries += 1
        if not outer.is_object:
            return character
        if character not in "\"'":
            self._unexpected(character, "was expecting double-quote to start field name")
        outer.name = self._string(character, "name")
        for expected in (":", ""):
            character = self._skip_space()
            if not character:
                self._fail("Unexpected end-of-input within/between Object entries")
            if expected:
                if character != expected:
                    self._unexpected(character, "was expecting a colon to separate field name and value")
                self.position += 1
        return character

    def _value(self, character: str) -> tuple[Json, str, bool]:
        """Reads one value; of a container only the bracket.

        Returns:
            The value, the name of its token, and True for a container.
        """
        if character == "{":
            self.position += 1
            return {}, "START_OBJECT", True
        if character == "[":
            self.position += 1
            return [], "START_ARRAY", True
        if character in "\"'":
            return self._string(character, "string value"), "VALUE_STRING", False
        if character in "-+0123456789":
            return (*self._number(), False)
        if character in _LITERALS:
            word, value = _LITERALS[character]
            self._match(word)
            return value, f"VALUE_{word.upper()}", False
        for word in ("NaN", "Infinity"):
            if character == word[0]:
                self._match(word)
                self._fail(f"Non-standard token '{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow")
        if _is_name_start(character):
            self.position += 1
            self._invalid_token(character)
        self._unexpected(character, "expected a valid value " + _VALUES)

    def _close(self, character: str) -> None:
        is_object = character == "}"
        if not self.open or self.open[-1].is_object != is_object:
            where = (
                f"{self.open[-1].kind} starting at [{self._place(self.open[-1].start)}]"
                if self.open
                else "root starting at [line: 1]"
            )
            expected = "]" if is_object else "}"
            self._fail(f"Unexpected close marker '{character}': expected '{expected}' (for {where})", at=self.position)
        self.open.pop()
        self.position += 1

    def _skip_space(self) -> str:
        """Moves to the next character that is no white space and returns it; an empty text at the end."""
        match = _SPACE.match(self.text, self.position)
        self.position = match.end() if match else self.position
        if self.position >= len(self.text):
            return ""
        character = self.text[self.position]
        if character < " ":
            self.position += 1
            self._fail(
                f"Illegal character ({_describe(character)}): "
                "only regular white space (\\r, \\n, \\t) is allowed between tokens"
            )
        if character == "/":
            self._unexpected(
                character,
                "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled "
                "for parser)",
            )
        return character

    def _string(self, quote: str, what: str) -> str:
        text = self.text
        parts: list[str] = []
        position = self.position + 1
        while True:
            match = _PLAIN[quote].match(text, position)
            end = match.end() if match else position
            parts.append(text[position:end])
            if end >= len(text):
                self.position = end
                self._fail(
                    "Unexpected end-of-input"
                    + (" in field name" if what == "name" else ": was expecting closing quote for a string value")
                )
            self.position = end + 1
            character = text[end]
            if character == quote:
                return _joined("".join(parts))
            if character != "\\":
                self._fail(
                    f"Illegal unquoted character ({_describe(character)}): "
                    f"has to be escaped using backslash to be included in {what}",
                    at=end,
                )
            parts.append(self._escape())
            position = self.position

    def _escape(self) -> str:
        character = self._next(" in character escape sequence")
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character != "u":
            self._fail(f"Unrecognized character escape {_describe(character)}", at=self.position - 1)
        digits = ""
        for _ in range(4):
            digit = self._next(" in character escape sequence")
            if digit not in "0123456789abcdefABCDEF":
                self.position -= 1
                self._unexpected(digit, "expected a hex-digit for character escape sequence")
            digits += digit
        return chr(int(digits, 16))

    def _next(self, at_end: str) -> str:
        if self.position >= len(self.text):
            self._fail("Unexpected end-of-input" + at_end)
        self.position += 1
        return self.text[self.position - 1]

    def _number(self) -> tuple[Json, str]:
        match = _NUMBER.match(self.text, self.position)
        if match is None:
            self._no_number()
        start, end = match.span()
        following = self.text[end : end + 1]
        if match[0].lstrip("+-") == "0" and following.isdecimal() and following.isascii():
            self.position = end
            self._fail("Invalid numeric value: Leading zeroes not allowed")
        if (following == "." and not match[2] and not match[3]) or (following in ("e", "E") and not match[3]):
            # the position that Jackson reports: the wrong character after a zero, else the last mark it had read
            fraction = start + match[0].index(".") if match[2] else end
            self._broken_number(end, None if match[1] == "0" else fraction)
        if (length := number_length(match[0])) > MAX_NUMBER_LENGTH:
            raise JsonSyntaxError(too_long(length))
        self.position = end
        literal = self.text[start:end].removeprefix("+")
        if not match[2] and not match[3]:
            return int(literal), "VALUE_NUMBER_INT"
        if match[3] and int(match[3][1:]) >= GREATEST_EXPONENT:
            self._fail(f"Malformed numeric value ({literal})")
        try:
            return self.decimal(literal), "VALUE_NUMBER_FLOAT"
        except JsonSyntaxError:
            raise
        except ValueError as error:
            raise JsonSyntaxError(str(error)) from None

    def _no_number(self) -> NoReturn:
        """Refuses a sign without a digit after it."""
        negative = self.text[self.position] == "-"
        self.position += 1
        if self.position >= len(self.text):
            self._fail("Unexpected end-of-inputNo digit following sign")
        character = self.text[self.position]
        if character == ".":
            self._unexpected(character, "expected a valid value " + _VALUES)
        if self.text.startswith("Infinity", self.position):
            self.position += len("Infinity")
            word = "-Infinity" if negative else "+Infinity"
            self._fail(f"Non-standard token '{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow")
        follow = " to follow minus sign, for valid numeric value" if negative else " for valid numeric value"
        self._unexpected(character, "expected digit (0-9)" + follow, " in numeric value")

    def _broken_number(self, mark: int, blamed: int | None) -> NoReturn:
        """Refuses a decimal point or an exponent without digits, at ``mark``."""
        exponent = self.text[mark] in "eE"
        after = mark + 1
        if exponent and self.text[after : after + 1] in ("+", "-"):
            after += 1
        if after >= len(self.text):
            self.position = after
            if exponent:
                self._fail("Unexpected end-of-inputexpected a digit for number exponent")
            after = mark
        complaint = (
            "Exponent indicator not followed by a digit" if exponent else "Decimal point not followed by a digit"
        )
        self.position = after if blamed is None else blamed
        self._unexpected(self.text[after], complaint, " in numeric value")

    def _match(self, word: str) -> None:
        length = 1
        while length < len(word) and self.text[self.position + length : self.position + length + 1] == word[length]:
            length += 1
        self.position += length
        following = self.text[self.position : self.position + 1]
        if length < len(word) or (following >= "0" and following not in "]}" and _is_name_part(following)):
            self._invalid_token(word[:length])

    def _invalid_token(self, begun: str) -> NoReturn:
        token = begun
        while self.position < len(self.text) and _is_name_part(self.text[self.position]):
            token += self.text[self.position]
            self.position += 1
            if len(token) >= _MAX_TOKEN_LENGTH:
                token += "..."
                break
        self._fail(f"Unrecognized token '{token}': was expecting {_VALUES}")

    def _unexpected(self, character: str, comment: str, where: str = "") -> NoReturn:
        self._fail(f"Unexpected character ({_describe(character)}){where}: {comment}", at=self.position)

    def _fail(self, message: str, at: int | None = None) -> NoReturn:
        raise JsonSyntaxError(f"{message}\n at [{self._place(self.position if at is None else at)}]")

    def _place(self, position: int) -> str:
        before = _NEWLINE.split(self.text[:position])
        column = len(before[-1].encode("utf-16-le", "surrogatepass")) // 2 + 1
        return f"line: {len(before)}, column: {column}"


def _joined(text: str) -> str:
    r"""Joins surrogate pairs that were written as two ``\u`` escapes."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _describe(character: str) -> str:
    code = ord(character)
    if code < 0x20 or 0x7F <= code < 0xA0:
        return f"(CTRL-CHAR, code {code})"
    return f"'{character}' (code {code} / 0x{code:x})" if code > 255 else f"'{character}' (code {code})"


def _is_name_start(character: str) -> bool:
    """Java's ``Character.isJavaIdentifierStart``."""
    return unicodedata.category(character) in {"Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "Sc", "Pc"}


def _is_name_part(character: str) -> bool:
    """Java's ``Character.isJavaIdentifierPart``, without control characters."""
    return _is_name_start(character) or unicodedata.category(character) in {"Nd", "Mc", "Mn", "Cf"}
