"""Environment files: one TOML file describes one Gymnasium id.

They are as powerful as code: they can name a folder of task families, whose Python files run, a Docker image, a server.

id = "mab_gym/MedAgentBench-Query-v0"
summary = "the five query categories"
[tasks]        # which families: all, or by name, kind, difficulty; cases: frozen or drawn
kind = "query"
count = 30     # with drawn cases: so many of each family once, by the seed, in place of fresh ones at every reset
seed = 300
distinct = 10_000        # with drawn cases: so many different ones of each family the audit must find at least
[data]         # the cohort they are played on
cohort = "canonical"
[official]     # with protocol = "official": its files, else given by gymnasium.make or environment variables
tasks = "test_data_v2.json"
functions = "funcs_v1.json"
chart = "chart.ndjson"   # left out: the stand-in chart, drawn by chart_seed
[episode]      # the game's rules
protocol = "ehr"
backend = "embedded"     # or "container", "remote"
max_steps = 8
[container]    # with backend = "container": a pool of HAPI servers in Docker, made by `mab-gym hapi`
strategy = "undo"        # or "snapshot"
servers = 1              # episodes at work at once
[remote]       # with backend = "remote"
server = "http://localhost:8080/fhir"
writes = "refused"       # or "undone"
[requires]     # optional: Python modules it needs, and the extra that installs them
modules = ["docker"]
extra = "docker"
"""

from __future__ import annotations

import importlib.util
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from mab_gym._content import bundled_folder
from mab_gym.errors import ContentError, NotInstalledError, UsageError
from mab_gym.tasking._difficulty import DIFFICULTIES
from mab_gym.tasking._kinds import KINDS
from mab_gym.tasking.verdict import REWARDS

ENTRY_POINTS = "mab_gym.envs"
"""Installed packages offer folders of environment files under this entry point group: ``name = "module:PATH"``."""
FOLDERS_VARIABLE = "MAB_GYM_ENVS"
"""Environment variable with further folders of environment files, separated as in PATH; what they name runs."""

EMBEDDED, CONTAINER, REMOTE = BACKENDS = ("embedded", "container", "remote")
"""The kinds of backend."""

SPLITS = ("test", "validation", "train")
"""The splits of which environments may have siblings; see `sibling`."""

_TABLES: Mapping[str, set[str]] = {
    "tasks": {"families", "kind", "difficulty", "cases", "count", "distinct", "seed", "folder"},
    "data": {"cohort", "archive"},
    "official": {"tasks", "functions", "chart", "chart_seed", "server"},
    "container": {"strategy", "servers", "spares", "image"},
    "remote": {"server", "writes"},
    "episode": {"protocol", "backend", "max_steps", "max_obs_chars", "reward"},
    "requires": {"modules", "extra"},
}


@dataclass(frozen=True, slots=True)
class Environment:
    """The contents of an environment file.

    Attributes:
        id: The Gymnasium id.
        summary: What it is, in a few words.
        families: Names of the families that take part; empty for all.
        kind: Only families of this kind, or None.
        difficulty: Only families of this difficulty, or None.
        cases: ``frozen`` or ``drawn``.
        count: With drawn cases, so many of each family are drawn once and kept; 0 for fresh ones at every reset.
        distinct: With drawn cases, how many different ones each family must have at least; the audit counts them.
        seed: Which they are.
        folder: A folder of task families to use instead of the installed ones, or None.
        cohort: The name of a generated cohort.
        archive: A file to use instead of a generated cohort, or None.
        tasks: The official task file, for the official protocol alone; so are the next three.
        functions: The official function list.
        chart: A file of FHIR resources, one a line, or an archive; None for the stand-in chart.
        chart_seed: Which stand-in chart.
        server: The base URL of a FHIR server: for the official protocol to read from in place of a chart, or that of
            the remote backend; None for none.
        protocol: The protocol's name.
        backend: Where the record system is: ``embedded``, ``container`` or ``remote``.
        strategy: How a container goes back to its snapshot, ``undo`` or ``snapshot``.
        servers: How many episodes can be at work on containers at once.
        spares: How many containers more are kept ready; as the strategy has it where None.
        image: Which snapshot image, where there are several of the archive, or None.
        writes: What becomes of POSTs to a remote server: ``refused``, or ``undone`` at the episode's end.
        max_steps: Actions after which an episode is truncated.
        max_obs_chars: Longest ``text`` and longest ``fhir`` of an observation, or None.
        reward: ``sparse`` for 1 where a case is solved and 0 where not, ``partial`` for the verdict's credit.
        modules: Python modules that it needs.
        extra: The extra of this package that installs them.
    """

    id: str
    summary: str = ""
    families: tuple[str, ...] = ()
    kind: str | None = None
    difficulty: str | None = None
    cases: str = "frozen"
    count: int = 0
    distinct: int = 0
    seed: int = 0
    folder: Path | None = None
    cohort: str = "canonical"
    archive: Path | None = None
    tasks: Path | str | None = None
    functions: Path | str | None = None
    chart: Path | str | None = None
    chart_seed: int = 0
    server: str | None = None
    protocol: str = "ehr"
    backend: str = "embedded"
    strategy: str = "undo"
    servers: int = 1
    spares: int | None = None
    image: str | None = None
    writes: str = "refused"
    max_steps: int = 8
    max_obs_chars: int | None = None
    reward: str = "sparse"
    modules: tuple[str, ...] = field(default=())
    extra: str = ""

    def check_installed(self) -> None:
        """Checks that what it needs is there.

        Raises:
            NotInstalledError: Something is not; the text says which command installs it.
        """
        missing = [name for name in self.modules if importlib.util.find_spec(name) is None]
        if missing:
            wanted = f"'mab-gym[{self.extra}]'" if self.extra else " ".join(missing)
            raise NotInstalledError(f"{self.id} needs {', '.join(missing)}; install with: pip install {wanted}")


