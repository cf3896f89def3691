"""Environment files: one TOML file describes one Gymnasium id.

They are as powerful as code: they can name a folder of task families, whose Python files run, a Docker image, a server.
The settings of a backend stand in a table of the backend's name; each kind of backend says which it has.

id = "mab_gym/MedAgentBench-Query-v0"
summary = "the five query categories"
[tasks]        # which families: all, or by name, kind, difficulty; cases: frozen, validation or drawn
kind = "query"
count = 30     # with drawn cases: so many of each family once, by the seed, in place of fresh ones at every reset
seed = 300
distinct = 10_000        # with drawn cases: so many different ones of each family the audit must find at least
services = ["ward"]      # with a folder that is divided by service: those of these alone
knowledge = "handbook"   # the place of a family's protocol: "prompt", "handbook", or "none"
[data]         # the cohort they are played on
cohort = "canonical"
[official]     # with protocol = "official": its files, else given by gymnasium.make or environment variables
tasks = "test_data_v2.json"
functions = "funcs_v1.json"
chart = "chart.ndjson"   # left out: the stand-in chart, drawn by chart_seed
[episode]      # the game's rules
protocol = "ehr"
backend = "embedded"     # or "container", "remote"
max_steps = 8            # left out: as each family says, else 8
actions = ["GET", "POST"]  # the verbs of an agent's requests; PUT, PATCH and DELETE may be among them
minutes_per_action = 1   # simulated minutes that a request takes, in families that have a clock
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
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mab_gym._content import bundled_folder, named_places, offered_places
from mab_gym.actions import ALL_VERBS, VERBS
from mab_gym.backends._kinds import EMBEDDED, BackendKind, backend_kind, backend_names, find_kind
from mab_gym.errors import ContentError, NotInstalledError, UsageError, how_to_install
from mab_gym.official._locate import OfficialFiles
from mab_gym.tasking._difficulty import DIFFICULTIES
from mab_gym.tasking._kinds import KINDS, KNOWLEDGE
from mab_gym.tasking.verdict import REWARDS

ENTRY_POINTS = "mab_gym.envs"
"""Installed packages offer folders of environment files under this entry point group: ``name = "module:PATH"``."""
FOLDERS_VARIABLE = "MAB_GYM_ENVS"
"""Environment variable with further folders of environment files, separated as in PATH; what they name runs."""

HANDBOOK = "handbook"
"""The usual place of a family's protocol; see `mab_gym.tasking._family.KNOWLEDGE`."""
USUAL_MINUTES = 1
"""Simulated minutes that a request takes, in families that have a clock."""

SPLITS = ("test", "validation", "train")
"""The splits of which environments may have siblings; see `sibling`."""

