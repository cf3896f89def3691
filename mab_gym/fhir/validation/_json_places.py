"""Reads JSON and remembers where each value lies in the text, as HAPI's validator counts lines and columns."""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

_TOKEN = re.compile(
    r'[ \t\r\n]*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([{}\[\]:,])|(-?[0-9][0-9.eE+-]*)|(true|false|null))', re.DOTALL
)
_LINE_END = re.compile("\n")
_BEYOND_16_BITS = re.compile("[\U00010000-\U0010ffff]")


class Plain(NamedTuple):
    """A string, a number, a boolean or null.

    Attributes:
        kind: ``string``, ``number``, ``boolean`` or ``null``.
        text: The value; a number as it was written.
        start: The place of its first character.
        end: The place behind its last character.
    """

    kind: str
    text: str
    start: int
    end: int


@dataclass(slots=True)
class JsonList:
    """A JSON array; ``end`` is the place behind its bracket."""

    items: list[Json]
    start: int
    end: int


@dataclass(slots=True)
class JsonObject:
    """A JSON object.

    Attributes:
        members: Names and values in the order of the text; a name may come twice.
        start: The place of its brace.
        end: The place behind its last brace; of an empty object, the place behind its first, as HAPI has it.
        close: The place behind its last brace.
    """

    members: list[tuple[str, Json]]
    start: int
    end: int
    close: int

    def first(self, name: str) -> Json | None:
        """Returns the first member of a name."""
        return next((value for known, value in self.members if known == name), None)


Json: TypeAlias = Plain | JsonList | JsonObject


class PlainJsonError(ValueError):
    """The text is not plain JSON: Jackson reads it, but not HAPI's validator."""


def scan(text: str) -> JsonObject:
    """Reads a JSON object.

    Raises:
        PlainJsonError: It is not plain JSON.
    """
    scanner = _Scanner(text)
    found = scanner.value()
    if not isinstance(found, JsonObject):
        raise PlainJsonError
    return found


class _Scanner:
    def __init__(self, text: str) -> None:
        self.match = _TOKEN.match
        self.text = text
        self.at = 0

    def _next(self) -> re.Match[str]:
        found = self.match(self.text, self.at)
        if found is None:
            raise PlainJsonError
        self.at = found.end()
        return found

    def value(self) -> Json:
        return self._value(self._next())

    def _value(self, found: re.Match[str]) -> Json:
        index = found.lastindex
        if index == 1:
            return Plain("string", _string(found[1]), found.start(1) - 1, found.end())
        if index == 3:
            return Plain("number", found[3], found.start(3), found.end())
        if index == 4:
            word = found[4]
            return Plain("null" if word == "null" else "boolean", word, found.start(4), found.end())
        if found[2] == "{":
            return self._object(found.start(2))
        if found[2] == "[":
            return self._list(found.start(2))
        raise PlainJsonError

    def _object(self, start: int) -> JsonObject:
        members: list[tuple[str, Json]] = []
        opened = self.at
        found = self._next()
        if found[2] == "}":
            return JsonObject(members, start, opened, self.at)
        while True:
            if found.lastindex != 1 or self._next()[2] != ":":
                raise PlainJsonError
            members.append((_string(found[1]), self._value(self._next())))
            mark = self._next()[2]
            if mark == "}":
                return JsonObject(members, start, self.at, self.at)
            if mark != ",":
                raise PlainJsonError
            found = self._next()

    def _list(self, start: int) -> JsonList:
        items: list[Json] = []
        found = self._next()
        if found[2] == "]":
            return JsonList(items, start, self.at)
        while True:
            item = self._value(found)
            if isinstance(item, JsonList) and item.items:
                item.end = item.items[-1].end  # so HAPI has it of an array in an array
            items.append(item)
            mark = self._next()[2]
            if mark == "]":
                return JsonList(items, start, self.at)
            if mark != ",":
                raise PlainJsonError
            found = self._next()


def _string(raw: str) -> str:
    if "\\" not in raw:
        return raw
    try:
        text: str = json.loads(f'"{raw}"', strict=False)
    except ValueError as error:
        raise PlainJsonError from error
    return text


class Lines:
    """Tells the line and the column of a place in a text; both begin at 1, and a column counts UTF-16 units."""

    def __init__(self, text: str) -> None:
        self.ends = [found.start() for found in _LINE_END.finditer(text)]
        self.wide = [] if text.isascii() else [found.start() for found in _BEYOND_16_BITS.finditer(text)]

    def line(self, start: int) -> int:
        """Returns the line of a place."""
        return bisect_left(self.ends, start) + 1

    def column(self, end: int) -> int:
        """Returns the column of a place."""
        line = bisect_left(self.ends, end)
        first = self.ends[line - 1] + 1 if line else 0
        return end - first + 1 + bisect_right(self.wide, end - 1) - bisect_left(self.wide, first)
