"""Reads files piece by piece: lines of NDJSON, entries of Bundles, or a single resource, plain or gzipped.

Files may be larger than memory. Reading goes on after broken pieces, each of which is reported.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal

from mab_gym.errors import RecordsError
from mab_gym.transfer._bundle_text import BrokenError, BundleText, NoBundleError

LONGEST_LINE: Final = 16 * 1024 * 1024
"""Longer lines and entries are skipped unread, in bytes or characters."""
_CHUNK: Final = 1 << 20
_OVERLAP: Final = 512


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file.

    Attributes:
        place: Its place, as in ``line 7`` or ``entry 3, line 90``.
        text: The text of a line; empty if there is a problem.
        problem: The reason why there is no text or value; empty if there is one.
        value: The parsed JSON of an entry.
    """

    place: str
    text: str = ""
    problem: str = ""
    value: Any = None


def files_of(source: Path, endings: tuple[str, ...]) -> list[Path]:
    """Returns a file alone, or the files of a folder with one of these endings (before ``.gz``), ordered by name.

    Raises:
        RecordsError: There is no such file or folder, or no such file in the folder.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise RecordsError(f"there is no file or folder {source}")
    found = sorted(path for path in source.iterdir() if path.name.removesuffix(".gz").endswith(endings))
    if not found:
        raise RecordsError(f"{source} has no file that ends in {' or '.join(endings)} (or the same with .gz)")
    return found


def form_of(path: Path) -> Literal["lines", "bundle", "resource"]:
    """Tells what a file holds: a resource a line, a Bundle, or a single resource.

    For ``.ndjson`` and ``.jsonl`` the ending decides, for all others the contents. Unknown contents count as a Bundle
    in a ``.json`` file and as lines elsewhere; reading them then reports the problem.
    """
    plain = path.name.removesuffix(".gz")
    if plain.endswith((".ndjson", ".jsonl")):
        return "lines"
    try:
        with _opened(path) as file:
            bundle = BundleText(file, _CHUNK, LONGEST_LINE)
            bundle.find_entries()
        return "bundle" if bundle.named or not _says_otherwise(path) else "resource"
    except NoBundleError as error:
        if error.resource_type:
            return "lines" if _first_line_is_one_of_many(path) else "resource"
    except (BrokenError, OSError, EOFError, zlib.error):
        pass
    return "bundle" if plain.endswith(".json") else "lines"


def alone(path: Path) -> Piece:
    """Reads the single resource of a file."""
    try:
        with _opened(path) as file:
            data = file.read(LONGEST_LINE + 1)
        if len(data) > LONGEST_LINE:
            return Piece("the file", problem=f"longer than {LONGEST_LINE // 2**20} MB")
        return Piece("the file", data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Piece("the file", problem=f"not UTF-8: {error}")
    except (OSError, EOFError, zlib.error) as error:
        return Piece("the file", problem=f"cannot be read on: {error}")


def _says_otherwise(path: Path) -> bool:
    """Tells if an object with a list of entries names, after them, another resource type, such as List."""
    try:
        return bool(json.loads(alone(path).text)["resourceType"] != "Bundle")
    except (ValueError, RecursionError, KeyError):
        return False


def _first_line_is_one_of_many(path: Path) -> bool:
    """Tells if the first line is complete JSON and is followed by more."""
    try:
        with _opened(path) as file:
            first = file.readline(LONGEST_LINE)
            json.loads(first.decode("utf-8-sig"))
            return bool(file.read(_OVERLAP).strip())
    except (ValueError, RecursionError, OSError, EOFError, zlib.error):
        return False


def lines(path: Path) -> Iterator[Piece]:
    """Yields the lines of a file without empty ones."""
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
    """Yields the entries of a Bundle."""
    try:
        with _opened(path) as file:
            yield from _entries(BundleText(file, _CHUNK, LONGEST_LINE))
    except (OSError, EOFError, zlib.error) as error:
        yield Piece("the file", problem=f"cannot be read on: {error}")


def found_in(path: Path, pattern: re.Pattern[bytes]) -> set[str]:
    """Returns all matches of a pattern's first group in the bytes of a file, as far as it can be read."""
    found, rest = set[str](), b""
    with suppress(OSError, EOFError, zlib.error), _opened(path) as file:
        while data := file.read1(_CHUNK):  # type: ignore[attr-defined]
            text = rest + data
            found.update(match[1].decode("utf-8", "replace") for match in pattern.finditer(text))
            rest = text[-_OVERLAP:]
    return found


def _entries(bundle: BundleText) -> Iterator[Piece]:
    try:
        found = bundle.find_entries()
    except NoBundleError as error:
        yield Piece("the file", problem=bundle.fault or str(error))
        return
    except BrokenError as error:
        yield Piece(f"the Bundle's head, line {bundle.line}", problem=str(error))
        found = bundle.find_entries_anyhow()
    if found:
        for number, (line, value, problem) in enumerate(bundle.entries(), 1):
            yield Piece(f"entry {number}, line {line}", value=value, problem=problem)
    if bundle.fault:
        yield Piece(f"line {bundle.line}", problem=f"cannot be read on: {bundle.fault}")


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]
