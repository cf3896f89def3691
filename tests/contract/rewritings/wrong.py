"""Wrong rewritings: they contradict what was asked for, harm, cannot be understood, or mean something else."""

from __future__ import annotations

from collections.abc import Iterator

from tests.contract.rewritings import (
    wrong_amounts,
    wrong_codes,
    wrong_elements,
    wrong_times,
    wrong_values,
    wrong_words,
)
from tests.contract.rewritings.grammar import Change
from tests.contract.rewritings.meaning import Ask


def changes(ask: Ask) -> Iterator[Change]:
    """One write in every wrong form."""
    for module in (wrong_values, wrong_codes, wrong_amounts, wrong_times, wrong_elements, wrong_words):
        yield from module.changes(ask)
