"""Shows a chart as one self-contained HTML page, with styles, plots and a little script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Final

from mab_gym.charts._chart import ChartEntry, PatientChart, Series, when
from mab_gym.charts._plots import Line, plot
from mab_gym.charts._ranges import Range, flag, reference_range

_DAY: Final = 86400
_SPANS: Final = (("5 years", 1826 * _DAY), ("1 year", 365 * _DAY), ("30 days", 30 * _DAY), ("24 hours", _DAY))
_FIRST: Final = (
    "K", "MG", "GLU", "A1C", "CREA", "EGFR", "NA", "HGB", "WBC", "PLT", "INR",
    "systolic", "HR", "T", "SPO2", "RR", "WT",
)  # fmt: skip
"""The order of well-known series; others follow."""


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
            f"<title>{escape(title)}</title><style>{_bundled('page.css')}</style></head><body>",
            *_banner(chart, now),
            "<main>",
            *_overview(chart),
            *_plots(chart, int(now.timestamp())),
            *_results(chart),
            *_more(chart),
            "</main>",
            f"<footer>Shown as of {when(int(now.timestamp()))} UTC. Shaded: adult reference ranges "
            "(ABIM, January 2023; vital signs: NEWS2). Long series are drawn by the least and greatest value of "
            "each stretch of time, the last day point by point. Crosses were entered in error.</footer>",
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


def _overview(chart: PatientChart) -> Iterator[str]:
    yield '<div class="two">'
    yield from _table("Conditions", chart.conditions, "status", 12)
    yield from _table("Medications", chart.medications, "last order", 12)
    yield "</div>"


def _table(title: str, entries: Sequence[ChartEntry], label: str, most: int) -> Iterator[str]:
    yield f"<section><h2>{escape(title)} <small>{len(entries)}</small></h2>"
    if not entries:
        yield "<p>None.</p></section>"
        return
    yield from _rows(entries[:most], label)
    if len(entries) > most:
        yield f"<details><summary>{len(entries) - most} more</summary>"
        yield from _rows(entries[most:], label)
        yield "</details>"
    yield "</section>"


def _rows(entries: Sequence[ChartEntry], label: str) -> Iterator[str]:
    yield f'<div class="wide"><table><thead><tr><th>what</th><th>{escape(label)}</th>'
    yield '<th class="n">times</th><th>last</th></tr></thead><tbody>'
    for entry in entries:
        said = ", ".join(part for part in (entry.detail, entry.status) if part)
        code = f' <span class="code">{escape(entry.code)}</span>' if entry.code and entry.code != entry.name else ""
        yield f'<tr><td>{escape(entry.name)}{code}</td><td>{escape(said)}</td><td class="n">{entry.count:,}</td>'
        yield f"<td>{when(entry.last, 'days')}</td></tr>"
    yield "</tbody></table></div>"


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
        lines = [Line(s.name, s.unit, s.points, reference_range(s.code, chart.female)) for s in group]
        title = " / ".join(series.name for series in group)
        yield f"<figure><figcaption><b>{escape(title)}</b> <span>{escape(group[0].unit)}</span> {_last(group, chart)}"
        yield "</figcaption>"
        for number, (name, span) in enumerate(_SPANS):
            drawn = plot(lines, now - span, now) or f'<p class="none">none in {name}</p>'
            yield f'<div class="s{number}">{drawn}</div>'
        yield "</figure>"
    yield "</div></section>"


def _groups(chart: PatientChart) -> list[list[Series]]:
    """Returns the series of each plot, in the order of plots."""
    order = {code: place for place, code in enumerate(_FIRST)}
    codes = sorted(chart.series, key=lambda code: order.get(code, len(order)))
    groups = []
    for code in codes:
        if code == "systolic" and "diastolic" in chart.series:
            groups.append([chart.series["systolic"], chart.series["diastolic"]])
        elif code != "diastolic" or "systolic" not in chart.series:
            groups.append([chart.series[code]])
    return groups


def _last(group: Sequence[Series], chart: PatientChart) -> str:
    lasts = [(series.valid[-1].value, reference_range(series.code, chart.female)) for series in group if series.valid]
    if not lasts:
        return ""
    return '<span class="last">' + "/".join(_marked(value, limits) for value, limits in lasts) + "</span>"


def _marked(value: float, limits: Range | None) -> str:
    mark = flag(value, limits)
    kind = {"H": "high", "L": "low"}.get(mark, "")
    return f'<em class="{kind}">{value:g}{f" {mark}" if mark else ""}</em>'


def _results(chart: PatientChart) -> Iterator[str]:
    yield "<section><h2>Latest results</h2>"
    yield '<div class="wide"><table><thead><tr><th>result</th><th class="n">value</th><th>unit</th><th>taken (UTC)</th>'
    yield '<th class="n">before</th><th>reference</th><th class="n">results</th><th></th></tr></thead><tbody>'
    for group in _groups(chart):
        for series in group:
            if not (valid := series.valid):
                continue
            limits = reference_range(series.code, chart.female)
            span = "" if limits is None else "–".join("" if end is None else f"{end:g}" for end in limits)
            before = f"{valid[-2].value:g}" if len(valid) > 1 else ""
            note = "a later one was entered in error" if series.points[-1].void else ""
            note = note or (valid[-1].status if valid[-1].status not in ("", "final") else "")
            yield f'<tr><th scope="row">{escape(series.name)}</th><td class="n">{_marked(valid[-1].value, limits)}</td>'
            yield f"<td>{escape(series.unit)}</td><td>{when(valid[-1].time)}</td>"
            yield f'<td class="n">{before}</td><td>{span}</td><td class="n">{len(series.points):,}</td>'
            yield f"<td>{escape(note)}</td></tr>"
    yield "</tbody></table></div></section>"


def _more(chart: PatientChart) -> Iterator[str]:
    texts = sorted(chart.texts.values(), key=lambda entry: -(entry.last or 0))
    if texts:
        yield from _table("Other results", texts, "last result", 12)
    yield from _table("Procedures", chart.procedures, "status", 12)
    for name, entries in chart.others.items():
        yield from _table(name, entries, "status", 12)
