"""Archives: a whole record system in one file, verified by hash and memory-mapped, so that processes share it.

Layout: 8 bytes of magic, 32 bytes of BLAKE2b digest over all that follows, 8 bytes with the manifest's length, the
manifest (JSON), then the sections that it names, each aligned to 64 bytes. Numbers are little-endian.
"""

from __future__ import annotations

import glob
import hashlib
import json
import mmap
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mab_gym.errors import ArchiveError
from mab_gym.fhir.table import Column, InstantColumn, InstantForm, IntArray, PoolColumn, Table, TextPool

MAGIC = b"MABARCH1"
_ALIGNMENT = 64
_HEAD = len(MAGIC) + 32 + 8
_PART = ".part"
_ABANDONED = 3600
"""Seconds after which nobody writes to a temporary file any more."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A record system as it was stored.

    Attributes:
        tables: By resource type.
        about: What the writer said of it: name, seed, counts, generator.
        digest: Hex BLAKE2b-256 of the contents; equal archives have equal digests.
    """

    tables: Mapping[str, Table]
    about: Mapping[str, Any]
    digest: str


class _Sections:
    """Collects byte sections and remembers where each will lie."""

    def __init__(self) -> None:
        self.parts: list[bytes | memoryview] = []
        self.size = 0

    def add(self, array: IntArray) -> list[Any]:
        little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
        place = [little.dtype.str, len(little), self.size]
        padding = -little.nbytes % _ALIGNMENT
        self.parts += [little.view(np.uint8).data, bytes(padding)]
        self.size += little.nbytes + padding
        return place

    def add_texts(self, texts: Sequence[str]) -> list[Any]:
        if isinstance(texts, TextPool):
            offsets, blob = texts.parts
            if not len(blob) or int(offsets[-1]) != len(blob) or int(offsets[0]):
                return self.add_texts(list(texts))
            offsets = offsets.astype(np.uint32 if len(blob) < 1 << 32 else np.uint64)
            return [self.add(offsets), self.add(np.frombuffer(blob, dtype=np.uint8))]
        encoded = [text.encode("utf-8") for text in texts]
        offsets = np.zeros(len(encoded) + 1, dtype=np.uint64)
        offsets[1:] = np.cumsum([len(text) for text in encoded], dtype=np.uint64)
        if offsets[-1] < 1 << 32:
            offsets = offsets.astype(np.uint32)
        return [self.add(offsets), self.add(np.frombuffer(b"".join(encoded), dtype=np.uint8))]


def write_archive(path: Path, tables: Sequence[Table], about: Mapping[str, Any]) -> str:
    """Writes an archive, whole or not at all, and returns its digest.

    Args:
        path: Where it shall lie. What is written goes to a neighbouring temporary file first, so a reader never sees
            half of it and two writers do no harm to each other.
        tables: One for each resource type.
        about: What to say of it; must be JSON.
    """
    sections = _Sections()
    listed = [_describe(table, sections) for table in tables]
    manifest = json.dumps({"about": dict(about), "tables": listed}, sort_keys=True, separators=(",", ":")).encode()
    manifest += b" " * (-(_HEAD + len(manifest)) % _ALIGNMENT)
    contents = [len(manifest).to_bytes(8, "little"), manifest, *sections.parts]
    hasher = hashlib.blake2b(digest_size=32)
    for part in contents:
        hasher.update(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary, temporary.open("wb") as file:
        file.write(MAGIC + hasher.digest())
        file.writelines(contents)
    return hasher.hexdigest()


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A neighbouring file to write to, which takes the name of ``path`` in the end, or goes away where that fails.

    What killed processes have left of the kind goes away, too, once it is an hour old.
    """
    for left in path.parent.glob(f"{glob.escape(path.name)}.*{_PART}"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".", suffix=_PART)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def is_archive(path: Path) -> bool:
    """Whether a file begins as an archive does; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def open_archive(path: Path, *, verify: bool = True) -> Archive:
    """Maps an archive into memory.

    Args:
        path: The file.
        verify: Whether to read all of it once and compare its hash (some 20 ms for the canonical cohort).

    Raises:
        ArchiveError: The file is missing, is no archive, or is damaged.
    """
    try:
        with path.open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except FileNotFoundError:
        raise ArchiveError(f"there is no archive at {path}; `mab-gym data build` makes it") from None
    except (OSError, ValueError) as error:
        raise ArchiveError(f"cannot read the archive {path}: {error}") from error
    if len(mapped) < _HEAD or mapped[: len(MAGIC)] != MAGIC:
        raise ArchiveError(f"{path} is not an archive of this version; `mab-gym data build --force` makes it anew")
    digest = bytes(mapped[len(MAGIC) : len(MAGIC) + 32])
    if verify and hashlib.blake2b(mapped[len(MAGIC) + 32 :], digest_size=32).digest() != digest:
        raise ArchiveError(
            f"the archive {path} is damaged (its hash differs); `mab-gym data build --force` makes it anew"
        )
    length = int.from_bytes(mapped[_HEAD - 8 : _HEAD], "little")
    manifest = json.loads(bytes(mapped[_HEAD : _HEAD + length]))
    body = mapped[_HEAD + length :]
    tables = [_table(described, body) for described in manifest["tables"]]
    return Archive({table.resource_type: table for table in tables}, manifest["about"], digest.hex())


def _describe(table: Table, sections: _Sections) -> dict[str, Any]:
    if isinstance(table.ids, np.ndarray):
        ids: dict[str, Any] = {"numbers": sections.add(table.ids)}
    else:
        ids = {"texts": sections.add_texts(table.ids)}
    columns: list[dict[str, Any]] = []
    for column in table.columns:
        if isinstance(column, PoolColumn):
            columns.append(
                {"name": column.name, "codes": sections.add(column.codes), "texts": sections.add_texts(column.texts)}
            )
        else:
            columns.append(
                {
                    "name": column.name,
                    "seconds": sections.add(column.seconds),
                    "forms": sections.add(column.forms),
                    "known": [[form.length, form.suffix] for form in column.known],
                    "others": sections.add_texts(column.others),
                }
            )
    described = {"type": table.resource_type, "ids": ids, "columns": columns}
    if table.positions is not None:
        described["positions"] = sections.add(table.positions)
    return described


def _table(described: Mapping[str, Any], body: memoryview) -> Table:
    def array(place: Sequence[Any]) -> IntArray:
        dtype, count, offset = place
        return np.frombuffer(body, dtype=np.dtype(dtype), count=count, offset=offset)

    def texts(places: Sequence[Any]) -> TextPool:
        (_, length, offset) = places[1]
        return TextPool(array(places[0]), body[offset : offset + length])

    ids = described["ids"]
    columns: list[Column] = []
    for column in described["columns"]:
        if "codes" in column:
            columns.append(PoolColumn(column["name"], array(column["codes"]), texts(column["texts"])))
        else:
            known = [InstantForm(length, suffix) for length, suffix in column["known"]]
            seconds, forms = array(column["seconds"]), array(column["forms"])
            columns.append(InstantColumn(column["name"], seconds, forms, known, texts(column["others"])))
    return Table(
        described["type"],
        array(ids["numbers"]) if "numbers" in ids else texts(ids["texts"]),
        columns,
        array(described["positions"]) if "positions" in described else None,
    )
