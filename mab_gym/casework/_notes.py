"""Reads which notes tell a fact, for draws: the ledger's own, and corrected notes that took over its words."""

from __future__ import annotations

from mab_gym.casework._arrivals import note_text
from mab_gym.tasking.chart import Chart, LedgerFact

__all__ = ["notes_that_tell"]


def notes_that_tell(chart: Chart, mrn: str, fact: LedgerFact) -> tuple[str, ...]:
    """Returns the references of all notes that tell a fact, so that whoever cites any of them is right.

    A corrected note repeats the one that it replaces but for what was wrong in it. The ledger names the notes in which
    a fact was written down, and not their corrections.

    Args:
        chart: The records.
        mrn: The person.
        fact: A fact of the ledger.
    """

    def look() -> tuple[tuple[str, str], ...]:
        corrected = chart.search("DocumentReference", patient=mrn, relation="replaces", _count="200")
        return tuple((each["id"], note_text(each)) for each in corrected)

    corrected = chart.remember(("corrected notes", mrn), look)
    also = [each for each, text in corrected if any(words and words in text for words in fact.quotes)]
    return tuple(f"DocumentReference/{each}" for each in dict.fromkeys([*fact.documents, *also]))
