"""Archives: a whole record system in one file, verified by hash.

Layout: 8 bytes of magic, 32 bytes of BLAKE2b digest over all that follows, 8 bytes with the manifest's length, the
manifest (JSON), then the sections that it names, each aligned to 64 bytes. Numbers are little-endian.

Archives are written beside their place and take it by a rename, so whoever has one open keeps what was opened. Other
programs (`cp` onto an archive, an editor) write into the file itself. Where a file is mapped, what was read before
changes with it, and where it becomes shorter, the next look kills the process (SIGBUS), which no check can rule out. So
an archive is read into memory of the process's own, in the same time as its hash takes, as long as it is small: 28 MB
for the named cohorts, which forked processes go on sharing. From `MAPPED_FROM` bytes on that would be too much for each
process of a computer. Such a file is mapped, its descriptor is held, and it is looked at before each request
(`Archive.check`, half a microsecond); only a file that becomes shorter in the middle of a request can still kill.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mab_gym.errors import ArchiveError, InfrastructureError
from mab_gym.fhir.store._table import Column, InstantColumn, InstantForm, IntArray, PoolColumn, Table, TextPool

CACHE_VARIABLE = "MAB_GYM_CACHE"
"""Environment variable that names another folder for archives than the user's cache."""
MAPPED_FROM = 64 * 1024 * 1024
"""Bytes; larger archives are mapped, smaller ones read."""
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
        check: To be called before the tables are read; raises InfrastructureError where the file under them was
            changed. None where nothing can change them.
    """

    tables: Mapping[str, Table]
    about: Mapping[str, Any]
    digest: str
    check: Callable[[], None] | None = None


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

    Raises:
        ArchiveError: It cannot be written; the text names the path and the reason.
    """
    sections = _Sections()
    listed = [_describe(table, sections) for table in tables]
    manifest = json.dumps({"about": dict(about), "tables": listed}, sort_keys=True, separators=(",", ":")).encode()
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
    """Turns what the file system refuses into one clear line.

    Args:
        what: What is being done, as in ``write``.
        path: To which archive.

    Raises:
        ArchiveError: It was refused; the text names the path, the reason, and what moves the cache.
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
    """Looks whether an archive could be written somewhere, before the work is done that it shall hold.

    Raises:
        ArchiveError: It could not; the text names the path and the reason.
    """
    with saying("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=path.parent, prefix=path.name + ".", suffix=_PART):
            pass


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
        _flush(temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # a folder cannot be opened everywhere
        _flush(path.parent)


def _flush(path: Path) -> None:
    """Has a file or folder on the disk before what follows."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_archive(path: Path) -> bool:
    """Whether a file begins as an archive does; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_about(path: Path) -> Mapping[str, Any]:
    """Reads what the writer of an archive said of it, without the rest of the file, whose hash is not looked at.

    Raises:
        ArchiveError: The file is missing or is no archive.
    """
    with _opened(path) as file:
        head = file.read(_HEAD)
        _check_magic(path, head)
        length = min(_length(head), os.fstat(file.fileno()).st_size)
        return _manifest(path, file.read(length))[0]


def open_archive(path: Path, *, verify: bool = True) -> Archive:
    """Opens an archive: reads it, or maps it into memory where it is large.

    Args:
        path: The file.
        verify: Whether to compare its hash (some 20 ms for the canonical cohort).

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
    about, described = _manifest(path, contents[_HEAD:body])
    try:
        tables = [_table(each, contents[body:]) for each in described]
    except (ValueError, TypeError, LookupError):
        raise _of_another_version(path) from None
    return Archive({table.resource_type: table for table in tables}, about, digest.hex(), check)


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
    """A file's bytes, and what is to be called before each look at them where they can still change."""
    size = os.fstat(file.fileno()).st_size
    if size < MAPPED_FROM:
        memory = mmap.mmap(-1, size or 1)  # of no file; unlike bytes it begins at a page, as the columns like it
        view = memoryview(memory)
        return view[: file.readinto(view[:size])].toreadonly(), None
    held = _Held(path, os.dup(file.fileno()))
    try:
        return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)), held.check
    except ValueError:  # it has become shorter just now
        raise _of_another_version(path) from None


class _Held:
    """The descriptor of a mapped file, by which a change under the mapping is noticed.

    A file that takes the mapped one's name leaves it as it is.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle
        self._state = self._now()
        weakref.finalize(self, os.close, handle)

    def check(self) -> None:
        """Looks whether the file is as it was.

        Raises:
            InfrastructureError: It is not.
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
    """The length of the manifest."""
    return int.from_bytes(head[_HEAD - 8 : _HEAD], "little")


def _manifest(path: Path, text: bytes | memoryview) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    """Reads what the writer said of an archive, and where its tables lie."""
    try:
        manifest = json.loads(bytes(text))
        return dict(manifest["about"]), list(manifest["tables"])
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
