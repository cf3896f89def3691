"""Reads the words of official instructions: the people they are about, and the texts to write down.

The stand-in chart and the reference agent both read tasks by this module alone, so neither knows more than the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_MRN = re.compile(r"\bS\d{7}\b", re.ASCII)
_PERSON = re.compile(
    r"\bnamed?\s+(?:of\s+|is\s+)?(?P<name>\S.*?)\s*,?\s+and\s+(?:a\s+)?(?:DOB|date\s+of\s+birth)\s+(?:of\s+|is\s+)?"
    r"(?P<birth>\d{4}-\d\d-\d\d)",
    re.ASCII | re.IGNORECASE,
)
_QUOTED = re.compile(r'"([^"]+)"')


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """A person as an instruction of category 1 names them.

    Attributes:
        given: Given names, one at least.
        family: The last of the names.
        birth: Date of birth.
    """

    given: tuple[str, ...]
    family: str
    birth: date


def named_person(instruction: str) -> NamedPerson | None:
    """Returns the name and date of birth in an instruction; None where they cannot be read."""
    found = _PERSON.search(instruction)
    if found is None:
        return None
    *given, family = found["name"].split()
    try:
        birth = date.fromisoformat(found["birth"])
    except ValueError:
        return None
    return NamedPerson(tuple(given), family, birth) if given else None


def named_mrns(instruction: str) -> list[str]:
    """Returns the MRNs in an instruction, each once, in order."""
    return list(dict.fromkeys(_MRN.findall(instruction)))


def quoted(instruction: str) -> str:
    """Returns the first text in double quotes, which has to be written word for word; empty where there is none."""
    found = _QUOTED.search(instruction)
    return "" if found is None else found[1]
