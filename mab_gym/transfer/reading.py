"""Resources out of files, piece by piece: lines of NDJSON and entries of Bundles, plain or gzipped.

Files may be larger than memory. What is broken is named, and the rest is read on.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from mab_gym.errors import RecordsError

LONGEST_LINE: Final = 16 * 1024 * 1024
"""Longer lines and entries are passed over, unread."""
_CHUNK: Final = 1 << 20
_BLANK = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file.

    Attributes:
        place: Where it stands, as in ``line 7``.
        text: The text; empty where ``problem`` says what was wrong.
        problem: Why there is no text.
    """

    place: str
    text: str = ""
    problem: str = ""


def files_of(source: Path, endings: tuple[str, ...]) -> list[Path]:
    """A file alone, or the files of a folder with one of these endings (``.gz`` apart), in the order of their names.

    Raises:
        RecordsError: There is no such file or folder, or nothing of the kind in it.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise RecordsError(f"there is no file or folder {source}")
    found = sorted(path for path in source.iterdir() if path.name.removesuffix(".gz").endswith(endings))
    if not found:
        raise RecordsError(f"{source} has no file that ends in {' or '.join(endings)} (or the same with .gz)")
    return found


def lines(path: Path) -> Iterator[Piece]:
    """The lines of a file but for empty ones."""
    number = 0
    try:
        with _opened(path) as file:
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                place = f"line {number}"
                if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                    while (rest := file.readline(_CHUNK)) and not rest.endswith(b"\n"):
                        pass
                    yield Piece(place, problem=f"longer than {LONGEST_LINE // 2**20} MB")
                elif line.strip():
                    try:
                        yield Piece(place, line.decode("utf-8-sig" if number == 1 else "utf-8"))
                    except UnicodeDecodeError as error:
                        yield Piece(place, problem=f"not UTF-8: {error}")
    except (OSError, EOFError, zlib.error) as error:
        yield Piece(f"after line {number}", problem=f"cannot be read on: {error}")


def entries(path: Path) -> Iterator[Piece]:
    """The entries of a Bundle, each as its JSON text."""
    try:
        with _opened(path) as file:
            yield from _Bundle(file).entries()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        yield Piece("the file", problem=f"cannot be read on: {error}")


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


class _Bundle:
    """Reads the members of one JSON object and the items of its ``entry``, holding little more than one at a time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._undecoded = b""
        self._text = ""
        self._place = 0
        self._ended = False

    def entries(self) -> Iterator[Piece]:
        if self._next() != "{":
            yield Piece("the file", problem="not a JSON object")
            return
        self._place += 1
        while True:
            sign = self._next()
            if sign in ("}", ""):
                return
            try:
                name = self._value()
            except ValueError as error:
                yield Piece("the Bundle's head", problem=f"not JSON: {error}")
                return
            if self._next() != ":":
                yield Piece("the Bundle's head", problem="not JSON: a colon is missing")
                return
            self._place += 1
            if name == "entry" and self._next() == "[":
                self._place += 1
                yield from self._items()
                return
            self._next()
            try:
                value = self._value()
            except ValueError as error:
                yield Piece("the Bundle's head", problem=f"not JSON: {error}")
                return
            if name == "resourceType" and value != "Bundle":
                yield Piece("the file", problem=f"a {value}, not a Bundle")
                return

    def _items(self) -> Iterator[Piece]:
        number = 0
        while (sign := self._next()) != "]":
            number += 1
            place = f"entry {number}"
            begin = self._place
            try:
                if not sign:
                    raise ValueError("the file ends before the list of entries does")
                self._value()
            except ValueError as error:
                yield Piece(place, problem=f"not JSON: {error}; what follows in this file is left out")
                return
            yield Piece(place, self._text[begin : self._place])

    def _next(self) -> str:
        """The next character but white space and commas, or empty at the end."""
        if self._place > _CHUNK:
            self._text, self._place = self._text[self._place :], 0
        while True:
            match = _BLANK.match(self._text, self._place)
            self._place = match.end() if match else self._place
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._read():
                return ""

    def _value(self) -> Any:
        """The value that begins here; more is read until it is whole."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._place)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._place > LONGEST_LINE:
                    raise ValueError(f"longer than {LONGEST_LINE // 2**20} MB") from None
                if not self._read(len(self._text) - self._place):
                    raise ValueError(str(error)) from None
                continue
            if end < len(self._text) or not self._read():
                self._place = end
                return value

    def _read(self, least: int = 0) -> bool:
        """Reads on; False at the end of the file."""
        if self._ended:
            return False
        data = self._file.read(max(_CHUNK, least))
        self._ended = not data
        raw = self._undecoded + data
        try:
            text, self._undecoded = raw.decode("utf-8"), b""
        except UnicodeDecodeError as error:
            if self._ended or len(raw) - error.start > 3:
                raise
            text, self._undecoded = raw[: error.start].decode("utf-8"), raw[error.start :]
        self._text += text.removeprefix("\ufeff") if not self._text and not self._place else text
        return not self._ended
