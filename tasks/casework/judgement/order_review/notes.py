"""Statements of notes on drugs, as the solution reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

_BORNE: Final = (
    re.compile(
        r"(?:took|was given|got) [\w ,-]{3,50} in \d{4} (?:without|and had no) (?:any reaction|trouble|rash), "
        r"(?:in spite of|although listed with) ([\w -]{3,50}?) allergy"
    ),
    re.compile(
        r"(?:tolerated|taken without reaction) in \d{4}, (?:so the|which speaks against) ([\w -]{3,50}?) "
        r"(?:label is doubtful|allergy)"
    ),
)
_NUMBER: Final = r"(\d+(?:\.\d+)?) ?(?:mg|mcg|g|units?|ug)"


def plain(text: str) -> str:
    """Returns a text in lower case on one line."""
    return re.sub(r"\s+", " ", text).lower()


def borne_in(texts: Iterable[str]) -> set[str]:
    """Returns the substances that notes say were borne in spite of an allergy."""
    return {match[1] for text in texts for pattern in _BORNE for match in pattern.finditer(text)}


def really_taken(texts: Sequence[str], drug: str) -> float | None:
    """Returns the dose that notes say is really taken each time, 0 for none; None if none says anything."""
    name = re.escape(drug)
    stopped = re.compile(
        rf"(?:(?:stopped|quit|came off|gave up) {name}\b(?! in error)|(?:has not taken|no longer taking) {name}\b|"
        rf"\boff {name} since|{name} (?:still on the list|on our list), but|(?:bottle of|holds no) {name}\b)"
    )
    halved = re.compile(
        rf"(?:takes {_NUMBER} of {name}\b|(?:cuts|splits|breaks) the {name}: {_NUMBER}|"
        rf"(?:really takes|actual dose): {name} {_NUMBER})"
    )
    for text in texts:
        match = halved.search(text)
        if match is not None:
            return float(match[1] or match[2] or match[3])
        if stopped.search(text):
            return 0.0
    return None