def read_environment(path: Path) -> Environment:
    """Reads an environment file; nothing that it names is loaded yet.

    Raises:
        ContentError: It is not as it should be; the text names the file and what is wrong in it.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ContentError(f"{path}: {error}") from None
    if not isinstance(data.get("id"), str) or "-v" not in data["id"]:
        raise ContentError(f'{path}: id is a Gymnasium id with a version, as in "my_lab/Potassium-v0"')
    for name, table in data.items():
        if name not in ("id", "summary") and (name not in _TABLES or not isinstance(table, dict)):
            raise ContentError(f"{path}: knows the tables {', '.join(_TABLES)}, not {name!r}")
        unknown = set(table) - _TABLES[name] if isinstance(table, dict) else set()
        if unknown:
            raise ContentError(
                f"{path}: [{name}] has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(_TABLES[name]))}"
            )
    values: dict[str, Any] = {"id": data["id"], "summary": str(data.get("summary", ""))}
    for table in _TABLES:
        values.update(data.get(table, {}))
    for name, allowed in (
        ("kind", KINDS),
        ("difficulty", DIFFICULTIES),
        ("cases", ("frozen", "drawn")),
        ("reward", REWARDS),
    ):
        if name in values and values[name] not in allowed:
            raise ContentError(f"{path}: {name} is one of {', '.join(allowed)}, not {values[name]!r}")
    for name in ("families", "modules"):
        values[name] = tuple(values.get(name, ()))
    for name in ("folder", "archive", "tasks", "functions", "chart"):
        if name in values:
            values[name] = (path.parent / values[name]).resolve()
    return Environment(**values)


def environment_files() -> list[Path]:
    """All environment files at hand: bundled, offered by installed packages, named by the environment variable."""
    folders = [bundled_folder("envs")]
    folders.extend(Path(str(point.load())) for point in entry_points(group=ENTRY_POINTS))
    folders.extend(Path(name) for name in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if name)
    return [path for folder in folders for path in sorted(folder.glob("*.toml"))]


def environment_file(name: str) -> Path:
    """The file of an environment.

    Args:
        name: Its id (``mab_gym/`` before it may be left out) or its file.

    Raises:
        UsageError: There is no such id.
        ContentError: The file is not as it should be.
    """
    if name.endswith(".toml"):
        read_environment(Path(name))
        return Path(name)
    files = _files_by_id()
    found = files.get(name) or files.get(f"mab_gym/{name}")
    if found is None:
        raise UsageError(f"there is no environment {name!r}; there are: {', '.join(files)}")
    return found


def sibling(name: str, split: str) -> str:
    """The id of the environment that plays another split of the same tasks: ``…-Train-v0`` beside ``…-v0``.

    Args:
        name: An environment's id, with or without ``mab_gym/`` before it.
        split: One of `SPLITS`; ``test`` is the environment without a split in its id.

    Raises:
        UsageError: There is no such split, or this environment has none such.
    """
    if split not in SPLITS:
        raise UsageError(f"a split is {', '.join(SPLITS)}, not {split!r}")
    whole = re.fullmatch(r"(.+?)(?:-Train|-Validation)?(-v\d+)", name)
    if name.endswith(".toml") or whole is None:
        raise UsageError(f"a split goes with an environment's id, not with {name!r}")
    wanted = f"{whole[1]}{'' if split == 'test' else f'-{split.capitalize()}'}{whole[2]}"
    files = _files_by_id()
    for each in (wanted, f"mab_gym/{wanted}"):
        if each in files:
            return each
    raise UsageError(f"there is no {wanted}; there are: {', '.join(files)}")


def _files_by_id() -> dict[str, Path]:
    return {read_environment(path).id: path for path in environment_files()}
