"""The files of the handbook's pages, read without anything else of the hospital."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

from mab_gym.errors import ContentError

FOLDER: Final = Path(__file__).with_name("tables") / "handbook"


@cache
def keys() -> tuple[str, ...]:
    """Returns the keys of all pages, in order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def read_page(key: str) -> dict[str, Any]:
    """Returns the contents of a page's file."""
    return tomllib.loads((FOLDER / f"{key}.toml").read_text(encoding="utf-8"))


@cache
def page_text(number: str) -> str:
    """Returns a page's title and text as they hold now.

    Args:
        number: The hospital's own number, as in ``MED-101``.

    Raises:
        ContentError: There is no such page.
    """
    pages = {read_page(key)["number"]: read_page(key) for key in keys()}
    if number not in pages:
        raise ContentError(f"the handbook has no page {number}; its pages are {', '.join(sorted(pages))}")
    return f"{number} {pages[number]['title']}\n\n{str(pages[number]['text']).strip()}"
