"""The drug that an order names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from mab_gym.dynamics._catalogues import Drug, formulary
from mab_gym.tasking.meaning._said import listed, member, words_of
from mab_gym.tasking.meaning.terms import RXNORM


def find_drug(order: Mapping[str, Any]) -> Drug | str:
    """Returns the drug that an order names, or why there is none."""
    concept = order.get("medicationCodeableConcept")
    codings = [each for each in listed(member(concept, "coding"))[:8] if isinstance(each, Mapping)]
    named = [text for text in words_of(concept) if isinstance(text, str)]
    named += [text for text in (member(order.get("medicationReference"), "display"),) if isinstance(text, str)]
    found = {drug for text in named[:8] for drug in _named(text[:300])}
    if not found:
        found = {
            drug.drug
            for coding in codings
            for drug in formulary().values()
            if drug.rxnorm and coding.get("system") == RXNORM and coding.get("code") == drug.rxnorm
        }
    if len(found) == 1:
        return formulary()[found.pop()]
    said = (named or [str(member(codings[0], "code"))] if named or codings else ["nothing"])[0][:80]
    if found:
        return f"{said!r} names several drugs: {', '.join(sorted(found))}; order each by itself"
    return f"{said!r} is no drug of this hospital's formulary; order it by its ingredient's name"


def _named(text: str) -> Iterator[str]:
    """Yields the drugs that a text names; of two names at one place, the longer one."""
    solute = re.split(r" in ", text.lower().replace(",", " "), maxsplit=1)[0]  # "in sodium chloride" is no drug
    for found in _names().finditer(" ".join(solute.split())):
        yield _by_name()[found.group(0)]


@cache
def _by_name() -> Mapping[str, str]:
    return {name: drug.drug for drug in formulary().values() for name in drug.names}


@cache
def _names() -> re.Pattern[str]:
    longest = sorted(_by_name(), key=len, reverse=True)
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, longest))})(?![a-z0-9])")
