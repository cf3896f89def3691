"""Exports: an archive's resources as Bulk Data NDJSON, or as transaction Bundles that a FHIR server loads."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mab_gym.errors import UsageError
from mab_gym.fhir.archive import Archive
from mab_gym.fhir.base import parse_element
from mab_gym.fhir.json_text import compact
from mab_gym.fhir.table import OTHER_FORM, InstantColumn, IntArray, PoolColumn, Table, write_instant
from mab_gym.transfer.importing import Tell

_REFERENCE: Final = re.compile(r'"reference": ?"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})')
_PATIENT: Final = re.compile(r'"reference": ?"Patient/([A-Za-z0-9\-.]{1,64})')
_BEAT: Final = 5000


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to.

    Attributes:
        folder: Where the files lie.
        files: How many there are.
        counts: Resources by type.
        renamed: How many got a prefix before their number (see `export_bundles`).
    """

    folder: Path
    files: int
    counts: dict[str, int]
    renamed: int = 0


def export_ndjson(
    archive: Archive, folder: Path, patients: Collection[str] = (), tell: Tell = lambda what, done, total: None
) -> Exported:
    """Writes a folder with one ``Type.ndjson`` for each resource type, a resource a line, in load order.

    Args:
        archive: What to export.
        folder: A new folder; it appears when all is written.
        patients: Only these people, and what refers to no other; all where empty.
        tell: Told of progress.

    Raises:
        UsageError: The folder is there already, or there is no such patient.
    """
    chosen = _chosen(archive, patients)
    counts = {}
    with _fresh(folder) as part:
        for name, rows in chosen.items():
            texts = _Texts(archive.tables[name])
            with (part / f"{name}.ndjson").open("w", encoding="utf-8", newline="\n") as file:
                for done, row in enumerate(rows.tolist()):
                    file.write(texts.compact(row) + "\n")
                    if done % _BEAT == 0:
                        tell(name, done, len(rows))
            tell(name, len(rows), len(rows))
            counts[name] = len(rows)
    return Exported(folder, len(counts), counts)


def export_bundles(
    archive: Archive,
    folder: Path,
    size: int = 500,
    keep_ids: bool = False,
    patients: Collection[str] = (),
    tell: Tell = lambda what, done, total: None,
) -> Exported:
    """Writes a folder of numbered transaction Bundles that PUT each resource at its id.

    What is referred to comes before what refers to it, so that a server which checks references takes one Bundle after
    the other; resources that refer to one another in a circle stand side by side. HAPI FHIR refuses ids of digits alone
    from clients (``client_id_strategy``), so such an id gets its type before it, as in ``observation-12``.

    Args:
        archive: What to export.
        folder: A new folder; it appears when all is written.
        size: Resources in a Bundle.
        keep_ids: Whether to leave ids of digits alone as they are.
        patients: As for `export_ndjson`.
        tell: Told of progress.

    Raises:
        UsageError: The folder is there already, there is no such patient, or the size is none.
    """
    if size < 1:
        raise UsageError(f"a Bundle holds at least one resource, not {size}")
    chosen = _chosen(archive, patients)
    texts = {name: _Texts(archive.tables[name]) for name in chosen}
    total, renamed = sum(len(rows) for rows in chosen.values()), 0
    number, entries = 0, list[str]()
    with _fresh(folder) as part:

        def close() -> None:
            nonlocal number
            number += 1
            text = '{"resourceType":"Bundle","type":"transaction","entry":[\n' + ",\n".join(entries) + "\n]}\n"
            (part / f"bundle-{number:06d}.json").write_text(text, encoding="utf-8", newline="\n")
            entries.clear()

        for done, (name, row) in enumerate(_loading_order(archive, chosen, texts)):
            logical_id = str(archive.tables[name].ids[row])
            text = texts[name].compact(row)
            if not keep_ids:
                renamed += logical_id.isdigit()
                text = _REFERENCE.sub(_renamed, text)
                wanted = _named(name, logical_id)
                text = text.replace(f'"id":"{logical_id}"', f'"id":"{wanted}"', 1)
                logical_id = wanted
            entries.append(f'{{"resource":{text},"request":{{"method":"PUT","url":"{name}/{logical_id}"}}}}')
            if len(entries) == size:
                close()
                tell("bundles", done + 1, total)
        if entries:
            close()
        tell("bundles", total, total)
    return Exported(folder, number, {name: len(rows) for name, rows in chosen.items()}, renamed)


def _named(resource_type: str, logical_id: str) -> str:
    """An id that a server takes from a client: digits alone get the type before them."""
    return f"{resource_type.lower()}-{logical_id}" if logical_id.isdigit() else logical_id


def _renamed(match: re.Match[str]) -> str:
    return f'"reference":"{match[1]}/{_named(match[1], match[2])}'


