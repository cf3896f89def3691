"""Clears between the files of these tests what was remembered."""

from __future__ import annotations

import pytest

from mab_gym.tasking.meaning import _words as words
from mab_gym.tasking.meaning.units import read_unit


@pytest.fixture(autouse=True, scope="module")
def nothing_remembered() -> None:
    """Forgets the units and texts that were read before; `scripts/mutants` changes the code below them."""
    read_unit.cache_clear()
    words._read_short.cache_clear()
