"""Reading a user's files, plain or gzipped, so that whatever is wrong with them is one clear sentence."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mab_gym.errors import ContentError, UsageError

_GZIP_MAGIC = b"\x1f\x8b"


def read_text(path: Path) -> str:
    """A whole file as text, unpacked if it is gzipped (by its first bytes, whatever it is called).

    Raises:
        UsageError: It cannot be opened.
        ContentError: It is no whole gzip file or no UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        return (gzip.decompress(data) if data.startswith(_GZIP_MAGIC) else data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContentError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start:,}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ContentError(f"{path} is a damaged gzip file: {error}") from None


def read_json(path: Path) -> Any:
    """A whole file as one JSON value.

    Raises:
        UsageError: It cannot be opened.
        ContentError: It is not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContentError(f"{path} is not JSON: {error}") from None


def json_lines(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The JSON objects of a file that holds one a line; empty lines do not count.

    Yields:
        The line's number (from 1), its text, and the object.

    Raises:
        UsageError: The file cannot be opened.
        ContentError: A line is no JSON object; the text names file and line.
    """
    # Only a line feed ends a line: JSON texts may hold U+2028 and its like as they are.
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ContentError(f"{path}, line {number}: not JSON: {error}") from None
        if not isinstance(value, dict):
            raise ContentError(f"{path}, line {number}: a JSON object is wanted, not {type(value).__name__}")
        yield number, line, value
