"""Lines that install this package work from a clone, as there is no release, and name extras that there are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.pages import PAGES, title

FILES = [*PAGES, *sorted((ROOT / "examples").rglob("*.*")), *sorted((ROOT / "scripts").glob("*"))]
_LINE = re.compile(r"pip install [^\n#`]*")
_EXTRAS = re.compile(r"\.\[([\w, -]+)\]")


@pytest.mark.parametrize("file", [file for file in FILES if file.is_file()], ids=title)
def test_lines_that_install_work_from_a_clone(file: Path) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    text = file.read_text(encoding="utf-8", errors="replace")
    for line in _LINE.findall(text):
        assert not re.search(r"\bmab[-_]gym\b", line.replace("-e /path/to", "")), f"there is no release: {line}"
    for extras in _EXTRAS.findall(text):
        assert {extra.strip() for extra in extras.split(",")} <= set(known)