_TABLES: Mapping[str, tuple[str, ...]] = {
    "tasks": (
        "families",
        "kind",
        "difficulty",
        "cases",
        "count",
        "distinct",
        "seed",
        "folder",
        "services",
        "knowledge",
    ),
    "data": ("cohort", "archive"),
    "episode": ("protocol", "backend", "max_steps", "max_obs_chars", "reward", "actions", "minutes_per_action"),
    "requires": ("modules", "extra"),
}
"""The tables whose keys are fields of `Environment`."""
_OWN_KEYS = ("id", "summary", *(key for keys in _TABLES.values() for key in keys))
"""The keys of `Environment` itself."""
_CHOICES: Mapping[str, Iterable[str]] = {
    "kind": KINDS,
    "difficulty": DIFFICULTIES,
    "cases": ("frozen", "validation", "drawn"),
    "reward": REWARDS,
    "knowledge": KNOWLEDGE,
}
_OFFICIAL = "official"
"""The table whose keys are the fields of `OfficialFiles`."""
_PATHS = (("tasks", "folder"), ("data", "archive"), *((_OFFICIAL, key) for key in ("tasks", "functions", "chart")))
"""The tables and keys that name files and folders, from the environment file's own folder on."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The contents of an environment file.

    Attributes:
        id: The Gymnasium id.
        summary: A few words on what it is.
        families: Names of the families that take part; empty for all.
        kind: Only families of this kind, or None.
        difficulty: Only families of this difficulty, or None.
        cases: ``frozen`` for the canonical ones, ``validation`` for those of ``validation.jsonl``, or ``drawn``.
        count: With drawn cases, so many of each family are drawn once and kept; 0 for fresh ones at every reset.
        distinct: With drawn cases, how many different ones each family must have at least; the audit counts them.
        seed: Which they are.
        folder: A folder of task families to use instead of the installed ones, or None.
        cohort: The name of a generated cohort.
        archive: A file to use instead of a generated cohort, or None.
        official: The files of the official protocol.
        protocol: The protocol's name.
        backend: The name of the kind of backend, as in ``embedded``.
        settings: The backend's settings, of the type that its kind names.
        max_steps: Actions after which an episode is truncated; None for those that each family says, else 8.
        max_obs_chars: Longest ``text`` and longest ``fhir`` of an observation, or None.
        reward: ``sparse`` for 1 where a case is solved and 0 where not, ``partial`` for the verdict's credit.
        actions: The verbs of an agent's requests, GET and POST among them.
        minutes_per_action: Simulated minutes that a request takes, 0 to 1,440; nothing where a family has no clock.
        services: Only families of these services; empty for all.
        knowledge: The place of a family's protocol: ``prompt``, ``handbook`` or ``none``.
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
    official: OfficialFiles = OfficialFiles()  # noqa: RUF009  (frozen)
    protocol: str = "ehr"
    backend: str = EMBEDDED
    settings: Any = None
    max_steps: int | None = None
    max_obs_chars: int | None = None
    reward: str = "sparse"
    actions: tuple[str, ...] = VERBS
    minutes_per_action: int = USUAL_MINUTES
    services: tuple[str, ...] = ()
    knowledge: str = HANDBOOK
    modules: tuple[str, ...] = ()
    extra: str = ""

    def __post_init__(self) -> None:
        """Gives the backend its usual settings where there are none for it, and checks the verbs.

        Raises:
            UsageError: ``actions`` holds something else than verbs, or GET or POST is not among them; or
                ``minutes_per_action`` is no number of minutes.
        """
        given = self.actions
        listed = isinstance(given, list | tuple) and all(isinstance(verb, str) for verb in given)
        if not listed or not set(VERBS) <= set(given) <= set(ALL_VERBS):
            raise UsageError(
                f"{self.id}: actions are {', '.join(VERBS)} and any of {', '.join(ALL_VERBS[2:])}, not {given!r}"
            )
        minutes = self.minutes_per_action
        if not isinstance(minutes, int) or isinstance(minutes, bool) or not 0 <= minutes <= 1440:
            raise UsageError(f"{self.id}: minutes_per_action is a whole number from 0 to 1440, not {minutes!r}")
        if self.knowledge not in KNOWLEDGE:
            raise UsageError(f"{self.id}: knowledge is one of {', '.join(KNOWLEDGE)}, not {self.knowledge!r}")
        object.__setattr__(self, "services", tuple(self.services))
        object.__setattr__(self, "actions", tuple(verb for verb in ALL_VERBS if verb in given))
        kind = find_kind(self.backend)
        if kind is not None and not isinstance(self.settings, kind.settings):
            object.__setattr__(self, "settings", kind.settings())

    @property
    def backend_kind(self) -> BackendKind[Any]:
        """The kind of its backend.

        Raises:
            UsageError: There is no such backend; the text lists those there are.
        """
        try:
            return backend_kind(self.backend)
        except UsageError as error:
            raise UsageError(f"{self.id}: {error}") from None

    def check_installed(self) -> None:
        """Checks that what it needs is there.

        Raises:
            NotInstalledError: Something is not; the text says which command installs it.
        """
        missing = [name for name in self.modules if importlib.util.find_spec(name) is None]
        if missing:
            command = how_to_install(self.extra) if self.extra else f"pip install {' '.join(missing)}"
            raise NotInstalledError(f"{self.id} needs {', '.join(missing)}: {command}")


def read_environment(path: Path, overrides: Mapping[str, Any] | None = None) -> Environment:
    """Reads an environment file; nothing that it names is loaded yet.

    Args:
        path: The file.
        overrides: Values in place of the file's, by the names of their keys, as in ``max_steps=4``, ``servers=2``. One
            for another backend than the one that is chosen is left alone.

    Raises:
        ContentError: The file is not as it should be; the text names it and what is wrong in it.
        UsageError: There is nothing of an override's name.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ContentError(f"{path}: {error}") from None
    if not isinstance(data.get("id"), str) or "-v" not in data["id"]:
        raise ContentError(f'{path}: id is a Gymnasium id with a version, as in "my_lab/Potassium-v0"')
    told: dict[str, Any] = {"id": data.pop("id"), "summary": str(data.pop("summary", ""))}
    for name, table in data.items():
        _check_table(path, name, table)
    for name, key in _PATHS:
        if key in data.get(name, {}):
            data[name][key] = (path.parent / data[name][key]).resolve()
    for name in _TABLES:
        told.update(data.get(name, {}))
    for name, allowed in _CHOICES.items():
        if name in told and told[name] not in allowed:
            raise ContentError(f"{path}: {name} is one of {', '.join(allowed)}, not {told[name]!r}")
    told.update({name: tuple(told[name]) for name in ("families", "services", "modules") if name in told})
    overrides = overrides or {}
    _check_names(overrides)
    told.update({key: value for key, value in overrides.items() if key in _OWN_KEYS})
    kind = find_kind(told.get("backend", EMBEDDED))

    def record(of: Callable[..., Any], table: str) -> Any:
        changed = {key: value for key, value in overrides.items() if key in _keys(of)}
        return of(**{**data.get(table, {}), **changed})

    return Environment(
        official=record(OfficialFiles, _OFFICIAL),
        settings=None if kind is None else record(kind.settings, kind.name),
        **told,
    )


