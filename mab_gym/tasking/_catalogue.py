"""All available task families: the bundled ones, those in a user's folders, and those of installed packages."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mab_gym._content import bundled_folder, named_places, offered_places
from mab_gym._opening import Opened
from mab_gym.errors import ContentError, UsageError
from mab_gym.tasking._family import SERVICE, Family, Stamps, load_family, stamps
from mab_gym.tasking.case import Case

ENTRY_POINTS = "mab_gym.tasks"
"""Installed packages offer folders of families under this entry point group: ``name = "module:PATH"``."""
FOLDERS_VARIABLE = "MAB_GYM_TASKS"
"""Environment variable with further folders of families, separated as in PATH; the code in them is executed."""


_REGISTERED: list[Path] = []


def register_families(folder: str | Path) -> None:
    """Makes a folder of families known in this process, as if ``MAB_GYM_TASKS`` named it.

    Environments that name no folder of their own play them from then on; a family of a name that is there already is
    refused by the next ``make``. The Python files in it run with all rights of this process.

    Args:
        folder: The folder; each family is a folder in it.

    Raises:
        ContentError: There is no such folder, or a family in it is incomplete or wrong.
    """
    path = Path(folder).resolve()
    load_folder(path)
    if path not in _REGISTERED:
        _REGISTERED.append(path)


def registered_families() -> tuple[Path, ...]:
    """Returns the folders that were made known in this process."""
    return tuple(_REGISTERED)


class Catalogue(Mapping[str, Family]):
    """Families by name, in the order of their numbers."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families: dict[str, Family] = {}
        for family in sorted(families, key=lambda f: (f.number, f.name)):
            if family.name in self._families:
                raise ContentError(f"there are two task families named {family.name!r}; rename one of the folders")
            self._families[family.name] = family

    def __getitem__(self, name: str) -> Family:
        return self._families[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._families)

    def __len__(self) -> int:
        return len(self._families)

    def family(self, name: str) -> Family:
        """Returns one family.

        Raises:
            UsageError: There is no family of this name.
        """
        if name not in self._families:
            raise UsageError(f"there is no task family {name!r}; there are: {', '.join(self._families)}")
        return self._families[name]

    def case(self, case_id: str) -> Case:
        """Returns a canonical case by its id, as in ``latest_magnesium/07``.

        Raises:
            UsageError: There is no case of this id.
        """
        if not isinstance(case_id, str):
            raise UsageError(f"a case id is a text such as 'latest_magnesium/07', not {case_id!r}")
        name, _, number = case_id.partition("/")
        family = self.family(name)
        wanted = int(number) if number.isdecimal() else 0
        # Cases are usually numbered from 1, so look there first.
        for case in (*family.cases[wanted - 1 : wanted], *family.cases) if wanted else ():
            if case.number == wanted:
                return case
        raise UsageError(
            f"there is no case {case_id!r}; {name} has {name}/01 to {name}/{len(family.cases):02d} (mab-gym tasks list)"
        )


def load_folder(folder: Path) -> list[Family]:
    """Loads all families in a folder of families; the code in them is executed (see SECURITY.md).

    Raises:
        ContentError: There is no such folder, or a family in it is incomplete or wrong.
    """
    return [load_family(Path(found.folder)) for found in _families(folder)]


class _Found(NamedTuple):
    """A family's folder, and the stamps of its files."""

    folder: str
    state: Stamps


def _families(folder: Path) -> tuple[_Found, ...]:
    """Finds the families of a folder, and those of the services in it, ordered by name."""
    try:
        children = _folders(folder)
    except OSError:
        raise ContentError(f"there is no folder of task families at {folder}") from None
    found: list[_Found] = []
    for child in children:
        state = stamps(child)
        if _has(state, "task.toml"):
            found.append(_Found(child, state))
        elif _has(state, SERVICE):
            below = ((each, stamps(each)) for each in _folders(child))
            found += [_Found(each, state) for each, state in below if _has(state, "task.toml")]
    return tuple(found)


def _folders(folder: Path | str) -> list[str]:
    with os.scandir(folder) as found:
        return sorted(entry.path for entry in found if entry.is_dir())


def _has(state: Stamps, file: str) -> bool:
    return any(name == file for name, _ in state)


_LOADED: Opened[Catalogue] = Opened()


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Loads the families of one folder, or all available ones.

    They are loaded once, and again if one of their files has changed.

    Args:
        folder: The folder of families; None for all: bundled, of installed packages, and of ``MAB_GYM_TASKS``.

    Raises:
        ContentError: A folder does not exist, or a family is incomplete or wrong.
    """
    if folder is None:
        folders = (bundled_folder("tasks"), *_offered(), *named_places(FOLDERS_VARIABLE), *_REGISTERED)
    else:
        folders = (folder,)
    state = tuple((_families(each), stamps(each)) for each in folders)
    return _LOADED.get(folders, state, lambda: Catalogue(family for each in folders for family in load_folder(each)))


@cache
def _offered() -> tuple[Path, ...]:
    """The folders that installed packages offer."""
    return tuple(offered_places(ENTRY_POINTS))
