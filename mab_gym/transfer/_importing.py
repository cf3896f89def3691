"""Imports: from files or a running server to an archive, whole or not at all."""

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
"""Called with what is being done, how much is done, and how much there is (0 where nobody knows)."""
_BEAT = 1000


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to.

    Attributes:
        path: The archive.
        digest: Its digest.
        counts: By resource type, how many were taken.
        problems: What was left out, and what was taken otherwise than it came.
        conditional: References by a search, which stay as they came.
        dangling: References to entries that their Bundle does not have.
        repeated: Resources that came again, equal in all that they say.
        named: Resources that came without an id and were given one.
        order: What the order between types was known by, where they were fetched one by one (`in_order_of_server`).
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

    Resources stay in the order of the files' names and of their lines or entries.

    Args:
        source: A file or folder: ``*.ndjson`` (``*.jsonl``) are lines, ``*.json`` Bundles or a resource each, all may
            be gzipped.
        out: The archive to write.
        name: What to call it.
        tell: Told of progress.

    Raises:
        RecordsError: There is nothing to import, or nothing of it could be taken.
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
    """Writes what was gathered.

    Raises:
        RecordsError: That is nothing.
    """
    counts = gathering.counts
    if not counts:
        first = f"; the first of {problems.count} problems: {problems.first[0]}" if problems.count else ""
        raise RecordsError(f"there was no resource to take{first}")
    tables, order = gathering.tables(), ""
    if from_server:
        tables, order = in_order_of_server(tables, not gathering.undated)
        about |= {"order": order}
    about |= {"counts": counts, "left_out": problems.count, "changed": problems.changed}
    digest = write_archive(out, tables, about)
    more = {"repeated": gathering.repeated, "named": gathering.named}
    return Imported(out, digest, counts, problems, conditional, dangling, order=order, **more)


def take_lines(gathering: Gathering, problems: Problems, path: Path, source: str) -> None:
    """Takes all lines of an NDJSON file, naming problems as those of ``source``."""
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
    """Takes the resource of a piece, or its text; only Bulk Data, a resource a line, promises that none comes again."""
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
