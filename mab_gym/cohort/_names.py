"""Names and places that people are made of; they stand in ``tables/names.toml``."""

from __future__ import annotations

import tomllib
import unicodedata
from dataclasses import dataclass
from typing import Final

from mab_gym.cohort._data import FOLDER


@dataclass(frozen=True, slots=True)
class Ancestry:
    """People of one ancestry: their names, and how their race and ethnicity are recorded.

    Attributes:
        weight: How many of a thousand people.
        race: Code and display of HL7 v3 Race.
        hispanic: True if the recorded ethnicity is Hispanic or Latino.
        families: Family names.
        women: Women's given names.
        men: Men's given names.
    """

    weight: int
    race: tuple[str, str]
    hispanic: bool
    families: tuple[str, ...]
    women: tuple[str, ...]
    men: tuple[str, ...]


def _listed(text: str, separator: str = ",") -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.split(separator))


_TABLE = tomllib.loads((FOLDER / "names.toml").read_text(encoding="utf-8"))
_NAMES = {name: {kind: _listed(text) for kind, text in lists.items()} for name, lists in _TABLE["names"].items()}

ANCESTRIES: Final = tuple(
    Ancestry(each["weight"], tuple(each["race"]), each["hispanic"], **_NAMES[each["names"]])
    for each in _TABLE["ancestries"]
)
LOOKALIKES: Final = tuple(_listed(names) for names in _listed(_TABLE["others"]["lookalikes"], ";"))
"""Names that are easily taken for each other."""
STREETS: Final = _listed(_TABLE["places"]["streets"])
STREET_KINDS: Final = _listed(_TABLE["places"]["street_kinds"])
TOWNS: Final = tuple(tuple(town) for town in _TABLE["places"]["towns"])
"""Invented towns with their states and the first three digits of their postal codes."""
CLINICIANS: Final[tuple[str, ...]] = tuple(_TABLE["others"]["clinicians"])
"""People who order things, with their degrees."""


def folded(name: str) -> str:
    """A name without case and accents, as FHIR servers compare strings (FHIR R4, 3.1.1.4.3)."""
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
