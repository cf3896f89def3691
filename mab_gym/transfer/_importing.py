"""Imports files into an archive, which is written as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mab_gym.errors import RecordsError
from mab_gym.fhir.store._archive import write_archive
from mab_gym.transfer._bundles import BundleFile
from mab_gym.transfer._gathering import Gathering, RefusedError
from mab_gym.transfer._ordering import in_order_of_server
from mab_gym.transfer._problems import Problem, Problems, noting
from mab_gym.transfer._reading import Piece, alone, files_of, form_of, lines

Tell = Callable[[str, int, int], None]
"""Called with the current activity, the amount done, and the total amount (0 if it is not known)."""
_BEAT = 1000


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import.

    Attributes:
        path: The archive.
        digest: Its digest.
        counts: The number of taken resources by type.
        problems: The resources that were left out or changed.
        conditional: The number of references by a search, which were not resolved.
        dangling: The number of references to entries that their Bundle does not have.
        repeated: The number of resources that came again with the same content.
        named: The number of resources that had no id and were given one.
        order: The source of the order between types if they were fetched one by one (see `in_order_of_server`).
    """

    path: Path
    digest: str
    counts: dict[str, int]
    problems: Problems
    conditional: int = 0
    dangling: int = 0
    repeated: int = 0
    named: int = 0
    order: str = ""


def import_files(source: Path, out: Path, name: str, tell: Tell = lambda what, done, total: None) -> Imported:
    """Imports NDJSON (Bulk Data), Bundles or single resources from a file or a folder.

    Resources keep the order of the files' names and of their lines or entries.

    Args:
        source: A file or folder: ``*.ndjson`` and ``*.jsonl`` hold a resource a line, ``*.json`` a Bundle or a
            resource. All may be gzipped.
        out: The archive to write.
        name: The archive's name.
        tell: Called with the progress.

    Raises:
        RecordsError: There is nothing to import, or no resource could be taken.
    """
    paths = files_of(source, (".ndjson", ".jsonl", ".json"))
    gathering, conditional, dangling = Gathering(), 0, 0
    with noting(out.with_name(out.name + ".problems.jsonl")) as problems:
        for number, path in enumerate(paths):
            tell("files", number, len(paths))
            form = form_of(path)
            if form == "bundle":
                bundle = BundleFile(path)
                for done, (piece, resource) in enumerate(bundle.resources()):
                    _take(gathering, problems, path.name, piece, resource)
                    if done % _BEAT == 0:
                        tell(path.name, done, 0)
                conditional, dangling = conditional + bundle.conditional, dangling + bundle.dangling
            elif form == "resource":
                _take(gathering, problems, path.name, alone(path), repeatable=True)
            else:
                for done, piece in enumerate(lines(path)):
                    _take(gathering, problems, path.name, piece)
                    if done % _BEAT == 0:
                        tell(path.name, done, 0)
        tell("files", len(paths), len(paths))
        return finish(gathering, problems, out, {"name": name, "source": "files"}, conditional, dangling)


def finish(
    gathering: Gathering,
    problems: Problems,
    out: Path,
    about: dict[str, Any],
    conditional: int = 0,
    dangling: int = 0,
    from_server: bool = False,
) -> Imported:
    """Writes the gathered resources to an archive.

    Raises:
        RecordsError: There are none.
    """
    counts = gathering.counts
    if not counts:
        first = f"; the first of {problems.count} problems: {problems.first[0]}" if problems.count else ""
        raise RecordsError(f"no resource could be imported{first}")
    tables, order = gathering.tables(), ""
    if from_server:
        tables, order = in_order_of_server(tables, not gathering.undated)
        about |= {"order": order}
    about |= {"counts": counts, "left_out": problems.count, "changed": problems.changed}
    digest = write_archive(out, tables, about)
    more = {"repeated": gathering.repeated, "named": gathering.named}
    return Imported(out, digest, counts, problems, conditional, dangling, order=order, **more)


def take_lines(gathering: Gathering, problems: Problems, path: Path, source: str) -> None:
    """Takes all lines of an NDJSON file; problems are noted under the name ``source``."""
    for piece in lines(path):
        _take(gathering, problems, source, piece)


def _take(
    gathering: Gathering,
    problems: Problems,
    source: str,
    piece: Piece,
    resource: Any = None,
    *,
    repeatable: bool = False,
) -> None:
    """Takes the resource of a piece, or else its text.

    Resources from Bundles may come again; only Bulk Data, with a resource a line, promises that none does.
    """
    try:
        if piece.problem:
            raise RefusedError(piece.problem)
        if resource is None:
            changed = gathering.take(piece.text, repeatable=repeatable)
        else:
            changed = gathering.take_resource(resource, repeatable=True)
    except RefusedError as error:
        problems.note(Problem(source, piece.place, str(error)))
    else:
        if changed:
            problems.note(Problem(source, piece.place, "; ".join(changed), taken=True))
