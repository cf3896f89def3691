"""Rules that say what is asked for when: rows of ``orders.csv`` and ``examinations.csv``."""

from __future__ import annotations

from dataclasses import dataclass

from mab_gym.cohort._data import read_table
from mab_gym.cohort.hospital._catalogue_results import TABLES


@dataclass(frozen=True)
class Order:
    """One row: which panels or examinations are asked for in which setting.

    Attributes:
        about: ``any``, ``reason``, ``condition`` or ``drug``.
        key: Key of the reason, the condition or the drug.
        setting: ``clinic``, ``emergency``, ``admission``, ``daily`` or ``serial``.
        panels: Keys of panels, or of examinations.
        chance: That they are ordered where they are due.
        every: Days since the last time.
        hours: For serial ones, hours after the beginning.
        least: Least age in years.
        most: Highest age.
        sex: ``F``, ``M`` or empty.
    """

    about: str
    key: str = ""
    setting: str = ""
    panels: tuple[str, ...] = ()
    chance: float = 1.0
    every: int = 0
    hours: tuple[float, ...] = ()
    least: int = 0
    most: int = 200
    sex: str = ""


def read_rules(name: str) -> dict[tuple[str, str], list[Order]]:
    """Reads a table, by setting and by what its rows are about, as in ``condition sepsis``."""
    found: dict[tuple[str, str], list[Order]] = {}
    for row in read_table(name, Order, TABLES):
        found.setdefault((row.setting, f"{row.about} {row.key}"), []).append(row)
    return found
