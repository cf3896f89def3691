"""Exports an archive's resources as Bulk Data NDJSON, or as transaction Bundles that a FHIR server loads."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from mab_gym.errors import UsageError
from mab_gym.fhir.model._json_text import compact
from mab_gym.fhir.store._archive import Archive
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._table import OTHER_FORM, InstantColumn, IntArray, PoolColumn, Table, write_instant
from mab_gym.transfer._importing import Tell

_REFERENCE: Final = re.compile(r'"reference": ?"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})')
_PATIENT: Final = re.compile(r'"reference": ?"Patient/([A-Za-z0-9\-.]{1,64})')
_BEAT: Final = 5000
_Node = tuple[str, int]
"""A resource, as its type and row."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export.

    Attributes:
        folder: The folder with the files.
        files: The number of files.
        counts: The number of resources by type.
        renamed: The number of resources whose id got a prefix (see `export_bundles`).
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
        archive: The archive to export.
        folder: A new folder; it appears once all is written.
        patients: Only these people, and the resources that refer to no other person; if empty, everything.
        tell: Called with the progress.

    Raises:
        UsageError: The folder exists already, or there is no such patient.
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

    Resources come in load order, except that a resource comes after those it refers to, so that a server that checks
    references accepts one Bundle after the other. Resources that refer to one another in a circle are in one Bundle,
    even if that exceeds the size. HAPI FHIR refuses ids of digits only from clients (``client_id_strategy``), so such
    an id gets its type as a prefix, as in ``observation-12``.

    Args:
        archive: The archive to export.
        folder: A new folder; it appears once all is written.
        size: The number of resources in a Bundle, at least 1.
        keep_ids: True to keep ids of digits only as they are.
        patients: Only these people, and the resources that refer to no other person; if empty, everything.
        tell: Called with the progress.

    Raises:
        UsageError: The folder exists already, there is no such patient, or the size is below 1.
    """
    if size < 1:
        raise UsageError(f"a Bundle holds at least one resource, not {size}")
    chosen = _chosen(archive, patients)
    if not keep_ids:
        _check_names(archive)
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

        done = 0
        for together in _loading_order(archive, chosen, texts):
            if entries and len(entries) + len(together) > size:
                close()
                tell("bundles", done, total)
            for name, row in together:
                logical_id, text = str(archive.tables[name].ids[row]), texts[name].compact(row)
                if not keep_ids:
                    renamed += logical_id.isdigit()
                    text = _REFERENCE.sub(_renamed, text)
                    wanted = _named(name, logical_id)
                    text = text.replace(f'"id":"{logical_id}"', f'"id":"{wanted}"', 1)
                    logical_id = wanted
                entries.append(f'{{"resource":{text},"request":{{"method":"PUT","url":"{name}/{logical_id}"}}}}')
            done += len(together)
        if entries:
            close()
        tell("bundles", total, total)
    return Exported(folder, number, {name: len(rows) for name, rows in chosen.items()}, renamed)


def _named(resource_type: str, logical_id: str) -> str:
    """Returns an id that a server accepts from a client: an id of digits only gets its type as a prefix."""
    return f"{resource_type.lower()}-{logical_id}" if logical_id.isdigit() else logical_id


def _check_names(archive: Archive) -> None:
    """Checks that all ids differ once those of digits only have a prefix.

    Raises:
        UsageError: Two would be the same.
    """
    for name, table in archive.tables.items():
        ids = {str(logical_id) for logical_id in table.ids}
        for logical_id in ids:
            if logical_id.isdigit() and _named(name, logical_id) in ids:
                raise UsageError(
                    f"{name}/{logical_id} would become {_named(name, logical_id)}, which is there already; "
                    "--ids keep leaves ids as they are"
                )


def _renamed(match: re.Match[str]) -> str:
    return f'"reference":"{match[1]}/{_named(match[1], match[2])}'


class _Texts:
    """The resources of a table as compact JSON; each distinct element is serialized once."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._head = f'{{"resourceType":"{table.resource_type}","id":"'
        self._elements: dict[tuple[str, int], str] = {}

    def compact(self, row: int) -> str:
        """Returns one resource."""
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
        """Yields the type and id of each resource that a resource refers to."""
        for match in _REFERENCE.finditer(self.compact(row)):
            yield match[1], match[2]


def _instant(column: InstantColumn, form: int, seconds: int) -> str:
    if form == OTHER_FORM:
        return column.others[seconds]
    return json.dumps(write_instant(seconds, column.known[form - 1]))


def _chosen(archive: Archive, patients: Collection[str]) -> dict[str, IntArray]:
    """Returns the rows to export by type.

    Raises:
        UsageError: There is no such patient.
    """
    if not patients:
        return {name: np.arange(len(table)) for name, table in archive.tables.items()}
    people = archive.tables.get("Patient")
    known = {str(logical_id) for logical_id in people.ids} if people is not None else set()
    if missing := sorted(set(patients) - known):
        raise UsageError(f"there is no Patient {', '.join(missing)}; `mab-gym data patients` lists them")
    wanted = set(patients)
    chosen: dict[str, IntArray] = {}
    undecided: dict[str, list[int]] = {}
    for name, table in archive.tables.items():
        if name == "Patient":
            chosen[name] = np.array(
                [row for row, known_id in enumerate(table.ids) if known_id in wanted], dtype=np.intp
            )
        else:
            these, others = _of_these(table, wanted)
            chosen[name] = np.flatnonzero(these & ~others)
            undecided[name] = np.flatnonzero(~these & ~others).tolist()
    _add_of_nobody(archive, chosen, undecided)
    return {name: rows for name, rows in chosen.items() if len(rows)}


