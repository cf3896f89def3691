"""Shows a chart as one self-contained HTML page, with styles, plots and a little script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Final, TypeVar

from mab_gym.charts._chart import NO_ALLERGY, ChartEntry, PatientChart, when
from mab_gym.charts._kinds import KINDS
from mab_gym.charts._notes import Note
from mab_gym.charts._plots import Line, plot
from mab_gym.charts._ranges import RESULTS, SOURCES, Range, flag, readable_unit
from mab_gym.charts._series import Series
from mab_gym.charts._stay_block import LEGEND, stay_block

_T = TypeVar("_T")
_DAY: Final = 86400
_SPANS: Final = (("5 years", 1826 * _DAY), ("1 year", 365 * _DAY), ("30 days", 30 * _DAY), ("24 hours", _DAY))
_FIRST: Final = (
    "K", "MG", "GLU", "A1C", "CREA", "EGFR", "NA", "HGB", "WBC", "PLT", "INR",
    "systolic", "diastolic", "HR", "T", "SPO2", "RR", "WT",
)  # fmt: skip
"""The order of well-known series; others follow."""
_PRESSURES: Final = ("systolic", "diastolic")
"""The two series of a blood pressure; these are no codes of the record."""
_RULE: Final = (
    "Active before inactive before resolved; within these what threatens life, then serious lasting diseases, other "
    "diseases, symptoms and minor complaints, and examinations (by code)."
)


def page(chart: PatientChart, now: datetime) -> str:
    """Returns the whole page.

    Args:
        chart: The chart to show.
        now: The record system's clock, at which the plots end.
    """
    title = f"{chart.name or chart.mrn} · chart"
    script = _bundled("page.js")
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_bundled('page.css')}{_bundled('stay.css')}</style></head><body>",
            *_banner(chart, now),
            "<main>",
            *_allergies(chart),
            *_other(chart, "Flag"),
            '<div class="two">',
            *_table("Problems", _problems(chart), "status", 14, _RULE),
            *_table("Medications", chart.medications, "last order", 14),
            "</div>",
            *_encounters(chart),
            *_stays(chart),
            *_notes(chart),
            *_results(chart),
            *_plots(chart, int(now.timestamp())),
            *_more(chart),
            "</main>",
            f"<footer>Shown as of {when(int(now.timestamp()))} UTC; times are in UTC. Shaded: the reference range. "
            "Long series are drawn by the least and greatest value of each stretch of time, the last day point by "
            "point. Crosses were entered in error.</footer>",
            f"<script>{script}</script></body></html>",
        )
    )


def _bundled(name: str) -> str:
    return files("mab_gym.charts").joinpath(name).read_text(encoding="utf-8")


def _banner(chart: PatientChart, now: datetime) -> Iterator[str]:
    age = chart.age(now)
    facts = {
        "MRN": chart.mrn,
        "sex": chart.gender or "not known",
        "born": chart.born or "not known",
        **({"age": f"{age} years"} if age is not None else {}),
        **chart.facts,
    }
    yield f"<header><h1>{escape(chart.name or '(no name)')}</h1><dl>"
    for label, fact in facts.items():
        yield f"<div><dt>{escape(label)}</dt><dd>{escape(fact)}</dd></div>"
    yield "</dl></header>"


def _allergies(chart: PatientChart) -> Iterator[str]:
    valid = [entry for entry in chart.allergies if not entry.void and entry.code not in NO_ALLERGY]
    kind = "alert" if valid else ""
    yield f'<section class="{kind}"><h2>Allergies <small>{len(valid)}</small></h2>'
    if not valid and all(entry.void for entry in chart.allergies):
        yield "<p>None is recorded. This does not say that there are none.</p>"
    if chart.allergies:
        yield from _rows(chart.allergies, "reaction and status", "recorded")
    yield "</section>"


def _problems(chart: PatientChart) -> list[ChartEntry]:
    return [replace(entry, status=_said(entry)) for entry in chart.conditions]


def _said(entry: ChartEntry) -> str:
    """Returns a problem's status, with the source of one that is not on the problem list."""
    return entry.status if entry.listed or not entry.status else f"{entry.status}; of an encounter"


def _encounters(chart: PatientChart) -> Iterator[str]:
    if chart.encounters or not chart.contacts:
        yield from _table("Encounters", chart.encounters, "reason and status", 8, last="when")
        return
    yield f"<section><h2>Contacts <small>{len(chart.contacts)}</small></h2>"
    yield '<p class="note">No Encounter is recorded; these are the runs of days on which anything was.</p>'
    yield from _folded(chart.contacts, 6, _contact_rows)
    yield "</section>"


