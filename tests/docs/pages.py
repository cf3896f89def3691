"""The pages of the documentation, and the files and commands that a page shows to its reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gymnasium

from mab_gym.fhir.model import _own_parameters
from mab_gym.tasking import _catalogue
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FILE = re.compile(r"^`([\w./]+)`:\n\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def title(page: Path) -> str:
    """The path of a page from the repository's root on."""
    return page.relative_to(ROOT).as_posix()


def written_by(page: Path, folder: Path) -> list[Path]:
    """Writes the files that a page shows with their names into a folder, as its reader does."""
    written = []
    for name, text in _FILE.findall(page.read_text(encoding="utf-8")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def commands_of(page: Path) -> list[str]:
    """The ``mab-gym`` lines of a page, without their comments."""
    lines = re.findall(r"^    (mab-gym [^#\n]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [line.strip() for line in lines]


@contextmanager
def registrations_undone() -> Iterator[None]:
    """Takes back the ids, folders and search parameters that a reader's program registers."""
    ids, folders = set(gymnasium.registry), list(_catalogue._REGISTERED)
    yield
    _catalogue._REGISTERED[:] = folders
    _own_parameters._REGISTERED.clear()
    _own_parameters.forget_parameters()
    for added in set(gymnasium.registry) - ids:
        del gymnasium.registry[added]
