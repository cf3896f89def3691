"""Reads which notes tell a fact, and which report a note holds the text of, for draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework._arrivals import note_text
from mab_gym.tasking.chart import Chart, LedgerFact

__all__ = ["notes_that_tell", "report_of"]

_SIGNED: Final = timedelta(minutes=2)
"""The greatest time between a report and the note that holds its text."""


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


def report_of(note: Mapping[str, Any] | None, reports: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Returns the DiagnosticReport that a note about imaging holds the text of; None for other notes.

    Args:
        note: A DocumentReference, if there is one.
        reports: The DiagnosticReports of the same person.
    """
    if note is None or "imaging" not in str(note["type"].get("text", "")):
        return None
    when, title = datetime.fromisoformat(note["date"]), str(note["description"]).lower()
    fitting = [
        each
        for each in reports
        if each.get("issued")
        and each.get("basedOn")
        and abs(datetime.fromisoformat(each["issued"]) - when) < _SIGNED
        and str(each["code"].get("text", "")).lower() in title
    ]
    return fitting[0] if len(fitting) == 1 else None