def _contact_rows(contacts: Sequence[tuple[int, int, int]]) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr><th>from</th><th>to</th><th class="n">days</th>'
    yield '<th class="n">records</th></tr></thead><tbody>'
    for first, last, records in contacts:
        yield f"<tr><td>{when(first * _DAY, 'days')}</td><td>{when(last * _DAY, 'days')}</td>"
        yield f'<td class="n">{last - first + 1}</td><td class="n">{records:,}</td></tr>'
    yield "</tbody></table></div>"


def _folded(items: Sequence[_T], most: int, rows: Callable[[Sequence[_T]], Iterator[str]]) -> Iterator[str]:
    """Yields the first rows, and the others under a line that unfolds them."""
    yield from rows(items[:most])
    if len(items) > most:
        yield f"<details><summary>{len(items) - most} more</summary>"
        yield from rows(items[most:])
        yield "</details>"


def _table(
    title: str, entries: Sequence[ChartEntry], label: str, most: int, note: str = "", last: str = "last"
) -> Iterator[str]:
    yield f"<section><h2>{escape(title)} <small>{len(entries)}</small></h2>"
    if not entries:
        yield "<p>None.</p></section>"
        return
    if note:
        yield f'<p class="note">{note}</p>'
    yield from _folded(entries, most, lambda some: _rows(some, label, last))
    yield "</section>"


def _rows(entries: Sequence[ChartEntry], label: str, last: str = "last") -> Iterator[str]:
    counted = any(entry.count > 1 for entry in entries)
    times = '<th class="n">times</th>' if counted else ""
    yield f'<div class="wide"><table><thead><tr><th>what</th><th>{escape(label)}</th>{times}<th>{last}</th></tr>'
    yield "</thead><tbody>"
    for entry in entries:
        said = ", ".join(part for part in (entry.detail, entry.status) if part)
        number = f'<td class="n">{entry.count:,}</td>' if counted else ""
        yield f"<tr{' class=void' if entry.void else ''}><td>{_named(entry.name, entry.code)}</td>"
        ends = (entry.first, entry.last) if last == "when" else (entry.last,)
        days = " – ".join(dict.fromkeys(when(end, "days") for end in ends))
        yield f"<td>{escape(said)}</td>{number}<td>{days}</td></tr>"
    yield "</tbody></table></div>"


def _named(name: str, code: str) -> str:
    return escape(name) + (f' <span class="code">{escape(code)}</span>' if code and code not in name.split() else "")


def _plots(chart: PatientChart, now: int) -> Iterator[str]:
    groups = _groups(chart)
    if not groups:
        return
    yield '<section id="plots"><h2>Over time</h2><div class="spans" role="group" aria-label="Span of time">'
    for number, (name, _) in enumerate(_SPANS):
        pressed = "true" if number == 0 else "false"
        yield f'<button type="button" data-span="{number}" aria-pressed="{pressed}">{name}</button>'
    yield '</div><div class="plots" data-span="0">'
    for group in groups:
        lines = [Line(s.name, s.unit, s.points, _limits(chart, s)) for s in group]
        title = "Blood pressure" if len(group) > 1 else group[0].name
        unit = escape(readable_unit(group[0].unit))
        yield f"<figure><figcaption><b>{escape(title)}</b> <span>{unit}</span> {_last(group, chart)}"
        yield "</figcaption>"
        for number, (name, span) in enumerate(_SPANS):
            drawn = plot(lines, now - span, now) or f'<p class="none">none in {name}</p>'
            yield f'<div class="s{number}">{drawn}</div>'
        yield "</figure>"
    yield "</div></section>"


def _groups(chart: PatientChart) -> list[list[Series]]:
    """Returns the series of each plot, in the order of plots."""
    order = {code: place for place, code in enumerate(_FIRST)}
    local = {code: RESULTS[code].code if code in RESULTS else code for code in chart.series}
    groups: dict[str, list[Series]] = {}
    for code in sorted(chart.series, key=lambda code: order.get(local[code], len(order))):
        groups.setdefault("BP" if local[code] in _PRESSURES else code, []).append(chart.series[code])
    return list(groups.values())


def _limits(chart: PatientChart, series: Series) -> Range | None:
    reference = chart.reference(series)
    return None if reference is None else reference.limits