def _of_these(table: Table, wanted: set[str]) -> tuple[IntArray, IntArray]:
    """Returns two masks: the rows that refer to one of these people, and those that refer to anybody else."""
    these, others = np.zeros(len(table), dtype=np.bool_), np.zeros(len(table), dtype=np.bool_)
    for column in table.columns:
        if isinstance(column, PoolColumn):
            found = [set(_PATIENT.findall(text)) for text in column.texts]
            these |= np.array([False, *(bool(people & wanted) for people in found)])[column.codes]
            others |= np.array([False, *(bool(people - wanted) for people in found)])[column.codes]
    return these, others


def _add_of_nobody(archive: Archive, chosen: dict[str, IntArray], undecided: Mapping[str, Sequence[int]]) -> None:
    """Adds resources that refer to nobody, such as an Organization, unless they refer indirectly to somebody else.

    A Provenance of another person's result names no Patient, but still belongs to that person.
    """
    if not any(undecided.values()):
        return
    out: set[tuple[str, str]] = set()
    for name, table in archive.tables.items():
        kept = {*chosen[name].tolist(), *undecided.get(name, ())}
        out.update((name, str(logical_id)) for row, logical_id in enumerate(table.ids) if row not in kept)
    refers = {
        (name, row): set(texts.references(row))
        for name, rows in undecided.items()
        for texts in (_Texts(archive.tables[name]),)
        for row in rows
    }
    while True:
        others = {node for node, links in refers.items() if links & out}
        if not others:
            break
        for node in others:
            out.add((node[0], str(archive.tables[node[0]].ids[node[1]])))
            del refers[node]
    for name in undecided:
        added = [row for kind, row in refers if kind == name]
        chosen[name] = np.array(sorted([*chosen[name].tolist(), *added]), dtype=np.intp)


def _loading_order(
    archive: Archive, chosen: Mapping[str, IntArray], texts: Mapping[str, _Texts]
) -> Iterator[list[_Node]]:
    """Yields resources in load order, but each after those it refers to; circles come together."""
    places = {name: {str(archive.tables[name].ids[row]): row for row in rows.tolist()} for name, rows in chosen.items()}
    refers = {name: _types_referred_to(archive.tables[name]) & set(chosen) for name in chosen}
    visited = _Visited()

    def needs(node: _Node) -> list[_Node]:
        found = ((kind, places.get(kind, {}).get(text)) for kind, text in texts[node[0]].references(node[1]))
        return [(kind, row) for kind, row in found if row is not None]

    if any(archive.tables[name].positions is not None for name in chosen):
        for node in _as_loaded(archive, chosen):
            if node not in visited.number:
                yield from _components(node, needs, visited)
        return
    order = sorted(chosen, key=lambda name: (name != "Patient", bool(refers[name] - {"Patient"})))
    for name in order:
        plain = not refers[name] - {"Patient"} and name != "Patient"
        for row in chosen[name].tolist():
            node = (name, row)
            if node in visited.number:
                continue
            if plain:
                visited.number[node] = -1
                yield [node]
            else:
                yield from _components(node, needs, visited)


def _as_loaded(archive: Archive, chosen: Mapping[str, IntArray]) -> Iterator[_Node]:
    """Yields resources of all types in load order; the archive must know it for some table."""
    names = list(chosen)
    kinds = np.concatenate([np.full(len(chosen[name]), kind) for kind, name in enumerate(names)])
    rows = np.concatenate([chosen[name] for name in names])
    positions = [archive.tables[name].positions for name in names]
    places = np.concatenate(
        [
            rows_of if known is None else known[rows_of]
            for known, rows_of in zip(positions, chosen.values(), strict=True)
        ]
    )
    for number in np.argsort(places, kind="stable").tolist():
        yield names[kinds[number]], int(rows[number])


@dataclass(slots=True)
class _Visited:
    """The state of a search for circles: numbers of visited nodes, and the nodes on its path."""

    number: dict[_Node, int] = field(default_factory=dict)
    low: dict[_Node, int] = field(default_factory=dict)
    path: dict[_Node, None] = field(default_factory=dict)


def _components(first: _Node, needs: Callable[[_Node], list[_Node]], visited: _Visited) -> Iterator[list[_Node]]:
    """Yields the strongly connected components reached from a node, targets of references first.

    The algorithm is Tarjan's (SIAM J. Comput. 1972).
    """
    stack = [(first, iter(needs(first)))]
    visited.number[first] = visited.low[first] = len(visited.number)
    visited.path[first] = None
    while stack:
        node, rest = stack[-1]
        following = next(rest, None)
        if following is None:
            stack.pop()
            if stack:
                parent = stack[-1][0]
                visited.low[parent] = min(visited.low[parent], visited.low[node])
            if visited.low[node] == visited.number[node]:
                component: list[_Node] = []
                while not component or component[-1] != node:
                    component.append(visited.path.popitem()[0])
                yield component
        elif following not in visited.number:
            visited.number[following] = visited.low[following] = len(visited.number)
            visited.path[following] = None
            stack.append((following, iter(needs(following))))
        elif following in visited.path:
            visited.low[node] = min(visited.low[node], visited.number[following])


def _types_referred_to(table: Table) -> set[str]:
    return {
        match[1]
        for column in table.columns
        if isinstance(column, PoolColumn)
        for text in column.texts
        for match in _REFERENCE.finditer(text)
    }


class _fresh:  # noqa: N801  (a context manager)
    """A folder that gets its name once it is complete."""

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
