"""Shows a chart in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mab_gym.charts._chart import ChartEntry, PatientChart, ResultPoint, when
from mab_gym.charts._ranges import flag, readable_unit

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_SPARKS: Final = 16
_MOST_ROWS: Final = 15
_STYLES: Final = {"H": "bold red", "L": "bold blue"}


def rendered(chart: PatientChart, now: datetime, *, whole: bool = False) -> Iterator[RenderableType]:
    """Yields the parts of the chart.

    Args:
        chart: The chart to show.
        now: The record system's clock.
        whole: True to show long lists to their ends.
    """
    age = chart.age(now)
    born = f"born {chart.born}" if chart.born else "date of birth not known"
    head = f"{chart.name or '(no name)'}  ·  {chart.mrn}  ·  {chart.gender or 'gender not known'}  ·  {born}"
    yield Text(head + (f" ({age} years)" if age is not None else ""), style="bold")
    if chart.facts:
        yield Text("  ".join(f"{label}: {fact}" for label, fact in chart.facts.items()), style="dim")
    yield _entries("Allergies", chart.allergies, "status", whole)
    yield _entries("Conditions", chart.conditions, "status", whole)
    yield _entries("Medications", chart.medications, "last order", whole)
    yield _results(chart)
    texts = sorted(chart.texts.values(), key=lambda entry: -(entry.last or 0))
    yield _entries("Other results", texts, "last result", whole)
    yield _entries("Encounters", chart.encounters, "status", whole)
    yield _entries("Procedures", chart.procedures, "status", whole)
    for name, entries in chart.others.items():
        yield _entries(name, entries, "status", whole)


def _entries(title: str, entries: Sequence[ChartEntry], label: str, whole: bool) -> RenderableType:
    if not entries:
        return Text(f"{title}: none", style="dim")
    table = Table(title=title, title_justify="left")
    for column in ("what", "code", label):
        table.add_column(column)
    table.add_column("times", justify="right")
    table.add_column("first")
    table.add_column("last")
    shown = entries if whole else entries[:_MOST_ROWS]
    for entry in shown:
        said = ", ".join(part for part in (entry.detail, entry.status) if part)
        span = (when(entry.first, "days"), when(entry.last, "days"))
        table.add_row(escape(entry.name), escape(entry.code), escape(said), f"{entry.count:,}", *span)
    if len(shown) < len(entries):
        table.add_row(f"and {len(entries) - len(shown)} more (--all)", "", "", "", "", "", style="dim")
    return table


def _results(chart: PatientChart) -> RenderableType:
    table = Table(title="Latest results (of those not entered in error; times in UTC)", title_justify="left")
    for column in ("result", "unit", "when", "before", "range", "course", ""):
        table.add_column(column)
    table.columns[0].no_wrap = True
    table.add_column("count", justify="right")
    for series in chart.series.values():
        if valid := series.valid:
            reference = chart.reference(series)
            last = valid[-1]
            mark = flag(last.value, reference.limits if reference else None)
            value = Text(f"{series.name} {last.value:g} {mark}".rstrip(), style=_STYLES.get(mark, ""))
            before = f"{valid[-2].value:g}" if len(valid) > 1 else ""
            span = str(reference or "")
            note = "a later one was entered in error" if series.points[-1].void else ""
            note = note or (last.status if last.status not in ("final", "") else "")
            row = (escape(readable_unit(series.unit)), when(last.time), before, span, spark(valid), note)
            table.add_row(value, *row, f"{len(series.points):,}")
    return table if table.row_count else Text("Results: none", style="dim")


def spark(points: Sequence[ResultPoint]) -> str:
    """Returns the last values as a row of block characters."""
    values = [point.value for point in points[-_SPARKS:]]
    low, high = min(values), max(values)
    if low == high:
        return _BLOCKS[3] * len(values)
    return "".join(_BLOCKS[int((value - low) / (high - low) * (len(_BLOCKS) - 1))] for value in values)
