"""The places of content: beside the code, in folders that a user names, and in installed packages.

Environment files and task families are bundled: in an installed wheel inside the package (``mab_gym/_bundled``), in a
checkout at the top level.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

from mab_gym.errors import ContentError

_PACKAGE = Path(__file__).resolve().parent


def bundled_folder(name: str) -> Path:
    """Returns the folder ``tasks`` or ``envs`` of this installation.

    Raises:
        ContentError: It is neither in the package nor beside it.
    """
    for candidate in (_PACKAGE / "_bundled" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise ContentError(f"this installation has no folder {name!r}; install the wheel, or run from a whole checkout")


def named_places(variable: str) -> Iterator[Path]:
    """Yields the files and folders that an environment variable names, separated as in PATH."""
    return (Path(name) for name in os.environ.get(variable, "").split(os.pathsep) if name)


def offered_places(group: str) -> Iterator[Path]:
    """Yields the files and folders that installed packages offer under an entry point group."""
    return (Path(str(point.load())) for point in entry_points(group=group))