def _last(group: Sequence[Series], chart: PatientChart) -> str:
    lasts = [_marked(series.valid[-1].value, _limits(chart, series)) for series in group if series.valid]
    return f'<span class="last">{" / ".join(lasts)}</span>' if lasts else ""


def _marked(value: float, limits: Range | None) -> str:
    mark = flag(value, limits)
    kind = {"H": "high", "L": "low"}.get(mark, "")
    return f'<em class="{kind}">{value:g}{f" {mark}" if mark else ""}</em>'


def _results(chart: PatientChart) -> Iterator[str]:
    named = [series for group in _groups(chart) for series in group if series.valid]
    sources = {reference.source: None for series in named if (reference := chart.reference(series))}
    yield f"<section><h2>Latest results <small>{len(named)}</small></h2>"
    if not named:
        yield "<p>None.</p></section>"
        return
    yield from _folded(named, 20, lambda some: _result_rows(some, chart))
    told = "; ".join(f"<b>{escape(each)}</b> {escape(SOURCES[each])}" for each in sources)
    yield f'<p class="note">Reference ranges of adults. {told}.</p></section>'


def _result_rows(some: Sequence[Series], chart: PatientChart) -> Iterator[str]:
    yield '<div class="wide"><table class="results"><thead><tr><th>result</th><th>value</th>'
    yield '<th>reference</th><th>taken</th><th class="n">before</th><th class="n">results</th></tr></thead><tbody>'
    for series in some:
        valid, reference = series.valid, chart.reference(series)
        before = f"{valid[-2].value:g}" if len(valid) > 1 else ""
        note = "a later one was entered in error" if series.points[-1].void else ""
        last = valid[-1]
        note = note or ("haemolysed" if last.spoilt else last.status if last.status not in ("", "final") else "")
        span = "" if reference is None else f"{reference} <small>{escape(reference.source)}</small>"
        code = "" if series.code in _PRESSURES else series.code
        yield f'<tr><th scope="row">{_named(series.name, code)}</th>'
        yield f"<td>{_marked(valid[-1].value, reference.limits if reference else None)} "
        yield f"<small>{escape(readable_unit(series.unit))}</small></td><td>{span}</td>"
        yield f"<td>{when(valid[-1].time)}{f' <small>{escape(note)}</small>' if note else ''}</td>"
        yield f'<td class="n">{before}</td><td class="n">{len(series.points):,}</td></tr>'
    yield "</tbody></table></div>"


def _more(chart: PatientChart) -> Iterator[str]:
    texts = sorted(chart.texts.values(), key=lambda entry: -(entry.last or 0))
    if texts:
        yield from _table("Other results", texts, "last result", 12)
    yield from _table("Procedures", chart.procedures, "status", 12)
    for name in chart.others:
        if name != "Flag":
            yield from _other(chart, name)


def _other(chart: PatientChart, name: str) -> Iterator[str]:
    """Yields the section of a further type; nothing where the chart has none of it."""
    if entries := chart.others.get(name):
        kind = KINDS.get(name)
        label = "status" if kind is None or not kind.told else "details and status"
        yield from _table(kind.title if kind else name, entries, label, 12)


def _stays(chart: PatientChart) -> Iterator[str]:
    shown = [stay for stay in chart.stays if not stay.empty]
    if not shown:
        return
    yield f"<section><h2>Stays <small>{len(shown)}</small></h2>{LEGEND}"
    for number, stay in enumerate(shown):
        days = " – ".join(stay.told(end, "%Y-%m-%d %H:%M") for end in (stay.begin, stay.end))
        mark = " open" if number == 0 else ""
        yield f'<details class="stayed"{mark}><summary><b>{escape(stay.title)}</b> {days}</summary>'
        yield f"{stay_block(stay)}</details>"
    yield "</section>"


def _notes(chart: PatientChart) -> Iterator[str]:
    if not chart.notes:
        return
    yield f'<section id="notes"><h2>Notes <small>{len(chart.notes)}</small></h2>'
    yield from _folded(chart.notes, 20, _note_rows)
    yield "</section>"


def _note_rows(notes: Sequence[Note]) -> Iterator[str]:
    for note in notes:
        old = " void" if note.old else ""
        about = ", ".join(part for part in (note.title, note.author, note.status) if part)
        yield f'<details class="note-text{old}"><summary><time>{when(note.time)}</time> <b>{escape(note.kind)}</b> '
        yield f"<span>{escape(about)}</span></summary><pre>{escape(note.text)}</pre></details>"