def _keys(of: Any) -> list[str]:
    """The keys that files and overrides have for the fields of a record."""
    return [field.name for field in fields(of)]


def _table_keys(name: str) -> Iterable[str]:
    """The keys of a table; none where there is no such table."""
    if name in _TABLES:
        return _TABLES[name]
    if name == _OFFICIAL:
        return _keys(OfficialFiles)
    kind = find_kind(name)
    return () if kind is None else _keys(kind.settings)


def _check_table(path: Path, name: str, table: object) -> None:
    keys = _table_keys(name)
    if not keys or not isinstance(table, dict):
        known = [each for each in (*_TABLES, _OFFICIAL, *backend_names()) if _table_keys(each)]
        raise ContentError(f"{path}: knows the tables {', '.join(known)}, not {name!r}")
    if unknown := set(table) - set(keys):
        raise ContentError(f"{path}: [{name}] has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(keys))}")


def _check_names(overrides: Mapping[str, Any]) -> None:
    names = {*_OWN_KEYS, *_keys(OfficialFiles)}
    if set(overrides) <= names:
        return
    names.update(*(_keys(backend_kind(name).settings) for name in backend_names()))
    if unknown := set(overrides) - names:
        known = ", ".join(sorted(names - {"id"}))
        raise UsageError(f"an environment has no {', '.join(sorted(unknown))}; it has {known}")


def environment_files() -> list[Path]:
    """Returns all environment files: bundled, of installed packages, and in folders of the environment variable."""
    folders = [bundled_folder("envs")]
    folders.extend(offered_places(ENTRY_POINTS))
    folders.extend(named_places(FOLDERS_VARIABLE))
    return [path for folder in folders for path in sorted(folder.glob("*.toml"))]


def environment_file(name: str) -> Path:
    """Returns the file of an environment.

    Args:
        name: Its id (``mab_gym/`` before it may be left out) or its file.

    Raises:
        UsageError: There is no such id.
        ContentError: The file is not as it should be.
    """
    if name.endswith(".toml"):
        read_environment(Path(name))
        return Path(name)
    files = files_by_id()
    found = files.get(name) or files.get(f"mab_gym/{name}")
    if found is None:
        raise UsageError(f"there is no environment {name!r}; there are: {', '.join(files)}")
    return found


def sibling(name: str, split: str | None) -> str:
    """Returns the id of the environment with another split of the same tasks: ``…-Train-v0`` beside ``…-v0``.

    Args:
        name: An environment's id, with or without ``mab_gym/`` before it; without a split also a file.
        split: One of `SPLITS`; ``test`` is the environment without a split in its id. None for the environment itself.

    Raises:
        UsageError: There is no such split, or this environment has none such.
    """
    if split is None:
        return name
    if split not in SPLITS:
        raise UsageError(f"a split is {', '.join(SPLITS)}, not {split!r}")
    whole = re.fullmatch(r"(.+?)(?:-Train|-Validation)?(-v\d+)", name)
    if name.endswith(".toml") or whole is None:
        raise UsageError(f"a split goes with an environment's id, not with {name!r}")
    wanted = f"{whole[1]}{'' if split == 'test' else f'-{split.capitalize()}'}{whole[2]}"
    files = files_by_id()
    for each in (wanted, f"mab_gym/{wanted}"):
        if each in files:
            return each
    raise UsageError(f"there is no {wanted}; there are: {', '.join(files)}")


def files_by_id() -> dict[str, Path]:
    """Returns the files of all environments at hand by their ids.

    Raises:
        ContentError: One of them is not as it should be.
    """
    return {read_environment(path).id: path for path in environment_files()}
