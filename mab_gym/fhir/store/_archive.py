"""Archives: a whole record system in one file, verified by hash.

Layout: 8 bytes of magic, 32 bytes of BLAKE2b digest over the rest, 8 bytes with the manifest's length, the manifest
(JSON), then the sections that it names, each aligned to 64 bytes. Numbers are little-endian.

An archive is written to a neighbouring file and then renamed, so that a process that has the old one open keeps it.
Other programs (`cp` onto an archive, an editor) write into the file itself. If it is mapped into memory, its contents
change under the reader, and if it becomes shorter, the next access kills the process (SIGBUS). A small archive is
therefore read into the process's own memory, in the time that its hash takes: 28 MB for the named cohorts, shared with
forked processes. A file of `MAPPED_FROM` bytes or more is mapped instead; it is checked for changes before each request
(`Archive.check`, half a microsecond). Then only a file that becomes shorter during a request can kill the process.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import io
import json
import mmap
import os
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mab_gym.errors import ArchiveError, InfrastructureError
from mab_gym.fhir.store._table import Column, InstantColumn, InstantForm, IntArray, PoolColumn, Table, TextPool

CACHE_VARIABLE = "MAB_GYM_CACHE"
"""The environment variable that names a folder for archives, instead of the user's cache."""
MAPPED_FROM = 64 * 1024 * 1024
"""The size in bytes from which an archive is mapped; smaller ones are read."""
MAGIC = b"MABARCH1"
_ALIGNMENT = 64
_HEAD = len(MAGIC) + 32 + 8
_PART = ".part"
_ABANDONED = 3600
"""The age in seconds after which nobody writes to a temporary file any more."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A record system as it was stored.

    Attributes:
        tables: The tables by resource type.
        about: The writer's description: name, seed, counts, generator.
        digest: The BLAKE2b-256 of the contents in hex; equal archives have equal digests.
        check: To be called before the tables are read; raises InfrastructureError if the file was changed. None if
            nothing can change the tables.
        ledger: By the id of a person, the truth about them that no request can read, as JSON; empty where the archive
            has none.
    """

    tables: Mapping[str, Table]
    about: Mapping[str, Any]
    digest: str
    check: Callable[[], None] | None = None
    ledger: Mapping[str, str] = field(default_factory=dict)

    @property
    def now(self) -> datetime | None:
        """The time that is now in these records, timezone-aware; None if the archive does not say."""
        said = self.about.get("now")
        return None if said is None else datetime.fromisoformat(str(said))


class _Sections:
    """Collects byte sections and remembers the place of each."""

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


