"""Reads the entries of a Bundle's JSON text one after another, however long it is; broken parts are skipped and named.

Python's JSON reader parses well-formed entries. If it fails, brackets are followed to the end of the entry; if they do
not match, reading continues at what looks like the beginning of another entry.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Iterator
from typing import IO, Any, Final, Literal, NoReturn

from mab_gym.fhir.model._json_text import DecimalNumber

_BLANK: Final = re.compile(r"[\s,]*")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


_DECODER: Final = json.JSONDecoder(parse_float=DecimalNumber, parse_constant=_refuse)
_SIGN: Final = re.compile(r':\s*[{\[]|["{}\[\]]')
_COLON_AT_END: Final = re.compile(r":\s*\Z")
_STRING: Final = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_LIST_NAMED_ENTRY: Final = re.compile(r'"entry"\s*\Z')
_JUNK: Final = re.compile(r"[^{\]]*")
_LISTS: Final = re.compile(r"\[[\[\s]*")
_BEGINS: Final = re.compile(r'\{\s*"(?:fullUrl|resource|search|request|response)"\s*:')
_ENTRY: Final = re.compile(rf"[,}}\]]\s*({_BEGINS.pattern})")
"""The possible beginning of an entry after the end of another."""
_ENTRIES: Final = re.compile(r'"entry"\s*:\s*(\[)')
_NO_UTF_8: Final = re.compile("[\udc80-\udcff]")
_DEEPEST: Final = 100_000
_OVERLAP: Final = 256
"""Characters of a searched text that are kept, in case a match was cut in two."""


class BrokenError(Exception):
    """A part of a Bundle that cannot be read; the text says why."""


class NoBundleError(Exception):
    """The text is not a Bundle; the message says what it is.

    Attributes:
        resource_type: The resource type that it names; empty if it names none.
    """

    def __init__(self, text: str, resource_type: str) -> None:
        super().__init__(text)
        self.resource_type = resource_type


class BundleText:
    """Reads the members of one JSON object and the items of its ``entry``, with little more than one item in memory.

    Args:
        file: The bytes.
        chunk: The number of bytes to read at a time.
        longest: The greatest length of an entry in characters; longer ones are skipped.
    """

    def __init__(self, file: IO[bytes], chunk: int, longest: int) -> None:
        self._file, self._chunk, self._longest = file, chunk, longest
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._text = ""
        self._place = 0
        self._ended = False
        self._line, self._counted = 1, 0
        self.named = False
        """True once the object has named its resource type, which may come after its entries."""
        self.fault = ""
        """The reason why the file could not be read to its end; empty if there is none."""

    @property
    def line(self) -> int:
        """The current line, counted from 1."""
        self._line += self._text.count("\n", self._counted, self._place)
        self._counted = self._place
        return self._line

    def find_entries(self) -> bool:
        """Goes to the first entry; returns False if there is no list of entries.

        Raises:
            BrokenError: The members before it cannot be read.
            NoBundleError: It is not a Bundle.
        """
        if self._next() != "{":
            raise NoBundleError("not a JSON object", "")
        self._place += 1
        while (sign := self._next()) not in ("}", ""):
            name, _ = self._value()
            if self._next() != ":":
                raise BrokenError("not JSON: a colon is missing")
            self._place += 1
            sign = self._next()
            if name == "entry" and sign == "[":
                self._place += 1
                return True
            value, _ = self._value()
            self.named = self.named or name == "resourceType"
            if name == "resourceType" and value != "Bundle":
                raise NoBundleError(f"a {value}, not a Bundle", str(value))
            if name == "entry":
                raise BrokenError("entry is not a list")
        if not self.named:
            raise NoBundleError("a JSON object without a resourceType, which is no FHIR resource", "")
        return False

    def find_entries_anyhow(self) -> bool:
        """Goes to the first entry after broken members; returns False if there is none."""
        found = self._look_for(_ENTRIES, self._place)
        self._place += found
        return found

    def entries(self) -> Iterator[tuple[int, Any, str]]:
        """Yields the line, the value and the problem of each entry; the value counts if the problem is empty."""
        while True:
            sign = self._next()
            line = self.line
            if sign == "]":
                self._place += 1
                if self._ends_well():
                    return
                yield line, None, "not JSON: the list of entries ends here, but the Bundle does not"
                if not _BEGINS.match(self._text, self._place) and not self._look_for(_ENTRY, max(0, self._place - 1)):
                    return
                continue
            if run := _LISTS.match(self._text, self._place):
                self._place = run.end()
                yield line, None, "a list where an entry should be; what it holds is read as entries"
                continue
            if not sign:
                yield line, None, "not JSON: the file ends before the list of entries does"
                return
            try:
                value, text = self._value()
            except BrokenError as error:
                more = self._pass_over()
                yield line, None, f"{error}{'' if more else '; nothing that follows in this file looks like an entry'}"
                if not more:
                    return
                continue
            broken = not text.isascii() and _NO_UTF_8.search(text)
            yield line, value, "not UTF-8" if broken else ""

    def _ends_well(self) -> bool:
        """Tells if only members of the Bundle and its end follow the list of entries."""
        try:
            while (sign := self._next()) not in ("}", ""):
                if sign != '"':
                    return False
                self._value()
                if self._next() != ":":
                    return False
                self._place += 1
                self._next()
                self._value()
        except BrokenError:
            self._pass_over()
            return False
        self._place += 1
        return not self._next()

    def _next(self) -> str:
        """Returns the next character after white space and commas; empty at the end."""
        if self._place > self._chunk:
            self._forget(self._place)
        while True:
            match = _BLANK.match(self._text, self._place)
            self._place = match.end() if match else self._place
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._read():
                return ""

    def _value(self) -> tuple[Any, str]:
        """Reads the value that begins here; returns it with its text.

        Raises:
            BrokenError: It cannot be read; the position stays at its beginning.
        """
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._place)
            except json.JSONDecodeError as error:
                size = len(self._text) - self._place
                cut = error.msg.startswith("Unterminated string") or error.pos + 16 > len(self._text)
                if cut and size <= self._longest and self._read(size):
                    continue
                if cut and size > self._longest:
                    said = f"longer than {self._longest // 2**20} MB"
                else:
                    line = self.line + self._text.count("\n", self._place, error.pos)
                    said = f"not JSON: {error.msg}, in line {line} (character {error.pos - self._place + 1} of it)"
            except (ValueError, RecursionError) as error:
                said = "it nests too deep" if isinstance(error, RecursionError) else f"not JSON: {error}"
            else:
                if end < len(self._text) or not self._read():
                    text = self._text[self._place : end]
                    self._place = end
                    return value, text
                continue
            raise BrokenError(said)

    def _pass_over(self) -> bool:
        """Goes to the end of a broken value, or to what looks like another entry; returns False if there is neither."""
        if self._text[self._place] not in "{[":
            return self._pass_junk()
        nesting, at, look = _Nesting(), self._place, self._place + 1
        while True:
            start = _ENTRY.search(self._text, look)
            limit = start.start(1) if start else len(self._text)
            step, at = nesting.follow(self._text, at, limit)
            if step == "closed":
                self._place = at
                return True
            if start and (step == "wrong" or nesting.in_string or not nesting.in_entries):
                self._place = limit
                return True
            if start:  # an entry of a Bundle within the broken entry
                look = limit + 1
            elif step == "wrong":
                return self._look_for(_ENTRY, look)
            elif (dropped := self._move_on(at)) is None:
                return False
            else:
                at, look = at - dropped, max(0, at - dropped - _OVERLAP, look - dropped)

    def _pass_junk(self) -> bool:
        while True:
            match = _JUNK.match(self._text, self._place)
            self._place = match.end() if match else len(self._text)
            if self._place < len(self._text):
                return True
            if self._move_on(self._place) is None:
                return False

    def _look_for(self, pattern: re.Pattern[str], look: int) -> bool:
        """Goes to the group of the next match; goes to the end of the file and returns False if there is none."""
        while True:
            if match := pattern.search(self._text, look):
                self._place = match.start(1)
                return True
            dropped = self._move_on(len(self._text))
            if dropped is None:
                return False
            look = max(0, look - dropped)

    def _move_on(self, place: int) -> int | None:
        """Drops the searched text except for a short overlap, and reads on.

        Returns:
            The number of dropped characters; None at the end of the file, which is then the position.
        """
        dropped = max(0, place - _OVERLAP)
        self._place = max(self._place, dropped)
        self._forget(dropped)
        if self._read():
            return dropped
        self._place = len(self._text)
        return None

    def _forget(self, place: int) -> None:
        self._line += self._text.count("\n", self._counted, place) if place > self._counted else 0
        self._counted = max(self._counted, place) - place
        self._text, self._place = self._text[place:], self._place - place

    def _read(self, least: int = 0) -> bool:
        """Reads on; returns False at the end of the file."""
        while not self._ended:
            data = b""
            try:
                data = self._file.read1(max(self._chunk, least))  # type: ignore[attr-defined]
            except (OSError, EOFError, zlib.error) as error:
                self.fault = str(error)
            self._ended = not data
            text = self._decoder.decode(data, final=self._ended)
            self._text += text
            if text:
                return True
        return False


class _Nesting:
    """Follows strings and brackets through a text that is read in parts."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self.in_string = False

    @property
    def in_entries(self) -> bool:
        """True if the position is directly in a Bundle's list of entries."""
        return self._open[-1:] == ["e"]

    def follow(self, text: str, at: int, end: int) -> tuple[Literal["open", "closed", "wrong"], int]:
        """Follows the text further.

        Args:
            text: The text.
            at: The position to begin at.
            end: The position to stop at.

        Returns:
            "open" or "closed" for the first bracket, or "wrong" at a bracket that cannot be there; and the position
            reached.
        """
        while True:
            if self.in_string:
                string = _STRING.match(text, at, end)
                at = string.end() if string else end
                if at >= end or text[at] == "\\":
                    return "open", at
                self.in_string, at = False, at + 1
            match = _SIGN.search(text, at, end)
            if match is None:
                colon = _COLON_AT_END.search(text, at, end)
                return "open", colon.start() if colon else end
            sign, at = match[0], match.end()
            if sign == '"':
                self.in_string = True
            elif sign[-1] in "{[":
                outer = self._open[-1] if self._open else ""
                named = len(sign) > 1
                if (outer == "{") != named or len(self._open) >= _DEEPEST:
                    return "wrong", at
                listed = named and _LIST_NAMED_ENTRY.search(text, max(0, match.start() - 32), match.start())
                self._open.append("e" if listed and sign[-1] == "[" else sign[-1])
            else:
                outer = self._open.pop() if self._open else ""
                if (outer == "{") != (sign == "}") or not outer:
                    return "wrong", at
                if not self._open:
                    return "closed", at