class _Texts:
    """The resources of a table as compact JSON; each distinct element is printed once."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._head = f'{{"resourceType":"{table.resource_type}","id":"'
        self._elements: dict[tuple[str, int], str] = {}

    def compact(self, row: int) -> str:
        """One resource."""
        parts = [f'{self._head}{self._table.ids[row]}"']
        for column in self._table.columns:
            if isinstance(column, InstantColumn):
                if form := int(column.forms[row]):
                    parts.append(f',"{column.name}":{_instant(column, form, int(column.seconds[row]))}')
            elif code := int(column.codes[row]):
                key = column.name, code
                text = self._elements.get(key)
                if text is None:
                    text = self._elements[key] = f',"{column.name}":{compact(parse_element(column.texts[code - 1]))}'
                parts.append(text)
        return "".join(parts) + "}"

    def references(self, row: int) -> Iterator[tuple[str, str]]:
        """Type and id of what a resource refers to."""
        for match in _REFERENCE.finditer(self.compact(row)):
            yield match[1], match[2]


def _instant(column: InstantColumn, form: int, seconds: int) -> str:
    if form == OTHER_FORM:
        return column.others[seconds]
    return json.dumps(write_instant(seconds, column.known[form - 1]))


def _chosen(archive: Archive, patients: Collection[str]) -> dict[str, IntArray]:
    """By type, the rows to export.

    Raises:
        UsageError: Somebody is not there.
    """
    if not patients:
        return {name: np.arange(len(table)) for name, table in archive.tables.items()}
    people = archive.tables.get("Patient")
    known = {str(logical_id) for logical_id in people.ids} if people is not None else set()
    if missing := sorted(set(patients) - known):
        raise UsageError(f"there is no Patient {', '.join(missing)}; `mab-gym data patients` lists them")
    wanted = set(patients)
    chosen = {}
    for name, table in archive.tables.items():
        if name == "Patient":
            rows = np.array([row for row, logical_id in enumerate(table.ids) if logical_id in wanted], dtype=np.intp)
        else:
            rows = np.flatnonzero(_of_these(table, wanted))
        if len(rows):
            chosen[name] = rows
    return chosen


def _of_these(table: Table, wanted: Collection[str]) -> IntArray:
    """Which rows refer to one of these people, or to nobody."""
    others, these = np.zeros(len(table), dtype=np.bool_), np.zeros(len(table), dtype=np.bool_)
    for column in table.columns:
        if not isinstance(column, PoolColumn):
            continue
        found = [set(_PATIENT.findall(text)) for text in column.texts]
        these |= np.array([False, *(bool(people & set(wanted)) for people in found)])[column.codes]
        others |= np.array([False, *(bool(people) for people in found)])[column.codes]
    result: IntArray = these | ~others
    return result


def _loading_order(
    archive: Archive, chosen: Mapping[str, IntArray], texts: Mapping[str, _Texts]
) -> Iterator[tuple[str, int]]:
    """Each resource after what it refers to, otherwise type after type in load order."""
    places = {name: {str(archive.tables[name].ids[row]): row for row in rows.tolist()} for name, rows in chosen.items()}
    refers = {name: _types_referred_to(archive.tables[name]) & set(chosen) for name in chosen}
    done: set[tuple[str, int]] = set()
    order = sorted(chosen, key=lambda name: (name != "Patient", not _leaf(name, refers), list(chosen).index(name)))
    for name in order:
        for row in chosen[name].tolist():
            if not refers[name] - {"Patient"}:
                done.add((name, row))
                yield name, row
                continue
            yield from _with_what_it_needs((name, row), done, texts, places)


def _with_what_it_needs(
    first: tuple[str, int],
    done: set[tuple[str, int]],
    texts: Mapping[str, _Texts],
    places: Mapping[str, Mapping[str, int]],
) -> Iterator[tuple[str, int]]:
    """A resource and, before it, what it refers to and was not yet given; circles are cut where they close."""
    stack = [(first, False)]
    while stack:
        node, needs_are_done = stack.pop()
        if needs_are_done:
            yield node
        elif node not in done:
            done.add(node)
            stack.append((node, True))
            for kind, logical_id in texts[node[0]].references(node[1]):
                row = places.get(kind, {}).get(logical_id)
                if row is not None and kind != "Patient" and (kind, row) not in done:
                    stack.append(((kind, row), False))


def _leaf(name: str, refers: Mapping[str, Collection[str]]) -> bool:
    """Whether a type refers to Patients at most."""
    return not set(refers[name]) - {"Patient"}


def _types_referred_to(table: Table) -> set[str]:
    return {
        match[1]
        for column in table.columns
        if isinstance(column, PoolColumn)
        for text in column.texts
        for match in _REFERENCE.finditer(text)
    }


class _fresh:  # noqa: N801  (a context manager)
    """A folder that appears under its name when all is in it."""

    def __init__(self, folder: Path) -> None:
        if folder.exists():
            raise UsageError(f"{folder} is there already; name a new folder")
        self._folder = folder
        self._part = folder.with_name(folder.name + ".part")

    def __enter__(self) -> Path:
        shutil.rmtree(self._part, ignore_errors=True)
        self._part.mkdir(parents=True)
        return self._part

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._part.replace(self._folder)
        else:
            shutil.rmtree(self._part, ignore_errors=True)