def write_archive(
    path: Path, tables: Sequence[Table], about: Mapping[str, Any], ledger: Mapping[str, str] | None = None
) -> str:
    """Writes an archive, whole or not at all, and returns its digest.

    Args:
        path: The archive's file. A neighbouring temporary file is written first, so that no reader sees half an archive
            and two writers do not disturb each other.
        tables: One for each resource type.
        about: The description; must be JSON.
        ledger: See `Archive`.

    Raises:
        ArchiveError: It cannot be written; the text names the path and the reason.
    """
    sections = _Sections()
    contained: dict[str, Any] = {"about": dict(about), "tables": [_describe(table, sections) for table in tables]}
    if ledger:
        contained["ledger"] = [sections.add_texts(list(ledger)), sections.add_texts(list(ledger.values()))]
    manifest = json.dumps(contained, sort_keys=True, separators=(",", ":")).encode()
    manifest += b" " * (-(_HEAD + len(manifest)) % _ALIGNMENT)
    contents = [len(manifest).to_bytes(8, "little"), manifest, *sections.parts]
    hasher = hashlib.blake2b(digest_size=32)
    for part in contents:
        hasher.update(part)
    with saying("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary, temporary.open("wb") as file:
            file.write(MAGIC + hasher.digest())
            file.writelines(contents)
    return hasher.hexdigest()


@contextmanager
def saying(what: str, path: Path) -> Iterator[None]:
    """Turns an error of the file system into one clear line.

    Args:
        what: The attempted action, as in ``write``.
        path: The archive's file.

    Raises:
        ArchiveError: The file system failed; the text names the path, the reason, and the variable for another cache.
    """
    try:
        yield
    except OSError as error:
        other = error.filename is not None and not str(error.filename).startswith(str(path))
        reason = f"{error.strerror or error}{f' ({error.filename})' if other else ''}"
        raise ArchiveError(
            f"cannot {what} the archive {path}: {reason}; {CACHE_VARIABLE} names another folder for the cache"
        ) from error


def check_place(path: Path) -> None:
    """Checks that an archive can be written to a place, before the work of making its contents.

    Raises:
        ArchiveError: It cannot; the text names the path and the reason.
    """
    with saying("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=path.parent, prefix=path.name + ".", suffix=_PART):
            pass


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a neighbouring file to write to and renames it to ``path`` in the end; after a failure it is deleted.

    Files that killed processes have left are deleted once they are an hour old.
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
        _flush(temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # not every system can open a folder
        _flush(path.parent)


def _flush(path: Path) -> None:
    """Waits until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_archive(path: Path) -> bool:
    """True if a file begins as an archive does; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_about(path: Path) -> Mapping[str, Any]:
    """Reads an archive's description; the rest of the file is neither read nor verified.

    Raises:
        ArchiveError: The file is missing or is no archive.
    """
    with _opened(path) as file:
        head = file.read(_HEAD)
        _check_magic(path, head)
        length = min(_length(head), os.fstat(file.fileno()).st_size)
        return _manifest(path, file.read(length)).about


def open_archive(path: Path, *, verify: bool = True) -> Archive:
    """Opens an archive: reads it or, if it is large, maps it into memory.

    Args:
        path: The file.
        verify: True to compare its hash (about 20 ms for the canonical cohort).

    Raises:
        ArchiveError: The file is missing, is no archive, or is damaged.
    """
    with _opened(path) as file:
        contents, check = _contents(path, file)
    _check_magic(path, contents)
    digest = bytes(contents[len(MAGIC) : len(MAGIC) + 32])
    if verify and hashlib.blake2b(contents[len(MAGIC) + 32 :], digest_size=32).digest() != digest:
        raise ArchiveError(
            f"the archive {path} is damaged (its hash differs); `mab-gym data build --force` makes it anew"
        )
    body = _HEAD + _length(contents)
    said = _manifest(path, contents[_HEAD:body])
    try:
        tables = [_table(each, contents[body:]) for each in said.tables]
        ledger = _Ledger(*(_texts(each, contents[body:]) for each in said.ledger)) if said.ledger else {}
    except (ValueError, TypeError, LookupError):
        raise _of_another_version(path) from None
    return Archive({table.resource_type: table for table in tables}, said.about, digest.hex(), check, ledger)


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    with saying("read", path):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise ArchiveError(f"there is no archive at {path}; `mab-gym data build` makes it") from None
        with file:
            yield file


def _contents(path: Path, file: io.BufferedReader) -> tuple[memoryview, Callable[[], None] | None]:
    """Returns a file's bytes and, if they can still change, the check to call before each use of them."""
    size = os.fstat(file.fileno()).st_size
    if size < MAPPED_FROM:
        memory = mmap.mmap(-1, size or 1)  # not of a file; unlike bytes, its columns are aligned
        view = memoryview(memory)
        return view[: file.readinto(view[:size])].toreadonly(), None
    held = _Held(path, os.dup(file.fileno()))
    try:
        return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)), held.check
    except ValueError:  # it has become shorter just now
        raise _of_another_version(path) from None


class _Held:
    """The descriptor of a mapped file, to notice changes under the mapping.

    Another file that is renamed to the mapped one's path is no change.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle
        self._state = self._now()
        weakref.finalize(self, os.close, handle)

    def check(self) -> None:
        """Checks that the file has not changed.

        Raises:
            InfrastructureError: It has changed.
        """
        if self._now() != self._state:
            raise InfrastructureError(
                f"the archive {self._path} was changed while it was in use; make the environment anew"
            )

    def _now(self) -> tuple[int, int]:
        stat = os.fstat(self._handle)
        return stat.st_size, stat.st_mtime_ns


def _check_magic(path: Path, head: bytes | memoryview) -> None:
    if len(head) < _HEAD or head[: len(MAGIC)] != MAGIC:
        raise _of_another_version(path)


def _length(head: bytes | memoryview) -> int:
    """Returns the length of the manifest."""
    return int.from_bytes(head[_HEAD - 8 : _HEAD], "little")


class _Manifest(NamedTuple):
    """An archive's description, and the places of its tables and of its ledger."""

    about: Mapping[str, Any]
    tables: Sequence[Mapping[str, Any]]
    ledger: Sequence[Any]


def _manifest(path: Path, text: bytes | memoryview) -> _Manifest:
    try:
        manifest = json.loads(bytes(text))
        return _Manifest(dict(manifest["about"]), list(manifest["tables"]), list(manifest.get("ledger", ())))
    except (ValueError, TypeError, KeyError):
        raise _of_another_version(path) from None


def _of_another_version(path: Path) -> ArchiveError:
    return ArchiveError(
        f"{path} is not an archive of this version; `mab-gym data build --force` makes it anew, "
        f"{CACHE_VARIABLE} names another folder for the cache"
    )


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


def _array(place: Sequence[Any], body: memoryview) -> IntArray:
    dtype, count, offset = place
    return np.frombuffer(body, dtype=np.dtype(dtype), count=count, offset=offset)


def _texts(places: Sequence[Any], body: memoryview) -> TextPool:
    _, length, offset = places[1]
    return TextPool(_array(places[0], body), body[offset : offset + length])


class _Ledger(Mapping[str, str]):
    """The ledger of an archive; a person's text is decoded when it is asked for."""

    def __init__(self, names: TextPool, texts: TextPool) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self._texts = texts

    def __getitem__(self, name: str) -> str:
        return self._texts[self._places[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _table(described: Mapping[str, Any], body: memoryview) -> Table:
    def array(place: Sequence[Any]) -> IntArray:
        return _array(place, body)

    def texts(places: Sequence[Any]) -> TextPool:
        return _texts(places, body)

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
