"""Shows a chart in the terminal, as tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from mab_gym import _tables as t
from mab_gym.charts._chart import ChartEntry, PatientChart, when
from mab_gym.charts._kinds import KINDS
from mab_gym.charts._notes import Note
from mab_gym.charts._ranges import Reference, flag, readable_unit
from mab_gym.charts._stay import Stay
from mab_gym.charts._stay_text import stay_lines

_RESULTS: Final = "results"
_MOST_ROWS: Final = 15
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_SPARKS: Final = 16
_STAYS: Final = 2
"""Stays that are drawn where not everything is shown."""
_WIDEST: Final = 140
_STYLES: Final = {"H": "bold red", "L": "bold blue"}


def rendered(chart: PatientChart, now: datetime, *, whole: bool = False, width: int = 80) -> Iterator[RenderableType]:
    """Yields the parts of the chart.

    Args:
        chart: The chart to show.
        now: The record system's clock.
        whole: True to show long lists to their ends, every stay, and the texts of notes.
        width: The number of columns for stays.
    """
    age = chart.age(now)
    born = f"born {chart.born}" if chart.born else "date of birth not known"
    head = f"{chart.name or '(no name)'}  ·  {chart.mrn}  ·  {chart.gender or 'gender not known'}  ·  {born}"
    yield Text(head + (f" ({age} years)" if age is not None else ""), style="bold")
    if chart.facts:
        yield Text("  ".join(f"{label}: {fact}" for label, fact in chart.facts.items()), style="dim")
    for table in chart_tables(chart):
        if table.key == _RESULTS:
            for stay in _shown(chart, whole):
                yield from stay_lines(stay, min(width, _WIDEST))
                yield Text()
        if not table.rows:
            yield Text(f"{table.title.partition(' (')[0]}: none", style="dim")
        elif whole or table.key == _RESULTS or len(table.rows) <= _MOST_ROWS:
            yield table
        else:
            note = f"and {len(table.rows) - _MOST_ROWS} more (--all)"
            yield replace(table, rows=table.rows[:_MOST_ROWS], note=note)
    if whole:
        for written in chart.notes:
            yield from _note(written)


def chart_tables(chart: PatientChart) -> Iterator[t.Table]:
    """Yields the tables of a chart, with all their rows."""
    yield _entries("Allergies", chart.allergies, "status")
    yield _entries("Conditions", chart.conditions, "status")
    yield _entries("Medications", chart.medications, "last order")
    yield _results(chart)
    texts = sorted(chart.texts.values(), key=lambda entry: -(entry.last or 0))
    yield _entries("Other results", texts, "last result")
    yield _entries("Encounters", chart.encounters, "status")
    yield _entries("Procedures", chart.procedures, "status")
    for name, entries in chart.others.items():
        title = KINDS[name].title if name in KINDS else name
        yield replace(_entries(title, entries, "status"), key=name.lower())
    yield _notes(chart)


def _shown(chart: PatientChart, whole: bool) -> list[Stay]:
    """Returns the stays to draw, the newest first: all of them, or a few, inpatient stays before the others."""
    stays = [stay for stay in chart.stays if not stay.empty]
    if whole:
        return stays
    few = sorted(stays, key=lambda stay: (stay.title.startswith("emergency:"), -stay.begin))[:_STAYS]
    return sorted(few, key=lambda stay: -stay.begin)


def _notes(chart: PatientChart) -> t.Table:
    columns = [
        t.Column("when", "time"),
        t.Column("kind", "kind", t.PROSE),
        t.Column("title", "title", t.PROSE),
        t.Column("author", "author", t.PROSE),
        t.Column("state", "status"),
        t.Column("letters", "letters", t.COUNT),
    ]
    rows = [(when(note.time), note.kind, note.title, note.author, note.status, len(note.text)) for note in chart.notes]
    return t.Table("notes", "Notes", columns, rows)


def _note(note: Note) -> Iterator[Text]:
    head = "  ·  ".join(
        part for part in (when(note.time), note.kind.strip("()"), note.title, note.author, note.status) if part
    )
    yield Text(f"\n{head}", "bold")
    yield Text(note.text)


def _entries(title: str, entries: Sequence[ChartEntry], label: str) -> t.Table:
    columns = [
        t.Column("what", "name", t.PROSE),
        t.Column("code", "code"),
        t.Column(label, "said", t.PROSE),
        t.Column("times", "count", t.COUNT),
        t.Column("first", "first"),
        t.Column("last", "last"),
    ]
    rows = []
    for entry in entries:
        said = ", ".join(part for part in (entry.detail, entry.status) if part)
        span = (when(entry.first, "days"), when(entry.last, "days"))
        rows.append((entry.name, entry.code, said, entry.count, *span))
    return t.Table(re.sub(r"\W+", "_", title.lower()), title, columns, rows)


def _results(chart: PatientChart) -> t.Table:
    columns = [
        t.Column("result", "name"),
        t.Column("value", "value", t.NUMBER),
        t.Column("", "flag", t.Kind(right=False, style=lambda mark: _STYLES.get(mark, ""))),
        t.Column("unit", "unit"),
        t.Column("when", "time"),
        t.Column("before", "before", t.NUMBER),
        t.Column("range", "range", t.Kind(lambda limits: str(Reference(limits, "")), right=False)),
        t.Column("course", "course", t.Kind(spark, right=False)),
        t.Column("note", "note", t.PROSE),
        t.Column("count", "count", t.COUNT),
    ]
    rows = []
    for series in chart.series.values():
        if valid := series.valid:
            last, reference = valid[-1], chart.reference(series)
            limits = reference.limits if reference else None
            before = valid[-2].value if len(valid) > 1 else None
            course = [point.value for point in valid[-_SPARKS:]]
            note = "a later one was entered in error" if series.points[-1].void else ""
            note = note or ("haemolysed" if last.spoilt else last.status if last.status not in ("final", "") else "")
            found = (series.name, last.value, flag(last.value, limits), readable_unit(series.unit), when(last.time))
            rows.append((*found, before, limits, course, note, len(series.points)))
    return t.Table(_RESULTS, "Latest results (of those not entered in error; times in UTC)", columns, rows)


def spark(values: Sequence[float]) -> str:
    """Returns values as a row of block characters."""
    low, high = min(values), max(values)
    if low == high:
        return _BLOCKS[3] * len(values)
    return "".join(_BLOCKS[int((value - low) / (high - low) * (len(_BLOCKS) - 1))] for value in values)
