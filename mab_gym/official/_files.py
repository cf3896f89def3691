"""Reads a user's files, plain or gzipped; whatever is wrong with them becomes one clear sentence."""

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
    """Reads a file as text; one whose first bytes say so is unpacked by gzip, whatever its name.

    Raises:
        UsageError: It cannot be opened.
        ContentError: It is a damaged gzip file, or not UTF-8.
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
    """Reads a file that is one JSON value.

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
    """Reads a file with one JSON object a line; empty lines are left out.

    Yields:
        The line's number (from 1), its text, and the object.

    Raises:
        UsageError: The file cannot be opened.
        ContentError: A line is not a JSON object; the text names file and line.
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
