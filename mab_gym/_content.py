"""The content beside the code: environment files and task families.

In an installed wheel it is inside the package (``mab_gym/_bundled``), in a checkout at the top level.
"""

from __future__ import annotations

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
